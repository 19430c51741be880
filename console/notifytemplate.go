package console

import (
	"context"
	"net/http"

	"heliograph/intake"
	"heliograph/message"
	"heliograph/template"
)

// sendable is a template that can be sent by hand, for the list to choose from.
type sendable struct {
	ID, Name string
	Type     template.TypeKey
}

// sendables are the templates that can be sent by hand now: by type, by their macros, and because a channel works.
func (c *console) sendables(ctx context.Context) (list []sendable, err error) {
	all, err := c.Templates.Templates(ctx)
	for _, v := range all {
		if v.Manual == "" && reaches(v) {
			list = append(list, sendable{v.ID, templateName(ctx, v.Template), v.Type})
		}
	}
	return list, err
}

// reaches reports whether a template is switched on for a channel that works.
func reaches(v intake.TemplateView) bool {
	for _, s := range v.Channels {
		if s.Active && s.Configured() {
			return true
		}
	}
	return false
}

// takeTemplate fills a form with the texts of a template, in the language of the organisation. Without one the form is
// an Ad Hoc one again.
func (c *console) takeTemplate(ctx context.Context, form *notifyForm, id string) error {
	fresh := newNotifyForm()
	form.Template, form.Fresh = "", id == ""
	form.Push, form.PushMessage, form.PushSound = fresh.Push, fresh.PushMessage, fresh.PushSound
	form.SMTP, form.MailSender, form.MailRecipient, form.MailSubject, form.MailMessage = fresh.SMTP, "", fresh.MailRecipient, "", ""
	form.SMS, form.SMSMessage, form.SMSRecipient = fresh.SMS, "", fresh.SMSRecipient
	if id == "" {
		return nil
	}
	v, err := c.Templates.Template(ctx, id)
	if err != nil {
		return err
	}
	own, err := c.ownTexts(ctx, v)
	if err != nil {
		return err
	}
	form.Template = v.ID
	form.PushMessage, form.PushSound = own.PushMessage, own.PushSound
	form.MailSender, form.MailSubject, form.MailMessage = own.MailSender, own.MailSubject, own.MailMessage
	form.SMSMessage = own.SMSMessage
	if own.MailRecipient != "" {
		form.MailRecipient = own.MailRecipient
	}
	if own.SMSRecipient != "" {
		form.SMSRecipient = own.SMSRecipient
	}
	for _, s := range v.Channels {
		on := s.Active && s.Configured()
		switch s.Channel {
		case message.Push:
			form.Push = on
		case message.SMTP:
			form.SMTP = on
		case message.SMS:
			form.SMS = on
		}
	}
	return nil
}

// ownTexts are the texts of a template as the form shows them.
func (c *console) ownTexts(ctx context.Context, v intake.TemplateView) (own notifyForm, err error) {
	o, err := c.Templates.Organization(ctx)
	content := v.Template.Content(v.Kind.Channels, o.Speaks())
	if p := content.Push; p != nil {
		own.PushMessage, own.PushSound = p.Message, p.Sound
	}
	if m := content.SMTP; m != nil {
		own.MailSender, own.MailRecipient, own.MailSubject, own.MailMessage = m.Sender, m.Recipient, m.Subject, m.Message
	}
	if s := content.SMS; s != nil {
		own.SMSMessage, own.SMSRecipient = s.Message, s.Recipient
	}
	return own, err
}

// fromTemplate makes a request of the form's template: what was left as it is stays the template's, in every language.
func (c *console) fromTemplate(ctx context.Context, f *notifyForm, r *intake.Request) error {
	v, err := c.Templates.Template(ctx, f.Template)
	if err != nil {
		return err
	}
	own, err := c.ownTexts(ctx, v)
	if err != nil {
		return err
	}
	typed := r.Content
	r.Content, r.Template, r.Channels = template.Content{}, v.ID, []message.Channel{}
	if p := typed.Push; p != nil {
		r.Channels = append(r.Channels, message.Push)
		o := template.PushOverride{Message: changed(own.PushMessage, p.Message), Sound: changed(own.PushSound, template.SoundName(p.Sound)), Badge: p.Badge}
		if o != (template.PushOverride{}) {
			r.Overrides.Push = &o
		}
	}
	if m := typed.SMTP; m != nil {
		r.Channels = append(r.Channels, message.SMTP)
		o := template.MailOverride{Subject: changed(own.MailSubject, m.Subject), Message: changed(own.MailMessage, m.Message),
			Sender: changed(own.MailSender, m.Sender), Recipient: changed(own.MailRecipient, m.Recipient)}
		if o != (template.MailOverride{}) {
			r.Overrides.SMTP = &o
		}
	}
	if s := typed.SMS; s != nil {
		r.Channels = append(r.Channels, message.SMS)
		o := template.SMSOverride{Message: changed(own.SMSMessage, s.Message), Recipient: changed(own.SMSRecipient, s.Recipient)}
		if o != (template.SMSOverride{}) {
			r.Overrides.SMS = &o
		}
	}
	return nil
}

// changed is what stands in for a text; nil = it was left as it is.
func changed(own, typed string) *string {
	if typed == own {
		return nil
	}
	return &typed
}

// askedTemplate is the template that somebody chose just now; empty = Ad Hoc.
func askedTemplate(r *http.Request) (id string, asked bool) {
	return r.PostForm.Get("use_template"), r.PostForm.Has("take")
}
