package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail/smtp"

	"heliograph/message"
)

// mechanisms are the ways to sign in (RFC 4954), the preferred one first. Servers that keep only hashes can check PLAIN
// and LOGIN but often offer the others too.
var mechanisms = []struct {
	name string
	with func(user, password, host string) gomail.Auth
}{
	{"PLAIN", func(u, p, host string) gomail.Auth { return gomail.PlainAuth("", u, p, host, true) }},
	{"LOGIN", func(u, p, host string) gomail.Auth { return gomail.LoginAuth(u, p, host, true) }},
	{"SCRAM-SHA-256", func(u, p, _ string) gomail.Auth { return gomail.ScramSHA256Auth(u, p) }},
	{"SCRAM-SHA-1", func(u, p, _ string) gomail.Auth { return gomail.ScramSHA1Auth(u, p) }},
	{"CRAM-MD5", func(u, p, _ string) gomail.Auth { return gomail.CRAMMD5Auth(u, p) }},
}

// authRounds is how many challenges a server may pose.
const authRounds = 8

// signIn authenticates. Without TLS it does so only when the administrator chose to have none.
func (s *session) signIn(ctx context.Context) error {
	switch {
	case !s.srv.Authentication:
		return nil
	case !s.secured && s.srv.Security != None:
		return serverDown("auth", message.TLS, "The connection is not protected, so the password was not sent.")
	case s.srv.token != nil:
		return s.signInByToken(ctx)
	case s.srv.SPA:
		if err := s.mustOffer("NTLM", "Secure Password Authentication"); err != nil {
			return err
		}
		return s.signInWith(&ntlm{user: s.srv.Username, password: s.srv.Password})
	}
	for _, m := range mechanisms {
		if slices.Contains(s.ext.auth, m.name) {
			return s.signInWith(m.with(s.srv.Username, s.srv.Password, s.srv.Host))
		}
	}
	return s.notOffered("The mail server offers no way to sign in that Heliograph knows, only %s.")
}

// mustOffer is for what the administrator asked for and nothing replaces.
func (s *session) mustOffer(mechanism, need string) error {
	if slices.Contains(s.ext.auth, mechanism) {
		return nil
	}
	return s.notOffered("The mail server does not offer " + mechanism + ", which " + need + " needs, only %s.")
}

// notOffered has a place for what is offered in its format.
func (s *session) notOffered(format string) error {
	if len(s.ext.auth) == 0 {
		return serverDown("auth", message.Credentials, "The mail server does not offer authentication on this connection; it may want TLS first, or none at all.")
	}
	return serverDown("auth", message.Credentials, format, shorten(oneLine(strings.Join(s.ext.auth, ", ")), 100))
}

func (s *session) signInWith(a gomail.Auth) error {
	r, err := s.converse(a)
	switch {
	case err != nil:
		return err
	case r.code != 235:
		return refused("auth", r)
	}
	return nil
}

// hesitant is a mechanism that can also wait for the server's word before its first message.
type hesitant interface{ withoutInitial() }

// converse has the dialogue of AUTH and returns its last answer: 235, or a refusal.
func (s *session) converse(a gomail.Auth) (reply, error) {
	name, initial, err := a.Start(&gomail.ServerInfo{Name: s.srv.Host, TLS: s.secured, Auth: s.ext.auth})
	if err != nil {
		return reply{}, serverDown("auth", message.Credentials, "Signing in with %s cannot begin.", name)
	}
	line := "AUTH " + name
	if initial != nil {
		line += " " + s.encode(initial)
	}
	for range authRounds {
		r, err := s.ask("auth", line)
		if err != nil {
			return reply{}, err
		}
		if wait, ok := a.(hesitant); ok && initial != nil && unknownForm(r.code) {
			wait.withoutInitial()
			line, initial = "AUTH "+name, nil
			continue
		}
		if r.code != 334 {
			if r.code == 235 {
				s.trial.step("auth", name)
			}
			return r, nil
		}
		initial = nil
		if line, err = s.respond(a, r.text); err != nil {
			return reply{}, serverDown("auth", message.Credentials, "Signing in with %s failed: the mail server's challenge was not understood.", name)
		}
	}
	return reply{}, serverDown("auth", message.Credentials, "Signing in with %s did not come to an end.", name)
}

// unknownForm is what servers say that do not know the initial response of RFC 4954.
func unknownForm(code int) bool { return code == 500 || code == 501 || code == 504 }

// respond answers a challenge.
func (s *session) respond(a gomail.Auth, challenge string) (string, error) {
	asked, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		asked = []byte(challenge) // LOGIN does not mind what it is asked
	}
	if tooDear(asked) {
		return "", errors.New("too many iterations")
	}
	answer, err := a.Next(asked, true)
	if err != nil {
		return "", err
	}
	return s.encode(answer), nil
}

// encode keeps what is sent in mind, so that no answer that repeats it is shown.
func (s *session) encode(secret []byte) string {
	line := base64.StdEncoding.EncodeToString(secret)
	s.secrets = append(s.secrets, line)
	return line
}

var iterations = regexp.MustCompile(`,i=(\d+)`)

// tooDear refuses a SCRAM challenge that would keep a processor busy for long (RFC 7677 wants 4096 iterations or more).
func tooDear(challenge []byte) bool {
	m := iterations.FindSubmatch(challenge)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(string(m[1]))
	return err != nil || n > 1_000_000
}

// mask removes the password, and all that was sent to prove it, from the server's words.
func (s *session) mask(text string) string {
	if !s.srv.Authentication {
		return text
	}
	for _, secret := range append(s.secrets, s.srv.Password, s.srv.OAuth.ClientSecret) {
		if len(secret) >= 4 || secret == s.srv.Password && secret != "" {
			text = strings.ReplaceAll(text, secret, "****")
		}
	}
	return text
}
