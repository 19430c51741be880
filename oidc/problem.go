package oidc

import (
	"errors"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"heliograph/access"
	"heliograph/channel"
)

// Kind is what went wrong with a sign-in, as the console has words for it.
type Kind string

const (
	Unreachable Kind = "unreachable" // the provider does not answer
	Unusable    Kind = "unusable"    // what it answers is not what an OpenID provider answers
	Credentials Kind = "credentials" // it does not know our client id or secret
	Stale       Kind = "stale"       // the flow is not this browser's, or was finished before
	Denied      Kind = "denied"      // somebody chose not to sign in
	Refused     Kind = "refused"     // anything else that is not as it must be
)

// Kinds lists them.
var Kinds = []Kind{Unreachable, Unusable, Credentials, Stale, Denied, Refused}

// Problem is why a sign-in failed. Detail is for the log and for whoever sets the provider up; it holds no secret and
// nothing that the provider wrote.
type Problem struct {
	Kind   Kind
	Detail string
	err    error // of the library; its words may hold the provider's
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return "OpenID Connect: " + string(p.Kind)
	}
	return "OpenID Connect: " + string(p.Kind) + ": " + p.Detail
}

// Unwrap is for asking what kind of error it was.
func (p *Problem) Unwrap() error { return p.err }

// discoveryProblem tells a provider that does not answer from one that answers something else.
func discoveryProblem(p access.IdentityProvider, err error) *Problem {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "Get "):
		return unreachable(p.Issuer, err)
	case strings.Contains(text, "issuer did not match") || strings.Contains(text, "issuer URL provided to client"):
		return &Problem{Kind: Unusable, Detail: "Its discovery document names another issuer.", err: err}
	case len(text) > 3 && text[0] >= '1' && text[0] <= '5' && text[3] == ' ': // "404 Not Found: body"
		return &Problem{Kind: Unusable, Detail: "Its discovery document answered " + text[:3] + ".", err: err}
	}
	return &Problem{Kind: Unusable, Detail: "Its discovery document cannot be read.", err: err}
}

// unreachable puts into words why an address of the provider could not be called.
func unreachable(address string, err error) *Problem {
	host := address
	if u, parseErr := url.Parse(address); parseErr == nil {
		host = u.Host
	}
	return &Problem{Kind: Unreachable, Detail: channel.ConnectFailure(host, err).Detail, err: err}
}

// exchangeProblem is about the token endpoint (RFC 6749 section 5.2).
func exchangeProblem(d discovered, err error) *Problem {
	var answer *oauth2.RetrieveError
	var call *url.Error
	switch {
	case errors.As(err, &call):
		return unreachable(d.provider.Endpoint().TokenURL, err)
	case !errors.As(err, &answer):
		return &Problem{Kind: Unusable, Detail: "The answer of the token endpoint cannot be read.", err: err}
	}
	switch answer.ErrorCode {
	case "invalid_client", "unauthorized_client":
		return &Problem{Kind: Credentials, Detail: "The token endpoint answered " + answer.ErrorCode + "."}
	case "invalid_grant":
		return &Problem{Kind: Stale, Detail: "The code was used before or has expired."}
	}
	return &Problem{Kind: Refused, Detail: "The token endpoint answered " + oauthWord(answer.ErrorCode) + "."}
}

// oauthWord is an error code of the standard, or a word for one that is none: a provider, or whoever made the address up,
// could write anything there.
func oauthWord(code string) string {
	if code == "" || len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "an error"
	}
	return code
}
