package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/console/text"
	"heliograph/intake"
	"heliograph/message"
)

// Servers are configurations that messages leave by. Their fields are those of their provider, so their shapes are made
// from the providers' lists and not from types of ours.

// serverBody is a server as it comes in, field by field.
type serverBody map[string]json.RawMessage

// serverView is a server as it is shown.
type serverView map[string]any

// resource is one of the two addresses under which servers are found.
type resource struct {
	s     *server
	path  string
	kinds []string
	shape *huma.Schema // of its kinds
	trial *huma.Schema // of a test: the same, and who gets the message
}

// Names of schemas in the document, by kind, where the kind's own word does not do.
var shapeNames = map[string]string{"smtp": "SMTPServer", "sms": "SMSGateway", "apns": "APNsProvider", "fcm": "FCMProvider", "webpush": "WebPushProvider"}

const schemaRef = "#/components/schemas/"

func (s *server) resource(path, title string, kinds ...string) *resource {
	r := &resource{s: s, path: path, kinds: kinds}
	r.shape, r.trial = union(title), union(title+" With who gets the test.")
	for _, p := range s.providers {
		if !slices.Contains(kinds, p.Kind) {
			continue
		}
		schemas, name := s.huma.OpenAPI().Components.Schemas.Map(), shapeNames[p.Kind]
		schemas[name], schemas[name+"Test"] = serverSchema(p), serverSchema(p)
		schemas[name+"Test"].Properties["to"] = &huma.Schema{Type: huma.TypeString, Description: receivers[p.Channel]}
		schemas[name+"Test"].Required = []string{"to"}
		r.shape, r.trial = with(r.shape, p.Kind, name), with(r.trial, p.Kind, name+"Test")
	}
	return r
}

// union is a schema that will be one of several, told apart by kind.
func union(title string) *huma.Schema {
	return &huma.Schema{Description: title, Discriminator: &huma.Discriminator{PropertyName: "kind", Mapping: map[string]string{}}}
}

func with(s *huma.Schema, kind, name string) *huma.Schema {
	s.OneOf = append(s.OneOf, &huma.Schema{Ref: schemaRef + name})
	s.Discriminator.Mapping[kind] = schemaRef + name
	return s
}

// serverSchema is the shape of one kind of server.
func serverSchema(p channel.Provider) *huma.Schema {
	yes, word := "boolean", "string"
	s := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"name"},
		Description: p.Title + ": one configuration that messages leave by. Secrets are never shown: absent keeps them, null clears them.",
		Properties: map[string]*huma.Schema{
			"id":           {Type: word, ReadOnly: true},
			"kind":         {Type: word, Enum: []any{p.Kind}},
			"name":         {Type: word, MaxLength: ptr(256), Description: "Unique."},
			"description":  {Type: word, MaxLength: ptr(4096)},
			"active":       {Type: yes, Description: "Messages leave by it. The first of a kind (push: of a kind, app and environment) is active by itself; at most one is."},
			"paused":       {Type: yes, ReadOnly: true, Description: "It answered that it cannot take messages now."},
			"created_at":   {Type: word, Format: "date-time", ReadOnly: true},
			"updated_at":   {Type: word, Format: "date-time", ReadOnly: true},
			"paused_since": {Type: word, Format: "date-time", Nullable: true, ReadOnly: true},
			"paused_until": {Type: word, Format: "date-time", Nullable: true, ReadOnly: true, Description: "Then one message tries again."},
			"pause_reason": {Type: word, Nullable: true, ReadOnly: true, Description: "Why it is paused: a word of the reasons of deliveries."},
			"pause_detail": {Type: word, Nullable: true, ReadOnly: true, Description: "The same in a sentence, with the server's own words."},
			"paused_hosts": {Type: huma.TypeArray, ReadOnly: true, Items: pausedHostSchema(), Description: "Hosts behind it that are left alone while others go on, such as the push service of one browser."},
			"answered_at":  {Type: word, Format: "date-time", Nullable: true, ReadOnly: true},
			"answer":       {Type: word, Nullable: true, ReadOnly: true, Description: "The last answer of the server."},
			"expiries":     expiriesSchema(),
		},
	}
	for _, f := range p.Fields {
		in, name := holder(s, f.Name)
		in.Properties[name] = fieldSchema(p, f)
		if f.Secret {
			in.Properties[name+"_set"] = &huma.Schema{Type: yes, ReadOnly: true, Description: name + " is stored."}
		}
		if f.Required && f.ShownIf == "" && !f.Secret && !hasDefault(p, f.Name) {
			s.Required = append(s.Required, f.Name)
		}
	}
	return s
}

// expiriesSchema is the shape of what ends by itself.
func expiriesSchema() *huma.Schema {
	word := huma.TypeString
	return &huma.Schema{
		Type: huma.TypeArray, ReadOnly: true, Description: "Credentials among the settings that end by themselves, the soonest first.",
		Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
			"field": {Type: word, Description: "Setting that holds it.", Examples: []any{"certificate"}},
			"name":  {Type: word, Description: "The name on it."},
			"at":    {Type: word, Format: "date-time"},
		}},
	}
}

// holder is the schema that a field is a property of, and its name there: "object.member" is in one of its own.
func holder(s *huma.Schema, field string) (*huma.Schema, string) {
	object, member, within := strings.Cut(field, ".")
	if !within {
		return s, field
	}
	if s.Properties[object] == nil {
		s.Properties[object] = &huma.Schema{
			Type: huma.TypeObject, AdditionalProperties: false, Nullable: true, Properties: map[string]*huma.Schema{},
			Description: "null clears all of it.",
		}
	}
	return s.Properties[object], member
}

func fieldSchema(p channel.Provider, f channel.Field) *huma.Schema {
	s := &huma.Schema{
		Type: huma.TypeString, WriteOnly: f.Secret, ReadOnly: f.ReadOnly, Nullable: f.Secret,
		Description: explanation("server." + p.Kind + "." + f.Name),
	}
	switch f.Type {
	case "number":
		s.Type = huma.TypeInteger
	case "switch":
		s.Type = huma.TypeBoolean
	case "choice":
		for _, choice := range f.Choices {
			s.Enum = append(s.Enum, choice)
		}
	}
	if value := defaults(p)[f.Name]; !f.Secret && value != nil && value != "" {
		s.Default = value
	}
	if f.ShownIf != "" {
		s.Description = strings.TrimSpace(s.Description + " Used when " + f.ShownIf + ".")
	}
	return s
}

// explanation is what the console says about a setting: its name, its unit and its bounds are the same by script.
func explanation(key string) string {
	if !text.English.Has(key) {
		return ""
	}
	sentences := text.English.T(key) + "."
	if help := key + ".help"; text.English.Has(help) {
		sentences += " " + text.English.T(help)
	}
	return sentences
}

func hasDefault(p channel.Provider, field string) bool {
	value := defaults(p)[field]
	return value != nil && value != "" && value != 0.0
}

// defaults are the settings of a new server, by field.
func defaults(p channel.Provider) map[string]any {
	raw, err := json.Marshal(p.Default())
	var settings map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(raw, &settings)
	}
	if err != nil {
		return nil
	}
	values := map[string]any{}
	for name, raw := range channel.Flat(p.Fields, settings) {
		var value any
		if json.Unmarshal(raw, &value) == nil {
			values[name] = value
		}
	}
	return values
}

func ptr[T any](v T) *T { return &v }

func (r *resource) provider(kind string) (channel.Provider, bool) {
	for _, p := range r.s.providers {
		if p.Kind == kind && slices.Contains(r.kinds, kind) {
			return p, true
		}
	}
	return channel.Provider{}, false
}

// input reads the settings of a server. kind is that of the stored one, empty for a new one. to and whatever else is
// not a setting was taken out before.
func (r *resource) input(body serverBody, kind string) (in intake.ServerInput, err error) {
	if kind, err = r.kind(body, kind); err != nil {
		return in, err
	}
	p, _ := r.provider(kind)
	body = maps.Clone(body)
	for _, f := range p.Fields {
		if f.Type == "secret_multiline" && bytes.HasPrefix(bytes.TrimSpace(body[f.Name]), []byte("{")) {
			body[f.Name] = encode(string(body[f.Name])) // a file that is JSON may also come as it is
		}
	}
	if err := r.s.checkShape(schemaRef+shapeNames[kind], encode(body)); err != nil {
		return in, err
	}
	in = intake.ServerInput{Kind: kind, Settings: map[string]json.RawMessage{}}
	values := channel.Flat(p.Fields, body)
	for _, f := range p.Fields {
		if raw, ok := values[f.Name]; ok && (f.Secret || string(raw) != "null") {
			in.Settings[f.Name] = raw
		}
	}
	return in, readAll(body, map[string]any{"name": &in.Name, "description": &in.Description, "active": &in.Active})
}

// checkShape compares a body with a schema of the document.
func (s *server) checkShape(ref string, body []byte) error {
	var parsed any
	return decode(s.huma.OpenAPI().Components.Schemas, &huma.Schema{Ref: ref}, body, &parsed)
}

// readAll reads the fields of a body that was checked.
func readAll(body serverBody, into map[string]any) error {
	for name, value := range into {
		if raw, ok := body[name]; ok {
			if err := json.Unmarshal(raw, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// kind is the kind that a body speaks of.
func (r *resource) kind(body serverBody, have string) (string, error) {
	var said string
	raw, ok := body["kind"]
	if ok && json.Unmarshal(raw, &said) != nil {
		return "", refused(Fault{"/kind", "must be a text"})
	}
	switch {
	case have != "" && said != "" && said != have:
		return "", refused(Fault{"/kind", "cannot be changed"})
	case have != "":
		return have, nil
	case said == "" && len(r.kinds) == 1:
		return r.kinds[0], nil
	case said == "":
		return "", refused(Fault{"/kind", "is required"})
	case !slices.Contains(r.kinds, said):
		return "", refused(Fault{"/kind", "must be " + strings.Join(r.kinds, " or ")})
	}
	return said, nil
}

// show is a server without its secrets, and how it is.
func (r *resource) show(v channel.Server) (serverView, error) {
	view, err := intake.ServerView(r.s.providers, v)
	if err != nil {
		return nil, err
	}
	view["created_at"], view["updated_at"] = v.CreatedAt.UTC(), v.UpdatedAt.UTC()
	view["answered_at"], view["answer"] = timeOrNull(v.AnsweredAt), orNull(v.Answer)
	pause := channel.Pause{}
	if v.Pause != nil {
		pause = *v.Pause
	}
	view["paused"], view["pause_reason"], view["pause_detail"] = v.Pause != nil, orNull(pause.Reason), orNull(pause.Detail)
	view["expiries"] = expiriesOf(v, r.s.now())
	view["paused_since"], view["paused_until"] = timeOrNull(pause.Since), timeOrNull(pause.Until)
	view["paused_hosts"] = pausedHosts(v.Resting)
	return view, nil
}

// pausedHost is one of many hosts behind a server that is left alone.
type pausedHost struct {
	Host   string    `json:"host"`
	Since  time.Time `json:"paused_since"`
	Until  time.Time `json:"paused_until"`
	Reason string    `json:"pause_reason"`
	Detail string    `json:"pause_detail"`
}

func pausedHosts(resting []channel.Resting) []pausedHost {
	list := make([]pausedHost, len(resting))
	for i, r := range resting {
		list[i] = pausedHost{r.Host, r.Since.UTC().Truncate(time.Millisecond), r.Until.UTC().Truncate(time.Millisecond), string(r.Reason), r.Detail}
	}
	return list
}

func pausedHostSchema() *huma.Schema {
	word := &huma.Schema{Type: huma.TypeString}
	when := &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	return &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
		"host": word, "paused_since": when, "paused_until": when, "pause_reason": word, "pause_detail": word,
	}}
}

// expiry is a credential that ends by itself.
type expiry struct {
	Field string    `json:"field"`
	Name  string    `json:"name"`
	At    time.Time `json:"at"`
}

func expiriesOf(v channel.Server, now time.Time) []expiry {
	list := []expiry{}
	for _, e := range channel.Expiries(v.Settings, now) {
		list = append(list, expiry{e.Field, e.Whose, e.At.UTC()})
	}
	return list
}

func (r *resource) found(v channel.Server, err error) (*found[serverView], error) {
	if err != nil {
		return nil, err
	}
	return find(r.show(v))
}

// stored finds a server of the resource's kinds; others are not to be found here.
func (r *resource) stored(ctx context.Context, id string) (channel.Server, error) {
	found, err := r.s.door.Server(ctx, id)
	if err == nil && !slices.Contains(r.kinds, found.Kind) {
		return channel.Server{}, newProblem(http.StatusNotFound, notThere)
	}
	return found, err
}

type listServersInput struct{ Paged }

// list pages through servers by their place: there are a handful of them.
func (r *resource) list(ctx context.Context, _ access.Actor, in *listServersInput) (*found[page[serverView]], error) {
	servers, err := r.s.door.Servers(ctx, r.kinds...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(servers, func(a, b channel.Server) int { return strings.Compare(b.ID, a.ID) })
	if in.Cursor != "" {
		servers = slices.DeleteFunc(servers, func(s channel.Server) bool { return s.ID >= in.Cursor })
	}
	next := ""
	if len(servers) > in.Limit {
		servers = servers[:in.Limit]
		next = servers[in.Limit-1].ID
	}
	views := make([]serverView, len(servers))
	for i, v := range servers {
		if views[i], err = r.show(v); err != nil {
			return nil, err
		}
	}
	return pageOf(views, next, func(v serverView) serverView { return v }), nil
}

func (r *resource) get(ctx context.Context, _ access.Actor, in *ByID) (*found[serverView], error) {
	return r.found(r.stored(ctx, in.ID))
}

type createServerInput struct{ payload[serverBody] }

func (r *resource) create(ctx context.Context, actor access.Actor, in *createServerInput) (*made[serverView], error) {
	input, err := r.input(in.body, "")
	if err != nil {
		return nil, err
	}
	server, err := r.s.door.CreateServer(ctx, actor, input)
	if err != nil {
		return nil, err
	}
	view, err := r.show(server)
	return &made[serverView]{prefix + r.path + "/" + server.ID, view}, err
}

type updateServerInput struct {
	ByID
	payload[serverBody]
}

func (r *resource) update(ctx context.Context, actor access.Actor, in *updateServerInput) (*found[serverView], error) {
	before, err := r.stored(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	input, err := r.input(in.body, before.Kind)
	if err != nil {
		return nil, err
	}
	return r.found(r.s.door.UpdateServer(ctx, actor, in.ID, input))
}

func (r *resource) delete(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	if _, err := r.stored(ctx, in.ID); err != nil {
		return nil, err
	}
	return &nothing{}, r.s.door.DeleteServer(ctx, actor, in.ID)
}

type actServerInput struct {
	ByID
	payload[Nothing]
}

type serverAction func(ctx context.Context, actor access.Actor, id string) (channel.Server, error)

// act is an action on one server that answers with it.
func (r *resource) act(do serverAction) handler[actServerInput, found[serverView]] {
	return func(ctx context.Context, actor access.Actor, in *actServerInput) (*found[serverView], error) {
		if _, err := r.stored(ctx, in.ID); err != nil {
			return nil, err
		}
		return r.found(do(ctx, actor, in.ID))
	}
}

// Report is the answer of a test: what was done, step by step.
type Report struct {
	OK       bool     `json:"ok"`
	Steps    []Step   `json:"steps"`
	Dialogue []string `json:"dialogue" doc:"The protocol's lines without secrets, where it has lines."`
	Reason   *string  `json:"reason" doc:"null when all went well."`
	Detail   *string  `json:"detail" doc:"The step that failed, in words."`
}

// Step is one thing that a test did.
type Step struct {
	Name   string `json:"name" example:"connect"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func showReport(r channel.Report) Report {
	shown := Report{OK: r.OK, Steps: []Step{}, Dialogue: listOf(r.Dialogue), Reason: orNull(r.Reason), Detail: orNull(r.Detail)}
	for _, step := range r.Steps {
		shown.Steps = append(shown.Steps, Step(step))
	}
	return shown
}

// test sends one real message by a stored server, with other values where the body has some.
func (r *resource) test(ctx context.Context, actor access.Actor, in *updateServerInput) (*found[Report], error) {
	before, err := r.stored(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	to, settings, err := r.testBody(in.body, before.Kind)
	if err != nil {
		return nil, err
	}
	var input *intake.ServerInput
	if len(settings) > 0 {
		if settings, err = r.over(before, settings); err != nil {
			return nil, err
		}
		changed, err := r.input(settings, before.Kind)
		if err != nil {
			return nil, err
		}
		input = &changed
	}
	report, err := r.s.door.TestServer(ctx, actor, in.ID, input, to)
	return find(showReport(report), err)
}

// over lays the fields that were sent over those of a stored server, within objects too. Secrets stay where they are: who
// takes the settings knows whether the stored ones may go along.
func (r *resource) over(stored channel.Server, sent serverBody) (serverBody, error) {
	view, err := intake.ServerView(r.s.providers, stored)
	if err != nil {
		return nil, err
	}
	all := serverBody{}
	for name, value := range view {
		all[name] = encode(value)
	}
	for name, value := range sent {
		var below, above map[string]json.RawMessage
		if json.Unmarshal(all[name], &below) == nil && json.Unmarshal(value, &above) == nil && below != nil && above != nil {
			maps.Copy(below, above)
			value = encode(below)
		}
		all[name] = value
	}
	return all, nil
}

// testUnsaved sends one real message by settings that are not stored.
func (r *resource) testUnsaved(ctx context.Context, actor access.Actor, in *createServerInput) (*found[Report], error) {
	kind, err := r.kind(in.body, "")
	if err != nil {
		return nil, err
	}
	to, settings, err := r.testBody(in.body, kind)
	if err != nil {
		return nil, err
	}
	if settings["name"] == nil {
		settings["name"] = encode("test")
	}
	input, err := r.input(settings, "")
	if err != nil {
		return nil, err
	}
	report, err := r.s.door.TestServer(ctx, actor, "", &input, to)
	return find(showReport(report), err)
}

// testBody takes the receiver of a test out of its settings.
func (r *resource) testBody(body serverBody, kind string) (to string, settings serverBody, err error) {
	settings = maps.Clone(body)
	delete(settings, "to")
	if raw := body["to"]; json.Unmarshal(raw, &to) != nil || to == "" {
		p, _ := r.provider(kind)
		return "", nil, refused(Fault{"/to", "is required: " + receivers[p.Channel]})
	}
	return to, settings, nil
}

// receivers says who gets a test.
var receivers = map[message.Channel]string{
	message.SMTP: "the mail address that gets the test",
	message.SMS:  "the telephone number that gets the test",
	message.Push: "the id of the device that gets the test",
}
