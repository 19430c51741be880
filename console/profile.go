package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

const profilePath = "/profile"

// profilePage is where somebody looks after their own account: password, second factor, and where they are signed in.
type profilePage struct {
	Account    access.Account
	Shared     bool // everybody's in a demonstration: it has nothing of its own
	Factor     bool // a second factor is asked for
	Since      time.Time
	Codes      int    // recovery codes that are left
	Provider   string // OpenID provider; empty = none
	Connected  bool   // they sign in there
	ByProvider bool   // and have no password
	Sessions   []sessionRow
	Problems   []problem
}

// sessionRow is a browser in which somebody is signed in.
type sessionRow struct {
	access.Session
	Browser, System string
	Here            bool // it is the one that looks
}

func (p profilePage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "profile.title"), Nav: "profile"}
}

func (c *console) profile(w http.ResponseWriter, r *http.Request) error {
	return c.showProfile(w, r, http.StatusOK)
}

func (c *console) showProfile(w http.ResponseWriter, r *http.Request, status int, list ...problem) error {
	p, err := c.profilePage(r)
	if err != nil {
		return err
	}
	p.Problems = list
	return c.show(w, r, status, p)
}

func (c *console) profilePage(r *http.Request) (p profilePage, err error) {
	ctx, v := r.Context(), viewOf(r.Context())
	p = profilePage{Account: v.account, Shared: c.shared(v.account), ByProvider: v.account.PasswordHash == ""}
	factor, err := c.Accounts.SecondFactor(ctx, v.account.ID)
	if err != nil {
		return p, err
	}
	p.Factor, p.Since = !factor.ConfirmedAt.IsZero(), factor.ConfirmedAt
	if p.Codes, err = c.Accounts.RecoveryCodesLeft(ctx, v.account.ID); err != nil {
		return p, err
	}
	provider, err := c.identityProvider(ctx)
	if err != nil {
		return p, err
	}
	if p.Provider = provider.Name; p.Provider != "" {
		if p.Connected, err = c.Accounts.HasIdentity(ctx, provider.Issuer, v.account.ID); err != nil {
			return p, err
		}
	}
	p.Sessions, err = c.sessionRows(ctx, v.account.ID)
	return p, err
}

func (c *console) sessionRows(ctx context.Context, account string) (rows []sessionRow, err error) {
	list, err := c.Accounts.ListSessions(ctx, account)
	for _, s := range list {
		browser, system := agentWords(s.Agent)
		rows = append(rows, sessionRow{s, browser, system, s.ID == viewOf(ctx).session.ID})
	}
	return rows, err
}

// agentWords names a browser and a system by a User-Agent, as far as people need to tell their own apart. Every browser
// claims to be others too, so the order matters.
func agentWords(agent string) (browser, system string) {
	return firstWord(agent, [][2]string{
			{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
			{"CriOS", "Chrome"}, {"Chrom", "Chrome"}, {"Safari/", "Safari"},
		}), firstWord(agent, [][2]string{
			{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Macintosh", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
		})
}

func firstWord(text string, table [][2]string) string {
	for _, row := range table {
		if strings.Contains(text, row[0]) {
			return row[1]
		}
	}
	return ""
}

// changePassword asks for the one that is known, and ends all other sessions.
func (c *console) changePassword(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), viewOf(r.Context())
	if v.account.PasswordHash == "" {
		return web.ErrForbidden
	}
	problem, err := c.confirmPassword(w, r, "current")
	if err != nil {
		return err
	}
	if problem != nil {
		return c.showProfile(w, r, http.StatusUnprocessableEntity, *problem)
	}
	password := r.PostFormValue("password")
	if bad := access.CheckNewPassword(v.account.Name, password, r.PostFormValue("again")); bad != access.PasswordFine {
		return c.showProfile(w, r, http.StatusUnprocessableEntity, newPasswordProblem(ctx, bad))
	}
	hash, err := c.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	entry := actor(r).Did(access.Password, accountObject(v.account), nil, nil)
	if err := c.Accounts.SetPassword(ctx, v.account.ID, hash, v.session.ID, entry); err != nil {
		return err
	}
	c.say(r, "success", t(ctx, "profile.password.changed"))
	return goTo(w, r, profilePath)
}

func newPasswordProblem(ctx context.Context, bad access.PasswordProblem) problem {
	if bad == access.PasswordDiffers {
		return problem{"again", t(ctx, "welcome.again"), tf(ctx, "password", string(bad))}
	}
	return problem{"password", t(ctx, "welcome.password"), tf(ctx, "password", string(bad))}
}

// confirmPassword asks whoever is signed in for their password once more: a browser that was left open is not them.
func (c *console) confirmPassword(w http.ResponseWriter, r *http.Request, field string) (*problem, error) {
	ctx, account := r.Context(), viewOf(r.Context()).account
	label := t(ctx, "profile.password.current")
	attempt := c.attempt(r, account.Name, account)
	if wait := c.throttle.Begin(attempt); wait > 0 {
		return &problem{field, label, waitWords(ctx, w, wait)}, nil
	}
	ok, err := c.Passwords.Match(ctx, account.PasswordHash, r.PostFormValue(field))
	if err != nil {
		return nil, err
	}
	if !ok {
		return &problem{field, label, t(ctx, "profile.password.wrong")}, c.refusedSignIn(r, account, "signin.wrong")
	}
	c.throttle.Succeeded(attempt)
	return nil, nil
}

// endSession signs a browser out from another.
func (c *console) endSession(w http.ResponseWriter, r *http.Request) error {
	account := viewOf(r.Context()).account
	entry := actor(r).Did(access.Revoke, access.Object{Kind: access.ASession, Name: account.Name}, nil, nil)
	err := c.Accounts.EndSession(r.Context(), account.ID, r.PathValue("id"), entry)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that ended by itself is fine
		return err
	}
	c.say(r, "success", t(r.Context(), "profile.session.ended"))
	return goTo(w, r, profilePath)
}

// endOtherSessions signs all other browsers out.
func (c *console) endOtherSessions(w http.ResponseWriter, r *http.Request) error {
	v := viewOf(r.Context())
	entry := actor(r).Did(access.Revoke, access.Object{Kind: access.ASession, Name: v.account.Name}, nil, map[string]string{"sessions": "all others"})
	if err := c.Accounts.EndSessions(r.Context(), v.account.ID, v.session.ID, entry); err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "profile.sessions.ended"))
	return goTo(w, r, profilePath)
}

// sessionPath is where a session of one's own ends.
func sessionPath(id string) string { return profilePath + "/sessions/" + url.PathEscape(id) + "/end" }

// browserWords names a browser to whoever sits at it.
func browserWords(ctx context.Context, s sessionRow) string {
	switch {
	case s.Browser != "" && s.System != "":
		return t(ctx, "profile.session.on", s.Browser, s.System)
	case s.Browser+s.System != "":
		return s.Browser + s.System
	}
	return t(ctx, "profile.session.unknown")
}

// codeAttributes mark the field of a code that something is wrong with.
func codeAttributes(problem string) templ.Attributes {
	if problem == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": "code-problem"}
}

// nextQuery remembers where somebody was going.
func nextQuery(next string) string { return url.Values{"next": {next}}.Encode() }
