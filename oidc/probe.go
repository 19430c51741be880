package oidc

import (
	"context"
	"errors"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"heliograph/access"
	"heliograph/channel"
)

// Test looks at a provider without anybody signing in: discovery, its keys, what it can do, and whether it knows our client
// and secret. The last is asked with a code that is none: a provider judges the client first (RFC 6749 section 5.2).
func (c *Client) Test(ctx context.Context, p access.IdentityProvider) channel.Report {
	c.mu.Lock()
	if d, known := c.known[placeOf(p)]; known { // what is known may be an hour old
		d.http.CloseIdleConnections()
		delete(c.known, placeOf(p))
	}
	c.mu.Unlock()
	var report channel.Report
	step := func(name string, err error) bool {
		s := channel.Step{Name: name, OK: err == nil}
		var problem *Problem
		if errors.As(err, &problem) {
			s.Detail, report.Detail = problem.Detail, problem.Detail
		}
		report.Steps = append(report.Steps, s)
		return err == nil
	}
	d, err := c.discover(ctx, p)
	report.OK = step("discovery", err) && step("abilities", abilities(d)) && step("keys", c.keys(ctx, d)) && step("client", c.knowsUs(ctx, p, d))
	return report
}

// Steps lists what Test does.
var Steps = []string{"discovery", "abilities", "keys", "client"}

func abilities(d discovered) error {
	switch {
	case d.provider.Endpoint().AuthURL == "" || d.provider.Endpoint().TokenURL == "":
		return &Problem{Kind: Unusable, Detail: "It names no authorization endpoint or no token endpoint."}
	case !slices.Contains(d.more.ResponseTypes, "code"):
		return &Problem{Kind: Unusable, Detail: "It does not offer the authorization code."}
	case len(d.more.Challenges) > 0 && !slices.Contains(d.more.Challenges, "S256"):
		return &Problem{Kind: Unusable, Detail: "It does not offer PKCE with S256."}
	}
	return nil
}

// keys verifies a token that nobody signed: the keys are asked for, and refuse it.
func (c *Client) keys(ctx context.Context, d discovered) error {
	var location struct {
		URI string `json:"jwks_uri"`
	}
	if err := d.provider.Claims(&location); err != nil || location.URI == "" {
		return &Problem{Kind: Unusable, Detail: "It names no address of its keys."}
	}
	set := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, d.http), location.URI)
	_, err := set.VerifySignature(ctx, unsigned)
	if err == nil || keysAnswered(err) {
		return nil
	}
	return &Problem{Kind: Unreachable, Detail: "Its keys cannot be read.", err: err}
}

// unsigned is a JWT whose signature fits no key: header {"alg":"RS256","kid":"none"}, payload {}, signature 0.
const unsigned = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im5vbmUifQ.e30.AA"

// keysAnswered reports whether the keys came and only the signature was wrong.
func keysAnswered(err error) bool { return err.Error() == "failed to verify id token signature" }

func (c *Client) knowsUs(ctx context.Context, p access.IdentityProvider, d discovered) error {
	config := c.config(p, d)
	_, err := config.Exchange(oidc.ClientContext(ctx, d.http), "a code that was never given", oauth2.VerifierOption(oauth2.GenerateVerifier()))
	if err == nil {
		return &Problem{Kind: Unusable, Detail: "It gave a token for a code that it never gave."}
	}
	problem := exchangeProblem(d, err)
	if problem.Kind == Credentials || problem.Kind == Unreachable {
		return problem
	}
	return nil
}
