package smtp

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestReadReply(t *testing.T) {
	for wire, want := range map[string]string{
		"250 ok\r\n":                             "250 ok",
		"250\r\n":                                "250",
		"250 2.1.0 Ok\n":                         "250 2.1.0 Ok",
		"550-5.1.1 No\r\n550 5.1.1 user\r\n":     "550 5.1.1 No user",
		"250-a\r\n250-b c\r\n250 d\r\n":          "250 a b c d",
		"550 4.1.1 slip of the class\r\n":        "550 4.1.1 slip of the class",
		"550 5.1 no code\r\n":                    "550 5.1 no code",
		"554 5.7.1\r\n":                          "554 5.7.1",
		"550 5.7.1 \x1b[31mred\x07\t日本 \xff\r\n": "550 5.7.1 [31mred 日本",
	} {
		r, err := readReply(bufio.NewReader(strings.NewReader(wire)))
		if err != nil || r.String() != want {
			t.Errorf("%q: got %q, %v, want %q", wire, r, err, want)
		}
	}
	for wire, want := range map[string]error{
		"": io.EOF, "250 ok": io.ErrUnexpectedEOF, "250-a\r\n": io.EOF, "\r\n": errGarbled, "25 x\r\n": errGarbled, "2500 x\r\n": errGarbled,
		"abc\r\n": errGarbled, "100 x\r\n": errGarbled, "600 x\r\n": errGarbled, "250-a\r\n251 b\r\n": errGarbled, "250_a\r\n": errGarbled,
		"250 " + strings.Repeat("x", 5000) + "\r\n": errGarbled, strings.Repeat("250-x\r\n", 1000) + "250 x\r\n": errGarbled,
	} {
		if _, err := readReply(bufio.NewReader(strings.NewReader(wire))); !errors.Is(err, want) {
			t.Errorf("%.40q: got %v, want %v", wire, err, want)
		}
	}
}

func TestQueueID(t *testing.T) {
	for text, want := range map[string]string{
		"Ok: queued as 4cXyZ123":                             "4cXyZ123",
		"OK id=1tABcd-0001Xy-2Z":                             "1tABcd-0001Xy-2Z",
		"a1b2c3d4 Message accepted for delivery":             "a1b2c3d4",
		"<d.1@corp.test> [InternalId=123456789, Hostname=x]": "123456789",
		"Ok":                             "",
		"queued as <script>":             "",
		strings.Repeat("x", 99) + " id=": "",
	} {
		if got := (reply{code: 250, text: text}).queueID(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzReadReply: whatever a server sends, what is shown is one printable line of bounded length, and every refusal has a
// meaning in each stage.
func FuzzReadReply(f *testing.F) {
	f.Add("250 2.0.0 Ok: queued as ABCDEF\r\n")
	f.Add("550-5.1.1 a\r\n550 5.1.1 b\r\n")
	f.Add("421\r\n")
	f.Add("554 5.3.4 \x00\xff\u2028" + strings.Repeat("é", 400) + "\r\n")
	f.Fuzz(func(t *testing.T, wire string) {
		r, err := readReply(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			return
		}
		if r.code < 200 || r.code > 599 {
			t.Fatalf("code %d", r.code)
		}
		checkLine(t, r.String(), answerLength)
		checkLine(t, r.queueID(), 64)
		readExtensions(r.text)
		for stage := range stageNames {
			why := judge(stage, r)
			checkLine(t, why.Detail, detailLength)
			if why.Reason == "" || why.Scope == 0 || !strings.HasSuffix(why.Detail, ".") {
				t.Fatalf("%s: %+v", stage, why)
			}
		}
	})
}

func checkLine(t *testing.T, s string, most int) {
	t.Helper()
	if utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Fatalf("not a short printable line: %q", s)
	}
}
