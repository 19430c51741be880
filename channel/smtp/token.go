package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"heliograph/channel"
	"heliograph/message"
)

// tokens gets access tokens of one client.
type tokens struct {
	*channel.Accesses
	config clientcredentials.Config
	host   string
}

// words say what was got, and not the token.
func words(a *channel.Access, host string) string {
	if a.Expires.IsZero() {
		return "from " + host
	}
	return "from " + host + ", good until " + a.Expires.UTC().Format(time.DateTime) + " UTC"
}

// newTokens is for settings that were checked.
func newTokens(s Settings) *tokens {
	return tokensThrough(s, &http.Transport{
		DialContext:            (&net.Dialer{Control: loopbackOnly}).DialContext,
		DialTLSContext:         channel.Dialer{TLS: tokenTLS(s.TrustedCA)}.DialTLS,
		DisableKeepAlives:      true, // it is called once an hour
		MaxResponseHeaderBytes: 64 << 10,
	})
}

func tokensThrough(s Settings, through http.RoundTripper) *tokens {
	at, _ := parseTokenURL(s.OAuth.TokenURL) // check has read it too
	if at == nil {
		at = &url.URL{}
	}
	t := &tokens{
		config: clientcredentials.Config{
			ClientID: s.OAuth.ClientID, ClientSecret: s.OAuth.ClientSecret, TokenURL: s.OAuth.TokenURL,
			Scopes: strings.Fields(s.OAuth.Scope), AuthStyle: oauth2.AuthStyleInParams, // as Microsoft documents it
		},
		host: at.Hostname(),
	}
	t.Accesses = channel.NewAccesses(through, t.ask)
	return t
}

// tokenTLS trusts the system's authorities and those of the settings: unlike the mail server, the token endpoint is most
// often somebody else's.
func tokenTLS(trustedCA string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if strings.TrimSpace(trustedCA) == "" {
		return config
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // a system without authorities
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM([]byte(trustedCA))
	config.RootCAs = roots
	return config
}

var errNotLoopback = errors.New("without TLS only this machine is called")

// loopbackOnly is a net.Dialer.Control for what goes in clear.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return errNotLoopback
	}
	return nil
}

// ask gets a new token. Its error is a *setback.
func (t *tokens) ask(ctx context.Context) (*oauth2.Token, error) {
	token, err := t.config.Token(ctx)
	if err != nil {
		return nil, t.setback(err)
	}
	if !fitsHeader(token.AccessToken) || token.TokenType != "" && !strings.EqualFold(token.TokenType, "Bearer") {
		return nil, t.setback(errors.New("not a bearer token"))
	}
	return token, nil
}

// fitsHeader makes sure that a token cannot end its place in XOAUTH2 (RFC 6750 section 2.1 is stricter).
func fitsHeader(token string) bool {
	for _, c := range []byte(token) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// setback says why there is no token.
func (t *tokens) setback(err error) *setback {
	var (
		refused *oauth2.RetrieveError
		request *url.Error
	)
	switch {
	case errors.As(err, &refused):
		return t.refusal(refused)
	case errors.As(err, &request):
		f := channel.ConnectFailure(t.host, err)
		f.Detail = sentence("There is no access token for OAuth 2.0. %s", f.Detail)
		return &setback{stage: "token", failure: f}
	}
	return serverDown("token", message.ServerError, "%s gave an answer that is not that of an OAuth 2.0 token endpoint; check its address.", t.host)
}

// refusal puts the endpoint's answer (RFC 6749 section 5.2) into our words and its own, without what is secret.
func (t *tokens) refusal(e *oauth2.RetrieveError) *setback {
	r := reply{code: e.Response.StatusCode, text: strings.TrimSpace(e.ErrorCode + " " + e.ErrorDescription)}
	if r.code == http.StatusOK { // some say so although they refuse
		r.code = http.StatusBadRequest
	}
	if secret := t.config.ClientSecret; secret != "" {
		r.text = strings.NewReplacer(secret, "****", url.QueryEscape(secret), "****").Replace(r.text)
	}
	f := judge("token", r)
	f.Answer = "token endpoint: " + f.Answer
	if f.Reason == message.Throttled {
		f.RetryAfter = channel.RetryAfter(e.Response.Header, time.Now())
	}
	return &setback{stage: "token", failure: f}
}
