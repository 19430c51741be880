package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"heliograph/macro"
)

// Text is one text that may hold macros, and where it stands: a JSON pointer below the content or the template.
type Text struct{ Pointer, Text string }

// Texts lists every text of a content, in the order in which people read it.
func (c Content) Texts() (list []Text) {
	if p := c.Push; p != nil {
		list = append(list, Text{"/push/message", p.Message})
	}
	if m := c.SMTP; m != nil {
		list = append(list, Text{"/smtp/subject", m.Subject}, Text{"/smtp/message", m.Message},
			Text{"/smtp/sender", m.Sender}, Text{"/smtp/recipient", m.Recipient})
	}
	if s := c.SMS; s != nil {
		list = append(list, Text{"/sms/message", s.Message}, Text{"/sms/recipient", s.Recipient})
	}
	return append(list, variantTexts(c.Variants)...)
}

// Texts lists every text of a template, those of channels that are switched off too.
func (b Body) Texts() []Text {
	list := []Text{
		{"/push/message", b.Push.Message},
		{"/smtp/subject", b.SMTP.Subject}, {"/smtp/message", b.SMTP.Message},
		{"/smtp/sender", b.SMTP.Sender}, {"/smtp/recipient", b.SMTP.Recipient},
		{"/sms/message", b.SMS.Message}, {"/sms/recipient", b.SMS.Recipient},
	}
	return append(list, variantTexts(b.Variants)...)
}

func variantTexts(variants map[string]Variant) (list []Text) {
	for _, language := range slices.Sorted(maps.Keys(variants)) {
		list = append(list, variants[language].texts(language)...)
	}
	return list
}

func (v Variant) texts(language string) []Text {
	root := variantPointer(language)
	return []Text{
		{root + "/push/message", v.Push},
		{root + "/smtp/subject", v.Subject}, {root + "/smtp/message", v.Mail},
		{root + "/sms/message", v.SMS},
	}
}

// said reports whether the text is one that people read, and not an address.
func (t Text) said() bool {
	return strings.HasSuffix(t.Pointer, "/message") || strings.HasSuffix(t.Pointer, "/subject")
}

// CheckMacros finds everything that is wrong with the macros of texts, and what is merely doubtful. known says which
// properties exist; nil = only the usual ones.
func CheckMacros(list []Text, known func(macro.Slot) bool) (wrong, doubtful []Problem) {
	for _, t := range list {
		parsed, err := macro.Parse(t.Text)
		if err != nil {
			wrong = append(wrong, macroProblems(t.Pointer, err)...)
			continue
		}
		for _, w := range parsed.WarningsKnowing(known) {
			doubtful = append(doubtful, Problem{Pointer: t.Pointer, Detail: at(w)})
		}
	}
	return wrong, doubtful
}

func at(p macro.Problem) string { return fmt.Sprintf("at character %d: %s", p.Position, p.Detail) }

func macroProblems(pointer string, err error) (found []Problem) {
	list, ok := err.(macro.Errors)
	if !ok {
		return []Problem{{Pointer: pointer, Detail: err.Error()}}
	}
	for _, p := range list {
		found = append(found, Problem{Pointer: pointer, Detail: at(p)})
	}
	return found
}

// Refusal is why something cannot be sent by hand. Empty = it can.
type Refusal string

const (
	RefusedByType  Refusal = "type"  // the type is for occasions that the program itself notices
	RefusedByMacro Refusal = "macro" // a text asks for what only such an occasion knows
)

// eventReasons are the arguments of outofcompliance.reason that have a value only when a device broke the rule just now.
// The reference spelled the second one in two ways.
var eventReasons = []string{"smg_block", "allowlist_blocklist_apps_name", "whitelist_blacklist_apps_name"}

// ManualSending says whether a template can be sent by hand, and if not, why.
func (t Template) ManualSending() Refusal {
	if kind, ok := FindType(t.Type); !ok || !kind.Manual {
		return RefusedByType
	}
	if where := EventMacro(t.Texts()); where != "" {
		return RefusedByMacro
	}
	return ""
}

// EventMacro finds the first text, among those that people read, with a macro that keeps it from being sent by hand.
// Empty = there is none.
func EventMacro(list []Text) (pointer string) {
	for _, t := range list {
		if t.said() && strings.Contains(t.Text, "outofcompliance") && asksForEvent(t.Text) {
			return t.Pointer
		}
	}
	return ""
}

func asksForEvent(text string) bool {
	parsed, err := macro.Parse(text)
	return err == nil && slices.ContainsFunc(parsed.Slots(), func(s macro.Slot) bool {
		return s.Namespace() == "outofcompliance" && slices.Contains(eventReasons, s.Argument())
	})
}
