package notice

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
)

// Place is where a text is read: the organisation's time zone and the text's language.
type Place struct {
	Location *time.Location // nil = UTC
	Language language.Tag
}

// Message renders a delivery for the wire, from the notification's own copy of the texts and the delivery's values.
func (p *Plan) Message(id message.NotificationID, d message.Delivery, where Place) message.Message {
	m := message.Message{ID: d.ID, Notification: id, Channel: d.Channel, Address: d.Address}
	part := p.parts[d.Channel]
	if part == nil {
		return m
	}
	where = p.place(d.Language, where)
	said := part.say(d.Language, part.fill(d.Values), where)
	m.Text, m.Subject, m.Sender = said.body, said.subject, said.sender
	if d.Channel == message.Push {
		m.Sound, m.Badge = p.Content.Push.Sound, p.Content.Push.Badge
	}
	if d.Shared {
		m.Shared = string(id) + "." + where.Language.String()
	}
	return m
}

// place is where a text is read: as the content says, else as given.
func (p *Plan) place(tag string, where Place) Place {
	if p.location != nil {
		where.Location = p.location
	}
	if tag == "" {
		tag = p.Content.Language
	}
	if tag != "" {
		where.Language = p.tags[tag]
	}
	return where
}

// rendered is what a channel's texts became.
type rendered struct{ body, subject, sender string }

// say renders the texts of one language. What goes into headers stays on its line.
func (p *part) say(tag string, values []*string, where Place) (r rendered) {
	first := p.variants[tag]
	r.body = p.program.Render(first+textBody, values, where.Location, where.Language)
	r.subject = p.program.RenderEscaped(first+textSubject, values, where.Location, where.Language, macro.OneLine)
	r.sender = p.program.RenderEscaped(first+textSender, values, where.Location, where.Language, macro.OneLine)
	return r
}

// Preview renders a content for one recipient in their language, to look at before anything is sent.
func (p *Plan) Preview(values func(macro.Slot) (string, bool), tag string, where Place) (shown template.Content, missing []string) {
	for _, c := range message.Channels {
		part := p.parts[c]
		if part == nil {
			continue
		}
		tag := part.language(tag)
		where := p.place(tag, where)
		taken := part.fill(part.program.Take(values))
		said := part.say(tag, taken, where)
		to := part.to(values, where)
		for _, name := range part.missing(tag, taken) {
			if !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
		switch c {
		case message.Push:
			text := *p.Content.Push
			text.Message = said.body
			shown.Push = &text
		case message.SMTP:
			shown.SMTP = &template.MailText{Subject: said.subject, Message: said.body, Sender: said.sender, Recipient: to}
		case message.SMS:
			shown.SMS = &template.SMSText{Message: said.body, Recipient: to}
		}
	}
	return shown, missing
}

// to is the whole recipient, as it comes out for somebody.
func (p *part) to(values func(macro.Slot) (string, bool), where Place) string {
	var entries []string
	for _, entry := range slices.Concat(p.personal, p.fixed) {
		text, _ := entry.Render(macro.Env{Values: p.with(values), Location: where.Location, Language: where.Language})
		if text = strings.TrimSpace(text); text != "" {
			entries = append(entries, text)
		}
	}
	return strings.Join(entries, "; ")
}

// with looks a value up, and then among those that are the same for everybody.
func (p *part) with(values func(macro.Slot) (string, bool)) func(macro.Slot) (string, bool) {
	return func(s macro.Slot) (string, bool) {
		if value, ok := values(s); ok {
			return value, true
		}
		return p.lookUp(s)
	}
}

// language is the one of the texts for somebody who speaks tag; empty = the content's own.
func (p *part) language(tag string) string {
	found := template.ForPerson(p.known, tag)
	if _, other := p.variants[found]; !other {
		return ""
	}
	return found
}
