package macro

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	for source, want := range map[string][]string{
		"":                                   {""},
		"a":                                  {"a"},
		"a; b;":                              {"a", " b", ""},
		"${user.mail}; x@y.z":                {"${user.mail}", " x@y.z"},
		"${user.mail ';'};${user.sn | trim}": {"${user.mail ';'}", "${user.sn | trim}"},
		"a${b}c;$${d}":                       {"a${b}c", "$${d}"},
	} {
		var got []string
		for _, part := range mustParse(t, source).Split(";") {
			got = append(got, part.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", source, diff)
		}
	}
	parts := mustParse(t, "${user.mail};${device.name}").Split(";")
	if diff := cmp.Diff([]Slot{"device.name"}, parts[1].Slots()); diff != "" {
		t.Errorf("a part asks for more than it needs:\n%s", diff)
	}
}

// TestSplitRendersTheSame: the parts, joined again, are the text.
func TestSplitRendersTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var source string
		for _, p := range rapid.SliceOfN(parts(), 0, 6).Draw(t, "parts") {
			source += p.source + rapid.SampledFrom([]string{"", ";", " ; "}).Draw(t, "mark")
		}
		text, err := Parse(source)
		if err != nil {
			return // two parts together can be something else
		}
		whole, _ := text.Render(Env{Values: lookup})
		joined := ""
		for i, part := range text.Split(";") {
			if i > 0 {
				joined += ";"
			}
			shown, _ := part.Render(Env{Values: lookup})
			joined += shown
		}
		if joined != whole {
			t.Fatalf("%q renders %q, its parts %q", source, whole, joined)
		}
	})
}
