package ews

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Eight bytes at a time come to the same as one.
func TestPlainStopsWhereItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(0x20, 0x7f), rapid.ByteRange('A', 'Z'), rapid.Byte()), 0, 40).Draw(t, "text")
		if rapid.Bool().Draw(t, "long") {
			text = append(bytes.Repeat([]byte("AbC+/="), 9), text...)
		}
		end := rapid.SampledFrom([]byte("<\"'")).Draw(t, "end")
		want := len(text)
		for i, c := range text {
			if c == end || classes[c]&inText == 0 {
				want = i
				break
			}
		}
		if got := plain(text, end); got != want {
			t.Fatalf("%q up to %q: %d, want %d", text, end, got, want)
		}
	})
}
