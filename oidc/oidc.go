// Package oidc lets people sign in at an OpenID provider: OpenID Connect Core 1.0, by the authorisation code with PKCE.
//
// A sign-in has two halves with a visit to the provider between them. [Client.Begin] makes the address to go to, and a
// [Flow] that only this browser may hold; [Client.Finish] takes what the browser came back with, and the same flow, and
// says who it is. What they may do here is not decided here: see access.IdentityProvider.
//
// The provider is found by discovery. What it answers is read up to a limit and never shown: its words go nowhere, and
// an error says which step failed. Link-local addresses are not called, whatever the issuer's name leads to.
package oidc

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"heliograph/access"
	"heliograph/channel"
)

const (
	callTime    = 15 * time.Second // of one call to the provider
	largestBody = 1 << 20          // bytes
	knownFor    = time.Hour        // until a provider is discovered again
)

// Callback is where the provider leads back to, below the console's origin, and SignedOut where from signing out.
const (
	Callback  = "/sign-in/openid/callback"
	SignedOut = "/sign-in"
)

// Client signs people in at providers. It is safe for concurrent use.
type Client struct {
	origin func() string
	now    func() time.Time

	mu    sync.Mutex
	known map[place]discovered
}

// place is where a provider is found, and whom to trust about it.
type place struct{ issuer, trustedCA string }

func placeOf(p access.IdentityProvider) place { return place{p.Issuer, p.TrustedCA} }

type discovered struct {
	http     *http.Client
	provider *oidc.Provider
	more     metadata
	until    time.Time
}

// metadata is what discovery says beside what the library reads (OpenID Connect Discovery 1.0 section 3, RP-Initiated
// Logout 1.0 section 2.1, RFC 8414, RFC 9207).
type metadata struct {
	EndSession    string   `json:"end_session_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// New makes a client. origin is the console's, as people reach it; now may be nil.
func New(origin func() string, now func() time.Time) *Client {
	if now == nil {
		now = time.Now
	}
	return &Client{origin: origin, now: now, known: map[place]discovered{}}
}

// newHTTP calls providers whose certificates are signed by whom trustedCA names.
func newHTTP(trustedCA string) (*http.Client, error) {
	config, err := channel.TLSConfig(trustedCA)
	if err != nil {
		return nil, &Problem{Kind: Unusable, Detail: "The trusted CA " + err.Error() + "."}
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Control: channel.RefuseLinkLocal, Timeout: channel.ConnectTimeout}).DialContext,
		DialTLSContext:        channel.Dialer{TLS: config}.DialTLS,
		ResponseHeaderTimeout: callTime,
		IdleConnTimeout:       time.Minute,
		MaxIdleConns:          4,
	}
	return &http.Client{Transport: limited{transport}, Timeout: callTime}, nil
}

// Close gives connections back.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.known {
		d.http.CloseIdleConnections()
	}
	clear(c.known)
}

// limited keeps answers small.
type limited struct{ next *http.Transport }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.next.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, largestBody), answer.Body}
	}
	return answer, err
}

// CloseIdleConnections is what http.Client asks for.
func (l limited) CloseIdleConnections() { l.next.CloseIdleConnections() }

// Flow is a sign-in that has begun. It belongs to one browser, and to nobody else.
type Flow struct{ State, Nonce, Verifier string }

// Begin makes a flow, and the address at the provider that begins it.
func (c *Client) Begin(ctx context.Context, p access.IdentityProvider) (Flow, string, error) {
	d, err := c.discover(ctx, p)
	if err != nil {
		return Flow{}, "", err
	}
	f := Flow{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	config := c.config(p, d)
	return f, config.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

func (c *Client) config(p access.IdentityProvider, d discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: d.provider.Endpoint(),
		RedirectURL: c.RedirectURL(), Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// RedirectURL is what has to be registered with the provider.
func (c *Client) RedirectURL() string { return c.url(Callback) }

// SignedOutURL is what has to be registered for signing out.
func (c *Client) SignedOutURL() string { return c.url(SignedOut) }

func (c *Client) url(path string) string { return strings.TrimSuffix(c.origin(), "/") + path }

// Finish reads what the browser came back with. Its errors are *Problem.
func (c *Client) Finish(ctx context.Context, p access.IdentityProvider, f Flow, back url.Values) (access.Identity, error) {
	d, err := c.discover(ctx, p)
	if err != nil {
		return access.Identity{}, err
	}
	if err := checkBack(p, d, f, back); err != nil {
		return access.Identity{}, err
	}
	config := c.config(p, d)
	token, err := config.Exchange(oidc.ClientContext(ctx, d.http), back.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return access.Identity{}, exchangeProblem(d, err)
	}
	return c.identify(ctx, p, d, f, token)
}

// checkBack is about what comes in the address, which anybody can make up.
func checkBack(p access.IdentityProvider, d discovered, f Flow, back url.Values) error {
	issuer := back.Get("iss") // RFC 9207: another provider's answer is not mixed up with this one's
	switch {
	case f.State == "" || back.Get("state") != f.State:
		return &Problem{Kind: Stale}
	case d.more.NamesIssuer && issuer != p.Issuer, issuer != "" && issuer != p.Issuer:
		return &Problem{Kind: Refused, Detail: "The answer is of another issuer."}
	case back.Get("error") == "access_denied":
		return &Problem{Kind: Denied}
	case back.Get("error") != "":
		return &Problem{Kind: Refused, Detail: "The provider answered " + oauthWord(back.Get("error")) + "."}
	case back.Get("code") == "":
		return &Problem{Kind: Refused, Detail: "The answer holds no code."}
	}
	return nil
}

// discover finds a provider by its issuer.
func (c *Client) discover(ctx context.Context, p access.IdentityProvider) (discovered, error) {
	c.mu.Lock()
	d, known := c.known[placeOf(p)]
	c.mu.Unlock()
	if known && c.now().Before(d.until) {
		return d, nil
	}
	if !known {
		client, err := newHTTP(p.TrustedCA)
		if err != nil {
			return d, err
		}
		d.http = client
	}
	if err := c.ask(ctx, p, &d); err != nil {
		d.http.CloseIdleConnections()
		return d, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= 16 { // there is one provider; others were typed by somebody who looks for the right one
		clear(c.known)
	}
	c.known[placeOf(p)] = d
	return d, nil
}

// ask reads the discovery document.
func (c *Client) ask(ctx context.Context, p access.IdentityProvider, d *discovered) (err error) {
	if d.provider, err = oidc.NewProvider(oidc.ClientContext(ctx, d.http), p.Issuer); err != nil {
		return discoveryProblem(p, err)
	}
	d.until = c.now().Add(knownFor)
	if err := d.provider.Claims(&d.more); err != nil {
		return &Problem{Kind: Unusable, Detail: "Its discovery document cannot be read."}
	}
	return nil
}

// Peers are whom we call for somebody to sign in: the issuer and, once it was discovered, the other hosts that it names.
// Nobody is called for it.
func (c *Client) Peers(p access.IdentityProvider) []channel.Peer {
	addresses := []string{p.Issuer}
	c.mu.Lock()
	if d, known := c.known[placeOf(p)]; known {
		addresses = append(addresses, d.provider.Endpoint().TokenURL, d.provider.UserInfoEndpoint(), d.more.Keys)
	}
	c.mu.Unlock()
	var peers []channel.Peer
	for _, address := range addresses {
		peers = append(peers, channel.PeersAt(channel.ForSignIn, address)...)
	}
	return peers
}

// SignOutURL is where somebody signs out at the provider too; empty when it has no such place (RP-Initiated Logout 1.0).
func (c *Client) SignOutURL(ctx context.Context, p access.IdentityProvider, idToken string) string {
	d, err := c.discover(ctx, p)
	if err != nil || d.more.EndSession == "" {
		return ""
	}
	u, err := url.Parse(d.more.EndSession)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	query := u.Query()
	query.Set("client_id", p.ClientID)
	query.Set("post_logout_redirect_uri", c.SignedOutURL())
	if idToken != "" {
		query.Set("id_token_hint", idToken)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
