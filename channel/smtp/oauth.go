package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail/smtp"

	"heliograph/channel"
)

// OAuth is where access tokens come from: the client credentials grant (RFC 6749 section 4.4). The user name is then the
// address of the mailbox that sends.
type OAuth struct {
	TokenURL     string `json:"token_url"` // https, or http on this machine; empty with all others = not used
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"` // several are separated by spaces; empty = the endpoint's own

	// SecretExpires is the day on which the secret ends (YYYY-MM-DD), as whoever made it was told; empty = not known.
	SecretExpires string `json:"secret_expires"`
}

// expires is when the secret ends: at the beginning of its day, to be on the safe side.
func (o OAuth) expires() (time.Time, bool) {
	day, err := time.Parse(time.DateOnly, o.SecretExpires)
	return day, err == nil
}

// used reports whether anything was filled in. A secret alone may be left from before.
func (o OAuth) used() bool { return o.TokenURL != "" || o.ClientID != "" || o.Scope != "" }

func (o OAuth) check() (found []channel.Problem) {
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: "oauth." + field, Detail: detail})
		}
	}
	if o.used() {
		need(o.TokenURL != "", "token_url", "Enter the address of the token endpoint, or leave all of OAuth 2.0 empty.")
		need(o.ClientID != "", "client_id", "Enter the client id, or leave all of OAuth 2.0 empty.")
		need(o.ClientSecret != "", "client_secret", "Enter the client secret, or leave all of OAuth 2.0 empty.")
	}
	if o.TokenURL != "" {
		at, err := parseTokenURL(o.TokenURL)
		need(err == nil, "token_url", "The token endpoint must be an address such as https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.")
		need(err != nil || !linkLocalHost(at.Hostname()), "token_url", "Link-local addresses are not allowed.")
	}
	need(!strings.ContainsFunc(o.ClientID, isControl), "client_id", "The client id must be one line.")
	need(!strings.ContainsFunc(o.ClientSecret, isControl), "client_secret", "The client secret must be one line.")
	need(!strings.ContainsFunc(o.Scope, isControl), "scope", "The scope must be one line.")
	_, known := o.expires()
	need(known || o.SecretExpires == "", "secret_expires", "The day on which the secret expires must be a date such as 2027-03-31.")
	return found
}

// parseTokenURL takes https, and http to this machine: the client secret goes there.
func parseTokenURL(text string) (*url.URL, error) {
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Hostname() == "" || at.User != nil || at.Fragment != "":
		return nil, errors.New("not an address")
	case at.Scheme == "https", at.Scheme == "http" && isLoopback(at.Hostname()):
		return at, nil
	}
	return nil, errors.New("not protected")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// signInByToken authenticates with an access token. One that the server refuses may have been revoked, so a new one is
// tried before the refusal counts. A server that hangs up instead gets it over the next connection.
func (s *session) signInByToken(ctx context.Context) error {
	if err := s.mustOffer("XOAUTH2", "OAuth 2.0"); err != nil {
		return err
	}
	var refusal *setback
	for range 2 {
		token, err := s.srv.token.Get(ctx)
		if err != nil {
			return err
		}
		s.secrets = append(s.secrets, token.Text)
		s.trial.step("token", words(token, s.srv.token.host))
		a := &xoauth2{user: s.srv.Username, token: token.Text}
		r, err := s.converse(a)
		switch {
		case refusal != nil && (err != nil || r.code == 421):
			refusal.closing = true
			return refusal
		case err != nil:
			return err
		case r.code == 235:
			return nil
		case r.code != 535:
			return a.refused(s, r)
		}
		s.srv.token.Forget(token)
		refusal = a.refused(s, r)
	}
	return refusal
}

// xoauth2 signs in with an access token (Google and Microsoft, "XOAUTH2"). Who is refused gets the reason as a
// challenge, and has to answer that with an empty line.
type xoauth2 struct {
	user, token string

	waits  bool   // the server speaks first
	reason string // why the token was refused, as the server has it: JSON; empty = it did not say
}

func (a *xoauth2) Start(*gomail.ServerInfo) (mechanism string, initial []byte, err error) {
	return "XOAUTH2", a.response(), nil
}

func (a *xoauth2) response() []byte {
	return []byte("user=" + a.user + "\x01auth=Bearer " + a.token + "\x01\x01")
}

func (a *xoauth2) withoutInitial() { a.waits = true }

func (a *xoauth2) Next(said []byte, _ bool) ([]byte, error) {
	if a.waits {
		a.waits = false
		return a.response(), nil
	}
	a.reason = oneLine(string(said))
	return []byte{}, nil
}

// refused is the server's answer together with what it said before it.
func (a *xoauth2) refused(s *session, r reply) *setback {
	if a.reason != "" {
		r.text += " " + s.mask(a.reason)
	}
	if r.class() != 5 {
		return refused("auth", r)
	}
	why := refused("xoauth2", r)
	why.stage = "auth"
	return why
}

// decoded is a challenge in clear, or as it is.
func decoded(challenge string) string {
	clear, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		return challenge
	}
	return oneLine(string(clear))
}
