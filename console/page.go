package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/console/text"
	"heliograph/web"
)

// page is what a handler shows: a struct with a templ method content.
type page interface {
	heading(ctx context.Context) heading
	content() templ.Component
}

// heading says where in the console a page is.
type heading struct {
	Title   string
	Nav     string  // which entry of the navigation is lit; see layout.templ
	Parents []crumb // from the top down; none = it is at the top
	Lead    string  // one sentence below the title; empty = none
}

// crumb leads back to a page above.
type crumb struct{ Title, Path string }

// view is who looks at a page, and how. Templates reach it through their context.
type view struct {
	account   access.Account // zero = nobody has signed in
	session   access.Session // in which they did
	theme     string         // light or dark; empty = as the system is
	zone      *time.Location
	now       time.Time
	path      string // of the page
	back      string // leads back to it, with its query
	flash     flash
	draft     string // leads back to a template that is half written; empty = there is none
	demoInbox string
	catalogue *text.Catalogue
	languages []*text.Catalogue // to choose from
	assets    *web.Assets
}

// flash is said once, on the page after an action.
type flash struct{ Kind, Text string } // kind: success, info, warning or danger

type viewKey struct{}

// viewOf is never nil: templates may be rendered alone, as in tests.
func viewOf(ctx context.Context) *view {
	if v, ok := ctx.Value(viewKey{}).(*view); ok {
		return v
	}
	return &view{zone: time.UTC, now: time.Now(), catalogue: text.English}
}

// may reports whether who looks at a page may do something, so that it offers nothing else. It protects nothing: the
// routes do.
func may(ctx context.Context, p access.Permission) bool {
	a := viewOf(ctx).account
	return a.ID != "" && access.Grants(a.Role, !a.Scope.All(), p)
}

// actor is who signed in, for the calls that the page makes.
func actor(r *http.Request) access.Actor { return web.ActorOf(r.Context()) }

// withView gives the handlers below it a view.
func (c *console) withView(r *http.Request, session access.Session, account access.Account) *http.Request {
	v := &view{
		account:   account,
		session:   session,
		theme:     themeOf(r),
		zone:      zoneOf(r, account),
		now:       c.Now(),
		path:      r.URL.Path,
		back:      backOf(r),
		demoInbox: c.DemoInbox,
		catalogue: c.languageOf(r, account),
		languages: c.Languages,
		assets:    c.assets,
	}
	return r.WithContext(context.WithValue(r.Context(), viewKey{}, v))
}

func themeOf(r *http.Request) string {
	if cookie, err := r.Cookie(themeCookie); err == nil && (cookie.Value == "light" || cookie.Value == "dark") {
		return cookie.Value
	}
	return ""
}

// backOf leads back to the page of a request. What was posted cannot be asked for again, only its address.
func backOf(r *http.Request) string {
	if r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" {
		return r.URL.RequestURI()
	}
	return r.URL.Path
}

const (
	themeCookie    = "theme"
	languageCookie = "language"
	zoneCookie     = "zone"
)

// show writes a whole page.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, p page) error {
	v := viewOf(r.Context())
	if v.account.ID != "" {
		v.flash, v.draft = c.takeFlash(r.Context()), c.draftPath(r)
	}
	return render(w, r, status, layout(p.heading(r.Context()), p.content()))
}

// showPart writes a piece of a page, for htmx to put in its place.
func (c *console) showPart(w http.ResponseWriter, r *http.Request, part templ.Component) error {
	return render(w, r, http.StatusOK, part)
}

// render writes a component only when the whole of it could be made, so that a failure can still become an error page.
func render(w http.ResponseWriter, r *http.Request, status int, component templ.Component) error {
	buffer := templ.GetBuffer()
	defer templ.ReleaseBuffer(buffer)
	if err := component.Render(r.Context(), buffer); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.Copy(w, buffer) // a client that went away is no error of ours
	return nil
}

// goTo leads to another page after a form was taken. By script the whole page changes too.
func goTo(w http.ResponseWriter, r *http.Request, path string) error {
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// say puts one sentence on the next page.
func (c *console) say(r *http.Request, kind, text string) {
	c.sessions.Put(r.Context(), "flash", kind+":"+text)
}

func (c *console) takeFlash(ctx context.Context) flash {
	kind, text, _ := strings.Cut(c.sessions.PopString(ctx, "flash"), ":")
	return flash{kind, text}
}

// handler makes an http.Handler of one that returns errors, for routes that are open. Nobody needs to have signed in.
func (c *console) handler(h web.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, account, err := c.signedIn(r)
		if err != nil {
			c.fail(w, r, err)
			return
		}
		r = c.withView(r, session, account)
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// identify is who signed in, for the routes that ask for somebody.
func (c *console) identify(r *http.Request) (access.Actor, *http.Request, error) {
	session, account, err := c.signedIn(r)
	switch {
	case err != nil:
		return access.Actor{}, r, err
	case account.ID == "":
		return access.Actor{}, r, web.ErrSignIn
	case c.enrolling(r):
		return access.Actor{}, r, errEnrol
	}
	return account.Actor(web.ClientAddress(r)), c.withView(r, session, account), nil
}

// refuse answers those who were not let through: who has not signed in is led to the sign-in page and back.
func (c *console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, web.ErrSignIn):
		err = c.askToSignIn(w, r)
	case errors.Is(err, errEnrol):
		err = goTo(w, r, twoFactorPath)
	}
	if err != nil {
		c.fail(w, r, err)
	}
}

// plain makes an http.Handler of one that returns errors, behind identify.
func (c *console) plain(h web.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// fail is the one place where an error becomes a page.
func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := web.Status(err)
	if status >= http.StatusInternalServerError {
		c.Logger.ErrorContext(r.Context(), "a page failed", "error", err)
	}
	if r.Context().Value(viewKey{}) == nil {
		r = c.withView(r, access.Session{}, access.Account{})
	}
	p := errorPage{Status: status}
	var known *web.StatusError
	if errors.As(err, &known) && known != web.ErrNotFound && known != web.ErrForbidden {
		p.Detail = known.Text
	}
	if renderErr := render(w, r, status, layout(p.heading(r.Context()), p.content())); renderErr != nil {
		c.Logger.ErrorContext(r.Context(), "the error page failed", "error", renderErr)
		http.Error(w, http.StatusText(status), status)
	}
}
