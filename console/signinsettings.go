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
	"heliograph/intake"
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
	if p.Policy, err = c.signIns.SignInPolicy(ctx); err != nil {
		return p, err
	}
	p.Provider, p.Set, err = c.signIns.IdentityProvider(ctx)
	if errors.Is(err, store.ErrNotFound) {
		p.Provider, p.New, err = access.DefaultProvider, true, nil
	}
	return p, err
}

// saveSignInPolicy takes the upper form. Words that are none change nothing.
func (c *console) saveSignInPolicy(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	policy, err := c.signIns.SignInPolicy(ctx)
	if err != nil {
		return err
	}
	if local := access.LocalSignIn(r.PostFormValue("local")); slices.Contains(access.LocalSignIns, local) {
		policy.Local = local
	}
	if rule := access.SecondFactorRule(r.PostFormValue("second_factor")); slices.Contains(access.SecondFactorRules, rule) {
		policy.SecondFactor = rule
	}
	if err := c.signIns.SetSignInPolicy(ctx, actor(r), policy); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "signinsettings.saved"))
	return goTo(w, r, signInSettingsPath)
}

// providerForm reads the lower form over what is stored. The secret is kept unless another was typed, or it is to be
// forgotten.
func (c *console) providerForm(r *http.Request) (p signInSettingsPage, in intake.ProviderInput, err error) {
	if p, err = c.signInSettingsPage(r.Context()); err != nil {
		return p, in, err
	}
	text := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p.Cleared = text("clear_secret") != ""
	p.Provider = access.IdentityProvider{
		Active: text("active") != "", Name: text("name"), Issuer: text("issuer"), ClientID: text("client_id"),
		Scopes: strings.Fields(r.PostFormValue("scopes")), NameClaim: text("name_claim"), GroupClaim: text("group_claim"),
		TrustedCA: text("trusted_ca"), Rules: rulesOf(r), Create: text("create") != "",
	}
	in = intake.ProviderInput{IdentityProvider: p.Provider}
	in.Secret = r.PostFormValue("secret")
	in.KeepSecret = in.Secret == "" && !p.Cleared
	return p, in, nil
}

// explain puts what is wrong with a provider's settings beside their fields. Other errors come back.
func (p *signInSettingsPage) explain(ctx context.Context, err error) error {
	var refused *intake.ProviderRefused
	if !errors.As(err, &refused) {
		return err
	}
	for _, bad := range refused.Problems {
		p.Problems = append(p.Problems, problem{bad.Field, tf(ctx, "openid.field", bad.Field), tf(ctx, "openid.problem", bad.Problem)})
	}
	if len(refused.Unknown) > 0 {
		p.Problems = append(p.Problems, problem{"rules", tf(ctx, "openid.field", "rules"), t(ctx, "openid.problem.nogroup", strings.Join(refused.Unknown, ", "))})
	}
	return nil
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
	p, in, err := c.providerForm(r)
	if err != nil {
		return err
	}
	if _, err := c.signIns.SetIdentityProvider(ctx, actor(r), in); err != nil {
		if err := p.explain(ctx, err); err != nil {
			return err
		}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	c.say(r, "success", t(ctx, "signinsettings.saved"))
	return goTo(w, r, signInSettingsPath)
}

func (c *console) deleteProvider(w http.ResponseWriter, r *http.Request) error {
	if err := c.signIns.DeleteIdentityProvider(r.Context(), actor(r)); err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "signinsettings.deleted"))
	return goTo(w, r, signInSettingsPath)
}

// testProvider asks the provider of the form, saved or not.
func (c *console) testProvider(w http.ResponseWriter, r *http.Request) error {
	p, in, err := c.providerForm(r)
	if err != nil {
		return err
	}
	report, err := c.signIns.TestIdentityProvider(r.Context(), actor(r), in)
	if err != nil {
		if err := p.explain(r.Context(), err); err != nil {
			return err
		}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	p.Tested = &reportPart{Report: report}
	return c.show(w, r, http.StatusOK, p)
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
