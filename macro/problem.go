package macro

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// problemLimit is how many errors, and how many warnings, are kept of one text. The
// rest is dropped: nobody reads on, and a hostile text could hold thousands.
const problemLimit = 100

// A Problem is one thing that is wrong, or doubtful, in a text.
type Problem struct {
	// Position counts characters (not bytes) from 1 and names the first wrong one. For
	// something that is missing at the end of the text it names the beginning of what
	// was left open.
	Position int    `json:"position"`
	Detail   string `json:"detail"`
}

// Errors is the error of Parse: every problem of a text, by position.
type Errors []Problem

func (e Errors) Error() string {
	var b strings.Builder
	for i, p := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString("character " + strconv.Itoa(p.Position) + ": " + p.Detail)
	}
	return b.String()
}

// A fault is a problem before its position is counted.
type fault struct {
	at     int // byte offset
	detail string
	slot   Slot // the property that a warning is about, else empty
}

type faults []fault

func (f *faults) add(one fault) {
	if !f.full() {
		*f = append(*f, one)
	}
}

// full tells that another fault would be dropped, so that no work is spent on it.
func (f faults) full() bool { return len(f) >= problemLimit }

// sort puts the faults in the order in which a reader meets them.
func (f faults) sort() {
	slices.SortStableFunc(f, func(a, b fault) int { return a.at - b.at })
}

// locate turns sorted faults into problems of the text, in one pass over it.
func (f faults) locate(text string) []Problem {
	problems := make([]Problem, 0, len(f))
	position, counted := 1, 0
	for _, one := range f {
		position += utf8.RuneCountInString(text[counted:one.at])
		counted = one.at
		problems = append(problems, Problem{Position: position, Detail: one.detail})
	}
	return problems
}
