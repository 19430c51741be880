package fleet

import "strings"

// Invalid says that an object cannot be stored as it is, and why: the API's 422.
type Invalid struct{ Problems []Problem }

// Invalidf is Invalid with one problem.
func Invalidf(field, format string, args ...any) *Invalid {
	c := checker{}
	c.add(field, format, args...)
	return &Invalid{c.found}
}

// Error lists the problems. It names fields, never their values.
func (e *Invalid) Error() string {
	words := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		words[i] = strings.TrimSpace(p.Field + " " + p.Detail)
	}
	return strings.Join(words, "; ")
}

// Refuse is nil when nothing is wrong, else Invalid.
func Refuse(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Invalid{problems}
}
