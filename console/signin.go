package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
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

// signInPage asks for a name and a password.
type signInPage struct {
	Name, Next string
	Problem    string // one sentence; empty = none
}

func (p signInPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "signin.title")}
}

// What a session remembers of who signed in. The password's mark ends all sessions of an account when its password
// changes.
const (
	sessionAccount = "account"
	sessionMark    = "password_mark"
)

// signedIn is the account of the session; the zero Account when there is none.
func (c *console) signedIn(ctx context.Context) (access.Account, error) {
	id := c.sessions.GetString(ctx, sessionAccount)
	if id == "" {
		return access.Account{}, nil
	}
	account, err := c.Accounts.Account(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && passwordMark(account) != c.sessions.GetString(ctx, sessionMark) {
		return access.Account{}, nil
	}
	return account, err
}

// passwordMark changes with the password.
func passwordMark(a access.Account) string {
	sum := sha256.Sum256([]byte("session mark " + a.ID + a.PasswordHash))
	return hex.EncodeToString(sum[:8])
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
	return c.show(w, r, http.StatusOK, signInPage{Next: next})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) error {
	p := signInPage{Name: strings.TrimSpace(r.PostFormValue("name")), Next: localPath(r.PostFormValue("next"))}
	attempt := access.Attempt{Account: p.Name, Network: web.ClientNetwork(r)}
	if wait := c.throttle.Begin(attempt); wait > 0 {
		p.Problem = t(r.Context(), "signin.wait", span(r.Context(), wait.Truncate(time.Second)+time.Second))
		w.Header().Set("Retry-After", retryAfter(wait))
		return c.show(w, r, http.StatusTooManyRequests, p)
	}
	account, err := c.checkPassword(r.Context(), p.Name, r.PostFormValue("password"))
	switch {
	case errors.Is(err, errWrongPassword):
		c.Logger.InfoContext(r.Context(), "sign-in refused", "from", web.ClientAddress(r))
		p.Problem = t(r.Context(), "signin.wrong")
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	case err != nil:
		return err
	}
	c.throttle.Succeeded(attempt)
	if err := c.enter(r.Context(), account); err != nil {
		return err
	}
	return goTo(w, r, p.Next)
}

// retryAfter is a wait in whole seconds, rounded up.
func retryAfter(wait time.Duration) string {
	return strconv.FormatInt(int64(wait/time.Second)+1, 10)
}

var errWrongPassword = errors.New("wrong name or password")

// checkPassword takes as long for a name that does not exist as for a wrong password.
func (c *console) checkPassword(ctx context.Context, name, password string) (access.Account, error) {
	account, err := c.Accounts.AccountByName(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return account, err
	}
	ok, err := c.Passwords.Match(ctx, account.PasswordHash, password)
	if err == nil && !ok {
		err = errWrongPassword
	}
	return account, err
}

// enter begins a new session for an account, with a new token.
func (c *console) enter(ctx context.Context, account access.Account) error {
	if err := c.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return err
	}
	c.sessions.Put(ctx, sessionAccount, account.ID)
	c.sessions.Put(ctx, sessionMark, passwordMark(account))
	return c.Accounts.SignedIn(ctx, account.ID)
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := c.sessions.Destroy(r.Context()); err != nil {
		return err
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
	if err := c.enter(r.Context(), account); err != nil {
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
		Name: themeCookie, Value: theme, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, Secure: c.Secure,
	})
	return goTo(w, r, localPath(r.PostFormValue("back")))
}
