package access

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// IdentityProvider is an OpenID provider at which people may sign in, and what their groups there make of them here.
type IdentityProvider struct {
	Active     bool        `json:"active"`
	Name       string      `json:"name"` // on the button of the sign-in page
	Issuer     string      `json:"issuer"`
	ClientID   string      `json:"client_id"`
	Secret     string      `json:"-"`                    // of the client; empty = none, as for a public client
	TrustedCA  string      `json:"trusted_ca,omitempty"` // PEM; empty = those that the system trusts
	Scopes     []string    `json:"scopes"`               // beside openid
	NameClaim  string      `json:"name_claim"`           // what a new account is called by
	GroupClaim string      `json:"group_claim"`          // a path with dots: realm_access.roles
	Rules      []GroupRule `json:"rules"`                // the first that fits holds
	Create     bool        `json:"create"`               // whoever a rule fits gets an account when they first sign in
}

// GroupRule says what the members of one of the provider's groups may do.
type GroupRule struct {
	Group  string   `json:"group"` // at the provider
	Role   Role     `json:"role"`
	Groups []string `json:"groups,omitempty"` // of the fleet, by name: the role is limited to them; none = it is not
}

// Defaults of a provider that is being set up.
var DefaultProvider = IdentityProvider{
	Active: true, Scopes: []string{"profile", "email"}, NameClaim: "preferred_username", GroupClaim: "groups",
}

// Identity is what a provider says about somebody who signed in there.
type Identity struct {
	Issuer, Subject string // together who they are, for ever
	Name            string // by the name claim; empty = it says none
	Mail            string // empty = none, or not verified
	Groups          []string
	IDToken         string // for signing out there
}

// Rule is the first rule that fits somebody's groups.
func (p IdentityProvider) Rule(groups []string) (GroupRule, bool) {
	i := slices.IndexFunc(p.Rules, func(r GroupRule) bool { return slices.Contains(groups, r.Group) })
	if i < 0 {
		return GroupRule{}, false
	}
	return p.Rules[i], true
}

// ProviderProblem is what is wrong with one field of a provider's settings.
type ProviderProblem struct{ Field, Problem string }

// What can be wrong with them.
const (
	ProviderMissing  = "missing"
	ProviderLong     = "long"
	ProviderURL      = "url"       // not an address of https without query and fragment
	ProviderLinkOnly = "link_only" // a link-local address
	ProviderScope    = "scope"     // holds what no scope holds
	ProviderRule     = "rule"      // no group, or a role that there is not
	ProviderLimited  = "limited"   // an administrator cannot be limited to groups
	ProviderTwice    = "twice"     // a second rule for one group would never fit
	ProviderPEM      = "pem"       // no certificate in PEM form
	ProviderAgain    = "again"     // a secret that was given for another issuer
)

// ProviderProblems lists them.
var ProviderProblems = []string{
	ProviderMissing, ProviderLong, ProviderURL, ProviderLinkOnly, ProviderScope, ProviderRule, ProviderLimited, ProviderTwice, ProviderPEM, ProviderAgain,
}

const longestProviderText = 500 // characters

// Problems checks the settings of a provider. None = they can be stored.
func (p IdentityProvider) Problems() (list []ProviderProblem) {
	add := func(field, problem string) {
		if problem != "" {
			list = append(list, ProviderProblem{field, problem})
		}
	}
	add("name", textProblem(p.Name))
	add("issuer", issuerProblem(p.Issuer))
	add("client_id", textProblem(p.ClientID))
	add("name_claim", textProblem(p.NameClaim))
	add("scopes", scopesProblem(p.Scopes))
	add("rules", rulesProblem(p.Rules))
	if len(p.Rules) > 0 {
		add("group_claim", textProblem(p.GroupClaim))
	}
	if len(p.Secret) > 2000 {
		add("secret", ProviderLong)
	}
	add("trusted_ca", authorityProblem(p.TrustedCA))
	return list
}

func textProblem(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return ProviderMissing
	case len(text) > longestProviderText:
		return ProviderLong
	}
	return ""
}

func authorityProblem(text string) string {
	if text == "" {
		return ""
	}
	if len(text) > 64<<10 || !x509.NewCertPool().AppendCertsFromPEM([]byte(text)) {
		return ProviderPEM
	}
	return ""
}

// issuerProblem asks for https, but for an issuer on this machine. A name may still lead to an address that is refused:
// that is seen when it is called.
func issuerProblem(text string) string {
	if problem := textProblem(text); problem != "" {
		return problem
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return ProviderURL
	}
	addr, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil && addr.Unmap().IsLinkLocalUnicast():
		return ProviderLinkOnly
	case u.Scheme == "https", u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()):
		return ""
	}
	return ProviderURL
}

func scopesProblem(scopes []string) string {
	for _, scope := range scopes {
		if scope == "" || len(scope) > longestProviderText || strings.ContainsFunc(scope, func(r rune) bool { // RFC 6749 section 3.3
			return r <= ' ' || r > '~' || r == '"' || r == '\\'
		}) {
			return ProviderScope
		}
	}
	return ""
}

func rulesProblem(rules []GroupRule) string {
	seen := map[string]bool{}
	for _, r := range rules {
		switch {
		case textProblem(r.Group) != "", !r.Role.Known():
			return ProviderRule
		case len(r.Groups) > 0 && !r.Role.Limitable():
			return ProviderLimited
		case seen[r.Group]:
			return ProviderTwice
		}
		seen[r.Group] = true
	}
	return ""
}

// LocalSignIn says who may sign in with a password while a provider is active. Administrators always may, so that a
// provider that fails locks nobody out for good.
type LocalSignIn string

const (
	LocalEverybody      LocalSignIn = "everybody"
	LocalAdministrators LocalSignIn = "administrators"
)

// SecondFactorRule says who must have a second factor to sign in with a password.
type SecondFactorRule string

const (
	SecondFactorOptional       SecondFactorRule = "optional"
	SecondFactorAdministrators SecondFactorRule = "administrators"
	SecondFactorEverybody      SecondFactorRule = "everybody"
)

// SecondFactorRules and LocalSignIns list them.
var (
	SecondFactorRules = []SecondFactorRule{SecondFactorOptional, SecondFactorAdministrators, SecondFactorEverybody}
	LocalSignIns      = []LocalSignIn{LocalEverybody, LocalAdministrators}
)

// Policy is who must show what to sign in with a password.
type Policy struct {
	Local        LocalSignIn
	SecondFactor SecondFactorRule
}

// DefaultPolicy asks for nothing but the password.
var DefaultPolicy = Policy{LocalEverybody, SecondFactorOptional}

// AllowsPassword reports whether a role may sign in with a password at all.
func (p Policy) AllowsPassword(role Role) bool {
	return p.Local != LocalAdministrators || role == Administrator
}

// WantsSecondFactor reports whether a role needs more than the password.
func (p Policy) WantsSecondFactor(role Role) bool {
	return p.SecondFactor == SecondFactorEverybody || p.SecondFactor == SecondFactorAdministrators && role == Administrator
}
