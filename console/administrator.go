package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/store"
)

// Administration is the door's side that lets people and scripts in. Errors about content are *intake.Refused.
type Administration interface {
	CreateAccount(ctx context.Context, actor access.Actor, in intake.AccountInput) (a access.Account, link string, err error)
	UpdateAccount(ctx context.Context, actor access.Actor, id string, in intake.AccountInput) (access.Account, error)
	DeleteAccount(ctx context.Context, actor access.Actor, id string) error
	InviteAccount(ctx context.Context, actor access.Actor, id string) (link string, err error)
	CreateToken(ctx context.Context, actor access.Actor, in intake.TokenInput) (secret string, t access.Token, err error)
	DeleteToken(ctx context.Context, actor access.Actor, id string) error
	SetAuditDays(ctx context.Context, actor access.Actor, days, least, most int) error
	// Exported notes that somebody took a list away as a file.
	Exported(ctx context.Context, actor access.Actor, kind access.ObjectKind, what any) error
}

// Registry is the store's side that knows them, and what they did.
type Registry interface {
	Account(ctx context.Context, id string) (access.Account, error)
	ListAccounts(ctx context.Context, p store.Page) ([]access.Account, string, error)
	Token(ctx context.Context, id string) (access.Token, error)
	ListTokens(ctx context.Context, p store.Page) ([]access.Token, string, error)
	CountTokensOf(ctx context.Context, account string) (int, error)
	ListGroups(ctx context.Context, scope access.Scope, p store.Page) ([]fleet.Group, string, error)
	ListAudit(ctx context.Context, f store.AuditFilter, p store.Page) ([]access.Entry, string, error)
	AuditEntry(ctx context.Context, id int64) (access.Entry, error)
	AuditDays(ctx context.Context) (int, error)
}

const administratorsPath = "/settings/administrators"

func administratorPath(id string) string { return administratorsPath + "/" + url.PathEscape(id) }

// belowSettings is the heading of a page of the settings, or of one below such a page.
func belowSettings(ctx context.Context, title string, parents ...crumb) heading {
	return heading{Title: title, Nav: "settings", Parents: append([]crumb{{t(ctx, "nav.settings"), "/settings"}}, parents...)}
}

// administratorsPage lists everybody who may sign in.
type administratorsPage struct {
	List []access.Account
	Next string // cursor
	At   string // cursor of this page
}

func (p administratorsPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "administrators.title"))
}

func (p administratorsPage) next() string {
	if p.Next == "" {
		return ""
	}
	return "?" + url.Values{"cursor": {p.Next}}.Encode()
}

func (c *console) administrators(w http.ResponseWriter, r *http.Request) error {
	p := administratorsPage{At: r.URL.Query().Get("cursor")}
	var err error
	if p.List, p.Next, err = c.Registry.ListAccounts(r.Context(), store.Page{Cursor: p.At}); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// administratorForm is the form of one of them.
type administratorForm struct {
	Account  access.Account // as it is stored; without an id it is a new one
	Values   map[string]string
	Alerts   bool
	Limit    limitField
	Tokens   int // that it made
	Problems []problem
}

// limitField is the choice of groups that a role is limited to.
type limitField struct {
	Limited bool
	Chosen  []string
	Groups  []fleet.Group // to choose from
}

func (l limitField) chosen(g fleet.Group) bool { return slices.Contains(l.Chosen, g.Name) }

func (c *console) limitField(ctx context.Context, actor access.Actor) (l limitField, err error) {
	l.Groups, _, err = c.Registry.ListGroups(ctx, actor.Scope, store.Page{Limit: groupsOffered, Sort: store.SortName, Ascending: true})
	return l, err
}

// groupsOffered is how many groups a form offers.
const groupsOffered = 1000

func (l *limitField) read(r *http.Request) {
	l.Limited, l.Chosen = r.PostFormValue("limited") == "true", r.PostForm["groups"]
}

func (c *console) administratorForm(r *http.Request, a access.Account) (*administratorForm, error) {
	limit, err := c.limitField(r.Context(), actor(r))
	if err != nil {
		return nil, err
	}
	limit.Limited, limit.Chosen = a.ID != "" && !a.Scope.All(), a.Groups
	f := &administratorForm{Account: a, Alerts: a.Alerts, Limit: limit, Values: map[string]string{
		"name": a.Name, "role": string(a.Role), "mail": a.Mail, "mobile": a.Mobile,
	}}
	if a.ID != "" {
		f.Tokens, err = c.Registry.CountTokensOf(r.Context(), a.ID)
	}
	return f, err
}

func (f *administratorForm) heading(ctx context.Context) heading {
	title := t(ctx, "administrators.new")
	if !f.New() {
		title = f.Account.Name
	}
	return belowSettings(ctx, title, crumb{t(ctx, "administrators.title"), administratorsPath})
}

// New reports whether the account was never saved.
func (f *administratorForm) New() bool { return f.Account.ID == "" }

// Action is where the form goes.
func (f *administratorForm) Action() string {
	if f.New() {
		return administratorsPath + "/new"
	}
	return administratorPath(f.Account.ID)
}

// read takes what was typed.
func (f *administratorForm) read(r *http.Request) intake.AccountInput {
	for _, name := range []string{"name", "role", "mail", "mobile"} {
		f.Values[name] = strings.TrimSpace(r.PostFormValue(name))
	}
	f.Alerts = r.PostFormValue("receives_alerts") != ""
	f.Limit.read(r)
	return intake.AccountInput{
		Name: f.Values["name"], Role: access.Role(f.Values["role"]), Limited: f.Limit.Limited, Groups: f.Limit.Chosen,
		Mail: f.Values["mail"], Mobile: f.Values["mobile"], Alerts: f.Alerts,
	}
}

// refused puts what the door said beside its fields, and reports whether it was about the form at all.
func refused(ctx context.Context, list *[]problem, area string, err error) bool {
	for _, p := range refusal(err) {
		field, _, _ := strings.Cut(fieldOf(p.Pointer), ".")
		field, _, _ = strings.Cut(field, "/")
		label := tf(ctx, area, field)
		*list = append(*list, problem{field, label, standAlone(ctx, label, said(ctx, p.Detail))})
	}
	return refusal(err) != nil
}

func (c *console) newAdministrator(w http.ResponseWriter, r *http.Request) error {
	f, err := c.administratorForm(r, access.Account{})
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, f)
}

// linkPage shows a one-time link, this once.
type linkPage struct {
	Account access.Account
	Link    string
	New     bool // the account is
}

func (p linkPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "administrators.link.title", p.Account.Name), crumb{t(ctx, "administrators.title"), administratorsPath})
}

func (c *console) createAdministrator(w http.ResponseWriter, r *http.Request) error {
	f, err := c.administratorForm(r, access.Account{})
	if err != nil {
		return err
	}
	a, link, err := c.Administration.CreateAccount(r.Context(), actor(r), f.read(r))
	if err == nil {
		return c.show(w, r, http.StatusOK, linkPage{a, c.Link(link), true})
	}
	return c.showAdministrator(w, r, f, err)
}

// showAdministrator shows the form again with what is wrong, or fails.
func (c *console) showAdministrator(w http.ResponseWriter, r *http.Request, f *administratorForm, err error) error {
	ctx, status := r.Context(), http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, store.ErrLastAdministrator):
		status = http.StatusConflict
		f.Problems = append(f.Problems, problem{"role", tf(ctx, "administrators.field", "role"), t(ctx, "administrators.last")})
	case errors.Is(err, store.ErrConflict):
		status = http.StatusConflict
		f.Problems = append(f.Problems, problem{"name", tf(ctx, "administrators.field", "name"), t(ctx, "administrators.taken")})
	case !refused(ctx, &f.Problems, "administrators.field", err):
		return err
	}
	return c.show(w, r, status, f)
}

func (c *console) editAdministrator(w http.ResponseWriter, r *http.Request) error {
	f, err := c.storedAdministrator(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, f)
}

func (c *console) storedAdministrator(r *http.Request) (*administratorForm, error) {
	a, err := c.Registry.Account(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return c.administratorForm(r, a)
}

func (c *console) updateAdministrator(w http.ResponseWriter, r *http.Request) error {
	f, err := c.storedAdministrator(r)
	if err != nil {
		return err
	}
	in := f.read(r)
	in.Name, f.Values["name"] = f.Account.Name, f.Account.Name
	if _, err := c.Administration.UpdateAccount(r.Context(), actor(r), f.Account.ID, in); err != nil {
		return c.showAdministrator(w, r, f, err)
	}
	c.say(r, "success", t(r.Context(), "administrators.saved", f.Account.Name))
	return goTo(w, r, administratorsPath)
}

func (c *console) deleteAdministrator(w http.ResponseWriter, r *http.Request) error {
	a, err := c.Registry.Account(r.Context(), r.PathValue("id"))
	if err == nil {
		err = c.Administration.DeleteAccount(r.Context(), actor(r), a.ID)
	}
	if errors.Is(err, store.ErrLastAdministrator) {
		c.say(r, "danger", t(r.Context(), "administrators.last"))
		return goTo(w, r, administratorPath(a.ID))
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "administrators.deleted", a.Name))
	return goTo(w, r, administratorsPath)
}

func (c *console) inviteAdministrator(w http.ResponseWriter, r *http.Request) error {
	a, err := c.Registry.Account(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	link, err := c.Administration.InviteAccount(r.Context(), actor(r), a.ID)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, linkPage{a, c.Link(link), false})
}

// groupsWords says what of the fleet a role sees.
func groupsWords(ctx context.Context, scope access.Scope, groups []string) string {
	switch {
	case scope.All():
		return t(ctx, "administrators.everything")
	case len(groups) == 0:
		return t(ctx, "administrators.nothing")
	}
	return strings.Join(groups, ", ")
}

// roleHints are the roles with what each may do, for a form.
func roleHints(ctx context.Context) (list [][3]string) {
	for _, role := range access.Roles {
		list = append(list, [3]string{string(role), tf(ctx, "role", string(role)), tf(ctx, "role.may", string(role))})
	}
	return list
}
