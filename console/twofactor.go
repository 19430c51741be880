package console

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image/png"
	"net/http"
	"strings"

	"github.com/pquerna/otp"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

const twoFactorPath = profilePath + "/two-factor"

// twoFactorPage sets an authenticator app up: a picture to scan, and the first code as the proof that it was.
type twoFactorPage struct {
	Picture string // data URL of a PNG
	Secret  string // in groups, for those who type it
	Forced  bool   // nothing else can be done before
	Problem string
}

func (p twoFactorPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "twofactor.title"), Nav: "profile", Parents: []crumb{{t(ctx, "profile.title"), profilePath}}}
}

// recoveryPage shows recovery codes. It is the only time that anybody sees them.
type recoveryPage struct{ Codes []string }

func (p recoveryPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "recovery.title"), Nav: "profile", Parents: []crumb{{t(ctx, "profile.title"), profilePath}}}
}

// sessionEnrol marks a session in which nothing can be done before a second factor is set up.
const sessionEnrol = "enrol"

var errEnrol = errors.New("a second factor has to be set up first")

// mustEnrol marks the session of an account that has to have a second factor and has none.
func (c *console) mustEnrol(ctx context.Context, account access.Account, s access.Session) error {
	if s.Method != access.ByPassword && s.Method != access.ByLink {
		return nil // the provider asks for what it finds necessary
	}
	policy, err := c.Accounts.SignInPolicy(ctx)
	if err != nil || !policy.WantsSecondFactor(account.Role) {
		return err
	}
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err == nil && factor.ConfirmedAt.IsZero() {
		c.sessions.Put(ctx, sessionEnrol, "1")
	}
	return err
}

// enrolling reports whether a request has to wait until a second factor is set up.
func (c *console) enrolling(r *http.Request) bool {
	return c.sessions.GetString(r.Context(), sessionEnrol) != "" && r.URL.Path != twoFactorPath
}

func (c *console) twoFactorForm(w http.ResponseWriter, r *http.Request) error {
	return c.showTwoFactor(w, r, http.StatusOK, "")
}

func (c *console) showTwoFactor(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx, account := r.Context(), viewOf(r.Context()).account
	if account.PasswordHash == "" || c.shared(account) {
		return web.ErrForbidden
	}
	factor, err := c.Accounts.BeginSecondFactor(ctx, account.ID)
	if errors.Is(err, store.ErrConflict) {
		c.sessions.Remove(ctx, sessionEnrol)
		return goTo(w, r, profilePath)
	}
	if err != nil {
		return err
	}
	picture, err := qrPicture(factor.URL(t(ctx, "shell.product"), account.Name))
	if err != nil {
		return err
	}
	return c.show(w, r, status, twoFactorPage{
		Picture: picture, Secret: inGroups(factor.Secret, 4), Forced: c.sessions.GetString(ctx, sessionEnrol) != "", Problem: problem,
	})
}

const qrSize = 240 // pixels

func qrPicture(address string) (string, error) {
	key, err := otp.NewKeyFromURL(address)
	if err != nil {
		return "", err
	}
	image, err := key.Image(qrSize, qrSize)
	if err != nil {
		return "", err
	}
	var raw bytes.Buffer
	if err := png.Encode(&raw, image); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(raw.Bytes()), nil
}

func inGroups(text string, size int) string {
	var groups []string
	for ; len(text) > size; text = text[size:] {
		groups = append(groups, text[:size])
	}
	return strings.Join(append(groups, text), " ")
}

// confirmTwoFactor takes the first code, and shows the recovery codes.
func (c *console) confirmTwoFactor(w http.ResponseWriter, r *http.Request) error {
	ctx, account := r.Context(), viewOf(r.Context()).account
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err != nil {
		return err
	}
	step, ok := factor.Match(r.PostFormValue("code"), c.Now())
	if factor.Secret == "" || !ok {
		return c.showTwoFactor(w, r, http.StatusUnprocessableEntity, t(ctx, "twofactor.wrong"))
	}
	codes := access.NewRecoveryCodes()
	entry := actor(r).Did(access.TwoFactor, accountObject(account), map[string]bool{"second_factor": false}, map[string]bool{"second_factor": true})
	err = c.Accounts.ConfirmSecondFactor(ctx, account.ID, step, codes, entry)
	if errors.Is(err, store.ErrNotFound) { // it was confirmed a moment ago
		return goTo(w, r, profilePath)
	}
	if err != nil {
		return err
	}
	c.sessions.Remove(ctx, sessionEnrol)
	return c.show(w, r, http.StatusOK, recoveryPage{codes})
}

// newRecoveryCodes replaces the codes; it needs the password, for they are as good as the phone.
func (c *console) newRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	ctx, account := r.Context(), viewOf(r.Context()).account
	problem, err := c.confirmPassword(w, r, "codes-password")
	if err != nil {
		return err
	}
	if problem != nil {
		return c.showProfile(w, r, http.StatusUnprocessableEntity, *problem)
	}
	factor, err := c.Accounts.SecondFactor(ctx, account.ID)
	if err != nil {
		return err
	}
	if factor.ConfirmedAt.IsZero() {
		return web.ErrNotFound
	}
	codes := access.NewRecoveryCodes()
	entry := actor(r).Did(access.TwoFactor, accountObject(account), nil, map[string]string{"recovery_codes": "new"})
	if err := c.Accounts.NewRecoveryCodes(ctx, account.ID, codes, entry); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, recoveryPage{codes})
}

// removeTwoFactor asks for the password alone from now on.
func (c *console) removeTwoFactor(w http.ResponseWriter, r *http.Request) error {
	ctx, account := r.Context(), viewOf(r.Context()).account
	problem, err := c.confirmPassword(w, r, "remove-password")
	if err != nil {
		return err
	}
	if problem != nil {
		return c.showProfile(w, r, http.StatusUnprocessableEntity, *problem)
	}
	entry := actor(r).Did(access.TwoFactor, accountObject(account), map[string]bool{"second_factor": true}, map[string]bool{"second_factor": false})
	if err := c.Accounts.RemoveSecondFactor(ctx, account.ID, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "twofactor.removed"))
	if err := c.mustEnrol(ctx, account, viewOf(ctx).session); err != nil {
		return err
	}
	return goTo(w, r, profilePath)
}

// resetTwoFactor helps an administrator help somebody who lost their phone.
func (c *console) resetTwoFactor(w http.ResponseWriter, r *http.Request) error {
	return c.forAccount(w, r, "accounts.twofactor.reset", func(ctx context.Context, a access.Account) error {
		entry := actor(r).Did(access.TwoFactor, accountObject(a), map[string]bool{"second_factor": true}, map[string]bool{"second_factor": false})
		return c.Accounts.RemoveSecondFactor(ctx, a.ID, entry)
	})
}

// endAccountSessions signs somebody out everywhere.
func (c *console) endAccountSessions(w http.ResponseWriter, r *http.Request) error {
	return c.forAccount(w, r, "accounts.sessions.ended", func(ctx context.Context, a access.Account) error {
		entry := actor(r).Did(access.Revoke, access.Object{Kind: access.ASession, Name: a.Name}, nil, map[string]string{"sessions": "all"})
		return c.Accounts.EndSessions(ctx, a.ID, "", entry)
	})
}

// forAccount does something to the account of the address, and leads back to its page.
func (c *console) forAccount(w http.ResponseWriter, r *http.Request, done string, do func(ctx context.Context, a access.Account) error) error {
	account, err := c.Accounts.Account(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := do(r.Context(), account); err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), done, account.Name))
	return goTo(w, r, "/settings/administrators/"+account.ID)
}
