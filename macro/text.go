package macro

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// A Text is a parsed text with macros. It never changes and is safe for concurrent
// use. The zero Text is the empty text.
type Text struct {
	program  Program // of this text alone
	warnings []warning
}

type warning struct {
	slot    Slot // the unknown property; empty: about something else
	problem Problem
}

// Parse reads and checks a text of at most TextLimit bytes of UTF-8. Its error is an
// Errors with every problem found: bad syntax, an unknown namespace or function, a
// wrong number or kind of arguments. Unknown properties are no errors but Warnings,
// because an import may bring them.
func Parse(text string) (*Text, error) {
	if f := unreadable(text); f != nil {
		return nil, Errors(f.locate(text))
	}
	c := checker{index: map[Slot]int{}}
	p := parser{text: text}
	pieces := p.pieces(c.expr)
	if all := append(p.faults, c.errors...); len(all) > 0 {
		all.sort()
		return nil, Errors(all.locate(text))
	}
	c.warnings.sort()
	t := &Text{program: Program{slots: c.slots, texts: [][]piece{pieces}}}
	for i, problem := range c.warnings.locate(text) {
		t.warnings = append(t.warnings, warning{slot: c.warnings[i].slot, problem: problem})
	}
	return t, nil
}

// unreadable finds what makes a text not worth parsing.
func unreadable(text string) faults {
	if len(text) > TextLimit {
		return faults{{at: len(cut(text, TextLimit)), detail: fmt.Sprintf("the text is longer than %d KiB", TextLimit>>10)}}
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return faults{{at: i, detail: "the text is not valid UTF-8 here"}}
		}
	}
	return nil
}

// String prints the text's source in its canonical form: one way to write blanks,
// defaults and brackets. Parsing it again gives the same text.
func (t *Text) String() string {
	var b strings.Builder
	for _, p := range t.pieces() {
		p.print(&b)
	}
	return b.String()
}

func (t *Text) pieces() []piece {
	if len(t.program.texts) == 0 {
		return nil
	}
	return t.program.texts[0]
}

// Warnings lists the properties that the table does not know, which includes all
// custom ones, and date patterns that look mistaken.
func (t *Text) Warnings() []Problem { return t.WarningsKnowing(nil) }

// WarningsKnowing is Warnings without the properties that known says exist, for
// instance because an import brought them. A nil known knows none.
func (t *Text) WarningsKnowing(known func(Slot) bool) []Problem {
	var problems []Problem
	for _, w := range t.warnings {
		if w.slot == "" || known == nil || !known(w.slot) {
			problems = append(problems, w.problem)
		}
	}
	return problems
}

// Slots lists the distinct values that the text needs, in order of first use.
func (t *Text) Slots() []Slot { return t.program.Slots() }

// Namespaces lists the distinct namespaces of the slots, in order of first use. What a
// text speaks of ("user", "device", …) decides how many messages it makes.
func (t *Text) Namespaces() []string { return namespacesOf(t.program.slots) }

// Uses tells whether the text needs a value of the namespace.
func (t *Text) Uses(namespace string) bool { return slices.Contains(t.Namespaces(), namespace) }

// HasMacros tells whether the rendering depends on anything but the text.
func (t *Text) HasMacros() bool {
	return slices.ContainsFunc(t.pieces(), func(p piece) bool { return p.value != nil })
}

// Env is what a text is rendered with. Every field may be left out.
type Env struct {
	// Values gives the value of a slot; false or an empty text: it is missing. Nil:
	// all are. It is asked once for each slot.
	Values func(Slot) (string, bool)
	// Location is the organisation's time zone, for date. Nil: UTC.
	Location *time.Location
	// Language is the text's language, for the names of months and days: English,
	// French or Portuguese. Any other is English.
	Language language.Tag
	// Escape is applied to what each macro renders to, not to literal text. Nil: none.
	Escape func(string) string
}

// Render renders the text and lists what was missing (see the package comment), each
// name once and as it was written.
func (t *Text) Render(env Env) (text string, missing []string) {
	values := t.program.Take(env.Values)
	if len(t.program.texts) == 0 {
		return "", nil
	}
	return t.program.RenderEscaped(0, values, env.Location, env.Language, env.Escape), t.program.Missing(values)
}
