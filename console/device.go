package console

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// Fleet is what the console reads of devices and people.
type Fleet interface {
	ListDevices(ctx context.Context, scope access.Scope, f fleet.Filter, p store.Page) ([]fleet.Device, string, error)
	CountDevices(ctx context.Context, scope access.Scope, f fleet.Filter) (int64, error)
	Device(ctx context.Context, scope access.Scope, id fleet.DeviceID) (fleet.Device, error)
	User(ctx context.Context, scope access.Scope, id fleet.UserID) (fleet.User, error)
	// Refused is what providers said for good of a person's addresses.
	Refused(ctx context.Context, u fleet.User) (map[message.Channel]message.Mark, error)
	ListUsers(ctx context.Context, scope access.Scope, f store.UserFilter, p store.Page) ([]fleet.User, string, error)
	UserDevices(ctx context.Context, scope access.Scope, user int64, most int) ([]fleet.Device, error)
	Group(ctx context.Context, scope access.Scope, id fleet.GroupID) (fleet.Group, error)
	ListGroups(ctx context.Context, scope access.Scope, p store.Page) ([]fleet.Group, string, error)
	Figures(ctx context.Context, scope access.Scope) (fleet.Figures, error)
}

const (
	devicesOnPage  = 50
	messagesOnPage = 20
)

// patience is how long a page waits for a figure. What takes longer arrives after the page. Only tests change it: on a
// busy machine they must not depend on it.
var patience = 120 * time.Millisecond

// within asks for a figure and gives up, without an error, when it takes too long for a page. What was asked then ends
// by itself: its context is over.
func within[T any](ctx context.Context, ask func(context.Context) (T, error)) (figure T, known bool, err error) {
	type answer struct {
		figure T
		err    error
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		figure, err := ask(short)
		answers <- answer{figure, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil && short.Err() != nil && ctx.Err() == nil {
			return figure, false, nil
		}
		return a.figure, a.err == nil, a.err
	case <-short.Done():
		return figure, false, ctx.Err()
	}
}

// devicesPage is the table of devices beside the tree that filters it.
type devicesPage struct {
	Query     deviceQuery
	Devices   []fleet.Device
	Next      string // cursor; empty = this is the last page
	Tree      deviceTree
	Selection deviceSelection
}

// deviceTree is the filter tree, or the promise of it.
type deviceTree struct {
	Query   deviceQuery
	Figures fleet.Figures
	Known   bool
}

func (p devicesPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "devices.title"), Nav: "devices"}
}

// Nothing reports whether there is no device at all.
func (p devicesPage) Nothing() bool {
	return len(p.Devices) == 0 && asksNothing(p.Query.Filter) && p.Query.Cursor == ""
}

// Picked reports whether a device's row is ticked.
func (p devicesPage) Picked(id fleet.DeviceID) bool {
	return p.Query.All || slices.Contains(p.Selection.Picked, id)
}

func (c *console) devices(w http.ResponseWriter, r *http.Request) error {
	p, err := c.devicesPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) devicesPage(r *http.Request) (p devicesPage, err error) {
	ctx, scope := r.Context(), actor(r).Scope
	if p.Query, err = readDeviceQuery(r.URL.Query()); err != nil {
		return p, err
	}
	page := store.Page{Limit: devicesOnPage, Cursor: p.Query.Cursor, Sort: p.Query.Sort, Ascending: p.Query.Ascending}
	if p.Devices, p.Next, err = c.Fleet.ListDevices(ctx, scope, p.Query.Filter, page); err != nil {
		return p, err
	}
	p.Tree.Query = p.Query
	p.Tree.Figures, p.Tree.Known, err = within(ctx, func(ctx context.Context) (fleet.Figures, error) { return c.Fleet.Figures(ctx, scope) })
	if err != nil {
		return p, err
	}
	p.Selection = deviceSelection{Query: p.Query, Picked: c.picked(ctx)}
	p.Selection.Matching, p.Selection.Known, err = c.matching(r, p)
	return p, err
}

// matching counts the devices that match, when that is quick: they may all be on this page, or be known from the tree.
func (c *console) matching(r *http.Request, p devicesPage) (int64, bool, error) {
	switch {
	case p.Query.Cursor == "" && p.Next == "":
		return int64(len(p.Devices)), true, nil
	case asksNothing(p.Query.Filter) && p.Tree.Known:
		return p.Tree.Figures.Devices, true, nil
	}
	return within(r.Context(), func(ctx context.Context) (int64, error) {
		return c.Fleet.CountDevices(ctx, actor(r).Scope, p.Query.Filter)
	})
}

// devicesTree is the tree, when it was too slow for the page.
func (c *console) devicesTree(w http.ResponseWriter, r *http.Request) error {
	query, err := readDeviceQuery(r.URL.Query())
	if err != nil {
		return err
	}
	figures, err := c.Fleet.Figures(r.Context(), actor(r).Scope)
	if err != nil {
		return err
	}
	return c.showPart(w, r, deviceTree{query, figures, true}.part())
}

// devicesCount is the bar above the table with the number of devices that match, when it was too slow for the page.
func (c *console) devicesCount(w http.ResponseWriter, r *http.Request) error {
	query, err := readDeviceQuery(r.URL.Query())
	if err != nil {
		return err
	}
	n, err := c.Fleet.CountDevices(r.Context(), actor(r).Scope, query.Filter)
	if err != nil {
		return err
	}
	s := deviceSelection{Query: query, Picked: c.picked(r.Context()), Matching: n, Known: true}
	return c.showPart(w, r, s.bar())
}

// devicePage is one device: what is known of it, and what it was told.
type devicePage struct {
	Device   fleet.Device
	User     *fleet.User // nil = nobody carries it
	Messages messagesPart
	Problems []problem // with the groups that were asked for
	Wanted   string    // as they were typed
}

// messagesPart is what a device or a person was told.
type messagesPart struct {
	List   []message.DeliveryView
	Titles map[message.NotificationID]string // of the messages' notifications
	Path   string                            // of the page that it stands on
	None   string                            // what to say when there is nothing
	Older  string                            // cursor
	First  bool
}

func (p devicePage) heading(ctx context.Context) heading {
	return heading{
		Title: nameOf(ctx, p.Device), Nav: "devices",
		Parents: []crumb{{t(ctx, "devices.title"), devicesPath}},
	}
}

// nameOf is what to call a device.
func nameOf(ctx context.Context, d fleet.Device) string {
	if d.Name != "" {
		return d.Name
	}
	if d.ID != "" {
		return string(d.ID)
	}
	return t(ctx, "device.unnamed")
}

func devicePath(id fleet.DeviceID) string { return devicesPath + "/" + url.PathEscape(string(id)) }

func (c *console) device(w http.ResponseWriter, r *http.Request) error {
	p, err := c.devicePage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) devicePage(r *http.Request) (p devicePage, err error) {
	ctx, scope := r.Context(), actor(r).Scope
	id := r.PathValue("id")
	if !fleet.ValidID(id) {
		return p, web.ErrNotFound
	}
	if p.Device, err = c.Fleet.Device(ctx, scope, fleet.DeviceID(id)); err != nil {
		return p, err
	}
	if p.Device.User != "" {
		user, err := c.Fleet.User(ctx, scope, p.Device.User)
		if err != nil {
			return p, err
		}
		p.User = &user
	}
	p.Wanted = groupWords(p.Device.Groups)
	p.Messages = messagesPart{Path: devicePath(p.Device.ID), None: t(ctx, "device.messages.empty")}
	return p, c.readMessages(r, &p.Messages, func(page store.Page) ([]message.DeliveryView, string, error) {
		return c.Sent.DeviceDeliveries(ctx, scope, p.Device.Key, page)
	})
}

// readMessages reads the part of a list of messages that the address asks for.
func (c *console) readMessages(r *http.Request, p *messagesPart, read func(store.Page) ([]message.DeliveryView, string, error)) (err error) {
	cursor := r.URL.Query().Get("older")
	p.First = cursor == ""
	if p.List, p.Older, err = read(store.Page{Limit: messagesOnPage, Cursor: cursor}); err != nil {
		return err
	}
	p.Titles, err = c.titles(r.Context(), actor(r).Scope, p.List)
	return err
}

// titles are what the notifications of some deliveries are called. One that may not be seen is not among them.
func (c *console) titles(ctx context.Context, scope access.Scope, list []message.DeliveryView) (map[message.NotificationID]string, error) {
	titles := map[message.NotificationID]string{}
	for _, d := range list {
		if _, known := titles[d.NotificationID]; known {
			continue
		}
		n, err := c.Sent.Notification(ctx, scope, d.NotificationID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		titles[d.NotificationID] = titleOf(ctx, n)
	}
	return titles, nil
}

// fact is a name with its value.
type fact struct{ Label, Value string }

// facts lists what is known of a device; what is not is left out.
func (p devicePage) facts(ctx context.Context) []fact {
	d := p.Device
	return known([]fact{
		{t(ctx, "device.platform"), joined(" ", platformName(ctx, d.Platform), d.OSVersion)},
		{t(ctx, "device.model"), d.Model},
		{t(ctx, "device.ownership"), tf(ctx, "ownership", string(d.Ownership))},
		{t(ctx, "device.serial"), d.SerialNumber},
		{t(ctx, "device.imei"), d.IMEI},
		{t(ctx, "device.number"), d.PhoneNumber},
		{t(ctx, "device.carrier"), d.Carrier},
		{t(ctx, "device.id"), string(d.ID)},
	})
}

func (p devicePage) personFacts(ctx context.Context) []fact {
	return known([]fact{
		{t(ctx, "device.mail"), p.User.Mail},
		{t(ctx, "device.mobile"), p.User.Mobile},
		{t(ctx, "device.login"), p.User.LoginName()},
		{t(ctx, "device.language"), p.User.Language},
	})
}

func known(list []fact) []fact {
	return slices.DeleteFunc(list, func(f fact) bool { return f.Value == "" })
}

// joined joins the words that are not empty.
func joined(by string, parts ...string) (out string) {
	for _, part := range parts {
		if part != "" && out != "" {
			out += by
		}
		out += part
	}
	return out
}

// ThroughUser lists the groups that the device is in because its user is.
func (p devicePage) ThroughUser() (list []string) {
	if p.User == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.User.Groups), func(g string) bool { return slices.Contains(p.Device.Groups, g) })
}

// tokenKind is the colour of a token's state.
func tokenKind(s fleet.TokenState) string {
	switch s {
	case fleet.TokenLive:
		return "good"
	case fleet.TokenDead:
		return "bad"
	}
	return "warn"
}

// shown are the ids of the rows on the page.
func (p devicesPage) shown() string {
	ids := make([]fleet.DeviceID, len(p.Devices))
	for i, d := range p.Devices {
		ids[i] = d.ID
	}
	return joinIDs(ids)
}

func sortedNames(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }
