package channel

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	// AccessTimeout is how long asking for an access token may take, with connecting.
	AccessTimeout = 15 * time.Second
	renewBefore   = 2 * time.Minute // the end of a token, but not more than a tenth of its life
)

// Access is an access token of OAuth 2.0 (RFC 6749 section 1.4).
type Access struct {
	Text    string
	Header  string    // for Authorization
	Expires time.Time // zero = the endpoint did not say: good until it is refused

	until time.Time // use it no longer; zero = as above
}

func newAccess(token *oauth2.Token, asked time.Time) *Access {
	a := &Access{Text: token.AccessToken, Header: "Bearer " + token.AccessToken, Expires: token.Expiry}
	if !token.Expiry.IsZero() {
		a.until = token.Expiry.Add(-min(renewBefore, token.Expiry.Sub(asked)/10))
	}
	return a
}

func (a *Access) usable(now time.Time) bool {
	return a != nil && (a.until.IsZero() || now.Before(a.until))
}

// Accesses keeps the last access token of one client until shortly before its end. However many wait for one, it is asked
// for once.
type Accesses struct {
	ask     func() (*oauth2.Token, error)
	current atomic.Pointer[Access]
	flight  singleflight.Group
}

// NewAccesses asks with ask. The ctx that it is given is not that of one who waits, because others may wait too; it
// carries the client to ask with, which goes through the transport, follows no redirect and gives up after AccessTimeout.
func NewAccesses(through http.RoundTripper, ask func(ctx context.Context) (*oauth2.Token, error)) *Accesses {
	client := &http.Client{Transport: through, Timeout: AccessTimeout, CheckRedirect: noRedirect}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	return &Accesses{ask: func() (*oauth2.Token, error) { return ask(ctx) }}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Get is the token to use now. Its error is ctx's when ctx ended first, else that of asking.
func (t *Accesses) Get(ctx context.Context) (*Access, error) {
	if a := t.current.Load(); a.usable(time.Now()) {
		return a, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case result := <-t.flight.DoChan("", t.renew):
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*Access), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Forget gives up a token that was refused, if it is still the one that is used.
func (t *Accesses) Forget(refused *Access) { t.current.CompareAndSwap(refused, nil) }

func (t *Accesses) renew() (any, error) {
	now := time.Now()
	if a := t.current.Load(); a.usable(now) { // it came while we were about to ask
		return a, nil
	}
	token, err := t.ask()
	if err != nil {
		return nil, err
	}
	a := newAccess(token, now)
	t.current.Store(a)
	return a, nil
}
