package template

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Template is what to say on one occasion, as an administrator keeps it. The texts of its channels are in one language;
// Variants have them in others.
type Template struct {
	Key         int64  // the database's own key; 0 before it is stored
	ID          string // UUIDv7; of a predefined one its type
	Name        string // unique
	Description string
	Type        TypeKey // fixed once it is created
	Predefined  bool    // it came with Heliograph: it cannot be deleted, and its texts can be restored
	Changed     bool    // a predefined one whose texts are no longer those that it came with

	Body
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Body is what a template says, by channel. The zero Body says nothing, on no channel.
type Body struct {
	Language string             `json:"language,omitempty"` // of the texts in Push, SMTP and SMS: a BCP 47 tag
	Push     PushPart           `json:"push,omitzero"`
	SMTP     MailPart           `json:"smtp,omitzero"`
	SMS      SMSPart            `json:"sms,omitzero"`
	Variants map[string]Variant `json:"variants,omitempty"` // by language
}

// PushPart is what a template says by push.
type PushPart struct {
	Active  bool   `json:"-"`
	Message string `json:"message,omitempty"`
	Sound   string `json:"sound,omitempty"` // name of a Sound; empty = DefaultSound
}

// MailPart is what a template says by e-mail.
type MailPart struct {
	Active    bool   `json:"-"`
	Sender    string `json:"sender,omitempty"`    // a name, an address or both; empty = the server's
	Recipient string `json:"recipient,omitempty"` // empty = the type's
	Subject   string `json:"subject,omitempty"`
	Message   string `json:"message,omitempty"`
}

// SMSPart is what a template says by text message.
type SMSPart struct {
	Active    bool   `json:"-"`
	Recipient string `json:"recipient,omitempty"` // empty = the type's
	Message   string `json:"message,omitempty"`
}

// Variant is the texts of a template in another language. A channel whose text is empty is said in the template's own.
type Variant struct {
	Push    string `json:"push,omitempty"`    // message
	Subject string `json:"subject,omitempty"` // of the e-mail
	Mail    string `json:"mail,omitempty"`    // message
	SMS     string `json:"sms,omitempty"`     // message
}

// Empty reports whether the variant says nothing.
func (v Variant) Empty() bool { return v == Variant{} }

// Active reports whether a channel of the template is switched on.
func (b Body) Active(c Channel) bool {
	switch c {
	case Push:
		return b.Push.Active
	case SMTP:
		return b.SMTP.Active
	case SMS:
		return b.SMS.Active
	}
	return false
}

// Activate switches a channel on or off.
func (b *Body) Activate(c Channel, on bool) {
	switch c {
	case Push:
		b.Push.Active = on
	case SMTP:
		b.SMTP.Active = on
	case SMS:
		b.SMS.Active = on
	}
}

// Languages lists those of the variants, sorted.
func (b Body) Languages() []string { return slices.Sorted(maps.Keys(b.Variants)) }

// ForPerson finds the language for somebody among some: the very same, else one of the same first part ("pt" for "pt-BR",
// and the other way round). Empty when there is none.
func ForPerson(languages []string, wanted string) string {
	wanted = strings.ToLower(wanted)
	if wanted == "" {
		return ""
	}
	same := ""
	for _, tag := range languages {
		switch lower := strings.ToLower(tag); {
		case lower == wanted:
			return tag
		case same == "" && base(lower) == base(wanted):
			same = tag
		}
	}
	return same
}

// base is the first part of a language tag: "pt" of "pt-BR".
func base(tag string) string {
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		return tag[:i]
	}
	return tag
}

// Content is what a notification of this template says on some channels: a copy that stays as it is. language is the
// organisation's, for whoever has none of the template's: its texts stand first in the copy. A recipient that is left
// empty is the type's.
func (t Template) Content(channels []Channel, language string) Content {
	kind, _ := FindType(t.Type)
	b := t.In(language)
	c := Content{Language: b.Language}
	if slices.Contains(channels, Push) {
		c.Push = &PushText{Message: b.Push.Message, Sound: SoundName(b.Push.Sound)}
	}
	if m := b.SMTP; slices.Contains(channels, SMTP) {
		c.SMTP = &MailText{Subject: m.Subject, Message: m.Message, Sender: m.Sender, Recipient: m.Recipient}
		if m.Recipient == "" {
			c.SMTP.Recipient = kind.Recipient(SMTP)
		}
	}
	if m := b.SMS; slices.Contains(channels, SMS) {
		c.SMS = &SMSText{Message: m.Message, Recipient: m.Recipient}
		if m.Recipient == "" {
			c.SMS.Recipient = kind.Recipient(SMS)
		}
	}
	for language, v := range b.Variants {
		if v = v.only(c); !v.Empty() {
			if c.Variants == nil {
				c.Variants = map[string]Variant{}
			}
			c.Variants[language] = v
		}
	}
	return c
}

// In is the body with the texts of a language first, and those that stood there among the variants. What the language
// does not say stays as it is said; without the language nothing changes.
func (b Body) In(language string) Body {
	if ForPerson([]string{b.Language}, language) != "" {
		return b
	}
	found := ForPerson(b.Languages(), language)
	if found == "" {
		return b
	}
	v := b.Variants[found]
	own := Variant{Push: b.Push.Message, Subject: b.SMTP.Subject, Mail: b.SMTP.Message, SMS: b.SMS.Message}
	others := maps.Clone(b.Variants)
	delete(others, found)
	for tag, other := range others { // what they leave out is said in the language that stood first
		others[tag] = other.or(own)
	}
	if b.Language != "" {
		others[b.Language] = own
	}
	b.Push.Message, b.SMS.Message = either(v.Push, own.Push), either(v.SMS, own.SMS)
	if v.Subject != "" {
		b.SMTP.Subject, b.SMTP.Message = v.Subject, v.Mail
	}
	b.Language, b.Variants = found, others
	return b
}

// or fills what a variant leaves out; an e-mail is filled in whole.
func (v Variant) or(other Variant) Variant {
	v.Push, v.SMS = either(v.Push, other.Push), either(v.SMS, other.SMS)
	if v.Subject == "" {
		v.Subject, v.Mail = other.Subject, other.Mail
	}
	return v
}

// only is the part of a variant that a content's channels need. An e-mail is said in one language, subject and message.
func (v Variant) only(c Content) Variant {
	if c.Push == nil {
		v.Push = ""
	}
	if c.SMTP == nil || v.Subject == "" {
		v.Subject, v.Mail = "", ""
	}
	if c.SMS == nil {
		v.SMS = ""
	}
	return v
}

func either(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// Use is something that uses a template, and so keeps it from being deleted.
type Use struct {
	Kind string // notification
	ID   string
	Name string // what people know it by
}

// Sound of a push message. Its name goes to the platform's field.
type Sound struct {
	Key     int64
	ID      string // UUIDv7
	Name    string // unique
	BuiltIn bool   // DefaultSound: it is always there
}

// DefaultSound is the one that every platform has.
const DefaultSound = "Default"

// SoundName is what goes to the platform: nothing for the default.
func SoundName(name string) string {
	if name == DefaultSound {
		return ""
	}
	return name
}
