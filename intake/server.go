package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

// ServerInput is a server as somebody fills it in. Settings are the kind's own fields, one within an object either there
// or as "object.member"; a secret that is absent keeps what is stored, null clears it. Any other field that is absent goes
// back to its default.
type ServerInput struct {
	Kind        string
	Name        string
	Description string
	Active      *bool // nil: as it is; a new one is active when it is the first of its kind
	Settings    map[string]json.RawMessage
}

const (
	maxServerName        = 128
	maxServerDescription = 1000
)

func (d *Door) provider(kind string) (channel.Provider, bool) {
	for _, p := range d.options.Providers {
		if p.Kind == kind {
			return p, true
		}
	}
	return channel.Provider{}, false
}

// Servers lists the servers of some kinds; all without one.
func (d *Door) Servers(ctx context.Context, kinds ...string) ([]channel.Server, error) {
	list, err := d.store.Servers(ctx, kinds...)
	if err != nil {
		return nil, err
	}
	return list, d.addResting(ctx, list)
}

// addResting says of each server which hosts behind it are left alone.
func (d *Door) addResting(ctx context.Context, list []channel.Server) error {
	resting, err := d.store.Resting(ctx)
	for i := range list {
		list[i].Resting = resting[list[i].ID]
	}
	return err
}

// Server reads one server.
func (d *Door) Server(ctx context.Context, id string) (channel.Server, error) {
	v, err := d.store.Server(ctx, id)
	if err != nil {
		return v, err
	}
	list := []channel.Server{v}
	err = d.addResting(ctx, list)
	return list[0], err
}

// CreateServer stores a new server.
func (d *Door) CreateServer(ctx context.Context, actor access.Actor, in ServerInput) (channel.Server, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return channel.Server{}, err
	}
	v, err := d.fill(channel.Server{ID: id.String(), Kind: in.Kind}, in)
	if err != nil {
		return v, err
	}
	return d.putServer(ctx, actor, v, "server created", actor.Did(access.Create, serverObject(v), nil, d.serverFields(v)))
}

// UpdateServer replaces a server's settings. Its kind stays.
func (d *Door) UpdateServer(ctx context.Context, actor access.Actor, id string, in ServerInput) (channel.Server, error) {
	before, err := d.store.Server(ctx, id)
	if err != nil {
		return before, err
	}
	if in.Kind != "" && in.Kind != before.Kind {
		return before, wrong("/kind", "cannot be changed: add another server instead")
	}
	v, err := d.fill(before, in)
	if err != nil {
		return v, err
	}
	return d.putServer(ctx, actor, v, "server changed", actor.Did(access.Update, serverObject(v), d.serverFields(before), d.serverFields(v)))
}

func (d *Door) putServer(ctx context.Context, actor access.Actor, v channel.Server, what string, entry access.Entry) (channel.Server, error) {
	v, err := d.store.PutServer(ctx, v, entry)
	if err == nil {
		d.options.Logger.Info(what, "server", v.Name, "kind", v.Kind, "by", actor.Name)
	}
	return v, err
}

// fill lays the input over a server and checks all of it.
func (d *Door) fill(v channel.Server, in ServerInput) (channel.Server, error) {
	p, ok := d.provider(v.Kind)
	if !ok {
		return v, wrong("/kind", "must be one of: %s", strings.Join(d.kinds(), ", "))
	}
	problems := checkNames(in)
	settings, err := fillSettings(p, v.Settings, in.Settings)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return v, refuse(append(problems, refused.Problems...))
	case err != nil:
		return v, err
	}
	for _, one := range settings.Check() {
		problems = append(problems, Problem{"/" + strings.ReplaceAll(one.Field, ".", "/"), one.Detail})
	}
	v.Name, v.Description, v.Settings = strings.TrimSpace(in.Name), in.Description, settings
	if in.Active != nil {
		v.Active = *in.Active
	}
	return v, refuse(problems)
}

func (d *Door) kinds() (kinds []string) {
	for _, p := range d.options.Providers {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

func checkNames(in ServerInput) (list []Problem) {
	switch name := strings.TrimSpace(in.Name); {
	case name == "":
		list = append(list, Problem{"/name", "is required"})
	case utf8.RuneCountInString(name) > maxServerName:
		list = append(list, Problem{"/name", fmt.Sprintf("is longer than %d characters", maxServerName)})
	}
	if utf8.RuneCountInString(in.Description) > maxServerDescription {
		list = append(list, Problem{"/description", fmt.Sprintf("is longer than %d characters", maxServerDescription)})
	}
	return list
}

// fillSettings reads the input over the defaults, with the secrets that it does not mention taken from before.
func fillSettings(p channel.Provider, before channel.Settings, in map[string]json.RawMessage) (channel.Settings, error) {
	merged := channel.Values{}
	if before != nil {
		stored, err := valuesOf(p, before)
		if err != nil {
			return nil, err
		}
		for _, f := range p.Fields {
			if f.Secret && stored[f.Name] != nil {
				merged[f.Name] = stored[f.Name]
			}
		}
	}
	for name, value := range channel.Flat(p.Fields, in) {
		if bytes.Equal(bytes.TrimSpace(value), []byte("null")) {
			delete(merged, name)
			continue
		}
		merged[name] = value
	}
	follow(p.Fields, merged)
	nested, err := merged.Nested()
	if err != nil {
		return nil, wrong("", "is not JSON")
	}
	raw, err := json.Marshal(nested)
	if err != nil {
		return nil, wrong("", "is not JSON")
	}
	settings := p.Default()
	if err := channel.Decode(settings, raw); err != nil {
		return nil, refuse([]Problem{decodeProblem(err)})
	}
	if c, ok := settings.(channel.Completing); ok {
		c.Complete()
	}
	return settings, redirected(p, before, settings, in)
}

// redirected refuses stored secrets that the input does not repeat, and that would now go to somebody else.
func redirected(p channel.Provider, before, after channel.Settings, in map[string]json.RawMessage) error {
	if before == nil {
		return nil
	}
	was, err := valuesOf(p, before)
	if err != nil {
		return err
	}
	is, err := valuesOf(p, after)
	if err != nil {
		return err
	}
	given := channel.Flat(p.Fields, in)
	var problems []Problem
	for _, f := range p.Fields {
		if blank(was[f.Name]) || given[f.Name] != nil {
			continue
		}
		if slices.ContainsFunc(f.GoesTo, func(to string) bool { return !sameValue(was[to], is[to]) }) {
			problems = append(problems, Problem{"/" + strings.ReplaceAll(f.Name, ".", "/"),
				"must be given again, because it would go to another server than before"})
		}
	}
	return refuse(problems)
}

func sameValue(a, b json.RawMessage) bool {
	return blank(a) && blank(b) || bytes.EqualFold(bytes.TrimSpace(a), bytes.TrimSpace(b))
}

// blank reports whether a value is absent or says nothing.
func blank(v json.RawMessage) bool {
	text := string(bytes.TrimSpace(v))
	return text == "" || text == "null" || text == `""`
}

// follow gives fields that go with another one, and that the input leaves out, the value that belongs to it: the port of
// a mail server goes with its protocol, whoever fills in the form.
func follow(fields []channel.Field, values channel.Values) {
	for _, f := range fields {
		if f.Follows == nil || values[f.Name] != nil {
			continue
		}
		var led string
		if json.Unmarshal(values[f.Follows.Field], &led) != nil {
			continue // absent, or refused when it is read
		}
		if value, ok := f.Follows.Values[led]; ok {
			values[f.Name] = json.RawMessage(value)
		}
	}
}

var unknownField = regexp.MustCompile(`unknown field "([^"]{1,100})"`)

// decodeProblem says what is wrong with JSON, without its values.
func decodeProblem(err error) Problem {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return Problem{"/" + strings.ReplaceAll(kind.Field, ".", "/"), "must be " + article(kind.Type.Kind().String())}
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		return Problem{"/" + m[1], "is not a field of this kind of server"}
	}
	return Problem{"", "is not valid"}
}

func article(kind string) string {
	switch {
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "a whole number"
	case kind == "string":
		return "a text"
	}
	return "an object"
}

// valuesOf are settings by their provider's fields.
func valuesOf(p channel.Provider, s channel.Settings) (channel.Values, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	object := map[string]json.RawMessage{}
	err = json.Unmarshal(raw, &object)
	return channel.Flat(p.Fields, object), err
}

// DeleteServer takes a server out of use for good.
func (d *Door) DeleteServer(ctx context.Context, actor access.Actor, id string) error {
	v, err := d.store.Server(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteServer(ctx, id, actor.Did(access.Delete, serverObject(v), d.serverFields(v), nil))
	if err == nil {
		d.options.Logger.Info("server deleted", "server", id, "by", actor.Name)
	}
	return err
}

// ActivateServer makes a server the one of its kind that messages leave by.
func (d *Door) ActivateServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error) {
	v, err := d.store.Server(ctx, id)
	if err != nil {
		return v, err
	}
	v, err = d.store.ActivateServer(ctx, id, actor.Did(access.Activate, serverObject(v), fields{"active": v.Active}, fields{"active": true}))
	if err == nil {
		d.options.Logger.Info("server activated", "server", v.Name, "kind", v.Kind, "by", actor.Name)
	}
	return v, err
}

// ResumeServer tries a paused server, and hosts behind it that are left alone, now instead of at the end of their pause.
func (d *Door) ResumeServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error) {
	v, err := d.store.Server(ctx, id)
	if err != nil {
		return v, err
	}
	v, err = d.store.ProbeNow(ctx, id, actor.Did(access.Resume, serverObject(v), nil, nil))
	if err != nil {
		return v, err
	}
	d.options.Logger.Info("server to be tried now", "server", v.Name, "kind", v.Kind, "by", actor.Name)
	return d.Server(ctx, id)
}

// TestServer really sends one message. id is a stored server's, whose secrets fill in what the input leaves out; in nil
// tests it as it is stored; both give the values on a form. to is a mail address, a number, or for push the id of a device.
func (d *Door) TestServer(ctx context.Context, actor access.Actor, id string, in *ServerInput, to string) (channel.Report, error) {
	settings, p, err := d.toTest(ctx, id, in)
	if err != nil {
		return channel.Report{}, err
	}
	m, err := d.testMessage(ctx, actor, p, settings, to)
	if err != nil {
		return channel.Report{}, err
	}
	report := settings.Test(ctx, d.options.Env, m)
	object := access.Object{Kind: access.AServer, ID: id, Name: p.Kind}
	return report, d.store.Audit(ctx, actor.Did(access.Test, object, nil, fields{"kind": p.Kind, "to": to, "ok": report.OK}))
}

func (d *Door) toTest(ctx context.Context, id string, in *ServerInput) (channel.Settings, channel.Provider, error) {
	var stored channel.Server
	if id != "" {
		var err error
		if stored, err = d.store.Server(ctx, id); err != nil {
			return nil, channel.Provider{}, err
		}
	}
	if in == nil {
		p, _ := d.provider(stored.Kind)
		return stored.Settings, p, nil
	}
	if stored.Kind == "" {
		stored.Kind = in.Kind
	}
	unsaved := *in
	if unsaved.Name == "" {
		unsaved.Name = "unsaved" // a test needs no name
	}
	v, err := d.fill(stored, unsaved)
	p, _ := d.provider(v.Kind)
	return v.Settings, p, err
}

func (d *Door) testMessage(ctx context.Context, actor access.Actor, p channel.Provider, s channel.Settings, to string) (message.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return message.Message{}, err
	}
	now := d.options.Now()
	m := message.Message{
		ID: message.DeliveryID(now.UnixNano()), Notification: message.NotificationID(id.String()), Channel: p.Channel,
		Subject: "Heliograph test message",
		Text:    "This is a test message from Heliograph. Whoever receives it knows that the settings work.",
		Address: to,
	}
	return m, d.aim(ctx, actor, p, s, &m)
}

// aim checks the address that somebody gave for a test, and writes it as the service wants it.
func (d *Door) aim(ctx context.Context, actor access.Actor, p channel.Provider, s channel.Settings, m *message.Message) error {
	switch p.Channel {
	case message.SMTP:
		if !fleet.ValidMail(m.Address) {
			return wrong("/to", "is not a mail address")
		}
		return nil
	case message.SMS:
		m.Subject = ""
		return toNumber(s, m)
	}
	return d.toDevice(ctx, actor, p, s, m)
}

// toNumber replaces a number as somebody wrote it by the one that the service wants.
func toNumber(s channel.Settings, m *message.Message) error {
	numbered, ok := s.(channel.Numbered)
	if !ok {
		return wrong("/to", "is not what this service sends to")
	}
	number, err := numbered.Number(m.Address)
	if err != nil {
		return wrong("/to", "is not a telephone number: write it with its country, such as +33612345678")
	}
	m.Address = number
	return nil
}

// toDevice replaces the id of a device by its push token, when the token is one that the provider serves.
func (d *Door) toDevice(ctx context.Context, actor access.Actor, p channel.Provider, s channel.Settings, m *message.Message) error {
	if !fleet.ValidID(m.Address) {
		return wrong("/to", "is not the id of a device")
	}
	token, err := d.store.DeviceToken(ctx, actor.Scope, fleet.DeviceID(m.Address))
	if err != nil {
		return wrong("/to", "is not a device with a live push token")
	}
	route := s.Route()
	if string(token.Provider) != p.Kind || token.App != route.App || route.Environment != "" && route.Environment != string(token.Environment) {
		return wrong("/to", "is a device whose push token belongs to another provider, app or environment")
	}
	m.Subject, m.Address, m.Arrived = "", token.Token, token.Arrived
	return nil
}

// ServerView is a server as everybody may see it: the settings without their secrets, and for each secret whether it
// is set.
func ServerView(providers []channel.Provider, v channel.Server) (map[string]any, error) {
	i := slices.IndexFunc(providers, func(p channel.Provider) bool { return p.Kind == v.Kind })
	if i < 0 {
		return nil, fmt.Errorf("server %s is of an unknown kind: %s", v.Name, v.Kind)
	}
	values, err := OpenSettings(providers[i], v.Settings)
	if err != nil {
		return nil, err
	}
	fields, err := values.Nested()
	if err != nil {
		return nil, err
	}
	view := map[string]any{}
	for name, value := range fields {
		view[name] = value
	}
	view["id"], view["kind"], view["name"], view["description"], view["active"] = v.ID, v.Kind, v.Name, v.Description, v.Active
	return view, nil
}

// OpenSettings are the settings that everybody may see, by field. In place of a secret there is its name with "_set":
// true or false.
func OpenSettings(p channel.Provider, s channel.Settings) (channel.Values, error) {
	values, err := valuesOf(p, s)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Fields {
		if f.Secret {
			value := string(values[f.Name])
			values[f.Name+"_set"] = strconv.AppendBool(nil, value != "" && value != `""` && value != "null")
			delete(values, f.Name)
		}
	}
	return values, nil
}
