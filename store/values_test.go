package store

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadValues: whatever JSON the text is, it means the same to readValues as to encoding/json.
func FuzzReadValues(f *testing.F) {
	for _, text := range []string{"[]", "[null]", `["a",null,"b\n"]`, `["a" ,"b"]`, `["Größe"]`, `null`, ` ["a"]`, `["\u00e9"]`, `["],["]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want []*string
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		got, err := readValues(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	})
}

func TestValuesAreReadBack(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, values := range [][]*string{
		nil,
		{nil},
		{text("a"), nil, text("")},
		{text("quo\"te"), text("line\nbreak"), text("back\\slash"), text("null"), text("],["), text("Größe ✓")},
	} {
		stored, _ := valuesText(values).(string)
		got, err := readValues(stored)
		if diff := cmp.Diff(values, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", stored, err, diff)
		}
	}
	if _, err := readValues("[1"); err == nil {
		t.Error("what is not JSON was read")
	}
}
