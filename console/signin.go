package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

// signInPage asks for a name and a password, or offers the OpenID provider.
type signInPage struct {
	Name, Next string
	Provider   string // its name; empty = there is none
	Problem    string // one sentence; empty = none
}

func (p signInPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "signin.title")}
}

// sessionSignedIn is where a browser's session points to who signed in: an access.Session.
const sessionSignedIn = "signed_in"

// signedIn is the session of who signed in in this browser, and whose it is; zero when nobody did, or it has ended.
func (c *console) signedIn(r *http.Request) (access.Session, access.Account, error) {
	ctx := r.Context()
	id := c.sessions.GetString(ctx, sessionSignedIn)
	if id == "" {
		return access.Session{}, access.Account{}, nil
	}
	session, account, err := c.Accounts.Session(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return access.Session{}, access.Account{}, nil
	}
	if err == nil && !web.IsLive(r) {
		err = c.Accounts.SessionSeen(ctx, session, web.ClientAddress(r))
	}
	return session, account, err
}

// askToSignIn leads to the sign-in page, and from there back to the page that was asked for.
func (c *console) askToSignIn(w http.ResponseWriter, r *http.Request) error {
	next := "/"
	if r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" {
		next = r.URL.RequestURI()
	}
	target := "/sign-in"
	if next != "/" {
		target += "?next=" + url.QueryEscape(next)
	}
	return goTo(w, r, target)
}

// localPath is a path of this console, or "/" for anything that could lead elsewhere.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") {
		return "/"
	}
	return path
}

func (c *console) signInForm(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	if viewOf(r.Context()).account.ID != "" {
		return goTo(w, r, next)
	}
	return c.showSignIn(w, r, http.StatusOK, signInPage{Next: next})
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) error {
	provider, err := c.identityProvider(r.Context())
	if err != nil {
		return err
	}
	p.Provider = provider.Name
	return c.show(w, r, status, p)
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := signInPage{Name: strings.TrimSpace(r.PostFormValue("name")), Next: localPath(r.PostFormValue("next"))}
	account, err := c.accountNamed(ctx, p.Name)
	if err != nil {
		return err
	}
	attempt := c.attempt(r, p.Name, account)
	if wait := c.throttle.Begin(attempt); wait > 0 {
		p.Problem = waitWords(ctx, w, wait)
		return c.showSignIn(w, r, http.StatusTooManyRequests, p)
	}
	problem, err := c.checkPassword(ctx, account, r.PostFormValue("password"))
	switch {
	case errors.Is(err, access.ErrBusy):
		c.throttle.Withdraw(attempt)
		p.Problem = waitWords(ctx, w, time.Second)
		return c.showSignIn(w, r, http.StatusServiceUnavailable, p)
	case err != nil:
		return err
	case problem != "":
		p.Problem = t(ctx, problem)
		if err := c.refusedSignIn(r, account, problem); err != nil {
			return err
		}
		return c.showSignIn(w, r, http.StatusUnprocessableEntity, p)
	}
	return c.passwordWasRight(w, r, account, attempt, p.Next)
}

// accountNamed is the zero Account when there is none of this name.
func (c *console) accountNamed(ctx context.Context, name string) (access.Account, error) {
	account, err := c.Accounts.AccountByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return access.Account{}, nil
	}
	return account, err
}

// waitWords says how long to wait before the next try.
func waitWords(ctx context.Context, w http.ResponseWriter, wait time.Duration) string {
	w.Header().Set("Retry-After", retryAfter(wait))
	return t(ctx, "signin.wait", span(ctx, wait.Truncate(time.Second)+time.Second))
}

// retryAfter is a wait in whole seconds, rounded up.
func retryAfter(wait time.Duration) string {
	return strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
}

// checkPassword takes as long for an account that does not exist as for a wrong password. problem is the key of what to
// say; empty = nothing is wrong.
func (c *console) checkPassword(ctx context.Context, account access.Account, password string) (problem string, err error) {
	ok, err := c.Passwords.Match(ctx, account.PasswordHash, password)
	if err != nil {
		return "", err
	}
	if !ok {
		return "signin.wrong", nil
	}
	provider, err := c.identityProvider(ctx)
	if err != nil || provider.Name == "" {
		return "", err
	}
	policy, err := c.Accounts.SignInPolicy(ctx)
	if err == nil && !policy.AllowsPassword(account.Role) {
		problem = "signin.provider.only"
	}
	return problem, err
}

// refusedSignIn notes that somebody was not let in. What was typed for a name is not kept unless there is such an account:
// it could be a password in the wrong field.
func (c *console) refusedSignIn(r *http.Request, account access.Account, why string) error {
	nobody := access.Actor{Kind: access.ByNobody, Name: account.Name, From: web.ClientAddress(r)}
	return c.Accounts.Audit(r.Context(), nobody.Did(access.SignInFailed, accountObject(account), nil, map[string]string{"reason": strings.TrimPrefix(why, "signin.")}))
}

// accountObject is an account as the audit log names it.
func accountObject(a access.Account) access.Object {
	return access.Object{Kind: access.AnAccount, ID: a.ID, Name: a.Name}
}

// passwordWasRight goes on to the second factor, or signs in.
func (c *console) passwordWasRight(w http.ResponseWriter, r *http.Request, account access.Account, attempt access.Attempt, next string) error {
	ctx := r.Context()
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err != nil {
		return err
	}
	if !factor.ConfirmedAt.IsZero() {
		c.throttle.Withdraw(attempt)
		return c.askForCode(w, r, account, next)
	}
	c.throttle.Succeeded(attempt)
	if err := c.enter(w, r, account, access.Session{Method: access.ByPassword}); err != nil {
		return err
	}
	return goTo(w, r, next)
}

// enter begins a new session for an account, with a new token. What the browser held before is gone, and so is who was
// signed in in it.
func (c *console) enter(w http.ResponseWriter, r *http.Request, account access.Account, session access.Session) error {
	ctx := r.Context()
	if before := viewOf(ctx).session; before.ID != "" {
		if err := c.Accounts.EndSession(ctx, before.Account, before.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := c.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return err
	}
	session.Account, session.Address, session.Agent = account.ID, web.ClientAddress(r), agentOf(r)
	signedIn := account.Actor(session.Address).Did(access.SignIn, accountObject(account), nil, map[string]string{"method": string(session.Method)})
	session, err := c.Accounts.NewSession(ctx, session, signedIn)
	if err != nil {
		return err
	}
	c.sessions.Put(ctx, sessionSignedIn, session.ID)
	c.knowBrowser(w, r, account)
	return c.mustEnrol(ctx, account, session)
}

// agentOf is the User-Agent, as far as it is worth keeping.
func agentOf(r *http.Request) string {
	return strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), 300)], "")
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), viewOf(r.Context())
	elsewhere, err := c.signOutURL(ctx, v.session)
	if err != nil {
		return err
	}
	if v.session.ID != "" {
		left := v.account.Actor(web.ClientAddress(r)).Did(access.SignOut, accountObject(v.account), nil, nil)
		if err := c.Accounts.EndSession(ctx, v.account.ID, v.session.ID, left); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := c.sessions.Destroy(ctx); err != nil {
		return err
	}
	if elsewhere != "" {
		return c.leaveFor(w, r, elsewhere)
	}
	return goTo(w, r, "/sign-in")
}

// enterDemo signs the visitor of a demonstration in at once.
func (c *console) enterDemo(w http.ResponseWriter, r *http.Request) error {
	given := sha256.Sum256([]byte(r.PathValue("secret")))
	if c.DemoEntry == "" || subtle.ConstantTimeCompare(given[:], c.demoHash[:]) != 1 {
		return web.ErrNotFound
	}
	account, err := c.demoAccount(r.Context())
	if err != nil {
		return err
	}
	if err := c.enter(w, r, account, access.Session{Method: access.ByDemo}); err != nil {
		return err
	}
	return goTo(w, r, localPath(r.URL.Query().Get("next")))
}

// demoName is the account that visitors of a demonstration work as. It has no password.
const demoName = "demo"

func (c *console) demoAccount(ctx context.Context) (access.Account, error) {
	account, err := c.Accounts.AccountByName(ctx, demoName)
	if !errors.Is(err, store.ErrNotFound) {
		return account, err
	}
	account, err = c.Accounts.CreateAccount(ctx, demoName, access.Administrator)
	if errors.Is(err, store.ErrConflict) { // another visitor was quicker
		return c.Accounts.AccountByName(ctx, demoName)
	}
	return account, err
}

// setTheme remembers light or dark for those whose browser runs no script.
func (c *console) setTheme(w http.ResponseWriter, r *http.Request) error {
	theme := "dark"
	if themeOf(r) == "dark" {
		theme = "light"
	}
	http.SetCookie(w, &http.Cookie{
		Name: themeCookie, Value: theme, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, Secure: c.secure(r),
	})
	return goTo(w, r, localPath(r.PostFormValue("back")))
}
