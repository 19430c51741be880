package macro

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// RenderLimit is the size in bytes at which a rendering is cut. No channel carries
// more; a short text that repeats a long value could otherwise fill the memory.
const RenderLimit = 1 << 20

// A Program is several texts of one notification compiled together: a value that
// more than one of them needs is taken and stored once. It never changes and is safe
// for concurrent use.
//
// Values are an array by slot index, nil for a missing one: exactly what its JSON
// form, an array of strings and nulls, holds. An array that is too short misses the rest.
type Program struct {
	slots []Slot
	texts [][]piece
}

// Compile joins texts, which keep their order as index i below. A nil text is empty.
// The same texts in the same order always give the same slots in the same order, so
// stored values fit a program compiled again from the stored sources.
func Compile(texts ...*Text) *Program {
	p := &Program{texts: make([][]piece, len(texts))}
	index := map[Slot]int{}
	for i, t := range texts {
		if t != nil {
			p.texts[i] = p.adopt(t, index)
		}
	}
	return p
}

// adopt copies the pieces of a text, with the slot indexes of the program.
func (p *Program) adopt(t *Text, index map[Slot]int) []piece {
	own := make([]int, len(t.program.slots))
	for i, s := range t.program.slots {
		at, seen := index[s]
		if !seen {
			at = len(p.slots)
			index[s] = at
			p.slots = append(p.slots, s)
		}
		own[i] = at
	}
	pieces := slices.Clone(t.pieces())
	for i, one := range pieces {
		if one.value != nil {
			pieces[i].value = one.value.rebased(own)
		}
	}
	return pieces
}

// Slots lists the values that the texts need, by slot index.
func (p *Program) Slots() []Slot { return slices.Clone(p.slots) }

// Take asks the lookup once for each slot and returns the array of values. A nil
// lookup has none.
func (p *Program) Take(lookup func(Slot) (string, bool)) []*string {
	values := make([]*string, len(p.slots))
	if lookup == nil {
		return values
	}
	for i, s := range p.slots {
		if value, ok := lookup(s); ok && value != "" {
			values[i] = &value
		}
	}
	return values
}

// Render renders text i. Location nil is UTC; see Env for location and language.
func (p *Program) Render(i int, values []*string, location *time.Location, lang language.Tag) string {
	return p.RenderEscaped(i, values, location, lang, nil)
}

// RenderEscaped is Render with an escape for what each macro renders to; nil: none.
func (p *Program) RenderEscaped(i int, values []*string, location *time.Location, lang language.Tag, escape func(string) string) string {
	w := walk{values: values, location: location, language: lang}
	var space [16]string // enough for most texts to need no other memory than the result
	parts := space[:0]
	for _, one := range p.texts[i] {
		part := one.literal
		if one.value != nil {
			part = w.eval(one.value)
			if escape != nil {
				part = escape(part)
			}
		}
		parts = append(parts, part)
	}
	return join(parts)
}

// join is the parts one after the other, cut at RenderLimit.
func join(parts []string) string {
	if len(parts) == 1 {
		return cut(parts[0], RenderLimit)
	}
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	var b strings.Builder
	b.Grow(min(size, RenderLimit))
	for _, part := range parts {
		if b.Len()+len(part) > RenderLimit {
			b.WriteString(cut(part, RenderLimit-b.Len()))
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

// Missing lists what the values lack for all texts together (see the package comment),
// each name once and as it was written.
func (p *Program) Missing(values []*string) []string {
	m := missing{walk: walk{values: values}, listed: map[int]bool{}}
	for _, pieces := range p.texts {
		m.text(pieces)
	}
	return m.names
}

// MissingIn is Missing for text i alone.
func (p *Program) MissingIn(i int, values []*string) []string {
	m := missing{walk: walk{values: values}, listed: map[int]bool{}}
	m.text(p.texts[i])
	return m.names
}

// walk is one rendering. It is handed on by value so that it stays off the heap.
type walk struct {
	values   []*string
	location *time.Location
	language language.Tag
}

func (w walk) eval(e *expr) string {
	switch e.kind {
	case propertyExpr:
		return w.value(e.slot)
	case callExpr:
		return e.call.apply(w, e.args)
	default:
		return e.source
	}
}

func (w walk) value(slot int) string {
	if slot >= len(w.values) || w.values[slot] == nil {
		return ""
	}
	return *w.values[slot]
}

// missing collects the names of missing values.
type missing struct {
	walk   walk
	listed map[int]bool // by slot
	names  []string
}

func (m *missing) text(pieces []piece) {
	for _, one := range pieces {
		if one.value != nil {
			m.expr(one.value)
		}
	}
}

func (m *missing) expr(e *expr) {
	switch {
	case e.kind == propertyExpr:
		m.property(e)
	case e.kind == callExpr && e.call.alternatives && m.walk.eval(e) != "":
		return
	default:
		for i := range e.args {
			m.expr(&e.args[i])
		}
	}
}

func (m *missing) property(e *expr) {
	if m.walk.value(e.slot) == "" && !m.listed[e.slot] {
		m.listed[e.slot] = true
		m.names = append(m.names, e.source)
	}
}
