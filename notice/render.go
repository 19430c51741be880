package notice

import (
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
	values := part.fill(d.Values)
	m.Text = part.program.Render(textBody, values, where.Location, where.Language)
	switch d.Channel {
	case message.Push:
		m.Sound, m.Badge = p.Content.Push.Sound, p.Content.Push.Badge
	case message.SMTP:
		m.Subject = part.program.RenderEscaped(textSubject, values, where.Location, where.Language, macro.OneLine)
		m.Sender = part.program.RenderEscaped(textSender, values, where.Location, where.Language, macro.OneLine)
	}
	if d.Shared {
		m.Shared = string(id) + "." + where.Language.String()
	}
	return m
}

// Preview renders a content for one recipient, to look at before anything is sent.
func (p *Plan) Preview(values func(macro.Slot) (string, bool), where Place) (shown template.Content, missing []string) {
	if part := p.parts[message.Push]; part != nil {
		taken := part.program.Take(values)
		text := *p.Content.Push
		text.Message = part.program.Render(textBody, taken, where.Location, where.Language)
		shown.Push, missing = &text, append(missing, part.program.Missing(taken)...)
	}
	if part := p.parts[message.SMTP]; part != nil {
		taken := part.program.Take(values)
		text := *p.Content.SMTP
		text.Message = part.program.Render(textBody, taken, where.Location, where.Language)
		text.Subject = part.program.RenderEscaped(textSubject, taken, where.Location, where.Language, macro.OneLine)
		text.Sender = part.program.RenderEscaped(textSender, taken, where.Location, where.Language, macro.OneLine)
		text.Recipient, _ = part.recipient.Render(macro.Env{Values: values, Location: where.Location, Language: where.Language})
		shown.SMTP, missing = &text, append(missing, part.program.Missing(taken)...)
	}
	if part := p.parts[message.SMS]; part != nil {
		taken := part.program.Take(values)
		text := *p.Content.SMS
		text.Message = part.program.Render(textBody, taken, where.Location, where.Language)
		text.Recipient, _ = part.recipient.Render(macro.Env{Values: values, Location: where.Location, Language: where.Language})
		shown.SMS, missing = &text, append(missing, part.program.Missing(taken)...)
	}
	return shown, missing
}
