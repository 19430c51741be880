package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/oidc"
	"heliograph/store"
	"heliograph/web"
)

// OpenID is the client that people sign in with at a provider.
type OpenID interface {
	Begin(ctx context.Context, p access.IdentityProvider) (oidc.Flow, string, error)
	Finish(ctx context.Context, p access.IdentityProvider, f oidc.Flow, back url.Values) (access.Identity, error)
	SignOutURL(ctx context.Context, p access.IdentityProvider, idToken string) string
	Test(ctx context.Context, p access.IdentityProvider) channel.Report
	RedirectURL() string
	SignedOutURL() string
}

// openIDPage says why a sign-in at the provider came to nothing.
type openIDPage struct {
	Provider string
	Kind     string // of its words
	Again    string // where to begin again
}

func (p openIDPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "openid.title")}
}

// leavingPage is on its way to the provider, to sign out there too.
type leavingPage struct{ URL string }

func (p leavingPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "openid.leaving.title")}
}

// identityProvider is the OpenID provider that people may sign in at; zero = there is none, or it is switched off.
func (c *console) identityProvider(ctx context.Context) (access.IdentityProvider, error) {
	p, err := c.Accounts.IdentityProvider(ctx)
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.Active {
		return access.IdentityProvider{}, nil
	}
	return p, err
}

// visit is what a browser keeps of a sign-in while it is at the provider. It is a cookie, so that a crowd of visitors who
// never come back leaves nothing here.
type visit struct {
	Flow    oidc.Flow
	Next    string
	Connect string // session in which somebody connects their account; empty = they sign in
}

const (
	visitCookie = "heliograph_openid"
	visitAge    = 3600 // seconds
)

func (c *console) keepVisit(w http.ResponseWriter, r *http.Request, v visit, age int) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of plain texts
	}
	http.SetCookie(w, &http.Cookie{
		Name: web.CookieName(visitCookie, c.secure(r)), Value: base64.RawURLEncoding.EncodeToString(raw), Path: "/", MaxAge: age,
		HttpOnly: true, Secure: c.secure(r), SameSite: http.SameSiteLaxMode, // Lax: the provider leads back by a link
	})
}

// visitOf is empty when there is none that can be read.
func (c *console) visitOf(r *http.Request) (v visit) {
	cookie, err := r.Cookie(web.CookieName(visitCookie, c.secure(r)))
	if err != nil {
		return v
	}
	raw, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(raw, &v) != nil {
		return visit{}
	}
	return v
}

// openIDStart leads to the provider. It is a link and not a form, which the content-security policy would keep here.
func (c *console) openIDStart(w http.ResponseWriter, r *http.Request) error {
	return c.goToProvider(w, r, visit{Next: localPath(r.URL.Query().Get("next"))})
}

// connectStart leads whoever is signed in to the provider, so that they can sign in there the next time. It is a form, or
// any page could connect them with somebody else's identity.
func (c *console) connectStart(w http.ResponseWriter, r *http.Request) error {
	return c.goToProvider(w, r, visit{Next: profilePath, Connect: viewOf(r.Context()).session.ID})
}

func (c *console) goToProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	provider, err := c.identityProvider(r.Context())
	if err != nil {
		return err
	}
	if provider.Name == "" {
		return web.ErrNotFound
	}
	flow, address, err := c.OpenID.Begin(r.Context(), provider)
	if err != nil {
		return c.openIDProblem(w, r, provider, v, err)
	}
	v.Flow = flow
	c.keepVisit(w, r, v, visitAge)
	if r.Method == http.MethodPost {
		return c.leaveFor(w, r, address)
	}
	http.Redirect(w, r, address, http.StatusFound)
	return nil
}

// openIDProblem is a page for whoever signs in, and a line in the log for whoever set the provider up.
func (c *console) openIDProblem(w http.ResponseWriter, r *http.Request, provider access.IdentityProvider, v visit, err error) error {
	var problem *oidc.Problem
	if !errors.As(err, &problem) {
		return err
	}
	c.Logger.WarnContext(r.Context(), "sign-in at the OpenID provider", "problem", problem.Kind, "detail", problem.Detail)
	return c.showOpenID(w, r, provider, v, string(problem.Kind))
}

func (c *console) showOpenID(w http.ResponseWriter, r *http.Request, provider access.IdentityProvider, v visit, kind string) error {
	p := openIDPage{Provider: provider.Name, Kind: kind, Again: "/sign-in?" + url.Values{"next": {localPath(v.Next)}}.Encode()}
	if v.Connect != "" {
		p.Again = profilePath
	}
	return c.show(w, r, http.StatusUnprocessableEntity, p)
}

// openIDBack is where the provider leads back to.
func (c *console) openIDBack(w http.ResponseWriter, r *http.Request) error {
	v := c.visitOf(r)
	c.keepVisit(w, r, visit{}, -1)
	provider, err := c.identityProvider(r.Context())
	if err != nil {
		return err
	}
	if provider.Name == "" {
		return web.ErrNotFound
	}
	identity, err := c.OpenID.Finish(r.Context(), provider, v.Flow, r.URL.Query())
	if err != nil {
		return c.openIDProblem(w, r, provider, v, err)
	}
	if v.Connect != "" {
		return c.connect(w, r, provider, v, identity)
	}
	account, problem, err := c.accountOf(r, provider, identity)
	if err != nil {
		return err
	}
	if problem != "" {
		if err := c.refusedSignIn(r, account, "signin.openid_"+problem); err != nil {
			return err
		}
		return c.showOpenID(w, r, provider, v, problem)
	}
	if err := c.enter(w, r, account, access.Session{Method: access.ByProvider, IDToken: identity.IDToken}); err != nil {
		return err
	}
	return goTo(w, r, localPath(v.Next))
}

// What can stand between somebody whom the provider knows and an account here.
const (
	openIDNoRole    = "no_role"    // no rule fits their groups
	openIDNoAccount = "no_account" // they have none, and none is made
	openIDNameTaken = "name_taken" // by an account that is not theirs, as far as we know
)

// accountOf finds or makes the account of somebody at the provider. An account that signing in made has the role that their
// groups give now; one that was connected has the role that it was given here.
func (c *console) accountOf(r *http.Request, p access.IdentityProvider, i access.Identity) (account access.Account, problem string, err error) {
	ctx := r.Context()
	account, managed, err := c.Accounts.AccountByIdentity(ctx, i.Issuer, i.Subject)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) || known && !managed {
		return account, "", err
	}
	rule, fits := p.Rule(i.Groups)
	switch {
	case !known && !p.Create:
		return account, openIDNoAccount, nil
	case !fits && known:
		return account, openIDNoRole, c.Accounts.EndSessions(ctx, account.ID, "")
	case !fits:
		return account, openIDNoRole, nil
	case known:
		account, err = c.follow(r, account, rule)
		return account, "", err
	}
	return c.makeAccount(r, i, rule)
}

// follow gives an account the role of a rule, when it has another.
func (c *console) follow(r *http.Request, account access.Account, rule access.GroupRule) (access.Account, error) {
	changed, err := c.withRule(r.Context(), account, rule)
	if err != nil {
		return account, err
	}
	entry := account.Actor(web.ClientAddress(r)).Did(access.Update, accountObject(account), roleView(account), roleView(changed))
	if !entry.Changed() {
		return account, nil
	}
	err = c.Accounts.UpdateAccount(r.Context(), changed, entry)
	if errors.Is(err, store.ErrLastAdministrator) { // better an administrator too many than none
		c.Logger.WarnContext(r.Context(), "the last administrator's groups at the OpenID provider give another role; it was kept")
		return account, nil
	}
	return changed, err
}

// roleView is what the audit log shows of a role.
func roleView(a access.Account) map[string]any {
	return map[string]any{"role": a.Role, "groups": a.Groups}
}

func (c *console) withRule(ctx context.Context, account access.Account, rule access.GroupRule) (access.Account, error) {
	account.Role, account.Scope, account.Groups = rule.Role, access.Everything, nil
	if len(rule.Groups) == 0 {
		return account, nil
	}
	var err error
	account.Scope, account.Groups, _, err = c.Accounts.ScopeOfGroups(ctx, access.Everything, rule.Groups) // a group that is gone limits to the others
	return account, err
}

// makeAccount makes the account of somebody who signs in for the first time.
func (c *console) makeAccount(r *http.Request, i access.Identity, rule access.GroupRule) (access.Account, string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return access.Account{}, "", err
	}
	account, err := c.withRule(r.Context(), access.Account{ID: id.String(), Name: identityName(i), Mail: i.Mail}, rule)
	if err != nil {
		return account, "", err
	}
	entry := account.Actor(web.ClientAddress(r)).Did(access.Create, accountObject(account), nil, roleView(account))
	account, err = c.Accounts.AddIdentityAccount(r.Context(), account, i, entry)
	if errors.Is(err, store.ErrConflict) {
		return access.Account{}, openIDNameTaken, nil
	}
	return account, "", err
}

// identityName is what a new account is called: as the provider calls them, else by their mail address, else by what
// is always there.
func identityName(i access.Identity) string {
	for _, name := range []string{i.Name, i.Mail} {
		if name = strings.ToValidUTF8(strings.TrimSpace(name), ""); name != "" && len(name) <= 128 {
			return name
		}
	}
	return i.Subject[:min(len(i.Subject), 128)]
}

// connect lets whoever signed in here sign in at the provider from now on. It is the same browser and the same session.
func (c *console) connect(w http.ResponseWriter, r *http.Request, provider access.IdentityProvider, v visit, i access.Identity) error {
	ctx, me := r.Context(), viewOf(r.Context())
	if me.session.ID == "" || me.session.ID != v.Connect {
		return c.showOpenID(w, r, provider, v, string(oidc.Stale))
	}
	entry := me.account.Actor(web.ClientAddress(r)).Did(access.Update, accountObject(me.account), nil, map[string]string{"connected": i.Issuer})
	err := c.Accounts.Connect(ctx, me.account.ID, i, false, entry)
	if errors.Is(err, store.ErrConflict) {
		c.say(r, "danger", t(ctx, "profile.connect.taken", provider.Name))
		return goTo(w, r, profilePath)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "profile.connected", provider.Name))
	return goTo(w, r, profilePath)
}

// disconnect ends that. Who has no password would be locked out.
func (c *console) disconnect(w http.ResponseWriter, r *http.Request) error {
	ctx, account := r.Context(), viewOf(r.Context()).account
	provider, err := c.identityProvider(ctx)
	if err != nil {
		return err
	}
	if account.PasswordHash == "" {
		return web.ErrForbidden
	}
	entry := actor(r).Did(access.Update, accountObject(account), nil, map[string]string{"disconnected": provider.Issuer})
	if err := c.Accounts.Disconnect(ctx, provider.Issuer, account.ID, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "profile.disconnected", provider.Name))
	return goTo(w, r, profilePath)
}

// signOutURL is where a session that began at the provider ends there too; empty = nowhere.
func (c *console) signOutURL(ctx context.Context, s access.Session) (string, error) {
	if s.Method != access.ByProvider {
		return "", nil
	}
	provider, err := c.identityProvider(ctx)
	if err != nil || provider.Name == "" {
		return "", err
	}
	idToken, err := c.Accounts.IDToken(ctx, s.ID)
	if err != nil {
		return "", err
	}
	return c.OpenID.SignOutURL(ctx, provider, idToken), nil
}

// leaveFor leads to the provider from a page of our own: the content-security policy lets no form lead away.
func (c *console) leaveFor(w http.ResponseWriter, r *http.Request, address string) error {
	w.Header().Set("Refresh", "0; url="+address)
	r = c.withView(r, access.Session{}, access.Account{}) // a page without navigation: it is gone in a moment
	return c.show(w, r, http.StatusOK, leavingPage{address})
}
