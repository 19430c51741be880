package fcm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"heliograph/channel"
	"heliograph/message"
)

const scope = "https://www.googleapis.com/auth/firebase.messaging"

// tokens gets access tokens of one service account (RFC 7523).
type tokens struct {
	*channel.Accesses
	config    jwt.Config
	host      string
	transport *http.Transport
}

func newTokens(a account, dialer channel.Dialer) *tokens {
	u, _ := url.Parse(a.TokenURI) // parseAccount has read it too
	t := &tokens{
		config: jwt.Config{
			Email:        a.ClientEmail,
			PrivateKey:   []byte(a.PrivateKey),
			PrivateKeyID: a.PrivateKeyID,
			Scopes:       []string{scope},
			TokenURL:     a.TokenURI,
		},
		host: u.Hostname(),
		transport: &http.Transport{
			DialContext:            (&net.Dialer{Control: channel.RefuseLinkLocal}).DialContext,
			DialTLSContext:         dialer.DialTLS,
			DisableKeepAlives:      true, // it is called once an hour
			ResponseHeaderTimeout:  channel.AccessTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	w := &witness{next: t.transport}
	t.Accesses = channel.NewAccesses(w, func(ctx context.Context) (*oauth2.Token, error) { return t.exchange(ctx, w) })
	return t
}

func (t *tokens) close() { t.transport.CloseIdleConnections() }

// get is the token to use now. Both results are nil when ctx ended first.
func (t *tokens) get(ctx context.Context) (*channel.Access, *message.Failure) {
	access, err := t.Get(ctx)
	var refused *exchangeError
	if errors.As(err, &refused) {
		return nil, &refused.failure
	}
	return access, nil
}

// exchangeError carries a failure to all who wait.
type exchangeError struct{ failure message.Failure }

func (e *exchangeError) Error() string { return e.failure.Detail }

// exchange is done by one at a time.
func (t *tokens) exchange(ctx context.Context, w *witness) (*oauth2.Token, error) {
	w.err = nil
	token, err := t.config.TokenSource(ctx).Token()
	if err == nil && token.AccessToken == "" {
		err = errors.New("no access token")
	}
	if err != nil {
		return nil, &exchangeError{t.failure(w, err)}
	}
	return token, nil
}

// failure judges an exchange. It concerns the whole server: no message was on the wire yet.
func (t *tokens) failure(w *witness, err error) message.Failure {
	if w.err != nil {
		return channel.ConnectFailure(t.host, w.err)
	}
	f := message.Failure{Reason: message.ServerError, Scope: message.WholeServer,
		Detail: "The token endpoint " + t.host + " gave an answer that was not understood."}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return f
	}
	status := refused.Response.StatusCode
	f.Answer = "token endpoint: " + strconv.Itoa(status)
	f.RetryAfter = channel.RetryAfter(refused.Response.Header, time.Now())
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		f.Reason, f.RetryAfter = message.Credentials, 0
		f.Detail = "Google refused the service account; check that its key was not deleted, and this machine's clock."
	case status == http.StatusTooManyRequests:
		f.Reason, f.Detail = message.Throttled, "Google gives no more access tokens to this service account for now."
	case status >= http.StatusInternalServerError:
		f.Detail = "The token endpoint " + t.host + " has a fault of its own."
	}
	return f
}

// witness remembers why the last request came back without an answer; package jwt keeps only its text.
type witness struct {
	next http.RoundTripper
	err  error
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	w.err = err
	return resp, err
}
