package template

// Overrides are texts that stand in for a template's in one notification. What is nil stays as the template has it; what
// is given is said to everybody, whatever their language.
type Overrides struct {
	Push *PushOverride
	SMTP *MailOverride
	SMS  *SMSOverride
}

// PushOverride stands in for parts of a push.
type PushOverride struct {
	Message, Sound *string
	Badge          *int
}

// MailOverride stands in for parts of an e-mail.
type MailOverride struct{ Subject, Message, Sender, Recipient *string }

// SMSOverride stands in for parts of a text message.
type SMSOverride struct{ Message, Recipient *string }

// Uses reports whether anything of a channel is overridden.
func (o Overrides) Uses(c Channel) bool {
	return c == Push && o.Push != nil || c == SMTP && o.SMTP != nil || c == SMS && o.SMS != nil
}

// Names reports whether the text at a pointer below the content is overridden.
func (o Overrides) Names(pointer string) bool {
	fields := map[string]bool{}
	if p := o.Push; p != nil {
		fields["/push/message"], fields["/push/sound"], fields["/push/badge"] = p.Message != nil, p.Sound != nil, p.Badge != nil
	}
	if m := o.SMTP; m != nil {
		fields["/smtp/subject"], fields["/smtp/message"] = m.Subject != nil, m.Message != nil
		fields["/smtp/sender"], fields["/smtp/recipient"] = m.Sender != nil, m.Recipient != nil
	}
	if s := o.SMS; s != nil {
		fields["/sms/message"], fields["/sms/recipient"] = s.Message != nil, s.Recipient != nil
	}
	return fields[pointer]
}

// Override is the content with texts that stand in for its own, on the channels that it uses.
func (c Content) Override(o Overrides) Content {
	c.Variants = overrideVariants(c.Variants, o)
	if c.Push != nil && o.Push != nil {
		text := *c.Push
		take(&text.Message, o.Push.Message)
		take(&text.Sound, o.Push.Sound)
		text.Sound = SoundName(text.Sound)
		if o.Push.Badge != nil {
			text.Badge = o.Push.Badge
		}
		c.Push = &text
	}
	if c.SMTP != nil && o.SMTP != nil {
		text := *c.SMTP
		take(&text.Subject, o.SMTP.Subject)
		take(&text.Message, o.SMTP.Message)
		take(&text.Sender, o.SMTP.Sender)
		take(&text.Recipient, o.SMTP.Recipient)
		c.SMTP = &text
	}
	if c.SMS != nil && o.SMS != nil {
		text := *c.SMS
		take(&text.Message, o.SMS.Message)
		take(&text.Recipient, o.SMS.Recipient)
		c.SMS = &text
	}
	return c
}

// overrideVariants says in every language what stands in for a text.
func overrideVariants(variants map[string]Variant, o Overrides) map[string]Variant {
	var kept map[string]Variant
	for language, v := range variants {
		if o.Push != nil && o.Push.Message != nil {
			v.Push = ""
		}
		if o.SMS != nil && o.SMS.Message != nil {
			v.SMS = ""
		}
		if o.SMTP != nil && v.Subject != "" {
			take(&v.Subject, o.SMTP.Subject)
			take(&v.Mail, o.SMTP.Message)
			if o.SMTP.Subject != nil && o.SMTP.Message != nil {
				v.Subject, v.Mail = "", ""
			}
		}
		if v.Empty() {
			continue
		}
		if kept == nil {
			kept = map[string]Variant{}
		}
		kept[language] = v
	}
	return kept
}

func take(into *string, text *string) {
	if text != nil {
		*into = *text
	}
}
