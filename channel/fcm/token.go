package fcm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
	"golang.org/x/sync/singleflight"

	"heliograph/channel"
	"heliograph/message"
)

const (
	scope        = "https://www.googleapis.com/auth/firebase.messaging"
	tokenTimeout = 15 * time.Second // of one exchange, with connecting
	renewBefore  = 2 * time.Minute  // the end of a token
)

// tokens gets access tokens of one service account (RFC 7523), one exchange at a time however many messages wait for it.
type tokens struct {
	config    jwt.Config
	host      string
	transport *http.Transport

	current atomic.Pointer[access]
	flight  singleflight.Group
}

// access is a token, ready for its header.
type access struct {
	header string
	until  time.Time // use it no longer; zero = until it is refused
}

func (a *access) valid(now time.Time) bool {
	return a != nil && (a.until.IsZero() || now.Before(a.until))
}

func newTokens(a account, dialer channel.Dialer) *tokens {
	u, _ := url.Parse(a.TokenURI) // parseAccount has read it too
	return &tokens{
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
			ResponseHeaderTimeout:  tokenTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

func (t *tokens) close() { t.transport.CloseIdleConnections() }

// get is the token to use now. Both results are nil when ctx ended first.
func (t *tokens) get(ctx context.Context) (*access, *message.Failure) {
	if a := t.current.Load(); a.valid(time.Now()) {
		return a, nil
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	select {
	case result := <-t.flight.DoChan("", t.exchange):
		if result.Err != nil {
			return nil, &result.Err.(*exchangeError).failure
		}
		return result.Val.(*access), nil
	case <-ctx.Done():
		return nil, nil
	}
}

// forget gives up a token that was refused.
func (t *tokens) forget(refused *access) { t.current.CompareAndSwap(refused, nil) }

// exchangeError carries a failure through the flight.
type exchangeError struct{ failure message.Failure }

func (e *exchangeError) Error() string { return e.failure.Detail }

func (t *tokens) exchange() (any, error) {
	if a := t.current.Load(); a.valid(time.Now()) { // by the flight before this one
		return a, nil
	}
	witness := &witness{next: t.transport}
	client := &http.Client{Transport: witness, Timeout: tokenTimeout, CheckRedirect: noRedirect}
	token, err := t.config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client)).Token()
	if err == nil && token.AccessToken == "" {
		err = errors.New("no access token")
	}
	if err != nil {
		return nil, &exchangeError{t.failure(witness, err)}
	}
	a := &access{header: "Bearer " + token.AccessToken}
	if !token.Expiry.IsZero() {
		a.until = token.Expiry.Add(-renewBefore)
	}
	t.current.Store(a)
	return a, nil
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

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// witness remembers why a request came back without an answer; package jwt keeps only its text.
type witness struct {
	next http.RoundTripper
	err  error
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	w.err = err
	return resp, err
}
