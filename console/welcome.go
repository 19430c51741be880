package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

// welcomePage lets the owner of a one-time link choose a password.
type welcomePage struct {
	Name    string
	Problem access.PasswordProblem
}

func (p welcomePage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "welcome.title")}
}

// staleLinkPage says that a one-time link does not work any more.
type staleLinkPage struct{}

func (p staleLinkPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "welcome.stale.title")}
}

// welcomeLink takes the secret out of the address bar into a cookie, so that it stays in no history and no Referer.
// It does not use the link up: mail scanners open links too.
func (c *console) welcomeLink(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	secret := r.PathValue("secret")
	_, err := c.Accounts.AccountByLink(r.Context(), secret)
	if errors.Is(err, store.ErrNotFound) {
		return c.show(w, r, http.StatusNotFound, staleLinkPage{})
	}
	if err != nil {
		return err
	}
	c.keepLink(w, r, secret, time.Hour)
	return goTo(w, r, "/welcome")
}

const linkCookie = "heliograph_link"

// keepLink lets the browser keep the secret until the password is set. The session's row must not hold it: only its hash
// may be stored.
func (c *console) keepLink(w http.ResponseWriter, r *http.Request, secret string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: linkCookie, Value: secret, Path: "/welcome", MaxAge: int(age / time.Second), HttpOnly: true, Secure: c.secure(r),
		SameSite: http.SameSiteLaxMode,
	})
}

func linkOf(r *http.Request) string {
	cookie, err := r.Cookie(linkCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (c *console) welcomeForm(w http.ResponseWriter, r *http.Request) error {
	account, err := c.Accounts.AccountByLink(r.Context(), linkOf(r))
	if errors.Is(err, store.ErrNotFound) {
		return c.show(w, r, http.StatusNotFound, staleLinkPage{})
	}
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, welcomePage{Name: account.Name})
}

// welcome sets the password and signs in.
func (c *console) welcome(w http.ResponseWriter, r *http.Request) error {
	ctx, secret := r.Context(), linkOf(r)
	account, err := c.Accounts.AccountByLink(ctx, secret)
	if err == nil {
		account, err = c.choosePassword(ctx, web.ClientAddress(r), account, secret, r.PostFormValue("password"), r.PostFormValue("again"))
	}
	var refused *passwordRefused
	switch {
	case errors.As(err, &refused):
		return c.show(w, r, http.StatusUnprocessableEntity, welcomePage{account.Name, refused.problem})
	case errors.Is(err, store.ErrNotFound):
		return c.show(w, r, http.StatusNotFound, staleLinkPage{})
	case err != nil:
		return err
	}
	c.keepLink(w, r, "", -time.Second)
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err != nil {
		return err
	}
	if !factor.ConfirmedAt.IsZero() { // who finds the link has not found the phone
		return c.askForCode(w, r, account, "/")
	}
	if err := c.enter(w, r, account, access.Session{Method: access.ByLink}); err != nil {
		return err
	}
	return goTo(w, r, "/")
}

type passwordRefused struct{ problem access.PasswordProblem }

func (e *passwordRefused) Error() string { return "the password was refused: " + string(e.problem) }

func (c *console) choosePassword(ctx context.Context, from string, account access.Account, secret, password, again string) (access.Account, error) {
	if problem := access.CheckNewPassword(account.Name, password, again); problem != access.PasswordFine {
		return account, &passwordRefused{problem}
	}
	hash, err := c.Passwords.Hash(ctx, password)
	if err != nil {
		return account, err
	}
	chosen := account.Actor(from).Did(access.Password, accountObject(account), nil, nil)
	return c.Accounts.SetPasswordByLink(ctx, secret, hash, chosen)
}
