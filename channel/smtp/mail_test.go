package smtp

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"heliograph/message"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var office = newLetterhead(author{name: "Corp IT", address: "it@corp.test"})

// write makes a mail as it goes over the wire.
func write(h letterhead, m message.Message, eightBitMIME bool) []byte {
	return h.appendMail(nil, &m, m.Address, "d."+m.ID.String(), formOf(m.Text, eightBitMIME), noon)
}

func TestMail(t *testing.T) {
	m := message.Message{ID: 77, Address: "ana@x.test", Subject: "Olá, Ana", Text: "Bom dia\n.\n..\nçá\r\nend"}
	want := "From: \"Corp IT\" <it@corp.test>\r\n" +
		"To: ana@x.test\r\n" +
		"Subject: =?utf-8?b?T2zDoSwgQW5h?=\r\n" +
		"Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n" +
		"Message-ID: <d.77@corp.test>\r\n" +
		"Auto-Submitted: auto-generated\r\n" +
		"MIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n" +
		"\r\n" +
		"Bom dia\r\n..\r\n...\r\nçá\r\nend\r\n.\r\n"
	if diff := cmp.Diff(want, string(write(office, m, true))); diff != "" {
		t.Error(diff)
	}
}

func TestForm(t *testing.T) {
	long := strings.Repeat("x", lineLength)
	for _, tt := range []struct {
		text   string
		mime8  bool
		expect form
	}{
		{"plain\ntext", false, sevenBit},
		{"plain\ntext", true, sevenBit},
		{"äöü", true, eightBit},
		{"äöü", false, quotedPrintable},
		{long + "\r\n" + long, true, sevenBit},
		{long + "x", true, quotedPrintable},
		{strings.Repeat("ä", 600), true, quotedPrintable},
		{"", false, sevenBit},
	} {
		if got := formOf(tt.text, tt.mime8); got != tt.expect {
			t.Errorf("formOf(%.20q, %v) = %s, want %s", tt.text, tt.mime8, got, tt.expect)
		}
	}
}

func TestAuthor(t *testing.T) {
	for sender, want := range map[string]string{
		"":                               `"Corp IT" <it@corp.test>`,
		"  ":                             `"Corp IT" <it@corp.test>`,
		"Service Desk":                   `"Service Desk" <it@corp.test>`,
		"desk@corp.test":                 `<desk@corp.test>`,
		"<desk@corp.test>":               `<desk@corp.test>`,
		"Desk <desk@corp.test>":          `"Desk" <desk@corp.test>`,
		`"Desk, IT" <desk@corp.test>`:    `"Desk, IT" <desk@corp.test>`,
		"Desk, IT <desk@corp.test>":      `"Desk, IT" <desk@corp.test>`,
		`O "the" Desk`:                   `"O \"the\" Desk" <it@corp.test>`,
		"Über":                           `=?utf-8?b?w5xiZXI=?= <it@corp.test>`,
		"a@b.test, c@d.test":             `"a@b.test, c@d.test" <it@corp.test>`,
		"x\r\nBcc: evil@x.test":          `"xBcc: evil@x.test" <it@corp.test>`,
		"x\x00 <a@b.test\r\n>":           `"x" <a@b.test>`,
		"=?utf-8?q?pretended?=":          `=?utf-8?b?PT91dGYtOD9xP3ByZXRlbmRlZD89?= <it@corp.test>`,
		"Desk <not an address>":          `"Desk <not an address>" <it@corp.test>`,
		`Desk <"odd one"@corp.test>`:     `"Desk" <"odd one"@corp.test>`,
		"a@b.test>\r\nRCPT TO:<c@d.test": `"a@b.test>RCPT TO:<c@d.test" <it@corp.test>`,
	} {
		got := string(appendAuthor(nil, office.author.by(sender)))
		if got != want {
			t.Errorf("%q: got %s, want %s", sender, got, want)
		}
	}
}

func TestMailbox(t *testing.T) {
	for address, want := range map[string]string{
		"a@b": "a@b", "first.last+tag@x.example": "first.last+tag@x.example", "jörg@grün.example": "jörg@grün.example",
		`"a b"@x.test`: `"a b"@x.test`, "a@[192.0.2.1]": "a@[192.0.2.1]", "o'neil@x.test": "o'neil@x.test",
		"": "", "a": "", "@b": "", "a@": "", "a b@x.test": "", "a..b@x.test": "", ".a@x.test": "", "a@x..test": "", "a@b@c": "",
		"<a@b>": "", "A <a@b>": "", "a@b\r\n": "", "a@b\x00": "", " a@b": "", "a@b ": "", "a@b,c@d": "", "a@b>c": "", "a@b\xff": "",
		"a@b\u0085": "", "a@b\u2028c": "", "\"a\r\n\"@b": "", "a(comment)@b": "", strings.Repeat("x", 250) + "@y.zz": "",
	} {
		got, err := mailbox(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("mailbox(%q) = %q, %v, want %q", address, got, err, want)
		}
	}
}

// FuzzMail holds what must be true of a mail, whatever the texts: it has exactly our header lines, no CR or LF alone, no
// dot alone but the last, and what the recipient reads is what was written.
func FuzzMail(f *testing.F) {
	f.Add("IT <a@b.test>", "Subject", "text\n.\nmore", true)
	f.Add("x\r\nBcc: y@z", "a\nb\rc\x00d", "\r.\r\n.\n\r.\x00\n", false)
	f.Add("日本", strings.Repeat("ä", 300), strings.Repeat("日", 900), true)
	f.Add("\xff", "=?utf-8?q?x?=", ".\xff", false)
	f.Fuzz(func(t *testing.T, sender, subject, text string, eightBitMIME bool) {
		wire := write(office, message.Message{ID: 5, Address: "to@x.test", Sender: sender, Subject: subject, Text: text}, eightBitMIME)
		checkWire(t, wire)
		parsed := parse(t, wire)
		checkHeader(t, parsed.Header, subject)
		if got, want := body(t, parsed), linesOf(text); got != want {
			t.Errorf("body %q, want %q", got, want)
		}
	})
}

func checkWire(t *testing.T, wire []byte) {
	t.Helper()
	lines := bytes.Split(wire, []byte("\r\n"))
	for i, line := range lines {
		if bytes.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("CR, LF or NUL in line %q", line)
		}
		if len(line) > lineLength {
			t.Fatalf("a line of %d bytes", len(line))
		}
		if bytes.Equal(line, []byte(".")) != (i == len(lines)-2) {
			t.Fatalf("a dot alone, or none at the end: %q", wire)
		}
	}
	if len(lines[len(lines)-1]) != 0 {
		t.Fatalf("text after the final dot: %q", wire)
	}
}

// parse undoes the doubling of dots, as a server does.
func parse(t *testing.T, wire []byte) *mail.Message {
	t.Helper()
	content := strings.TrimSuffix("\r\n"+string(wire), ".\r\n")
	content = strings.TrimPrefix(strings.ReplaceAll(content, "\r\n.", "\r\n"), "\r\n")
	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%v in %q", err, wire)
	}
	return m
}

func checkHeader(t *testing.T, h mail.Header, subject string) {
	t.Helper()
	if len(h) != 9 {
		t.Fatalf("%d header fields: %v", len(h), h)
	}
	for name, values := range h {
		if len(values) != 1 {
			t.Fatalf("%s: %q", name, values)
		}
	}
	if _, err := mail.ParseAddress(h.Get("From")); err != nil {
		t.Errorf("From %q: %v", h.Get("From"), err)
	}
	got, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if want := strings.Trim(clean(subject), " "); err != nil || strings.Trim(got, " ") != want {
		t.Errorf("subject %q (%v), want %q", got, err, want)
	}
}

func body(t *testing.T, m *mail.Message) string {
	t.Helper()
	r := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == string(quotedPrintable) {
		r = quotedprintable.NewReader(r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// linesOf is what the recipient should see of a text: the same lines, each with CRLF.
func linesOf(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	text = string(appendPlainLines(nil, text))
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}
