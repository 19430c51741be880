package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// Servers is the door's side that keeps the configurations which messages leave by. Errors about content are
// *intake.Refused.
type Servers interface {
	Servers(ctx context.Context, kinds ...string) ([]channel.Server, error)
	Server(ctx context.Context, id string) (channel.Server, error)
	CreateServer(ctx context.Context, actor access.Actor, in intake.ServerInput) (channel.Server, error)
	UpdateServer(ctx context.Context, actor access.Actor, id string, in intake.ServerInput) (channel.Server, error)
	DeleteServer(ctx context.Context, actor access.Actor, id string) error
	ActivateServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error)
	// ResumeServer ends a pause's waiting: one message is tried now.
	ResumeServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error)
	// TestServer sends one message with the settings of in over those of id. An empty id = they were never saved.
	TestServer(ctx context.Context, actor access.Actor, id string, in *intake.ServerInput, to string) (channel.Report, error)
}

// DeviceFinder lists devices.
type DeviceFinder interface {
	ListDevices(ctx context.Context, scope access.Scope, f fleet.Filter, p store.Page) ([]fleet.Device, string, error)
}

// serverFamily is one of the pages that keep servers. What they have in common is all but their words.
type serverFamily struct {
	name     string // of its texts: "<name>.title" …
	path     string
	picture  string
	channels []message.Channel
}

var serverFamilies = []serverFamily{
	{"servers", "/settings/servers", "mail-cog", []message.Channel{message.SMTP, message.SMS}},
	{"push", "/settings/push-providers", "broadcast", []message.Channel{message.Push}},
}

// providers are the kinds that belong to a family, in the order of the list.
func (c *console) providers(f serverFamily) (list []channel.Provider) {
	for _, p := range c.Providers {
		if slices.Contains(f.channels, p.Channel) {
			list = append(list, p)
		}
	}
	return list
}

// provider is the one of a kind, if it belongs to the family.
func (c *console) provider(f serverFamily, kind string) (channel.Provider, error) {
	for _, p := range c.providers(f) {
		if p.Kind == kind {
			return p, nil
		}
	}
	return channel.Provider{}, web.ErrNotFound
}

// serversOf lists a family's servers: by kind, the active ones first.
func (c *console) serversOf(ctx context.Context, f serverFamily) ([]channel.Server, error) {
	var kinds []string
	for _, p := range c.providers(f) {
		kinds = append(kinds, p.Kind)
	}
	list, err := c.Servers.Servers(ctx, kinds...)
	slices.SortStableFunc(list, func(a, b channel.Server) int {
		byKind := cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
		if byKind != 0 || a.Active == b.Active {
			return byKind
		}
		if a.Active {
			return -1
		}
		return 1
	})
	return list, err
}

// mostResting are shown of the hosts behind a server: devices say which there are, so there may be any number.
const mostResting = 3

// someResting are the hosts behind a server that are left alone for longest.
func someResting(s channel.Server) []channel.Resting {
	return s.Resting[:min(len(s.Resting), mostResting)]
}

// serversPage lists the servers of a family.
type serversPage struct {
	Family    serverFamily
	Providers []channel.Provider
	Servers   []channel.Server
}

func (p serversPage) heading(ctx context.Context) heading {
	return heading{
		Title: t(ctx, p.Family.name+".title"), Nav: p.Family.name,
		Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}},
	}
}

func (p serversPage) kindTitle(ctx context.Context, kind string) string {
	for _, provider := range p.Providers {
		if provider.Kind == kind {
			return kindTitle(ctx, provider)
		}
	}
	return kind
}

// kindTitle is a kind of server for people: the catalogue's, else its provider's own.
func kindTitle(ctx context.Context, p channel.Provider) string {
	if key := "server." + p.Kind + ".kind"; viewOf(ctx).catalogue.Has(key) {
		return t(ctx, key)
	}
	return p.Title
}

func (c *console) serverList(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		list, err := c.serversOf(r.Context(), f)
		if err != nil {
			return err
		}
		return c.show(w, r, http.StatusOK, serversPage{f, c.providers(f), list})
	}
}

// ownServer reads a server that belongs to the family, with its provider.
func (c *console) ownServer(r *http.Request, f serverFamily) (channel.Server, channel.Provider, error) {
	server, err := c.Servers.Server(r.Context(), r.PathValue("id"))
	if err != nil {
		return server, channel.Provider{}, err
	}
	provider, err := c.provider(f, server.Kind)
	return server, provider, err
}

func (c *console) newServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		provider, err := c.provider(f, r.URL.Query().Get("kind"))
		if err != nil {
			return err
		}
		form, err := newServerForm(f, provider)
		if err != nil {
			return err
		}
		return c.showServerForm(w, r, http.StatusOK, form)
	}
}

func (c *console) createServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		provider, err := c.provider(f, r.URL.Query().Get("kind"))
		if err != nil {
			return err
		}
		form, err := newServerForm(f, provider)
		if err != nil {
			return err
		}
		server, err := c.saveServer(r, form.read(r), c.Servers.CreateServer)
		if err != nil {
			return c.refuseServer(w, r, form, err)
		}
		return c.afterServer(w, r, f, t(r.Context(), "server.created", server.Name))
	}
}

// afterServer leads back to the list, or to the template that somebody was writing when they came here.
func (c *console) afterServer(w http.ResponseWriter, r *http.Request, f serverFamily, words string) error {
	if back := c.draftPath(r); back != "" {
		c.say(r, "success", t(r.Context(), "template.draft.back"))
		return goTo(w, r, back)
	}
	c.say(r, "success", words)
	return goTo(w, r, f.path)
}

func (c *console) editServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		server, provider, err := c.ownServer(r, f)
		if err != nil {
			return err
		}
		form, err := editServerForm(f, provider, server)
		if err != nil {
			return err
		}
		return c.showServerForm(w, r, http.StatusOK, form)
	}
}

func (c *console) updateServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		server, provider, err := c.ownServer(r, f)
		if err != nil {
			return err
		}
		form, err := editServerForm(f, provider, server)
		if err != nil {
			return err
		}
		save := func(ctx context.Context, a access.Actor, in intake.ServerInput) (channel.Server, error) {
			return c.Servers.UpdateServer(ctx, a, server.ID, in)
		}
		if server, err = c.saveServer(r, form.read(r), save); err != nil {
			return c.refuseServer(w, r, form, err)
		}
		return c.afterServer(w, r, f, t(r.Context(), "server.saved", server.Name))
	}
}

func (c *console) saveServer(r *http.Request, form *serverForm, save func(context.Context, access.Actor, intake.ServerInput) (channel.Server, error)) (channel.Server, error) {
	in, bad := form.input(r.Context())
	if len(bad) > 0 {
		return channel.Server{}, &formRefused{bad}
	}
	return save(r.Context(), actor(r), in)
}

// formRefused is a form whose values could not even be read.
type formRefused struct{ problems []problem }

func (e *formRefused) Error() string { return "the form cannot be read" }

// refuseServer shows the form again with what is wrong, when that is why err came.
func (c *console) refuseServer(w http.ResponseWriter, r *http.Request, form *serverForm, err error) error {
	list, status := form.problemsOf(r.Context(), err)
	if list == nil {
		return err
	}
	form.Problems = list
	return c.showServerForm(w, r, status, form)
}

func (c *console) showServerForm(w http.ResponseWriter, r *http.Request, status int, form *serverForm) error {
	targets, err := c.testTargets(r.Context(), actor(r), form.Provider)
	if err != nil {
		return err
	}
	page := serverPage{serverForm: form, Targets: targets}
	if _, page.Receives = form.Provider.Default().(channel.Receiver); page.Receives && c.Callback != nil && !form.New() {
		page.Callback = c.Callback(form.Server.ID)
	}
	return c.show(w, r, status, page)
}

func (c *console) activateServer(f serverFamily) web.Handler {
	return c.onServer(f, "server.activated", c.Servers.ActivateServer)
}

// resumeServer is "Retry now".
func (c *console) resumeServer(f serverFamily) web.Handler {
	return c.onServer(f, "server.resumed", c.Servers.ResumeServer)
}

// onServer does one thing to a server and leads back to where the button was.
func (c *console) onServer(f serverFamily, said string, do func(context.Context, access.Actor, string) (channel.Server, error)) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		server, _, err := c.ownServer(r, f)
		if err != nil {
			return err
		}
		if server, err = do(r.Context(), actor(r), server.ID); err != nil {
			return err
		}
		c.say(r, "success", t(r.Context(), said, server.Name))
		back := f.path
		if r.PostFormValue("back") != "" {
			back = localPath(r.PostFormValue("back"))
		}
		return goTo(w, r, back)
	}
}

func (c *console) deleteServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		server, _, err := c.ownServer(r, f)
		if err != nil {
			return err
		}
		if err := c.Servers.DeleteServer(r.Context(), actor(r), server.ID); err != nil {
			return err
		}
		c.say(r, "success", t(r.Context(), "server.deleted", server.Name))
		return goTo(w, r, f.path)
	}
}

// serverPath is the page of one server.
func serverPath(f serverFamily, id string) string { return f.path + "/" + url.PathEscape(id) }

// newServerPath is the form for another server of a kind.
func newServerPath(f serverFamily, kind string) string {
	return f.path + "/new?kind=" + url.QueryEscape(kind)
}

// refusal gives what an error says about the content of a request; nil when it says nothing about it.
func refusal(err error) []intake.Problem {
	var refused *intake.Refused
	if errors.As(err, &refused) {
		return refused.Problems
	}
	return nil
}

// fieldOf is the field that a JSON pointer of the API means.
func fieldOf(pointer string) string {
	return strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
}
