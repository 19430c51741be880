package ews

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// payloads are bodies as servers of several versions and makers post them, by file name.
func payloads(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads: %v", err)
	}
	bodies := map[string][]byte{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[strings.TrimSuffix(filepath.Base(file), ".xml")] = body
	}
	return bodies
}

// describe writes a notification as people read it.
func describe(n Notification) string {
	var out strings.Builder
	for _, m := range n.Messages {
		server, ok := Server(m.SubscriptionID)
		fmt.Fprintf(&out, "message error=%t code=%s more=%t\n  id %s\n  server %s %t\n  after %s, last %s\n",
			m.Error, m.Code, m.MoreEvents, m.SubscriptionID, server, ok, m.PreviousWatermark, m.LastWatermark())
		for _, e := range m.Events {
			fmt.Fprintf(&out, "  %s folder=%t", e.Kind, e.Folder)
			if !e.TimeStamp.IsZero() {
				fmt.Fprintf(&out, " at %s", e.TimeStamp.Format(time.RFC3339Nano))
			}
			if e.UnreadCount != nil {
				fmt.Fprintf(&out, " unread=%d", *e.UnreadCount)
			}
			if badge, ok := e.Badge(); ok {
				fmt.Fprintf(&out, " badge=%d", badge)
			}
			fmt.Fprintf(&out, " %s\n", e.Watermark)
		}
	}
	return out.String()
}

// The golden files also say which reader read the payload: what real servers send must stay on the quick path.
func TestPayloads(t *testing.T) {
	for name, body := range payloads(t) {
		t.Run(name, func(t *testing.T) {
			n, err := Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			reader, text := "encoding/xml", must(utf8Text(body))
			if scan(text, new(draft)) {
				reader = "scan"
			}
			golden(t, name, "read by "+reader+"\n"+describe(n))
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// Every payload says the same in every encoding that a server could choose.
func TestEncodings(t *testing.T) {
	utf16Text := func(body []byte, order binary.AppendByteOrder, mark bool) []byte {
		var out []byte
		if mark {
			out = order.AppendUint16(out, 0xfeff)
		}
		for _, unit := range utf16.Encode([]rune(string(body))) {
			out = order.AppendUint16(out, unit)
		}
		return out
	}
	declaredAs := func(body []byte, encoding string) []byte {
		for _, was := range []string{`"utf-8"`, `"UTF-8"`} {
			body = bytes.Replace(body, []byte(was), []byte(`"`+encoding+`"`), 1)
		}
		return body
	}
	variants := map[string]func(body []byte) []byte{
		"byte order mark":          func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
		"UTF-16 LE":                func(b []byte) []byte { return utf16Text(declaredAs(b, "utf-16"), binary.LittleEndian, true) },
		"UTF-16 BE":                func(b []byte) []byte { return utf16Text(declaredAs(b, "UTF-16"), binary.BigEndian, true) },
		"UTF-16 LE without a mark": func(b []byte) []byte { return utf16Text(b, binary.LittleEndian, false) },
		"UTF-16 BE without a mark": func(b []byte) []byte { return utf16Text(b, binary.BigEndian, false) },
		"declared as UTF-16":       func(b []byte) []byte { return declaredAs(b, "utf-16") },
		"declared at length": func(b []byte) []byte {
			return append([]byte("<?xml version = '1.0'\tencoding = 'Utf-8' standalone = \"no\" ?>\r\n"), must(utf8Text(b))...)
		},
		"a later version": func(b []byte) []byte { return bytes.Replace(b, []byte(`version="1.0"`), []byte(`version="1.1"`), 1) },
		"windows-1252": func(b []byte) []byte {
			b = bytes.ReplaceAll(declaredAs(b, "Windows-1252"), []byte("„Öffentliche Ordner“"), []byte("\x84\xd6ffentliche Ordner\x93"))
			return bytes.ReplaceAll(b, []byte("ü"), []byte("\xfc"))
		},
		"Cyrillic": func(b []byte) []byte {
			b = bytes.ReplaceAll(declaredAs(b, "koi8-r"), []byte("„Öffentliche Ordner“"), []byte("\xef\xdb\xc9\xc2\xcb\xc1"))
			return bytes.ReplaceAll(b, []byte("ü"), []byte("\xc0"))
		},
		"in small letters":  func(b []byte) []byte { return declaredAs(b, "utf8") },
		"trailing line end": func(b []byte) []byte { return append(bytes.Clone(b), "\r\n"...) },
		"tabs for spaces": func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(` Id="`), []byte("\t\n Id=\""))
		},
		"Latin-1": func(b []byte) []byte {
			b = bytes.ReplaceAll(declaredAs(b, "ISO-8859-1"), []byte("„Öffentliche Ordner“"), []byte("Ordner"))
			return bytes.ReplaceAll(b, []byte("ü"), []byte("\xfc"))
		},
	}
	for name, body := range payloads(t) {
		want, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		for variant, change := range variants {
			got, err := Decode(change(body))
			if err != nil {
				t.Errorf("%s, %s: %v", name, variant, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s", name, variant, diff)
			}
		}
	}
}

func TestPrefixesAreTheServersChoice(t *testing.T) {
	body := payloads(t)["exchange2016-read"]
	want, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"soap", "s", "SOAP-ENV", "env1", "_", "a.b-c", "é"} {
		changed := bytes.ReplaceAll(body, []byte("soap11:"), []byte(prefix+":"))
		changed = bytes.ReplaceAll(changed, []byte("t:"), []byte("q"+prefix+":"))
		changed = bytes.ReplaceAll(changed, []byte("xmlns:t="), []byte("xmlns:q"+prefix+"="))
		changed = bytes.ReplaceAll(changed, []byte("xmlns:soap11="), []byte("xmlns:"+prefix+"="))
		got, err := Decode(changed)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("prefix %s: %v %s", prefix, err, cmp.Diff(want, got))
		}
	}
}

const planted = "PLANTED-SECRET"

// broken are bodies that are no notification, with the reason that is counted for them.
var broken = map[string]struct {
	body string
	want Reason
}{
	"nothing":                       {"", Malformed},
	"space":                         {" \r\n", Malformed},
	"a mark alone":                  {"\xef\xbb\xbf", Malformed},
	"a declaration alone":           {`<?xml version="1.0" encoding="utf-8"?>`, Malformed},
	"text":                          {planted, Malformed},
	"JSON":                          {`{"value": "` + planted + `"}`, Malformed},
	"cut in a tag":                  {`<s:Envelope xmlns:s="` + planted, Malformed},
	"cut in a text":                 {`<Envelope><Body>` + planted, Malformed},
	"cut before the last tag":       {`<Envelope><Body><SendNotification><ResponseMessages><SendNotificationResponseMessage/></ResponseMessages></SendNotification></Body>`, Malformed},
	"crossed":                       {`<Envelope><Body></Envelope></Body>`, Malformed},
	"other prefix at the end":       {`<a:Envelope></b:Envelope>`, Malformed},
	"two roots":                     {`<Envelope/><Envelope/>`, Malformed},
	"text after the root":           {`<Envelope/>` + planted, Malformed},
	"unknown entity":                {`<Envelope>&` + planted + `;</Envelope>`, Malformed},
	"bare ampersand":                {`<Envelope>a & b</Envelope>`, Malformed},
	"bare less-than":                {`<Envelope>a < b</Envelope>`, Malformed},
	"end of a CDATA section":        {`<Envelope>]]></Envelope>`, Malformed},
	"no UTF-8":                      {"<Envelope>\xff\xff</Envelope>", Malformed},
	"a zero":                        {"<Envelope>\x00</Envelope>", Malformed},
	"half a UTF-16 unit":            {"\xff\xfe<\x00a", Malformed},
	"unknown encoding":              {`<?xml version="1.0" encoding="` + planted + `"?><Envelope/>`, Malformed},
	"XML of tomorrow":               {`<?xml version="2.0"?><Envelope/>`, Malformed},
	"declaration inside":            {`<Envelope><?xml version="1.0"?></Envelope>`, Malformed},
	"other directive":               {`<!ELEMENT Envelope ANY><Envelope/>`, Malformed},
	"attribute without value":       {`<Envelope a></Envelope>`, Malformed},
	"an attribute twice":            {`<Envelope a="1" a="2"/>`, Malformed},
	"a prefix declared twice":       {`<e:Envelope xmlns:e="urn:a" xmlns:e="urn:b"/>`, Malformed},
	"twice, by two prefixes":        {`<Envelope xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2"/>`, Malformed},
	"no space before an attribute":  {`<Envelope a="1"b="2"/>`, Malformed},
	"prefix declared by nobody":     {`<s:Envelope/>`, Malformed},
	"prefix declared beside":        {`<Envelope><a xmlns:t="urn:t"/><t:b/></Envelope>`, Malformed},
	"prefix declared inside":        {`<Envelope><t:b><a xmlns:t="urn:t"/></t:b></Envelope>`, Malformed},
	"attribute's prefix":            {`<Envelope t:a="1"/>`, Malformed},
	"prefix that stands for none":   {`<e:Envelope xmlns:e=""/>`, Malformed},
	"name without prefix":           {`<Envelope><:a/></Envelope>`, Malformed},
	"name without local part":       {`<Envelope xmlns:a="urn:a"><a:/></Envelope>`, Malformed},
	"attribute without local part":  {`<Envelope xmlns:a="urn:a" a:="1"/>`, Malformed},
	"no UTF-8 in a comment":         {"<Envelope><!-- \xff --></Envelope>", Malformed},
	"no UTF-8 in an instruction":    {"<Envelope><?a \xff?></Envelope>", Malformed},
	"a bell in a comment":           {"<Envelope><!-- \a --></Envelope>", Malformed},
	"no character of XML":           {"<Envelope>\ufffe</Envelope>", Malformed},
	"reference to half a character": {`<Envelope>&#xD800;</Envelope>`, Malformed},
	"the same, in decimal":          {`<Envelope a="&#56320;"/>`, Malformed},
	"half a character of UTF-16":    {"\xff\xfe<\x00a\x00>\x00\x00\xd8<\x00/\x00a\x00>\x00", Malformed},
	"half a character at the end":   {"\xff\xfe<\x00a\x00/\x00>\x00\x00\xd8", Malformed},
	"instruction with a prefix":     {`<?a:b c?><Envelope/>`, Malformed},
	"instruction without a space":   {`<?a/b?><Envelope/>`, Malformed},
	"a digit behind a prefix":       {`<Envelope xmlns:a="urn:a"><a:1/></Envelope>`, Malformed},
	"a hyphen behind a prefix":      {`<Envelope xmlns:a="urn:a" a:-b="c"/>`, Malformed},
	"declaration of mixed quotes":   {`<?xml version="1.0" standalone='yes"?><Envelope/>`, Malformed},
	"declaration without a version": {`<?xml encoding="utf-8"?><Envelope/>`, Malformed},
	"declaration in disorder":       {`<?xml version="1.0" standalone="yes" encoding="utf-8"?><Envelope/>`, Malformed},
	"declaration without end":       {`<?xml version="1.0" <Envelope/>`, Malformed},
	"space before the declaration":  {` <?xml version="1.0"?><Envelope/>`, Malformed},
	"two declarations":              {`<?xml version="1.0"?><?xml version="1.0"?><Envelope/>`, Malformed},
	"CDATA after the root":          {`<Envelope/><![CDATA[ ]]>`, Malformed},
	"a reference after the root":    {`<Envelope/>&#32;`, Malformed},
	"a zero at the end":             {"<Envelope/>\x00", Malformed},
	"65 attributes":                 {`<Envelope ` + numbered(` a%d="x"`, 65) + `/>`, TooLarge},
	"33 prefixes":                   {`<Envelope>` + numbered(`<a xmlns:p%d="x">`, 17) + `<b ` + numbered(` xmlns:q%d="x"`, 16) + `/></Envelope>`, TooLarge},
	"document type":                 {`<!DOCTYPE Envelope><Envelope/>`, Doctype},
	"small document type":           {`<!doctype html><html></html>`, Doctype},
	"external entity":               {`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Envelope>&x;</Envelope>`, Doctype},
	"billion laughs":                {`<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Envelope>&b;</Envelope>`, Doctype},
	"33 levels":                     {strings.Repeat("<a>", 33) + strings.Repeat("</a>", 33), TooDeep},
	"10,000 levels":                 {strings.Repeat("<a>", 10_000), TooDeep},
	"33 levels, the last one empty": {strings.Repeat("<a>", 32) + "<a/>" + strings.Repeat("</a>", 32), TooDeep},
	"deep beside a message":         {`<Envelope><Header>` + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + `</Header></Envelope>`, TooDeep},
	"too many elements":             {`<Envelope>` + strings.Repeat("<a/>", 20_000) + `</Envelope>`, TooLarge},
	"too many bytes":                {`<Envelope>` + strings.Repeat("a", MaxBody) + `</Envelope>`, TooLarge},
	"32 levels":                     {strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32), NotNotification},
	"a page":                        {`<html><body>` + planted + `</body></html>`, NotNotification},
	"a fault":                       {`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body></s:Envelope>`, NotNotification},
	"another operation":             {`<Envelope><Body><GetItem/></Body></Envelope>`, NotNotification},
	"no envelope":                   {`<SendNotification><ResponseMessages><SendNotificationResponseMessage/></ResponseMessages></SendNotification>`, NotNotification},
	"in the header":                 {`<Envelope><Header><SendNotification><ResponseMessages><SendNotificationResponseMessage/></ResponseMessages></SendNotification></Header><Body/></Envelope>`, NotNotification},
	"no messages":                   {`<Envelope><Body><SendNotification><ResponseMessages/></SendNotification></Body></Envelope>`, NotNotification},
	"small letters":                 {`<envelope><body><sendnotification><responsemessages><sendnotificationresponsemessage/></responsemessages></sendnotification></body></envelope>`, NotNotification},
}

// numbered repeats a text with 1, 2, 3 … in it.
func numbered(text string, times int) string {
	var out strings.Builder
	for i := range times {
		fmt.Fprintf(&out, text, i+1)
	}
	return out.String()
}

func TestBrokenBodies(t *testing.T) {
	for name, c := range broken {
		n, err := Decode([]byte(c.body))
		if ReasonOf(err) != c.want || len(n.Messages) != 0 {
			t.Errorf("%s: %v %v, want %s", name, n, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), planted) || err.Error() == "") {
			t.Errorf("%s: the error says %q", name, err)
		}
	}
	if ReasonOf(errors.New("something else")) != "" || ReasonOf(nil) != "" {
		t.Error("an error of somebody else has a reason")
	}
	if reason := ReasonOf(fmt.Errorf("reading a notification: %w", TooDeep)); reason != TooDeep {
		t.Errorf("a wrapped reason is %q", reason)
	}
}

// A body may be as large as the limit allows, and every event in it is told.
func TestManyEvents(t *testing.T) {
	one := `<t:ModifiedEvent><t:Watermark>w%d</t:Watermark><t:FolderId Id="f"/><t:UnreadCount>%d</t:UnreadCount></t:ModifiedEvent>`
	var events strings.Builder
	const many = 2000
	for i := range many {
		fmt.Fprintf(&events, one, i, i)
	}
	body := `<Envelope xmlns:t="types"><Body><SendNotification><ResponseMessages><SendNotificationResponseMessage ResponseClass="Success"><Notification>` +
		events.String() + `</Notification></SendNotificationResponseMessage></ResponseMessages></SendNotification></Body></Envelope>`
	n, err := Decode([]byte(body))
	if err != nil || len(n.Messages[0].Events) != many {
		t.Fatalf("%v", err)
	}
	for i, e := range n.Messages[0].Events {
		if badge, ok := e.Badge(); !ok || badge != i || e.Watermark != fmt.Sprintf("w%d", i) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
}

// The result holds nothing of the body: a listener reads the next one into the same buffer.
func TestResultOutlivesTheBody(t *testing.T) {
	for name, body := range payloads(t) {
		body = bytes.Clone(body)
		n, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		want := describe(n)
		clear(body)
		if got := describe(n); got != want {
			t.Errorf("%s changed with its body: %s", name, cmp.Diff(want, got))
		}
	}
}

func TestReplies(t *testing.T) {
	const ok = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`
	if string(ReplyOK) != ok {
		t.Errorf("%s", ReplyOK)
	}
	if want := strings.Replace(ok, ">OK<", ">Unsubscribe<", 1); string(ReplyUnsubscribe) != want {
		t.Errorf("%s", ReplyUnsubscribe)
	}
}

// What real servers post is read without encoding/xml, and with a handful of allocations: the texts, the messages, the
// events, the counts.
func TestAllocations(t *testing.T) {
	body := payloads(t)["exchange2013-new-mail"]
	if n := testing.AllocsPerRun(200, func() {
		if _, err := Decode(body); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"exchange2016-heartbeat", "exchange2013-new-mail", "exchange2016-more-events", "exchange2016-error-german"} {
		body := payloads(b)[name]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("with encoding/xml", func(b *testing.B) {
		body := payloads(b)["exchange2013-new-mail"]
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			d := newDraft()
			if err := fallback(must(utf8Text(body)), d); err != nil {
				b.Fatal(err)
			}
			_ = d.notification()
			d.free()
		}
	})
}
