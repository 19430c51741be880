package web

import "testing"

func TestParseJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a": [1, {"b": "]]]]"}]}`, ""},
		{`"\"[[[["`, ""},
		{`[[[[]]]]`, "is nested deeper than 3 levels"},
		{"\"\xff\"", "is not valid UTF-8"},
		{`{"name":`, "is not JSON: it breaks off after byte 8"},
		{``, "is not JSON: it breaks off after byte 0"},
		{`{"name" 5}`, "is not JSON: it goes wrong at byte 9"},
		{`{} {}`, "goes on after its end, at byte 4"},
	} {
		_, err := ParseJSON([]byte(c.in), 3)
		if got := text(err); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
