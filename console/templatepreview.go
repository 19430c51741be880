package console

import (
	"context"
	"net/http"
	"slices"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
	"heliograph/web"
)

// templatePage is the form of a template with what stands around it.
type templatePage struct {
	*templateForm
	Channels []channelOffer
	Sounds   []template.Sound
	Devices  []testTarget
	Preview  templatePreview
	To       map[message.Channel]string // where a test to oneself goes
}

// templatePreview is a template in one language, as a device and its person would get it.
type templatePreview struct {
	previewPart
	Languages []string // of the template, its own first
	Language  string   // the one that is shown
	Samples   []string // macros for which a made-up value stands
	Size      sizePart
	Manual    template.Refusal
}

func (c *console) showTemplate(w http.ResponseWriter, r *http.Request, status int, form *templateForm) error {
	p := templatePage{templateForm: form, To: map[message.Channel]string{}}
	var err error
	if p.Channels, err = c.templateChannels(r.Context(), form.Kind); err != nil {
		return err
	}
	if p.Sounds, err = c.Templates.Sounds(r.Context()); err != nil {
		return err
	}
	if p.Devices, err = c.someDevices(r.Context(), actor(r)); err != nil {
		return err
	}
	if form.PreviewFor == "" && len(p.Devices) > 0 {
		form.PreviewFor = p.Devices[0].ID
	}
	if p.Preview, err = c.templatePreview(r, form); err != nil {
		return err
	}
	if form.Warnings, err = c.doubts(r.Context(), form); err != nil {
		return err
	}
	me := viewOf(r.Context()).account
	p.To[message.SMTP], p.To[message.SMS], p.To[message.Push] = me.Mail, me.Mobile, form.PreviewFor
	return c.show(w, r, status, p)
}

// templateChannels are those of a type, in the order of the list of templates.
func (c *console) templateChannels(ctx context.Context, kind template.Type) (list []channelOffer, err error) {
	all, err := c.channelOffers(ctx)
	for _, offer := range all {
		if kind.Supports(template.Channel(offer.Channel.String())) {
			list = append(list, offer)
		}
	}
	return list, err
}

// missing are the channels of a new template for which nothing is set up, and that most organisations want.
func (p templatePage) missing() (list []channelOffer) {
	for _, offer := range p.Channels {
		if !offer.Ready && offer.Channel != message.Push {
			list = append(list, offer)
		}
	}
	return list
}

// someDevices are devices to preview for, the most recent first.
func (c *console) someDevices(ctx context.Context, a access.Actor) (list []testTarget, err error) {
	devices, _, err := c.Devices.ListDevices(ctx, a.Scope, fleet.Filter{}, store.Page{Limit: mostTargets})
	for _, d := range devices {
		list = append(list, testTarget{string(d.ID), d.Name})
	}
	return list, err
}

// doubts are what is odd about the texts, and no reason to refuse them. A form that is still empty has none.
func (c *console) doubts(ctx context.Context, form *templateForm) ([]problem, error) {
	if form.New() && form.Name == "" {
		return nil, nil
	}
	_, warnings, err := c.Templates.CheckTemplate(ctx, form.View.ID, form.template())
	return form.problemsOf(ctx, warnings), err
}

func (c *console) templatePreview(r *http.Request, form *templateForm) (p templatePreview, err error) {
	one := form.template()
	p.Manual, p.Device = one.ManualSending(), fleet.DeviceID(form.PreviewFor)
	p.Size = sizeOf(&notifyForm{SMSMessage: form.Text}, previewPart{})
	if !fleet.ValidID(form.PreviewFor) {
		p.Device = ""
	}
	list, err := c.Templates.PreviewTemplate(r.Context(), actor(r), one, p.Device, "")
	if web.Status(err) == http.StatusNotFound { // the device is gone: the texts are shown for nobody
		p.Device = ""
		list, err = c.Templates.PreviewTemplate(r.Context(), actor(r), one, "", "")
	}
	if refused := refusal(err); refused != nil {
		first := form.problemsOf(r.Context(), refused)[0]
		p.Problem = about(r.Context(), first.Label, first.Detail)
		return p, nil
	}
	if err != nil || len(list) == 0 {
		return p, err
	}
	for _, v := range list {
		p.Languages = append(p.Languages, v.Language)
	}
	i := max(0, slices.Index(p.Languages, form.PreviewIn))
	p.take(list[i])
	if len(list) > 0 && list[0].SMS != nil {
		p.Size = sizeOf(&notifyForm{SMSMessage: form.Text}, previewPart{SMS: list[0].Content.SMS})
	}
	return p, nil
}

func (p *templatePreview) take(v intake.TemplatePreview) {
	p.Language, p.Samples = v.Language, v.Samples
	for _, name := range v.Missing {
		if !slices.Contains(p.Missing, name) {
			p.Missing = append(p.Missing, name)
		}
	}
	p.Push, p.SMTP, p.SMS = v.Content.Push, v.Content.SMTP, v.Content.SMS
}

// previewTemplate renders what was typed so far, for script.
func (c *console) previewTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.postedTemplate(r)
	if err != nil {
		return err
	}
	p, err := c.templatePreview(r, form)
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.part())
}

// sizeTemplate measures the text message while it is written, for script.
func (c *console) sizeTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.postedTemplate(r)
	if err != nil {
		return err
	}
	p, err := c.templatePreview(r, form)
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.Size.part())
}

// templateReport shows a test to those whose browser runs no script.
type templateReport struct {
	Form   *templateForm
	Report reportPart
}

func (p templateReport) heading(ctx context.Context) heading {
	return belowTemplates(ctx, t(ctx, "test.title"))
}

// testTemplate sends what is on the form, saved or not, to one address.
func (c *console) testTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.postedTemplate(r)
	if err != nil {
		return err
	}
	part, err := c.tryTemplate(r, form)
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Request") != "" {
		return c.showPart(w, r, part.content())
	}
	return c.show(w, r, http.StatusOK, templateReport{form, part})
}

func (c *console) tryTemplate(r *http.Request, form *templateForm) (part reportPart, err error) {
	ctx := r.Context()
	ch, err := message.ParseChannel(r.PostForm.Get("test_channel"))
	if err != nil {
		part.Problems = []problem{{Detail: t(ctx, "template.test.channel.none")}}
		return part, nil
	}
	part.To = typed(channel.Field{}, r.PostForm.Get("test_to_"+ch.String()))
	if part.To == "" {
		part.Problems = []problem{{Detail: tf(ctx, "test.to.missing", ch.String())}}
		return part, nil
	}
	test := intake.TemplateTest{Channel: ch, To: part.To, Language: form.PreviewIn}
	if ch != message.Push && fleet.ValidID(form.PreviewFor) {
		test.Device = fleet.DeviceID(form.PreviewFor)
	}
	part.Report, err = c.Templates.TestTemplate(ctx, actor(r), form.template(), test)
	if list := refusal(err); list != nil {
		for _, p := range list {
			label := form.labelOf(ctx, fieldAt(p.Pointer))
			if p.Pointer == "/to" {
				label = tf(ctx, "test.to", ch.String())
			}
			part.Problems = append(part.Problems, problem{"", label, about(ctx, label, said(ctx, p.Detail))})
		}
		return part, nil
	}
	return part, err
}
