package macro

import "strings"

// Split cuts a text at each mark that stands outside its macros, such as the ";" of a list of recipients. The parts have
// no marks, and their blanks as they were.
func (t *Text) Split(mark string) []*Text {
	parts := [][]piece{nil}
	for _, p := range t.pieces() {
		if p.value != nil {
			parts[len(parts)-1] = append(parts[len(parts)-1], p)
			continue
		}
		for i, literal := range strings.Split(p.literal, mark) {
			if i > 0 {
				parts = append(parts, nil)
			}
			if literal != "" {
				parts[len(parts)-1] = append(parts[len(parts)-1], piece{literal: literal})
			}
		}
	}
	texts := make([]*Text, len(parts))
	for i, part := range parts {
		texts[i] = textOf(part)
	}
	return texts
}

// textOf makes a text of pieces of a text that was parsed: it is printed and read again, so that it has slots of its own.
func textOf(pieces []piece) *Text {
	var b strings.Builder
	for _, p := range pieces {
		p.print(&b)
	}
	text, err := Parse(b.String())
	if err != nil { // only the length can be wrong with what was printed: it may be longer than what was read
		return new(Text)
	}
	return text
}
