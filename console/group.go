package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"heliograph/fleet"
	"heliograph/store"
	"heliograph/web"
)

const (
	groupsPath   = "/groups"
	groupsOnPage = 50
	membersShown = 10 // people and devices that stand on a group's page
)

func groupPath(id fleet.GroupID) string { return groupsPath + "/" + url.PathEscape(string(id)) }

// groupsPage is the table of groups, by name.
type groupsPage struct {
	Groups []fleet.Group
	Next   string // cursor; empty = this is the last page
	First  bool
}

func (p groupsPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "groups.title"), Nav: "groups"}
}

// next is the address of the following page; empty = there is none.
func (p groupsPage) next() string {
	if p.Next == "" {
		return ""
	}
	return withQuery(groupsPath, url.Values{"cursor": {p.Next}})
}

func (c *console) groups(w http.ResponseWriter, r *http.Request) (err error) {
	cursor := r.URL.Query().Get("cursor")
	p := groupsPage{First: cursor == ""}
	page := store.Page{Limit: groupsOnPage, Cursor: cursor, Sort: store.SortName, Ascending: true}
	if p.Groups, p.Next, err = c.Fleet.ListGroups(r.Context(), actor(r).Scope, page); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// groupForm is one group, or the form for a new one.
type groupForm struct {
	Group    fleet.Group // ID empty = a new one
	Name     string      // as it was typed
	About    string
	Users    []fleet.User // some of its people
	Devices  []fleet.Device
	Problems []problem
}

func (p groupForm) heading(ctx context.Context) heading {
	title := p.Group.Name
	if p.Group.ID == "" {
		title = t(ctx, "groups.add")
	}
	return heading{Title: title, Nav: "groups", Parents: []crumb{{t(ctx, "groups.title"), groupsPath}}}
}

// path is where the form goes.
func (p groupForm) path() string {
	if p.Group.ID == "" {
		return groupsPath + "/new"
	}
	return groupPath(p.Group.ID)
}

// usersOfGroup lists the people of a group.
func usersOfGroup(g fleet.Group) string {
	return userQuery{Filter: store.UserFilter{Group: []string{g.Name}}, Sort: store.Newest}.at("")
}

func (c *console) newGroup(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, groupForm{})
}

func (c *console) group(w http.ResponseWriter, r *http.Request) error {
	p, err := c.groupForm(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// groupForm is the group that the address names, with some of its members.
func (c *console) groupForm(r *http.Request) (p groupForm, err error) {
	ctx, scope, id := r.Context(), actor(r).Scope, r.PathValue("id")
	if !fleet.ValidID(id) {
		return p, web.ErrNotFound
	}
	if p.Group, err = c.Fleet.Group(ctx, scope, fleet.GroupID(id)); err != nil {
		return p, err
	}
	p.Name, p.About = p.Group.Name, p.Group.Description
	some := store.Page{Limit: membersShown}
	if p.Users, _, err = c.Fleet.ListUsers(ctx, scope, store.UserFilter{Group: []string{id}}, some); err != nil {
		return p, err
	}
	p.Devices, _, err = c.Fleet.ListDevices(ctx, scope, fleet.Filter{Group: []string{id}}, some)
	return p, err
}

func (c *console) createGroup(w http.ResponseWriter, r *http.Request) error {
	return c.saveGroup(w, r, groupForm{}, fleet.GroupID(strings.ToLower(rand.Text())), "groups.created")
}

func (c *console) updateGroup(w http.ResponseWriter, r *http.Request) error {
	p, err := c.groupForm(r)
	if err != nil {
		return err
	}
	return c.saveGroup(w, r, p, p.Group.ID, "groups.saved")
}

// saveGroup stores what was typed, or shows the form again with what is wrong.
func (c *console) saveGroup(w http.ResponseWriter, r *http.Request, p groupForm, id fleet.GroupID, done string) error {
	ctx := r.Context()
	p.Name, p.About = strings.TrimSpace(r.PostFormValue("name")), strings.TrimSpace(r.PostFormValue("description"))
	_, err := c.Keeper.PutGroup(ctx, actor(r), fleet.Group{ID: id, Name: p.Name, Description: p.About})
	var invalid *fleet.Invalid
	switch {
	case err == nil:
		c.say(r, "success", t(ctx, done, p.Name))
		return goTo(w, r, groupPath(id))
	case errors.Is(err, store.ErrConflict):
		p.Problems = []problem{{"name", t(ctx, "groups.name"), t(ctx, "groups.taken")}}
		return c.show(w, r, http.StatusConflict, p)
	case !errors.As(err, &invalid):
		return err
	}
	for _, bad := range invalid.Problems {
		label := tf(ctx, "groups", bad.Field)
		p.Problems = append(p.Problems, problem{bad.Field, label, standAlone(ctx, label, said(ctx, bad.Detail))})
	}
	return c.show(w, r, http.StatusUnprocessableEntity, p)
}

func (c *console) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	p, err := c.groupForm(r)
	if err == nil {
		err = c.Keeper.DeleteGroup(r.Context(), actor(r), p.Group.ID)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "groups.deleted", p.Group.Name))
	return goTo(w, r, groupsPath)
}
