package intake

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/message"
	"heliograph/template"
)

// Templates is the store's side that keeps templates and sounds.
type Templates interface {
	// Templates lists them all: predefined ones first, then the oldest first.
	Templates(ctx context.Context) ([]template.Template, error)
	// Template reads one by its id, or else by its name.
	Template(ctx context.Context, ref string) (template.Template, error)
	// PutTemplate creates (Key 0) or replaces; a conflict says that the name is taken.
	PutTemplate(ctx context.Context, t template.Template, entries ...access.Entry) (template.Template, error)
	// RestoreTemplate gives a predefined one its texts back; a conflict says that it is none.
	RestoreTemplate(ctx context.Context, id string, entries ...access.Entry) (template.Template, error)
	// DeleteTemplate forgets one that was added; a conflict says that it came with Heliograph, or what uses it.
	DeleteTemplate(ctx context.Context, id string, entries ...access.Entry) error
	TemplateUses(ctx context.Context, t template.Template) ([]template.Use, error)

	Sounds(ctx context.Context) ([]template.Sound, error)
	Sound(ctx context.Context, id string) (template.Sound, error)
	AddSound(ctx context.Context, v template.Sound, entries ...access.Entry) (template.Sound, error)
	RenameSound(ctx context.Context, id, name string, entries ...access.Entry) (template.Sound, error)
	DeleteSound(ctx context.Context, id string, entries ...access.Entry) error

	AlertRecipients(ctx context.Context) ([]access.AlertRecipient, error)
}

// TemplateView is a template with what follows from it and from what is set up.
type TemplateView struct {
	template.Template
	Kind     template.Type
	Manual   template.Refusal // why it cannot be sent by hand; empty = manual sending supported
	Channels []ChannelState   // of its type: SMTP, SMS, Push; those that are not configured behind those that are
	Warnings []Problem        // what is doubtful about its texts; of one template only, not of a list
	Uses     []template.Use   // what keeps it from being deleted; likewise
}

// ChannelState says whether a template can reach anybody on a channel.
type ChannelState struct {
	Channel message.Channel
	Active  bool
	Missing []Lack // empty = correctly configured
}

// Configured reports whether nothing is missing.
func (s ChannelState) Configured() bool { return len(s.Missing) == 0 }

// Lack is what a channel of a template is missing. The console has a sentence for each.
type Lack string

const (
	NoSMTPServer   Lack = "no_smtp_server"
	NoSMSGateway   Lack = "no_sms_gateway"
	NoPushProvider Lack = "no_push_provider"
	NoSubject      Lack = "no_subject"
	NoMessage      Lack = "no_message"
)

// Lacks lists them.
var Lacks = []Lack{NoSMTPServer, NoSMSGateway, NoPushProvider, NoSubject, NoMessage}

// notSetUp is what is missing when nothing is set up for a channel.
var notSetUp = map[message.Channel]Lack{message.SMTP: NoSMTPServer, message.SMS: NoSMSGateway, message.Push: NoPushProvider}

// inList is the order of channels in the list of templates.
var inList = []message.Channel{message.SMTP, message.SMS, message.Push}

// view says what follows from a template.
func view(t template.Template, ready map[message.Channel]bool) TemplateView {
	v := TemplateView{Template: t, Manual: t.ManualSending()}
	v.Kind, _ = template.FindType(t.Type)
	var lacking []ChannelState
	for _, c := range inList {
		if !v.Kind.Supports(word(c)) {
			continue
		}
		if s := stateOf(t, c, ready[c]); s.Configured() {
			v.Channels = append(v.Channels, s)
		} else {
			lacking = append(lacking, s)
		}
	}
	v.Channels = append(v.Channels, lacking...)
	return v
}

func stateOf(t template.Template, c message.Channel, ready bool) ChannelState {
	s := ChannelState{Channel: c, Active: t.Active(word(c))}
	if !ready {
		s.Missing = append(s.Missing, notSetUp[c])
	}
	for _, field := range t.LacksText(word(c)) {
		s.Missing = append(s.Missing, Lack("no_"+field))
	}
	return s
}

// word is a channel as templates name it.
func word(c message.Channel) template.Channel { return template.Channel(c.String()) }

// Templates lists all templates: predefined ones in the order of their types, then the oldest first.
func (d *Door) Templates(ctx context.Context) ([]TemplateView, error) {
	list, err := d.store.Templates(ctx)
	if err != nil {
		return nil, err
	}
	ready, err := d.Channels(ctx)
	views := make([]TemplateView, len(list))
	for i, t := range list {
		views[i] = view(t, ready)
	}
	return views, err
}

// Template reads one by its id, or else by its name.
func (d *Door) Template(ctx context.Context, ref string) (TemplateView, error) {
	t, err := d.store.Template(ctx, ref)
	if err != nil {
		return TemplateView{}, err
	}
	return d.look(ctx, t)
}

// look is a template with everything that is to be said of it.
func (d *Door) look(ctx context.Context, t template.Template) (TemplateView, error) {
	s, ready, err := d.situation(ctx)
	if err != nil {
		return TemplateView{}, err
	}
	v := view(t, ready)
	_, doubtful := t.Check(s)
	v.Warnings = place("", doubtful)
	v.Uses, err = d.store.TemplateUses(ctx, t)
	return v, err
}

// situation is what the rules look at beside a template.
func (d *Door) situation(ctx context.Context) (s template.Situation, ready map[message.Channel]bool, err error) {
	if ready, err = d.Channels(ctx); err != nil {
		return s, nil, err
	}
	s.Ready = map[template.Channel]bool{}
	for c, on := range ready {
		s.Ready[word(c)] = on
	}
	sounds, err := d.store.Sounds(ctx)
	for _, v := range sounds {
		s.Sounds = append(s.Sounds, v.Name)
	}
	return s, ready, err
}

// CreateTemplate stores a new template.
func (d *Door) CreateTemplate(ctx context.Context, actor access.Actor, t template.Template) (TemplateView, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return TemplateView{}, err
	}
	t.Key, t.ID, t.Predefined = 0, id.String(), false
	return d.putTemplate(ctx, actor, t, nil, "template created")
}

// UpdateTemplate replaces everything of a template but its type, which may be left out.
func (d *Door) UpdateTemplate(ctx context.Context, actor access.Actor, id string, t template.Template) (TemplateView, error) {
	before, err := d.byID(ctx, id)
	if err != nil {
		return TemplateView{}, err
	}
	t.Key, t.ID, t.Predefined = before.Key, before.ID, before.Predefined
	if t.Type == "" {
		t.Type = before.Type
	}
	if t.Language == "" {
		t.Language = before.Language
	}
	return d.putTemplate(ctx, actor, t, &before, "template changed")
}

// CheckTemplate says everything that creating (id empty) or updating would refuse or warn of, and stores nothing.
func (d *Door) CheckTemplate(ctx context.Context, id string, t template.Template) (problems, warnings []Problem, err error) {
	var before *template.Template
	if id != "" {
		stored, err := d.byID(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		before = &stored
	}
	t, err = d.filled(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	return d.checkTemplate(ctx, t, before)
}

func (d *Door) checkTemplate(ctx context.Context, t template.Template, before *template.Template) (problems, warnings []Problem, err error) {
	s, _, err := d.situation(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.Before = before
	bad, doubtful := t.Check(s)
	return place("", bad), place("", doubtful), nil
}

func (d *Door) putTemplate(ctx context.Context, actor access.Actor, t template.Template, before *template.Template, what string) (TemplateView, error) {
	t, err := d.filled(ctx, t)
	if err != nil {
		return TemplateView{}, err
	}
	problems, _, err := d.checkTemplate(ctx, t, before)
	if err == nil {
		err = refuse(problems)
	}
	if err != nil {
		return TemplateView{}, err
	}
	var was any
	if before != nil {
		was = templateFields(*before)
	}
	return d.stored(ctx, actor, what)(d.store.PutTemplate(ctx, t, put(actor, templateObject(t), was, templateFields(t))...))
}

// stored says what was done with a template, and shows it.
func (d *Door) stored(ctx context.Context, actor access.Actor, what string) func(template.Template, error) (TemplateView, error) {
	return func(t template.Template, err error) (TemplateView, error) {
		if err != nil {
			return TemplateView{}, err
		}
		d.options.Logger.Info(what, "template", t.Name, "type", t.Type, "by", actor.Name)
		return d.look(ctx, t)
	}
}

// filled is a template with what nobody has to enter: the recipients of its type, the language of its texts.
func (d *Door) filled(ctx context.Context, t template.Template) (template.Template, error) {
	t.Name = strings.TrimSpace(t.Name)
	kind, ok := template.FindType(t.Type)
	if ok && kind.Supports(template.SMTP) && strings.TrimSpace(t.SMTP.Recipient) == "" {
		t.SMTP.Recipient = kind.Recipient(template.SMTP)
	}
	if ok && kind.Supports(template.SMS) && strings.TrimSpace(t.SMS.Recipient) == "" {
		t.SMS.Recipient = kind.Recipient(template.SMS)
	}
	t.Push.Sound = template.SoundName(t.Push.Sound)
	kept := map[string]template.Variant{}
	for language, v := range t.Variants {
		if !v.Empty() {
			kept[language] = v
		}
	}
	t.Variants = kept
	if t.Language != "" {
		return t, nil
	}
	o, err := d.Organization(ctx)
	t.Language = o.Speaks()
	return t, err
}

// byID reads a template by its id alone: a name may have been given to another one since.
func (d *Door) byID(ctx context.Context, id string) (template.Template, error) {
	t, err := d.store.Template(ctx, id)
	if err == nil && t.ID != id {
		return t, d.options.NotFound
	}
	return t, err
}

// DuplicateTemplate copies a template under another name; without one it is made from the name of the first. Channels for
// which nothing is set up are switched off in the copy.
func (d *Door) DuplicateTemplate(ctx context.Context, actor access.Actor, id, name string) (TemplateView, error) {
	t, err := d.byID(ctx, id)
	if err != nil {
		return TemplateView{}, err
	}
	if t.Name, err = d.freeName(ctx, t.Name, strings.TrimSpace(name)); err != nil {
		return TemplateView{}, err
	}
	ready, err := d.Channels(ctx)
	if err != nil {
		return TemplateView{}, err
	}
	for _, c := range message.Channels {
		if !ready[c] {
			t.Activate(word(c), false)
		}
	}
	return d.CreateTemplate(ctx, actor, t)
}

// freeName is the wanted name, or the first of "name (2)", "name (3)" … that no template has.
func (d *Door) freeName(ctx context.Context, name, wanted string) (string, error) {
	if wanted != "" {
		return wanted, nil
	}
	list, err := d.store.Templates(ctx)
	if err != nil {
		return "", err
	}
	return template.CopyName(name, func(one string) bool {
		return slices.ContainsFunc(list, func(t template.Template) bool { return t.Name == one })
	}), nil
}

// RestoreTemplate gives a predefined template the texts back that it came with. Its channels stay on or off.
func (d *Door) RestoreTemplate(ctx context.Context, actor access.Actor, id string) (TemplateView, error) {
	t, err := d.byID(ctx, id)
	if err != nil {
		return TemplateView{}, err
	}
	after := t
	if kind, ok := template.FindType(t.Type); ok {
		after.Body, _ = kind.Default()
	}
	for _, c := range message.Channels { // they stay on or off
		after.Activate(word(c), t.Active(word(c)))
	}
	entry := actor.Did(access.Restore, templateObject(t), templateFields(t), templateFields(after))
	return d.stored(ctx, actor, "template restored")(d.store.RestoreTemplate(ctx, id, entry))
}

// DeleteTemplate forgets a template that somebody added and nothing uses.
func (d *Door) DeleteTemplate(ctx context.Context, actor access.Actor, id string) error {
	t, err := d.byID(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteTemplate(ctx, id, actor.Did(access.Delete, templateObject(t), templateFields(t), nil))
	if err == nil {
		d.options.Logger.Info("template deleted", "template", id, "by", actor.Name)
	}
	return err
}
