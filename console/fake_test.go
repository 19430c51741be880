package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
)

// fakeAccounts keeps accounts and links in memory, and what fakesignin_test.go says.
type fakeAccounts struct {
	list  []access.Account
	links map[string]string // secret → account id
	fakeSignIns
}

func (f *fakeAccounts) find(is func(access.Account) bool) (access.Account, error) {
	if i := slices.IndexFunc(f.list, is); i >= 0 {
		return f.list[i], nil
	}
	return access.Account{}, store.ErrNotFound
}

func (f *fakeAccounts) Account(_ context.Context, id string) (access.Account, error) {
	return f.find(func(a access.Account) bool { return a.ID == id })
}

func (f *fakeAccounts) AccountByName(_ context.Context, name string) (access.Account, error) {
	return f.find(func(a access.Account) bool { return a.Name == strings.ToLower(name) })
}

func (f *fakeAccounts) AccountByLink(ctx context.Context, secret string) (access.Account, error) {
	id, has := f.links[secret]
	if !has {
		return access.Account{}, store.ErrNotFound
	}
	return f.Account(ctx, id)
}

func (f *fakeAccounts) SetPasswordByLink(ctx context.Context, secret, hash string, entries ...access.Entry) (access.Account, error) {
	a, err := f.AccountByLink(ctx, secret)
	if err != nil {
		return a, err
	}
	delete(f.links, secret)
	f.endAll(a.ID, "")
	return f.setPassword(a.ID, hash), f.Audit(ctx, entries...)
}

func (f *fakeAccounts) setPassword(id, hash string) (changed access.Account) {
	for i := range f.list {
		if f.list[i].ID == id {
			f.list[i].PasswordHash = hash
			changed = f.list[i]
		}
	}
	return changed
}

func (f *fakeAccounts) CreateAccount(_ context.Context, name string, role access.Role) (access.Account, error) {
	a := access.Account{ID: fmt.Sprint("account-", len(f.list)), Name: name, Role: role, Scope: access.Everything}
	f.list = append(f.list, a)
	return a, nil
}

func (f *fakeAccounts) SetLanguage(_ context.Context, id, language, zone string) error {
	for i := range f.list {
		if f.list[i].ID == id {
			f.list[i].Language, f.list[i].Zone = language, zone
		}
	}
	return nil
}

// fakeServers keeps servers as the door does: names are unique, the first of a kind is active, settings are checked.
type fakeServers struct {
	list   []channel.Server
	report channel.Report      // of every test
	refuse error               // of every test, in place of the report
	tested *intake.ServerInput // the last test's values
	to     string              // and where it went
	probed []string            // ids that were to be tried now
}

func (f *fakeServers) Servers(_ context.Context, kinds ...string) (list []channel.Server, _ error) {
	for _, s := range f.list {
		if len(kinds) == 0 || slices.Contains(kinds, s.Kind) {
			list = append(list, s)
		}
	}
	return list, nil
}

func (f *fakeServers) at(id string) int {
	return slices.IndexFunc(f.list, func(s channel.Server) bool { return s.ID == id })
}

func (f *fakeServers) Server(_ context.Context, id string) (channel.Server, error) {
	if i := f.at(id); i >= 0 {
		return f.list[i], nil
	}
	return channel.Server{}, store.ErrNotFound
}

func (f *fakeServers) CreateServer(_ context.Context, _ access.Actor, in intake.ServerInput) (channel.Server, error) {
	s := channel.Server{ID: fmt.Sprint("server-", len(f.list)), Kind: in.Kind, Active: true}
	for _, other := range f.list {
		s.Active = s.Active && other.Kind != in.Kind
	}
	s, err := f.fill(s, in)
	if err == nil {
		f.list = append(f.list, s)
	}
	return s, err
}

func (f *fakeServers) UpdateServer(ctx context.Context, _ access.Actor, id string, in intake.ServerInput) (channel.Server, error) {
	s, err := f.Server(ctx, id)
	if err == nil {
		s, err = f.fill(s, in)
	}
	if err == nil {
		f.list[f.at(id)] = s
	}
	return s, err
}

func (f *fakeServers) fill(s channel.Server, in intake.ServerInput) (channel.Server, error) {
	provider, _ := all.Find(s.Kind)
	settings, bad := provider.Default(), []intake.Problem(nil)
	if in.Name == "" {
		bad = append(bad, intake.Problem{Pointer: "/name", Detail: "is required"})
	}
	for _, other := range f.list {
		if other.Name == in.Name && other.ID != s.ID {
			return s, fmt.Errorf("a server of this name: %w", store.ErrConflict)
		}
	}
	merged := channel.Values{}
	if s.Settings != nil {
		stored := map[string]json.RawMessage{}
		raw, _ := json.Marshal(s.Settings)
		_ = json.Unmarshal(raw, &stored)
		flat := channel.Flat(provider.Fields, stored)
		for _, field := range provider.Fields {
			if field.Secret {
				merged[field.Name] = flat[field.Name]
			}
		}
	}
	maps.Copy(merged, channel.Flat(provider.Fields, in.Settings))
	nested, err := merged.Nested()
	if err != nil {
		return s, err
	}
	raw, err := json.Marshal(nested)
	if err != nil {
		return s, err
	}
	if err := channel.Decode(settings, raw); err != nil {
		return s, err
	}
	for _, p := range settings.Check() {
		bad = append(bad, intake.Problem{Pointer: "/" + strings.ReplaceAll(p.Field, ".", "/"), Detail: p.Detail})
	}
	if bad != nil {
		return s, &intake.Refused{Problems: bad}
	}
	s.Name, s.Description, s.Settings, s.Route = in.Name, in.Description, settings, settings.Route()
	return s, nil
}

func (f *fakeServers) DeleteServer(_ context.Context, _ access.Actor, id string) error {
	f.list = slices.Delete(f.list, f.at(id), f.at(id)+1)
	return nil
}

func (f *fakeServers) ActivateServer(_ context.Context, _ access.Actor, id string) (channel.Server, error) {
	i := f.at(id)
	for j := range f.list {
		if f.list[j].Kind == f.list[i].Kind {
			f.list[j].Active = j == i
		}
	}
	return f.list[i], nil
}

func (f *fakeServers) ResumeServer(ctx context.Context, _ access.Actor, id string) (channel.Server, error) {
	f.probed = append(f.probed, id)
	return f.Server(ctx, id)
}

func (f *fakeServers) TestServer(ctx context.Context, _ access.Actor, id string, in *intake.ServerInput, to string) (channel.Report, error) {
	s, err := f.Server(ctx, id)
	if err != nil {
		s = channel.Server{Kind: in.Kind}
	}
	named := *in
	named.Name = "unsaved"
	if _, err := f.fill(s, named); err != nil {
		return channel.Report{}, err
	}
	f.tested, f.to = in, to
	return f.report, f.refuse
}

// fakeFigures counts devices that it holds, and gives what it is told of messages.
type fakeFigures struct {
	devices  []fleet.Device
	recent   []message.Notification
	hours    []store.HourCount
	accepted bool
	now      time.Time
}

func (f *fakeFigures) RecentFigures(context.Context, access.Scope) (fleet.Figures, error) {
	figures := fleet.Figures{Devices: int64(len(f.devices))}
	for _, p := range fleet.Platforms {
		if n := f.count(func(d fleet.Device) bool { return d.Platform == p }); n > 0 {
			figures.Platforms = append(figures.Platforms, fleet.PlatformFigure{Platform: p, Devices: n})
		}
	}
	figures.Compliant = f.count(func(d fleet.Device) bool { return d.Compliant })
	figures.Jailbroken = f.count(func(d fleet.Device) bool { return d.Jailbroken })
	var above int64
	for _, c := range fleet.Contacts {
		if c.Limit == 0 {
			continue
		}
		within := f.count(func(d fleet.Device) bool { return f.now.Sub(d.LastSeen) < c.Limit })
		figures.Contact = append(figures.Contact, fleet.ContactFigure{Contact: c.Contact, Devices: within - above})
		above = within
	}
	figures.Contact = append(figures.Contact, fleet.ContactFigure{Contact: fleet.Longer, Devices: figures.Devices - above})
	return figures, nil
}

func (f *fakeFigures) count(is func(fleet.Device) bool) (n int64) {
	for _, d := range f.devices {
		if is(d) {
			n++
		}
	}
	return n
}

func (f *fakeFigures) ListDevices(context.Context, access.Scope, fleet.Filter, store.Page) ([]fleet.Device, string, error) {
	return f.devices[:min(len(f.devices), 100)], "", nil
}

func (f *fakeFigures) ListNotifications(context.Context, access.Scope, store.NotificationFilter, store.Page) ([]message.Notification, string, error) {
	return f.recent, "", nil
}

func (f *fakeFigures) DeliveriesPerHour(context.Context, time.Time) ([]store.HourCount, error) {
	return f.hours, nil
}

func (f *fakeFigures) AnythingAccepted(context.Context) (bool, error) { return f.accepted, nil }
