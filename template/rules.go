package template

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"heliograph/fleet"
	"heliograph/macro"
)

// Situation is what the rules look at beside a template. The zero Situation has nothing set up.
type Situation struct {
	Before *Template             // as it is stored; nil = it is a new one
	Ready  map[Channel]bool      // channels for which something is set up
	Sounds []string              // names in the list of sounds, beside DefaultSound
	Known  func(macro.Slot) bool // properties that exist; nil = the usual ones alone
}

const (
	maxTemplateName = 128  // characters
	maxDescription  = 1000 // characters
	maxVariants     = 50   // languages
)

// Check finds everything that is wrong with a template, and what is merely doubtful. It is the one place of the rules:
// the console and the API show what it says.
func (t Template) Check(s Situation) (wrong, doubtful []Problem) {
	kind, ok := FindType(t.Type)
	if !ok {
		wrong = append(wrong, Problem{"/type", "must be one of: " + strings.Join(keys(), ", ")})
		kind.Channels = everyChannel
	}
	wrong = append(wrong, t.checkNames()...)
	if ok {
		wrong = append(wrong, t.checkType(kind, s.Before)...)
	}
	wrong = append(wrong, t.checkLanguages()...)
	for _, c := range everyChannel {
		wrong = append(wrong, t.checkChannel(kind, c, s)...)
	}
	if !slices.Contains(append([]string{"", DefaultSound}, s.Sounds...), t.Push.Sound) {
		wrong = append(wrong, Problem{"/push/sound", "is not in the list of sounds"})
	}
	wrong = append(wrong, t.checkLengths()...)
	bad, odd := CheckMacros(t.Texts(), s.Known)
	if len(bad) == 0 {
		wrong = append(wrong, t.checkRecipients()...)
	}
	return append(wrong, bad...), append(t.checkPrefilled(kind), odd...)
}

func keys() (words []string) {
	for _, t := range types {
		words = append(words, string(t.Key))
	}
	return words
}

func (t Template) checkNames() (list []Problem) {
	if strings.TrimSpace(t.Name) == "" {
		list = append(list, Problem{"/name", "is required"})
	}
	list = append(list, tooLong("/name", t.Name, maxTemplateName)...)
	return append(list, tooLong("/description", t.Description, maxDescription)...)
}

func (t Template) checkType(kind Type, before *Template) []Problem {
	switch {
	case before != nil && before.Type != t.Type:
		return []Problem{{"/type", "cannot be changed: add another template instead"}}
	case before == nil && kind.Single:
		return []Problem{{"/type", "has one template, which is there already: no other can be added"}}
	}
	return nil
}

func (t Template) checkLanguages() (list []Problem) {
	if t.Language != "" && !validLanguage(t.Language) {
		list = append(list, Problem{"/language", "is not a language tag such as en, fr or pt-BR"})
	}
	if len(t.Variants) > maxVariants {
		list = append(list, Problem{"/variants", fmt.Sprintf("has more than %d languages", maxVariants)})
	}
	for _, tag := range t.Languages() {
		switch at := variantPointer(tag); {
		case !validLanguage(tag):
			list = append(list, Problem{at, "is not a language tag such as en, fr or pt-BR"})
		case strings.EqualFold(tag, t.Language):
			list = append(list, Problem{at, "is the language of the template's own texts"})
		}
	}
	return list
}

func validLanguage(tag string) bool {
	_, err := language.Parse(tag)
	return err == nil
}

// need is a text of a channel that cannot be left out.
type need struct{ field, text string }

// needs are the texts without which a channel cannot be active. A mail may say everything in its subject.
func (b Body) needs(c Channel) []need {
	switch c {
	case Push:
		return []need{{"message", b.Push.Message}}
	case SMTP:
		return []need{{"subject", b.SMTP.Subject}}
	case SMS:
		return []need{{"message", b.SMS.Message}}
	}
	return nil
}

// LacksText lists the required texts of a channel that are empty: message, subject.
func (b Body) LacksText(c Channel) (fields []string) {
	for _, n := range b.needs(c) {
		if strings.TrimSpace(n.text) == "" {
			fields = append(fields, n.field)
		}
	}
	return fields
}

// notReady says why a channel cannot be activated.
var notReady = map[Channel]string{
	Push: "cannot be activated: no push provider is set up",
	SMTP: "cannot be activated: no SMTP server is active",
	SMS:  "cannot be activated: no SMS gateway is active, nor are carrier gateways used with an active SMTP server",
}

func (t Template) checkChannel(kind Type, c Channel, s Situation) (list []Problem) {
	root := "/" + string(c)
	if !kind.Supports(c) {
		if t.Active(c) || t.says(c) {
			list = append(list, Problem{root, "is no channel of this type of template"})
		}
		return list
	}
	list = t.checkVariants(c)
	if !t.Active(c) {
		return list
	}
	if was := s.Before != nil && s.Before.Active(c); !s.Ready[c] && !was { // what was active may stay so while its server is away
		list = append(list, Problem{root + "/active", notReady[c]})
	}
	for _, field := range t.LacksText(c) {
		list = append(list, Problem{root + "/" + field, "is required while the channel is active"})
	}
	return list
}

// says reports whether anything is filled in for a channel.
func (b Body) says(c Channel) bool {
	root := "/" + string(c) + "/"
	return slices.ContainsFunc(b.Texts(), func(t Text) bool { return t.Text != "" && strings.Contains(t.Pointer, root) })
}

// checkVariants finds mails that are half in another language.
func (t Template) checkVariants(c Channel) (list []Problem) {
	if c != SMTP {
		return nil
	}
	for _, tag := range t.Languages() {
		switch v, at := t.Variants[tag], variantPointer(tag); {
		case v.Subject == "" && v.Mail != "":
			list = append(list, Problem{at + "/smtp/subject", "is required beside a message in this language"})
		case v.Subject != "" && v.Mail == "" && t.SMTP.Message != "":
			list = append(list, Problem{at + "/smtp/message", "is required beside a subject in this language"})
		}
	}
	return list
}

func (t Template) checkLengths() (list []Problem) {
	for _, text := range t.Texts() {
		limit := maxMessage
		switch {
		case strings.HasSuffix(text.Pointer, "/subject"):
			limit = maxSubject
		case strings.HasSuffix(text.Pointer, "/sender"):
			limit = maxName
		}
		list = append(list, tooLong(text.Pointer, text.Text, limit)...)
	}
	return list
}

// checkRecipients looks at addresses that are written out, between the macros.
func (t Template) checkRecipients() (list []Problem) {
	for _, r := range []struct {
		pointer, text, wrong string
		valid                func(string) bool
	}{
		{"/smtp/recipient", t.SMTP.Recipient, "has an entry that is no mail address: separate them with ;", validAddress},
		{"/sms/recipient", t.SMS.Recipient, "has an entry that is no telephone number: separate them with ;", looksDialled},
	} {
		if !literalsAre(r.text, r.valid) {
			list = append(list, Problem{r.pointer, r.wrong})
		}
	}
	if s := t.SMTP.Sender; strings.ContainsAny(s, "\r\n") {
		list = append(list, Problem{"/smtp/sender", "must be one line"})
	}
	return list
}

// literalsAre reports whether every entry without a macro is valid. Empty ones count for nothing.
func literalsAre(recipient string, valid func(string) bool) bool {
	parsed, err := macro.Parse(recipient)
	if err != nil {
		return false
	}
	for _, entry := range parsed.Split(";") {
		if text := strings.TrimSpace(entry.String()); text != "" && !entry.HasMacros() && !valid(text) {
			return false
		}
	}
	return true
}

// validAddress takes "address" and "Name <address>".
func validAddress(text string) bool {
	if fleet.ValidMail(text) {
		return true
	}
	parsed, err := mail.ParseAddress(text)
	return err == nil && fleet.ValidMail(parsed.Address)
}

var dialled = regexp.MustCompile(`^\+?[0-9][0-9 ()/.-]{2,30}$`)

func looksDialled(text string) bool { return dialled.MatchString(text) }

// checkPrefilled warns of a recipient that is no longer the one that the type fills in.
func (t Template) checkPrefilled(kind Type) (list []Problem) {
	for _, r := range []struct {
		channel Channel
		text    string
	}{{SMTP, t.SMTP.Recipient}, {SMS, t.SMS.Recipient}} {
		want := kind.Recipient(r.channel)
		if want == "" || r.text == "" || holds(r.text, want) {
			continue
		}
		list = append(list, Problem{"/" + string(r.channel) + "/recipient",
			"no longer holds " + want + ", which this type of template is made for: this is not recommended"})
	}
	return list
}

// holds reports whether an entry of a list of recipients is the macro that was filled in. More may stand beside it.
func holds(recipient, want string) bool {
	parsed, err := macro.Parse(recipient)
	prefilled, bad := macro.Parse(want)
	return err != nil || bad != nil || slices.ContainsFunc(parsed.Split(";"), func(entry *macro.Text) bool {
		return strings.TrimSpace(entry.String()) == prefilled.String()
	})
}

func variantPointer(language string) string {
	return "/variants/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(language)
}

// CheckSound finds what is wrong with the name of a sound: it is that of a file in the device app.
func CheckSound(name string) []Problem {
	switch {
	case name == "":
		return []Problem{{"/name", "is required"}}
	case utf8.RuneCountInString(name) > maxSound:
		return []Problem{{"/name", fmt.Sprintf("is longer than %d characters", maxSound)}}
	case strings.ContainsAny(name, "/\\\x00\r\n\t"):
		return []Problem{{"/name", "must be the name of a file, without a path"}}
	case strings.EqualFold(name, DefaultSound):
		return []Problem{{"/name", "is the sound that every platform has"}}
	}
	return nil
}

const maxSound = 100 // characters
