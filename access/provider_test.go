package access

import (
	"strings"
	"testing"
)

func TestProviderProblems(t *testing.T) {
	fine := DefaultProvider
	fine.Name, fine.Issuer, fine.ClientID = "Contoso", "https://login.example.com/tenant", "heliograph"
	for name, c := range map[string]struct {
		change func(*IdentityProvider)
		want   string
	}{
		"fine":                 {func(*IdentityProvider) {}, ""},
		"private":              {func(p *IdentityProvider) { p.Issuer = "https://10.1.2.3:8443" }, ""},
		"this machine":         {func(p *IdentityProvider) { p.Issuer = "http://127.0.0.1:9000" }, ""},
		"in the open":          {func(p *IdentityProvider) { p.Issuer = "http://login.example.com" }, "issuer url"},
		"no address":           {func(p *IdentityProvider) { p.Issuer = "login.example.com" }, "issuer url"},
		"with a password":      {func(p *IdentityProvider) { p.Issuer = "https://a:b@login.example.com" }, "issuer url"},
		"metadata":             {func(p *IdentityProvider) { p.Issuer = "https://169.254.169.254" }, "issuer link_only"},
		"metadata, mapped":     {func(p *IdentityProvider) { p.Issuer = "https://[::ffff:169.254.169.254]" }, "issuer link_only"},
		"no issuer":            {func(p *IdentityProvider) { p.Issuer = " " }, "issuer missing"},
		"no client":            {func(p *IdentityProvider) { p.ClientID = "" }, "client_id missing"},
		"long name":            {func(p *IdentityProvider) { p.Name = strings.Repeat("x", 501) }, "name long"},
		"scope":                {func(p *IdentityProvider) { p.Scopes = []string{"a b"} }, "scopes scope"},
		"rule without a group": {func(p *IdentityProvider) { p.Rules = []GroupRule{{Role: Operator}} }, "rules rule"},
		"unknown role":         {func(p *IdentityProvider) { p.Rules = []GroupRule{{Group: "x", Role: "root"}} }, "rules rule"},
		"limited boss":         {func(p *IdentityProvider) { p.Rules = []GroupRule{{"x", Administrator, []string{"North"}}} }, "rules limited"},
		"no PEM":               {func(p *IdentityProvider) { p.TrustedCA = "x" }, "trusted_ca pem"},
		"twice":                {func(p *IdentityProvider) { p.Rules = []GroupRule{{"x", Operator, nil}, {"x", Support, nil}} }, "rules twice"},
		"no group claim":       {func(p *IdentityProvider) { p.GroupClaim, p.Rules = "", []GroupRule{{"x", Operator, nil}} }, "group_claim missing"},
	} {
		p := fine
		c.change(&p)
		got := ""
		for _, problem := range p.Problems() {
			got = strings.TrimSpace(got + " " + problem.Field + " " + problem.Problem)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheFirstRuleHolds(t *testing.T) {
	p := IdentityProvider{Rules: []GroupRule{{"desk", Support, []string{"North"}}, {"mobility", Administrator, nil}}}
	for _, c := range []struct {
		groups string
		want   Role
	}{{"mobility", Administrator}, {"mobility desk", Support}, {"staff", ""}, {"", ""}, {"Desk", ""}} {
		rule, ok := p.Rule(strings.Fields(c.groups))
		if rule.Role != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q", c.groups, rule.Role)
		}
	}
}

func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		policy           Policy
		role             Role
		password, second bool
	}{
		{DefaultPolicy, Auditor, true, false},
		{Policy{}, Auditor, true, false},
		{Policy{LocalAdministrators, SecondFactorAdministrators}, Administrator, true, true},
		{Policy{LocalAdministrators, SecondFactorAdministrators}, Operator, false, false},
		{Policy{LocalEverybody, SecondFactorEverybody}, Support, true, true},
	} {
		if c.policy.AllowsPassword(c.role) != c.password || c.policy.WantsSecondFactor(c.role) != c.second {
			t.Errorf("%+v for %s", c.policy, c.role)
		}
	}
}
