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
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"heliograph/channel"
	"heliograph/message"
)

const (
	tokenTimeout = 15 * time.Second // of asking for a token, with connecting
	renewBefore  = 2 * time.Minute  // the end of a token, but not more than a tenth of its life
)

// tokens gets access tokens of one client, and keeps the last one until shortly before its end. However many sessions
// wait for one, it is asked for once.
type tokens struct {
	config  clientcredentials.Config
	host    string
	through http.RoundTripper

	current atomic.Pointer[access]
	flight  singleflight.Group
}

// access is a token.
type access struct {
	text    string
	expires time.Time // zero = the endpoint did not say: good until it is refused
	until   time.Time // use it no longer; zero = as above
}

func (a *access) usable(now time.Time) bool {
	return a != nil && (a.until.IsZero() || now.Before(a.until))
}

// words say what was got, and not the token.
func (a *access) words(host string) string {
	if a.expires.IsZero() {
		return "from " + host
	}
	return "from " + host + ", good until " + a.expires.UTC().Format(time.DateTime) + " UTC"
}

// newTokens is for settings that were checked.
func newTokens(s Settings) *tokens {
	at, _ := parseTokenURL(s.OAuth.TokenURL) // check has read it too
	if at == nil {
		at = &url.URL{}
	}
	return &tokens{
		config: clientcredentials.Config{
			ClientID: s.OAuth.ClientID, ClientSecret: s.OAuth.ClientSecret, TokenURL: s.OAuth.TokenURL,
			Scopes: strings.Fields(s.OAuth.Scope), AuthStyle: oauth2.AuthStyleInParams, // as Microsoft documents it
		},
		host: at.Hostname(),
		through: &http.Transport{
			DialContext:            (&net.Dialer{Control: loopbackOnly}).DialContext,
			DialTLSContext:         channel.Dialer{TLS: tokenTLS(s.TrustedCA)}.DialTLS,
			DisableKeepAlives:      true, // it is called once an hour
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
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

// get is the token to use now. Its error is ctx's when ctx ended, else a *setback.
func (t *tokens) get(ctx context.Context) (*access, error) {
	if a := t.current.Load(); a.usable(time.Now()) {
		return a, nil
	}
	select {
	case result := <-t.flight.DoChan("", t.ask):
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*access), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// forget gives up a token that was refused, if it is still the one that is used.
func (t *tokens) forget(refused *access) { t.current.CompareAndSwap(refused, nil) }

// ask gets a new token. It ends with its own time limit and not with one session's, because others may wait too.
func (t *tokens) ask() (any, error) {
	if a := t.current.Load(); a.usable(time.Now()) { // it came while we were about to ask
		return a, nil
	}
	client := &http.Client{Transport: t.through, Timeout: tokenTimeout, CheckRedirect: noRedirect}
	now := time.Now()
	token, err := t.config.Token(context.WithValue(context.Background(), oauth2.HTTPClient, client))
	if err != nil {
		return nil, t.setback(err)
	}
	if !fitsHeader(token.AccessToken) || token.TokenType != "" && !strings.EqualFold(token.TokenType, "Bearer") {
		return nil, t.setback(errors.New("not a bearer token"))
	}
	a := &access{text: token.AccessToken, expires: token.Expiry}
	if !token.Expiry.IsZero() {
		a.until = token.Expiry.Add(-min(renewBefore, token.Expiry.Sub(now)/10))
	}
	t.current.Store(a)
	return a, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

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
