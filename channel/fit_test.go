package channel

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendJSONFit(t *testing.T) {
	cases := []struct {
		text string
		room int
		want string
	}{
		{"hello", 7, `"hello"`},
		{"hello!", 7, `"he…"`},
		{"", 2, `""`},
		{"a", 2, `""`},
		{"ab", 3, `""`},
		{"abcdef", 5, `"…"`},
		{"äöüß", 9, `"äö…"`},
		{"äöüß", 10, `"äöüß"`},
		{`"""""`, 9, `"\"\"…"`},
		{"a\nb\tc\x01d", 17, `"a\nb\tc\u0001d"`},
		{"a\nb\tc\x01dddd", 18, `"a\nb\tc\u0001…"`},
		{"cafe\u0301s and more", 10, `"caf…"`}, // the accent does not fit, so its letter goes too
		{"👩‍👩‍👧 and more", 20, `"…"`},
		{"<&>", 5, `"<&>"`},
	}
	for _, c := range cases {
		if got := string(AppendJSONFit(nil, c.text, c.room)); got != c.want {
			t.Errorf("%q in %d: %s, want %s", c.text, c.room, got, c.want)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	for _, seed := range []string{"", "hello", "\"\\\n\x00\x7f\xff", "日本語", "👩‍👩‍👧‍👦", "e\u0301\u0301"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, text string, room int) {
		var back string
		if err := json.Unmarshal(AppendJSON(nil, text), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") && utf8.ValidString(text) {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
		room = 2 + (room&0x7fff)%5000
		fit := AppendJSONFit([]byte("before"), text, room)[len("before"):]
		if len(fit) > room {
			t.Fatalf("%q takes %d of %d bytes", text, len(fit), room)
		}
		var cut string
		if err := json.Unmarshal(fit, &cut); err != nil {
			t.Fatalf("%q: %v", fit, err)
		}
		if cut != back && !strings.HasPrefix(back, strings.TrimSuffix(cut, ellipsis)) {
			t.Fatalf("%q was cut to %q", back, cut)
		}
	})
}
