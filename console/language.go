package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no zones of its own

	"heliograph/access"
	"heliograph/console/text"
)

const languagePath = "/language"

// languagePage is where somebody chooses a language and a time zone.
type languagePage struct {
	Language, Zone string // as chosen; empty = the browser's
	Browser        browserChoice
	Shared         bool // the account is everybody's: its zone stays the browser's
	Problems       []problem
}

// browserChoice is what holds for those who choose nothing.
type browserChoice struct{ Language, Zone string }

func (p languagePage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "language.title")}
}

// languageOf is the language in which a page answers: the account's, else the one chosen in this browser, else what the
// browser asks for.
func (c *console) languageOf(r *http.Request, account access.Account) *text.Catalogue {
	if chosen := text.Find(c.Languages, account.Language); chosen != nil {
		return chosen
	}
	if cookie, err := r.Cookie(languageCookie); err == nil {
		if chosen := text.Find(c.Languages, cookie.Value); chosen != nil {
			return chosen
		}
	}
	return c.speaking(r, "")
}

// zoneOf is the time zone in which times are shown: the account's, else the one that theme.js found in the browser, else
// UTC.
func zoneOf(r *http.Request, account access.Account) *time.Location {
	if zone := zoneNamed(account.Zone); zone != nil {
		return zone
	}
	return browserZone(r)
}

func browserZone(r *http.Request) *time.Location {
	if cookie, err := r.Cookie(zoneCookie); err == nil {
		if zone := zoneNamed(strings.ReplaceAll(cookie.Value, "%2F", "/")); zone != nil {
			return zone
		}
	}
	return time.UTC
}

// zoneNamed is the zone of an IANA name; nil when there is none. “Local” would be the server's own.
func zoneNamed(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

func (c *console) languageForm(w http.ResponseWriter, r *http.Request) error {
	account := viewOf(r.Context()).account
	return c.show(w, r, http.StatusOK, c.languagePage(r, account.Language, account.Zone))
}

func (c *console) languagePage(r *http.Request, language, zone string) languagePage {
	return languagePage{
		Language: language, Zone: zone,
		Browser: browserChoice{c.speaking(r, "").Name, browserZone(r).String()},
		Shared:  c.shared(viewOf(r.Context()).account),
	}
}

// shared reports whether an account is that of all visitors of a demonstration. What one of them chooses stays in their
// browser.
func (c *console) shared(a access.Account) bool { return c.DemoEntry != "" && a.Name == demoName }

// setLanguage remembers a language, and a time zone when the form has one: with the account of who signed in, and in the
// browser for the pages before that.
func (c *console) setLanguage(w http.ResponseWriter, r *http.Request) error {
	account := viewOf(r.Context()).account
	chosen, zone := r.PostFormValue("language"), account.Zone
	if text.Find(c.Languages, chosen) == nil {
		chosen = ""
	}
	if r.PostForm.Has("zone") {
		zone = strings.TrimSpace(r.PostFormValue("zone"))
	}
	if zone != "" && zoneNamed(zone) == nil {
		p := c.languagePage(r, chosen, zone)
		p.Problems = []problem{{"zone", t(r.Context(), "language.zone"), t(r.Context(), "language.zone.bad")}}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	c.keepInBrowser(w, r, languageCookie, chosen)
	if account.ID != "" && !c.shared(account) {
		if err := c.Accounts.SetLanguage(r.Context(), account.ID, chosen, zone); err != nil {
			return err
		}
	}
	back := localPath(r.PostFormValue("back"))
	if back == languagePath {
		c.say(r, "success", c.speaking(r, chosen).T("language.saved"))
	}
	return goTo(w, r, back)
}

// speaking is the language after a choice: the chosen one, else the browser's.
func (c *console) speaking(r *http.Request, chosen string) *text.Catalogue {
	if found := text.Find(c.Languages, chosen); found != nil {
		return found
	}
	return text.Match(c.Languages, r.Header.Get("Accept-Language"))
}

// keepInBrowser sets a cookie for a year; an empty value removes it.
func (c *console) keepInBrowser(w http.ResponseWriter, r *http.Request, name, value string) {
	age := 365 * 24 * 3600
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age, SameSite: http.SameSiteLaxMode, Secure: c.secure(r),
	})
}

// pressed is the state of a button that stays pressed.
func pressed(is bool) string { return strconv.FormatBool(is) }
