package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/web"
)

// codePage asks for the second factor, after the password was right.
type codePage struct{ Problem string }

func (p codePage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "code.title")}
}

// What a browser's session remembers between the password and the code. The mark ends it when the password changes.
const (
	pendingAccount = "pending_account"
	pendingMark    = "pending_mark"
	pendingSince   = "pending_since"
	pendingNext    = "pending_next"
)

// pendingTime is how long a code is waited for.
const pendingTime = 10 * time.Minute

// askForCode remembers that the password was right, and leads to the question for the code.
func (c *console) askForCode(w http.ResponseWriter, r *http.Request, account access.Account, next string) error {
	ctx := r.Context()
	if err := c.sessions.RenewToken(ctx); err != nil {
		return err
	}
	c.sessions.Put(ctx, pendingAccount, account.ID)
	c.sessions.Put(ctx, pendingMark, passwordMark(account))
	c.sessions.Put(ctx, pendingSince, strconv.FormatInt(c.Now().Unix(), 10))
	c.sessions.Put(ctx, pendingNext, next)
	return goTo(w, r, "/sign-in/code")
}

// passwordMark changes with the password.
func passwordMark(a access.Account) string {
	sum := sha256.Sum256([]byte("password mark " + a.ID + a.PasswordHash))
	return hex.EncodeToString(sum[:8])
}

// pending is whose password was right in this browser; the zero Account when nobody's was, or it was too long ago.
func (c *console) pending(ctx context.Context) (access.Account, error) {
	id := c.sessions.GetString(ctx, pendingAccount)
	since, err := strconv.ParseInt(c.sessions.GetString(ctx, pendingSince), 10, 64)
	if id == "" || err != nil || c.Now().Sub(time.Unix(since, 0)) > pendingTime {
		return access.Account{}, nil
	}
	account, err := c.Accounts.Account(ctx, id)
	if web.Status(err) == http.StatusNotFound || passwordMark(account) != c.sessions.GetString(ctx, pendingMark) {
		return access.Account{}, nil
	}
	return account, err
}

func (c *console) codeForm(w http.ResponseWriter, r *http.Request) error {
	account, err := c.pending(r.Context())
	if err != nil {
		return err
	}
	if account.ID == "" {
		return goTo(w, r, "/sign-in")
	}
	return c.show(w, r, http.StatusOK, codePage{})
}

func (c *console) giveCode(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	account, err := c.pending(ctx)
	if err != nil {
		return err
	}
	if account.ID == "" {
		return goTo(w, r, "/sign-in")
	}
	attempt := c.attempt(r, account.Name, account)
	if wait := c.throttle.Begin(attempt); wait > 0 {
		return c.show(w, r, http.StatusTooManyRequests, codePage{waitWords(ctx, w, wait)})
	}
	right, err := c.takeCode(r, account, r.PostFormValue("code"))
	if err != nil {
		return err
	}
	if !right {
		if err := c.refusedSignIn(r, account, "signin.code"); err != nil {
			return err
		}
		return c.show(w, r, http.StatusUnprocessableEntity, codePage{t(ctx, "code.wrong")})
	}
	c.throttle.Succeeded(attempt)
	next := localPath(c.sessions.GetString(ctx, pendingNext))
	if err := c.enter(w, r, account, access.Session{Method: access.ByPassword}); err != nil {
		return err
	}
	return goTo(w, r, next)
}

// takeCode uses up what was typed: a code of the app, or a recovery code.
func (c *console) takeCode(r *http.Request, account access.Account, typed string) (right bool, err error) {
	ctx := r.Context()
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err != nil || factor.ConfirmedAt.IsZero() {
		return false, err
	}
	if step, ok := factor.Match(typed, c.Now()); ok {
		return c.Accounts.TakeCode(ctx, account.ID, step)
	}
	used := account.Actor(web.ClientAddress(r)).Did(access.TwoFactor, accountObject(account), nil, map[string]string{"used": "recovery code"})
	return c.Accounts.TakeRecoveryCode(ctx, account.ID, typed, used)
}

// browserCookie marks a browser that an account signed in with, so that those who guess at the account from elsewhere do
// not slow it down. It opens nothing.
const browserCookie = "heliograph_browser"

// attempt is a try to sign in to an account, which is zero when there is none of that name.
func (c *console) attempt(r *http.Request, name string, account access.Account) access.Attempt {
	a := access.Attempt{Account: name, Network: web.ClientNetwork(r)}
	cookie, err := r.Cookie(web.CookieName(browserCookie, c.secure(r)))
	if err != nil || account.ID == "" {
		return a
	}
	random, mark, _ := strings.Cut(cookie.Value, ".")
	if subtle.ConstantTimeCompare([]byte(mark), []byte(c.Accounts.BrowserMark(account.ID, random))) == 1 {
		a.Browser = random
	}
	return a
}

// knowBrowser marks this browser as one of the account's.
func (c *console) knowBrowser(w http.ResponseWriter, r *http.Request, account access.Account) {
	if c.attempt(r, account.Name, account).Browser != "" {
		return
	}
	random := rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: web.CookieName(browserCookie, c.secure(r)), Value: random + "." + c.Accounts.BrowserMark(account.ID, random), Path: "/",
		MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: c.secure(r), SameSite: http.SameSiteLaxMode,
	})
}

// secure reports whether a browser reaches us over TLS, so that its cookies can be marked so.
func (c *console) secure(r *http.Request) bool { return c.Secure || web.Secure(r) }
