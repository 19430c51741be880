// Package template holds what a message says: the texts of each channel, with macros, as an administrator wrote them.
package template

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Content is what a notification says, by channel. A channel is used when its part is present.
type Content struct {
	Push *PushText `json:"push,omitempty"`
	SMTP *MailText `json:"smtp,omitempty"`
	SMS  *SMSText  `json:"sms,omitempty"`

	// Language is that of the texts above, for the names of months and days; empty = English. Variants are the texts in
	// other languages, by BCP 47 tag: for people who read them.
	Language string             `json:"language,omitempty"`
	Variants map[string]Variant `json:"variants,omitempty"`

	// Facts are values of macros that are the same for everybody, by slot, and TimeZone is where its times are read: as
	// they were when it was asked for.
	Facts    map[string]string `json:"facts,omitempty"`
	TimeZone string            `json:"time_zone,omitempty"`

	// Languages are what those speak who are reached by their address alone: by mail address in lower case, and number.
	Languages map[string]string `json:"languages,omitempty"`
}

// WithFact is the content with a value that is the same for everybody. An empty one counts for nothing.
func (c Content) WithFact(slot, value string) Content {
	if value == "" {
		return c
	}
	facts := map[string]string{slot: value}
	for other, known := range c.Facts {
		if other != slot {
			facts[other] = known
		}
	}
	c.Facts = facts
	return c
}

// Empty reports whether the content uses no channel.
func (c Content) Empty() bool { return c.Push == nil && c.SMTP == nil && c.SMS == nil }

// PushText is shown by the device app. Message may hold macros.
type PushText struct {
	Message string `json:"message"`
	Sound   string `json:"sound,omitempty"` // empty = the platform's default
	Badge   *int   `json:"badge,omitempty"` // nil = untouched, 0 = cleared
}

// MailText is an e-mail. All its texts may hold macros.
type MailText struct {
	Subject   string `json:"subject"`
	Message   string `json:"message"`
	Sender    string `json:"sender,omitempty"`    // a name, an address or both; empty = the server's
	Recipient string `json:"recipient,omitempty"` // macros and addresses, separated by ";"; empty = DefaultMailRecipient
}

// SMSText is a text message. Message and Recipient may hold macros.
type SMSText struct {
	Message   string `json:"message"`
	Recipient string `json:"recipient,omitempty"`
}

// DefaultMailRecipient is where an e-mail goes when its text names no recipient.
const DefaultMailRecipient = "${user.mail}"

// To is the text's recipient, or the default.
func (t MailText) To() string {
	if t.Recipient == "" {
		return DefaultMailRecipient
	}
	return t.Recipient
}

// DefaultNumberRecipient is where a text message goes when its text names no recipient: the device's own number, else its
// person's.
const DefaultNumberRecipient = "${firstnotnull(device.TEL_NUMBER, user.mobile)}"

// To is the text's recipient, or the default.
func (t SMSText) To() string {
	if t.Recipient == "" {
		return DefaultNumberRecipient
	}
	return t.Recipient
}

// Limits of the texts, in characters: what an administrator may write, far above what a screen shows.
const (
	maxSubject = 998 // RFC 5322 section 2.1.1: the longest line
	maxMessage = 32_768
	maxName    = 320 // RFC 5321 section 4.5.3.1: the longest address
)

// Problem is one thing that is wrong, at a JSON pointer (RFC 6901) below the content.
type Problem struct {
	Pointer string
	Detail  string
}

// Check finds what is wrong with the content before its macros are looked at: missing and overlong texts.
func (c Content) Check() []Problem { return c.check(true) }

// CheckTemplate is Check for the content of a template, where a mail may say everything in its subject.
func (c Content) CheckTemplate() []Problem { return c.check(false) }

func (c Content) check(wholeMail bool) []Problem {
	var found []Problem
	need := func(pointer, text string, limit int) {
		if text == "" {
			found = append(found, Problem{pointer, "is required"})
		}
		found = append(found, tooLong(pointer, text, limit)...)
	}
	may := func(pointer, text string, limit int) { found = append(found, tooLong(pointer, text, limit)...) }

	if c.Empty() {
		return []Problem{{"", "names no channel: give push, smtp or sms"}}
	}
	if p := c.Push; p != nil {
		need("/push/message", p.Message, maxMessage)
		may("/push/sound", p.Sound, maxName)
		if p.Badge != nil && *p.Badge < 0 {
			found = append(found, Problem{"/push/badge", "must be 0 or more"})
		}
	}
	if m := c.SMTP; m != nil {
		need("/smtp/subject", m.Subject, maxSubject)
		if may("/smtp/message", m.Message, maxMessage); wholeMail && m.Message == "" {
			found = append(found, Problem{"/smtp/message", "is required"})
		}
		may("/smtp/sender", m.Sender, maxName)
		may("/smtp/recipient", m.Recipient, maxMessage)
	}
	if s := c.SMS; s != nil {
		need("/sms/message", s.Message, maxMessage)
		may("/sms/recipient", s.Recipient, maxMessage)
	}
	for language, v := range c.Variants {
		found = append(found, v.check(language)...)
	}
	return found
}

// check finds texts that are too long.
func (v Variant) check(language string) (found []Problem) {
	for _, t := range v.texts(language) {
		limit := maxMessage
		if strings.HasSuffix(t.Pointer, "/subject") {
			limit = maxSubject
		}
		found = append(found, tooLong(t.Pointer, t.Text, limit)...)
	}
	return found
}

func tooLong(pointer, text string, limit int) []Problem {
	if utf8.RuneCountInString(text) <= limit {
		return nil
	}
	return []Problem{{pointer, fmt.Sprintf("is longer than %d characters", limit)}}
}
