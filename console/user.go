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
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// Keeper is the door's side that changes devices, people and groups. Errors about content are *fleet.Invalid.
type Keeper interface {
	PutDevice(ctx context.Context, actor access.Actor, d fleet.Device) (created bool, err error)
	PutUser(ctx context.Context, actor access.Actor, u fleet.User) (created bool, err error)
	DeleteUser(ctx context.Context, actor access.Actor, id fleet.UserID) error
	PutGroup(ctx context.Context, actor access.Actor, g fleet.Group) (created bool, err error)
	DeleteGroup(ctx context.Context, actor access.Actor, id fleet.GroupID) error
	Importer
}

const (
	usersPath   = "/users"
	usersOnPage = 50
	devicesOf   = 50 // at most so many devices stand on a person's page
)

func userPath(id fleet.UserID) string { return usersPath + "/" + url.PathEscape(string(id)) }

// userSorts are the columns by which the table can be ordered.
var userSorts = []store.Sort{store.SortName, store.SortUser, store.SortMail}

// userQuery is what the Users page shows, as it stands in the address.
type userQuery struct {
	Filter    store.UserFilter
	Sort      store.Sort
	Ascending bool
	Cursor    string
}

func readUserQuery(v url.Values) (q userQuery) {
	q.Filter = store.UserFilter{Search: strings.TrimSpace(v.Get("search")), Group: words[string](v["group"])}
	q.Sort, q.Ascending, q.Cursor = store.Sort(v.Get("sort")), v.Get("dir") == "asc", v.Get("cursor")
	if !slices.Contains(userSorts, q.Sort) {
		q.Sort, q.Ascending = store.Newest, false
	}
	return q
}

func (q userQuery) filter() url.Values {
	v := url.Values{}
	for _, g := range q.Filter.Group {
		v.Add("group", g)
	}
	if q.Filter.Search != "" {
		v.Set("search", q.Filter.Search)
	}
	return v
}

// at is the address of the page that a cursor leads to.
func (q userQuery) at(cursor string) string {
	v := q.filter()
	for name, value := range map[string]string{"sort": string(q.Sort), "cursor": cursor} {
		if value != "" && value != string(store.Newest) {
			v.Set(name, value)
		}
	}
	if q.Ascending {
		v.Set("dir", "asc")
	}
	return withQuery(usersPath, v)
}

// by is the address after a click on a column's head.
func (q userQuery) by(column store.Sort) string {
	q.Ascending = q.Sort != column || !q.Ascending
	q.Sort = column
	return q.at("")
}

// without is the address when a group is no longer asked for.
func (q userQuery) without(group string) string {
	q.Filter.Group = slices.DeleteFunc(slices.Clone(q.Filter.Group), func(g string) bool { return g == group })
	return q.at("")
}

// usersPage is the table of people.
type usersPage struct {
	Query userQuery
	Users []fleet.User
	Next  string // cursor; empty = this is the last page
}

func (p usersPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "users.title"), Nav: "users"}
}

// Nothing reports whether there is nobody at all.
func (p usersPage) Nothing() bool {
	return len(p.Users) == 0 && len(p.Query.filter()) == 0 && p.Query.Cursor == ""
}

// next is the address of the following page; empty = there is none.
func (p usersPage) next() string {
	if p.Next == "" {
		return ""
	}
	return p.Query.at(p.Next)
}

func (c *console) users(w http.ResponseWriter, r *http.Request) (err error) {
	p := usersPage{Query: readUserQuery(r.URL.Query())}
	page := store.Page{Limit: usersOnPage, Cursor: p.Query.Cursor, Sort: p.Query.Sort, Ascending: p.Query.Ascending}
	if p.Users, p.Next, err = c.Fleet.ListUsers(r.Context(), actor(r).Scope, p.Query.Filter, page); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// usersCSV exports the people that match.
func (c *console) usersCSV(w http.ResponseWriter, r *http.Request) error {
	query := readUserQuery(r.URL.Query())
	if err := c.exported(r, access.AUser, query.filter()); err != nil {
		return err
	}
	ctx, scope := r.Context(), actor(r).Scope
	list, next, err := c.Fleet.ListUsers(ctx, scope, query.Filter, store.Page{Limit: exportPage})
	if err != nil {
		return err // nothing was written yet
	}
	e := export(w, "users.csv", "id", "username", "domain", "display_name", "given_name", "surname", "mail", "mobile", "language", "groups")
	e.pages(func(cursor string) (string, error) {
		if cursor != "" {
			if list, next, err = c.Fleet.ListUsers(ctx, scope, query.Filter, store.Page{Limit: exportPage, Cursor: cursor}); err != nil {
				c.exportFailed(ctx, err)
				return "", err
			}
		}
		for _, u := range list {
			e.row(string(u.ID), u.Username, u.Domain, u.DisplayName, u.GivenName, u.Surname, u.Mail, u.Mobile, u.Language, strings.Join(u.Groups, ";"))
		}
		return next, nil
	})
	return nil
}

// userPage is one person: what is known of them, what they carry, and what they were told.
type userPage struct {
	User     fleet.User
	Refused  map[message.Channel]message.Mark // what providers said of their addresses
	Devices  []fleet.Device
	Messages messagesPart
	Problems []problem // with the groups that were asked for
	Wanted   string    // as they were typed
}

func (p userPage) heading(ctx context.Context) heading {
	return heading{Title: p.User.Name(), Nav: "users", Parents: []crumb{{t(ctx, "users.title"), usersPath}}}
}

// facts lists what is known of a person; what is not is left out.
func (p userPage) facts(ctx context.Context) []fact {
	u := p.User
	return known([]fact{
		{t(ctx, "device.login"), u.LoginName()},
		{t(ctx, "device.mail"), u.Mail},
		{t(ctx, "users.refused.mail"), p.refused(ctx, message.SMTP)},
		{t(ctx, "device.mobile"), u.Mobile},
		{t(ctx, "users.refused.mobile"), p.refused(ctx, message.SMS)},
		{t(ctx, "device.language"), u.Language},
		{t(ctx, "users.given"), u.GivenName},
		{t(ctx, "users.surname"), u.Surname},
		{t(ctx, "device.id"), string(u.ID)},
	})
}

// refused is what was said for good of the address on a channel; empty = nothing.
func (p userPage) refused(ctx context.Context, c message.Channel) string {
	m, ok := p.Refused[c]
	if !ok {
		return ""
	}
	return said(ctx, m.Detail) + " · " + ago(ctx, m.At)
}

func (c *console) user(w http.ResponseWriter, r *http.Request) error {
	p, err := c.userPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) userPage(r *http.Request) (p userPage, err error) {
	ctx, scope := r.Context(), actor(r).Scope
	if p.User, err = c.userOf(r); err != nil {
		return p, err
	}
	p.Wanted = groupWords(p.User.Groups)
	if p.Devices, err = c.Fleet.UserDevices(ctx, scope, p.User.Key, devicesOf); err != nil {
		return p, err
	}
	if p.Refused, err = c.Fleet.Refused(ctx, p.User); err != nil {
		return p, err
	}
	p.Messages = messagesPart{Path: userPath(p.User.ID), None: t(ctx, "users.messages.empty")}
	return p, c.readMessages(r, &p.Messages, func(page store.Page) ([]message.DeliveryView, string, error) {
		return c.Sent.UserDeliveries(ctx, scope, p.User.Key, page)
	})
}

// userOf is the person that the address names.
func (c *console) userOf(r *http.Request) (fleet.User, error) {
	id := r.PathValue("id")
	if !fleet.ValidID(id) {
		return fleet.User{}, web.ErrNotFound
	}
	return c.Fleet.User(r.Context(), actor(r).Scope, fleet.UserID(id))
}

func (c *console) deleteUser(w http.ResponseWriter, r *http.Request) error {
	u, err := c.userOf(r)
	if err == nil {
		err = c.Keeper.DeleteUser(r.Context(), actor(r), u.ID)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "users.deleted", u.Name()))
	return goTo(w, r, usersPath)
}

// setUserGroups puts a person into the groups that were typed, and out of all others.
func (c *console) setUserGroups(w http.ResponseWriter, r *http.Request) error {
	p, err := c.userPage(r)
	if err != nil {
		return err
	}
	p.Wanted, p.User.Groups = r.PostFormValue("groups"), readGroups(r.PostFormValue("groups"))
	if _, err := c.Keeper.PutUser(r.Context(), actor(r), p.User); err != nil {
		if p.Problems = groupProblems(r.Context(), err); p.Problems == nil {
			return err
		}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	c.say(r, "success", t(r.Context(), "group.changed"))
	return goTo(w, r, userPath(p.User.ID))
}

// setDeviceGroups is the same for a device.
func (c *console) setDeviceGroups(w http.ResponseWriter, r *http.Request) error {
	p, err := c.devicePage(r)
	if err != nil {
		return err
	}
	p.Wanted = r.PostFormValue("groups")
	changed := p.Device
	changed.Groups, changed.Push = readGroups(p.Wanted), nil // nil keeps the token
	if _, err := c.Keeper.PutDevice(r.Context(), actor(r), changed); err != nil {
		if p.Problems = groupProblems(r.Context(), err); p.Problems == nil {
			return err
		}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	c.say(r, "success", t(r.Context(), "group.changed"))
	return goTo(w, r, devicePath(p.Device.ID))
}

// groupProblems is what is wrong with what was stored, beside the field of the groups; nil = the error is of another kind.
func groupProblems(ctx context.Context, err error) (list []problem) {
	var invalid *fleet.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	for _, p := range invalid.Problems {
		list = append(list, problem{"groups", t(ctx, "group.names"), standAlone(ctx, t(ctx, "group.names"), said(ctx, p.Detail))})
	}
	return list
}

// groupWords writes names of groups as readGroups reads them.
func groupWords(names []string) string { return strings.Join(names, "; ") }

func readGroups(text string) []string {
	return words[string](strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' || r == '\r' }))
}
