package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/store"
)

const signInSettingsPath = "/settings/sign-in"

// signInSettingsPage says how people sign in: what a password needs beside it, and at which OpenID provider.
type signInSettingsPage struct {
	Policy   access.Policy
	Provider access.IdentityProvider
	New      bool // none is set up yet
	Set      bool // its secret is stored
	Cleared  bool // the form asks to forget it
	Redirect string
	Leave    string // where the provider leads back to after signing out
	Roles    []access.Role
	Tested   *reportPart
	Problems []problem
}

// spareRules are empty lines at the end of the rules, for new ones.
const spareRules = 3

func (p signInSettingsPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "signinsettings.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// RuleLines are the rules with empty lines behind them.
func (p signInSettingsPage) RuleLines() []access.GroupRule {
	return append(slices.Clone(p.Provider.Rules), make([]access.GroupRule, spareRules)...)
}

func (c *console) signInSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := c.signInSettingsPage(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) signInSettingsPage(ctx context.Context) (p signInSettingsPage, err error) {
	p = signInSettingsPage{Roles: access.Roles, Redirect: c.OpenID.RedirectURL(), Leave: c.OpenID.SignedOutURL()}
	if p.Policy, err = c.Accounts.SignInPolicy(ctx); err != nil {
		return p, err
	}
	p.Provider, err = c.Accounts.IdentityProvider(ctx)
	if errors.Is(err, store.ErrNotFound) {
		p.Provider, p.New, err = access.DefaultProvider, true, nil
	}
	p.Set, p.Provider.Secret = p.Provider.Secret != "", ""
	return p, err
}

// saveSignInPolicy takes the upper form.
func (c *console) saveSignInPolicy(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	before, err := c.Accounts.SignInPolicy(ctx)
	if err != nil {
		return err
	}
	after := access.Policy{Local: access.LocalSignIn(r.PostFormValue("local")), SecondFactor: access.SecondFactorRule(r.PostFormValue("second_factor"))}
	if !slices.Contains(access.LocalSignIns, after.Local) {
		after.Local = before.Local
	}
	if !slices.Contains(access.SecondFactorRules, after.SecondFactor) {
		after.SecondFactor = before.SecondFactor
	}
	entry := actor(r).Did(access.Update, access.Object{Kind: access.ASetting, Name: "sign-in"}, policyView(before), policyView(after))
	if err := c.Accounts.PutSignInPolicy(ctx, after, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "signinsettings.saved"))
	return goTo(w, r, signInSettingsPath)
}

func policyView(p access.Policy) map[string]any {
	return map[string]any{"local": p.Local, "second_factor": p.SecondFactor}
}

// providerForm reads the lower form over what is stored. The secret is kept unless another was typed, or it is to be
// forgotten.
func (c *console) providerForm(r *http.Request) (p signInSettingsPage, stored access.IdentityProvider, err error) {
	ctx := r.Context()
	if p, err = c.signInSettingsPage(ctx); err != nil {
		return p, stored, err
	}
	stored, err = c.Accounts.IdentityProvider(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return p, stored, err
	}
	text := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p.Cleared = text("clear_secret") != ""
	p.Provider = access.IdentityProvider{
		Active: text("active") != "", Name: text("name"), Issuer: text("issuer"), ClientID: text("client_id"), Secret: r.PostFormValue("secret"),
		Scopes: strings.Fields(r.PostFormValue("scopes")), NameClaim: text("name_claim"), GroupClaim: text("group_claim"),
		TrustedCA: text("trusted_ca"), Rules: rulesOf(r), Create: text("create") != "",
	}
	if p.Provider.Secret == "" && !p.Cleared && p.Provider.Issuer == stored.Issuer { // a secret never goes to another issuer than it was given for
		p.Provider.Secret = stored.Secret
	}
	for _, bad := range p.Provider.Problems() {
		p.Problems = append(p.Problems, problem{bad.Field, tf(ctx, "openid.field", bad.Field), tf(ctx, "openid.problem", bad.Problem)})
	}
	return p, stored, nil
}

// rulesOf reads the lines of the rules; those without a group are empty ones.
func rulesOf(r *http.Request) (rules []access.GroupRule) {
	for i := 0; r.PostForm.Has(fmt.Sprint("rule_group_", i)) && i < 500; i++ {
		rule := access.GroupRule{
			Group: strings.TrimSpace(r.PostFormValue(fmt.Sprint("rule_group_", i))),
			Role:  access.Role(r.PostFormValue(fmt.Sprint("rule_role_", i))),
		}
		for name := range strings.SplitSeq(r.PostFormValue(fmt.Sprint("rule_groups_", i)), ";") {
			if name = strings.TrimSpace(name); name != "" {
				rule.Groups = append(rule.Groups, name)
			}
		}
		if rule.Group != "" || len(rule.Groups) > 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}

func (c *console) saveProvider(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p, stored, err := c.providerForm(r)
	if err != nil {
		return err
	}
	if err := c.checkRuleGroups(ctx, &p); err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		p.Provider.Secret = ""
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	action, before := access.Update, any(providerView(stored))
	if p.New {
		action, before = access.Create, nil
	}
	entry := actor(r).Did(action, access.Object{Kind: access.ASetting, Name: "OpenID provider"}, before, providerView(p.Provider))
	if err := c.Accounts.PutIdentityProvider(ctx, p.Provider, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "signinsettings.saved"))
	return goTo(w, r, signInSettingsPath)
}

// checkRuleGroups asks whether the groups that rules limit to are there.
func (c *console) checkRuleGroups(ctx context.Context, p *signInSettingsPage) error {
	for _, rule := range p.Provider.Rules {
		_, _, unknown, err := c.Accounts.ScopeOfGroups(ctx, access.Everything, rule.Groups)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			p.Problems = append(p.Problems, problem{"rules", tf(ctx, "openid.field", "rules"), t(ctx, "openid.problem.nogroup", strings.Join(unknown, ", "))})
		}
	}
	return nil
}

// providerView is what the audit log shows of a provider.
func providerView(p access.IdentityProvider) any {
	return struct {
		access.IdentityProvider
		SecretSet bool `json:"secret_set"`
	}{p, p.Secret != ""}
}

func (c *console) deleteProvider(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	stored, err := c.Accounts.IdentityProvider(ctx)
	if err != nil {
		return err
	}
	entry := actor(r).Did(access.Delete, access.Object{Kind: access.ASetting, Name: "OpenID provider"}, providerView(stored), nil)
	if err := c.Accounts.DeleteIdentityProvider(ctx, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "signinsettings.deleted"))
	return goTo(w, r, signInSettingsPath)
}

// testProvider asks the provider of the form, saved or not.
func (c *console) testProvider(w http.ResponseWriter, r *http.Request) error {
	p, _, err := c.providerForm(r)
	if err != nil {
		return err
	}
	if len(p.Problems) == 0 {
		report := c.OpenID.Test(r.Context(), p.Provider)
		p.Tested = &reportPart{Report: report}
		entry := actor(r).Did(access.Test, access.Object{Kind: access.ASetting, Name: "OpenID provider"}, nil, map[string]any{"ok": report.OK})
		if err := c.Accounts.Audit(r.Context(), entry); err != nil {
			return err
		}
	}
	p.Provider.Secret = ""
	status := http.StatusOK
	if len(p.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return c.show(w, r, status, p)
}

// openIDStep puts a step of a provider's test in words.
func openIDStep(ctx context.Context, s channel.Step) string { return tf(ctx, "openid.step", s.Name) }

// signInTile says on the Settings page how people sign in.
func (c *console) signInTile(ctx context.Context) (string, error) {
	p, err := c.identityProvider(ctx)
	if err != nil || p.Name == "" {
		return t(ctx, "signinsettings.tile.local"), err
	}
	return t(ctx, "signinsettings.tile.provider", p.Name), nil
}
