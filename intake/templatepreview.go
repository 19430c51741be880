package intake

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/text/language"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/channel/gsm"
	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/template"
)

// TemplatePreview is a template in one language, as somebody would get it.
type TemplatePreview struct {
	Language string
	Content  template.Content // rendered, with the channels that say something, switched on or not
	Missing  []string         // macros that have no value for the device and its person
	Samples  []string         // macros that only the occasion knows: a made-up value stands for each
	SMS      *gsm.Size        // of the text message; nil = there is none
}

// PreviewTemplate shows a template, stored or not, in each of its languages for a device and its person, or for a person
// alone. Both may be empty: then every value is missing.
func (d *Door) PreviewTemplate(ctx context.Context, actor access.Actor, t template.Template, device fleet.DeviceID, user fleet.UserID) ([]TemplatePreview, error) {
	t, err := d.filled(ctx, t)
	if err != nil {
		return nil, err
	}
	if wrong, _ := template.CheckMacros(t.Texts(), nil); len(wrong) > 0 {
		return nil, refuse(place("", wrong))
	}
	r, err := d.recipient(ctx, actor, device, user)
	if err != nil {
		return nil, err
	}
	var list []TemplatePreview
	for _, tag := range append([]string{t.Language}, t.Languages()...) {
		one, err := d.previewIn(ctx, t, tag, r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (d *Door) previewIn(ctx context.Context, t template.Template, tag string, r fleet.Recipient) (p TemplatePreview, err error) {
	content := t.Content(saying(t), tag)
	content.Variants, content.Language = nil, tag
	if content, err = d.settle(ctx, content); err != nil {
		return p, err
	}
	plan, err := notice.NewPlan(content)
	if err != nil {
		return p, err
	}
	p.Language = tag
	values := sampled(notice.Values(r), &p.Samples)
	p.Content, p.Missing = plan.Preview(values, tag, notice.Place{Location: d.options.Location, Language: language.Make(tag)})
	if s := p.Content.SMS; s != nil {
		size := gsm.Measure(s.Message)
		p.SMS = &size
	}
	return p, nil
}

// saying lists the channels of a template that have a text.
func saying(t template.Template) (list []template.Channel) {
	kind, _ := template.FindType(t.Type)
	for _, c := range kind.Channels {
		if len(t.LacksText(c)) == 0 {
			list = append(list, c)
		}
	}
	return list
}

// sampled makes up what only the occasion of a template knows, and notes that it did.
func sampled(values func(macro.Slot) (string, bool), used *[]string) func(macro.Slot) (string, bool) {
	return func(s macro.Slot) (string, bool) {
		if value, ok := values(s); ok {
			return value, true
		}
		value, ok := template.Sample(s)
		if ok && !slices.Contains(*used, string(s)) {
			*used = append(*used, string(s))
		}
		return value, ok
	}
}

// TemplateTest says how a template is tried: one real message.
type TemplateTest struct {
	Channel  message.Channel
	To       string         // a mail address, a number, or for push the id of a device
	Language string         // of the text; empty = the template's own
	Device   fleet.DeviceID // whose values fill it in; empty = nobody's, and for push the device that gets it
}

// TestTemplate really sends one message of a template, stored or not, by the server that its channel leaves by now.
func (d *Door) TestTemplate(ctx context.Context, actor access.Actor, t template.Template, test TemplateTest) (channel.Report, error) {
	if test.Channel == message.Push && test.Device == "" {
		test.Device = fleet.DeviceID(test.To)
		if !fleet.ValidID(test.To) {
			return channel.Report{}, wrong("/to", "is not the id of a device")
		}
	}
	previews, err := d.PreviewTemplate(ctx, actor, t, test.Device, "")
	if test.Channel == message.Push && errors.Is(err, d.options.NotFound) {
		return channel.Report{}, wrong("/to", "is not a device with a live push token")
	}
	if err != nil {
		return channel.Report{}, err
	}
	shown, err := inLanguage(previews, test.Language)
	if err != nil {
		return channel.Report{}, err
	}
	m, err := d.tryout(shown.Content, test)
	if err != nil {
		return channel.Report{}, err
	}
	p, settings, err := d.leavingBy(ctx, actor, test)
	if err != nil {
		return channel.Report{}, err
	}
	if err := d.aim(ctx, actor, p, settings, &m); err != nil {
		return channel.Report{}, err
	}
	d.options.Logger.Info("template tried", "template", t.Name, "channel", test.Channel, "by", actor.Name)
	return settings.Test(ctx, d.options.Env, m), nil
}

func inLanguage(previews []TemplatePreview, wanted string) (TemplatePreview, error) {
	if wanted == "" {
		return previews[0], nil
	}
	i := slices.IndexFunc(previews, func(p TemplatePreview) bool { return p.Language == wanted })
	if i < 0 {
		return TemplatePreview{}, wrong("/language", "is none of the template's languages")
	}
	return previews[i], nil
}

// tryout is the message that is sent to try a template.
func (d *Door) tryout(c template.Content, test TemplateTest) (message.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return message.Message{}, err
	}
	m := message.Message{
		ID: message.DeliveryID(d.options.Now().UnixNano()), Notification: message.NotificationID(id.String()),
		Channel: test.Channel, Address: test.To,
	}
	switch {
	case test.Channel == message.Push && c.Push != nil:
		m.Text, m.Sound = c.Push.Message, c.Push.Sound
	case test.Channel == message.SMTP && c.SMTP != nil:
		m.Subject, m.Text, m.Sender = c.SMTP.Subject, c.SMTP.Message, c.SMTP.Sender
	case test.Channel == message.SMS && c.SMS != nil:
		m.Text = c.SMS.Message
	default:
		return m, wrong("/channel", "is one on which the template says nothing")
	}
	return m, nil
}

// leavingBy finds the active server of a channel; for push the one that serves the device.
func (d *Door) leavingBy(ctx context.Context, actor access.Actor, test TemplateTest) (channel.Provider, channel.Settings, error) {
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return channel.Provider{}, nil, err
	}
	var token fleet.PushToken
	if test.Channel == message.Push {
		if token, err = d.store.DeviceToken(ctx, actor.Scope, fleet.DeviceID(test.To)); err != nil {
			return channel.Provider{}, nil, wrong("/to", "is not a device with a live push token")
		}
	}
	for _, s := range servers {
		p, ok := d.provider(s.Kind)
		if ok && s.Active && p.Channel == test.Channel && (test.Channel != message.Push || serves(s, token)) {
			return p, s.Settings, nil
		}
	}
	return channel.Provider{}, nil, wrong("/channel", "has no active server to leave by")
}

func serves(s channel.Server, token fleet.PushToken) bool {
	return s.Kind == string(token.Provider) && s.Route.App == token.App &&
		(s.Route.Environment == "" || s.Route.Environment == string(token.Environment))
}
