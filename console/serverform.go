package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"heliograph/channel"
	"heliograph/channel/gsm"
	"heliograph/intake"
	"heliograph/store"
)

// serverForm is the form of one server. It is drawn from its provider's fields: a new provider needs nothing here.
type serverForm struct {
	Family   serverFamily
	Provider channel.Provider
	Server   channel.Server    // zero = a new one
	Values   map[string]string // by the field's name, as they are typed
	Set      map[string]bool   // secrets that are kept already
	Cleared  map[string]bool   // secrets to forget
	Accepted map[string]bool   // risky values that somebody wants after having read the warning
	Problems []problem
	Report   *reportPart // what a test came to, where no script shows it in its dialog; nil = there was none
	TestTo   string      // whom it went to
}

// serverPage is the form with all around it.
type serverPage struct {
	*serverForm
	Targets  []testTarget
	Receives bool   // its service reports what became of messages
	Callback string // to this address; empty = none yet
}

// Names of the fields that every kind has. No provider's field is called so.
const (
	fieldName        = "name"
	fieldDescription = "description"
)

func (p serverPage) heading(ctx context.Context) heading {
	h := heading{
		Nav: p.Family.name,
		Parents: []crumb{
			{t(ctx, "nav.settings"), "/settings"},
			{t(ctx, p.Family.name+".title"), p.Family.path},
		},
	}
	if h.Title = p.Server.Name; p.New() {
		h.Title = t(ctx, "server.new", kindTitle(ctx, p.Provider))
	}
	return h
}

// New reports whether the server was never saved.
func (f *serverForm) New() bool { return f.Server.ID == "" }

// Action is where the form goes.
func (f *serverForm) Action() string {
	if f.New() {
		return newServerPath(f.Family, f.Provider.Kind)
	}
	return serverPath(f.Family, f.Server.ID)
}

// TestAction is where the form goes to be tested.
func (f *serverForm) TestAction() string {
	if f.New() {
		return f.Family.path + "/new/test?kind=" + url.QueryEscape(f.Provider.Kind)
	}
	return serverPath(f.Family, f.Server.ID) + "/test"
}

func newServerForm(f serverFamily, p channel.Provider) (*serverForm, error) {
	form := &serverForm{Family: f, Provider: p, Set: map[string]bool{}, Cleared: map[string]bool{}, Accepted: map[string]bool{}}
	return form, form.fill(channel.Server{Kind: p.Kind, Settings: p.Default()})
}

func editServerForm(f serverFamily, p channel.Provider, s channel.Server) (*serverForm, error) {
	form := &serverForm{Family: f, Provider: p, Server: s, Set: map[string]bool{}, Cleared: map[string]bool{}, Accepted: map[string]bool{}}
	return form, form.fill(s)
}

// fill shows a server's settings. Of secrets it shows only that they are set.
func (f *serverForm) fill(s channel.Server) error {
	f.Values = map[string]string{fieldName: s.Name, fieldDescription: s.Description}
	open, err := intake.OpenSettings(f.Provider, s.Settings)
	if err != nil {
		return err
	}
	for _, field := range f.Provider.Fields {
		if field.Secret {
			f.Set[field.Name] = string(open[field.Name+"_set"]) == "true"
			continue
		}
		if raw, is := open[field.Name]; is {
			f.Values[field.Name] = written(raw)
		}
		f.Accepted[field.Name] = f.risky(field)
	}
	return nil
}

// written is a value of JSON as a form shows it.
func written(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// read takes what was typed. Values that the form follows are settled here when no script did it.
func (f *serverForm) read(r *http.Request) *serverForm {
	f.Values = map[string]string{
		fieldName:        strings.TrimSpace(r.PostFormValue(fieldName)),
		fieldDescription: strings.TrimSpace(r.PostFormValue(fieldDescription)),
	}
	for _, field := range f.Provider.Fields {
		f.Values[field.Name] = typed(field, r.PostFormValue(field.Name))
		f.Cleared[field.Name] = field.Secret && r.PostFormValue("clear_"+field.Name) != ""
		f.Accepted[field.Name] = r.PostFormValue("accept_"+field.Name) != ""
	}
	for _, field := range f.Provider.Fields {
		f.follow(field, r)
		if field.Type == "switch" && f.off(field) { // nobody can see that it is still on
			f.Values[field.Name] = "false"
		}
	}
	return f
}

// typed cleans a value: spaces around a word are never meant, those of a secret may be.
func typed(field channel.Field, value string) string {
	switch {
	case field.Type == "switch":
		return strconv.FormatBool(value == "true")
	case field.Secret && field.Type != "secret_multiline":
		return value
	}
	return strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
}

// follow gives a field the value that goes with its leader's, when the leader changed and the field did not. Script does
// so while the form is filled in, and takes the two old values out of it.
func (f *serverForm) follow(field channel.Field, r *http.Request) {
	if field.Follows == nil {
		return
	}
	led, was := r.PostFormValue("was_"+field.Follows.Field), r.PostFormValue("was_"+field.Name)
	if led == "" || led == f.Values[field.Follows.Field] || was != f.Values[field.Name] || was != field.Follows.Values[led] {
		return
	}
	if value, has := field.Follows.Values[f.Values[field.Follows.Field]]; has {
		f.Values[field.Name] = value
	}
}

// input is the form as the door takes it. A secret that was left empty is absent: it stays as it is.
func (f *serverForm) input(ctx context.Context) (intake.ServerInput, []problem) {
	in := intake.ServerInput{
		Kind: f.Provider.Kind, Name: f.Values[fieldName], Description: f.Values[fieldDescription],
		Settings: channel.Values{},
	}
	var bad []problem
	for _, field := range f.Provider.Fields {
		value, err := f.value(field)
		if err != nil {
			bad = append(bad, problem{field.Name, f.label(ctx, field.Name), t(ctx, "form.number")})
			continue
		}
		if f.risky(field) && !f.Accepted[field.Name] {
			bad = append(bad, problem{field.Name, f.label(ctx, field.Name), t(ctx, "server.risk.unread")})
		}
		if value != nil {
			in.Settings[field.Name] = value
		}
	}
	return in, bad
}

// risky reports whether a field has the value that comes with a warning.
func (f *serverForm) risky(field channel.Field) bool {
	return field.Risky != "" && f.Values[field.Name] == field.Risky
}

func (f *serverForm) value(field channel.Field) (json.RawMessage, error) {
	text := f.Values[field.Name]
	switch {
	case field.Secret && text == "" && f.Cleared[field.Name]:
		return json.RawMessage("null"), nil
	case field.Secret && text == "":
		return nil, nil
	case field.Type == "switch":
		return json.RawMessage(text), nil
	case field.Type == "number":
		n, err := strconv.Atoi(text)
		return json.RawMessage(strconv.Itoa(n)), err
	}
	return json.Marshal(text)
}

// problemsOf puts what an error says beside the fields; nil when the error is not about the form.
func (f *serverForm) problemsOf(ctx context.Context, err error) ([]problem, int) {
	var unread *formRefused
	switch {
	case errors.As(err, &unread):
		return unread.problems, http.StatusUnprocessableEntity
	case errors.Is(err, store.ErrConflict):
		return []problem{{fieldName, t(ctx, "server.name"), t(ctx, "server.name.taken")}}, http.StatusConflict
	}
	var list []problem
	for _, p := range refusal(err) {
		list = append(list, f.place(ctx, p))
	}
	return list, http.StatusUnprocessableEntity
}

func (f *serverForm) place(ctx context.Context, p intake.Problem) problem {
	name := fieldOf(p.Pointer)
	if name == "to" {
		label := tf(ctx, "test.to", f.Provider.Channel.String())
		return problem{Label: label, Detail: standAlone(ctx, label, said(ctx, p.Detail))}
	}
	if name == fieldName || name == fieldDescription || slices.ContainsFunc(f.Provider.Fields, func(x channel.Field) bool { return x.Name == name }) {
		return problem{name, f.label(ctx, name), standAlone(ctx, f.label(ctx, name), said(ctx, p.Detail))}
	}
	return problem{Detail: standAlone(ctx, name, said(ctx, p.Detail))}
}

// standAlone makes the door's words stand alone: it may say "is required", which goes on from the field's name.
func standAlone(ctx context.Context, subject, words string) string {
	first, _ := utf8.DecodeRuneInString(words)
	switch {
	case unicode.IsUpper(first):
		return words
	case subject == "":
		return sentence(words)
	}
	return t(ctx, "form.is", subject, strings.TrimSuffix(words, "."))
}

// label is a field's name for people: the catalogue's, or, for a provider that has none there yet, its own word.
func (f *serverForm) label(ctx context.Context, name string) string {
	if name == fieldName || name == fieldDescription {
		return tf(ctx, "server", name)
	}
	return f.words(ctx, name, strings.ToUpper(name[:1])+strings.NewReplacer("_", " ", ".", " ").Replace(name[1:]))
}

// help is a sentence below a field; empty = none.
func (f *serverForm) help(ctx context.Context, name string) string {
	return f.words(ctx, name+".help", "")
}

// choice is one word of a choice for people.
func (f *serverForm) choice(ctx context.Context, field, word string) string {
	return f.words(ctx, field+"."+word, word)
}

func (f *serverForm) words(ctx context.Context, key, otherwise string) string {
	key = "server." + f.Provider.Kind + "." + key
	if !viewOf(ctx).catalogue.Has(key) {
		return otherwise
	}
	return t(ctx, key)
}

// fields are the plain or the advanced ones.
func (f *serverForm) fields(advanced bool) (list []channel.Field) {
	for _, field := range f.Provider.Fields {
		if field.Advanced == advanced {
			list = append(list, field)
		}
	}
	return list
}

// advancedOpen reports whether the advanced fields must be seen: something is wrong in them.
func (f *serverForm) advancedOpen() bool {
	return slices.ContainsFunc(f.fields(true), func(x channel.Field) bool { return problemOf(f.Problems, x.Name) != "" })
}

// off reports whether a field is not asked for with the values of the form.
func (f *serverForm) off(field channel.Field) bool {
	leader, value, has := strings.Cut(field.ShownIf, "=")
	return has && f.Values[leader] != value
}

// followWords are a field's rule for script: what it follows, and value to value as JSON.
func followWords(field channel.Field) (leader, values string) {
	if field.Follows == nil {
		return "", ""
	}
	text, err := json.Marshal(field.Follows.Values)
	if err != nil {
		return "", "" // a map of strings always marshals
	}
	return field.Follows.Field, string(text)
}

func followAttributes(field channel.Field) templ.Attributes {
	leader, values := followWords(field)
	if leader == "" {
		return nil
	}
	return templ.Attributes{"data-follows": leader, "data-follow-values": values}
}

// countries are the calling codes to choose from. One that is not among them, which only the API can have set, comes
// first as it is.
func (f *serverForm) countries(ctx context.Context, field channel.Field) []gsm.Country {
	list, value := gsm.Countries(viewOf(ctx).catalogue.Tag), f.Values[field.Name]
	if slices.ContainsFunc(list, func(c gsm.Country) bool { return c.Code == value }) {
		return list
	}
	return append([]gsm.Country{{Code: value, Main: true}}, list...)
}

// mostPicks is how many words of a choice stand side by side; more are a list.
const mostPicks = 4

// choiceID is the id of one radio button; the first has the field's own, so that a problem's link finds it.
func choiceID(field channel.Field, word string) string {
	if word == field.Choices[0] {
		return field.Name
	}
	return field.Name + "-" + word
}

func (f *serverForm) secretHint(ctx context.Context, field channel.Field) string {
	if f.Set[field.Name] {
		return t(ctx, "server.secret.keep")
	}
	return f.words(ctx, field.Name+".example", "")
}

// answerAccepted is how a server's last answer is kept when it took a message.
const answerAccepted = "accepted"

// answerWords is a server's last answer: ours for success, its own sentence otherwise.
func answerWords(ctx context.Context, s channel.Server) string {
	if s.Answer == answerAccepted {
		return t(ctx, "server.answer.accepted")
	}
	return said(ctx, s.Answer)
}
