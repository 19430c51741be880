package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCursor: a cursor that somebody made up is refused, or reads as one that this program could have written.
func FuzzCursor(f *testing.F) {
	f.Add(cursor{Sort: SortName, Ascending: true, Values: []string{"a", "б"}, Key: 7}.String())
	for _, text := range []string{"", "AAAA", "eyJ4IjoxfQ", "eyJrIjoxZTk5OX0", "bnVsbA", "e30", "eyJ2IjpbIlx1MDAwMCJdfQ", "../etc"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			return
		}
		again, err := parseCursor(c.String())
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
		if strings.ContainsRune(strings.Join(c.Values, ""), 0) {
			t.Errorf("%q holds what PostgreSQL does not take", text)
		}
	})
}
