package listener

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/mailbox"
	"heliograph/mailbox/ews"
	"heliograph/message"
)

// desk is a Waker that remembers what it was told, and answers as asked.
type desk struct {
	mu      sync.Mutex
	answer  mailbox.Answer
	events  []mailbox.Event
	refused []string
}

func (d *desk) Touch(_ context.Context, e mailbox.Event) mailbox.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
	return d.answer
}

func (d *desk) Refused(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = append(d.refused, why)
}

const (
	okReply  = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`
	endReply = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><SubscriptionStatus>Unsubscribe</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`
)

// post is a notification with the given messages.
func post(messages ...string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><t:RequestServerVersion Version="Exchange2016" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"/></soap:Header>` +
		`<soap:Body><m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>` +
		strings.Join(messages, "") + `</m:ResponseMessages></m:SendNotification></soap:Body></soap:Envelope>`
}

func message1(events ...string) string {
	return `<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>FwBleC5leGFtcGxlLmNvbQ==</t:SubscriptionId><t:PreviousWatermark>AAAA</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>` +
		strings.Join(events, "") + `</m:Notification></m:SendNotificationResponseMessage>`
}

func event(kind, watermark, at string, more ...string) string {
	return fmt.Sprintf(`<t:%s><t:Watermark>%s</t:Watermark><t:TimeStamp>%s</t:TimeStamp>%s</t:%s>`, kind, watermark, at, strings.Join(more, ""), kind)
}

const (
	item      = `<t:ItemId Id="AAMk" ChangeKey="CQ"/><t:ParentFolderId Id="AQMk" ChangeKey="AQ"/>`
	theFolder = `<t:FolderId Id="AQMk" ChangeKey="AQ"/><t:ParentFolderId Id="AQMk" ChangeKey="AQ"/>`
	heartbeat = `<t:StatusEvent><t:Watermark>HHHH</t:Watermark></t:StatusEvent>`
)

func unread(n string) string { return `<t:UnreadCount>` + n + `</t:UnreadCount>` }

func serve(t *testing.T, d *desk) (*httptest.Server, mailbox.Capability) {
	server := httptest.NewServer(New(d, Options{}))
	t.Cleanup(server.Close)
	return server, mailbox.NewCapability()
}

// TestAnswers is every way a post can be answered.
func TestAnswers(t *testing.T) {
	body := post(message1(heartbeat))
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	cases := []struct {
		name    string
		method  string
		path    string // %s is the capability
		header  map[string]string
		body    io.Reader
		answer  mailbox.Answer
		status  int
		want    string
		refused string
	}{
		{name: "ok", answer: mailbox.OK, status: 200, want: okReply},
		{name: "calendar", path: "/ews/%s/calendar", answer: mailbox.OK, status: 200, want: okReply},
		{name: "other", path: "/ews/%s/other", answer: mailbox.OK, status: 200, want: okReply},
		{name: "unsubscribe", answer: mailbox.Unsubscribe, status: 200, want: endReply},
		{name: "never known", answer: mailbox.Unknown, status: 404},
		{name: "another network", answer: mailbox.Barred, status: 403},
		{name: "cannot be stored", answer: mailbox.Busy, status: 503},
		{name: "chunked", body: struct{ io.Reader }{strings.NewReader(body)}, answer: mailbox.OK, status: 200, want: okReply},
		{name: "identity", header: map[string]string{"Content-Encoding": "identity"}, answer: mailbox.OK, status: 200, want: okReply},
		{name: "GET", method: "GET", status: 405, refused: "method"},
		{name: "PUT", method: "PUT", status: 405, refused: "method"},
		{name: "gzip", header: map[string]string{"Content-Encoding": "gzip"}, status: 415, refused: "encoding"},
		{name: "no capability", path: "/ews/", status: 404, refused: "path"},
		{name: "not a capability", path: "/ews/hello", status: 404, refused: "path"},
		{name: "inbox has no name", path: "/ews/%s/inbox", status: 404, refused: "path"},
		{name: "another folder", path: "/ews/%s/drafts", status: 404, refused: "path"},
		{name: "something else", path: "/", status: 404, refused: "path"},
		{name: "empty", body: strings.NewReader(""), status: 400, refused: "malformed"},
		{name: "no XML", body: strings.NewReader("hello"), status: 400, refused: "malformed"},
		{name: "another operation", body: strings.NewReader(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`), status: 400, refused: "not_notification"},
		{name: "DOCTYPE", body: strings.NewReader(`<!DOCTYPE x>` + body), status: 400, refused: "doctype"},
		{name: "too deep", body: strings.NewReader(deep), status: 400, refused: "too_deep"},
		{name: "too large", body: strings.NewReader(strings.Repeat(" ", ews.MaxBody+1)), status: 413, refused: "too_large"},
		{name: "too large, chunked", body: struct{ io.Reader }{strings.NewReader(strings.Repeat(" ", ews.MaxBody+1))}, status: 413, refused: "too_large"},
		{name: "as large as may be", body: strings.NewReader(body + strings.Repeat(" ", ews.MaxBody-len(body))), answer: mailbox.OK, status: 200, want: okReply},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{answer: c.answer}
			server, capability := serve(t, d)
			path := c.path
			if path == "" {
				path = "/ews/%s"
			}
			if strings.Contains(path, "%s") {
				path = fmt.Sprintf(path, capability)
			}
			if c.body == nil {
				c.body = strings.NewReader(body)
			}
			if c.method == "" {
				c.method = http.MethodPost
			}
			r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			got, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			text, _ := io.ReadAll(got.Body)
			if got.StatusCode != c.status || c.want != "" && string(text) != c.want {
				t.Errorf("%d %s", got.StatusCode, text)
			}
			if c.want != "" && (got.Header.Get("Content-Type") != "text/xml; charset=utf-8" || got.ContentLength != int64(len(c.want))) {
				t.Errorf("header %v", got.Header)
			}
			if strings.Join(d.refused, " ") != c.refused {
				t.Errorf("counted %v", d.refused)
			}
			if c.status == 405 && got.Header.Get("Allow") != http.MethodPost {
				t.Error("no Allow")
			}
		})
	}
}

// TestExpectContinue: a client that asks first hears yes, and the reply comes after the body.
func TestExpectContinue(t *testing.T) {
	d := &desk{answer: mailbox.OK}
	server, capability := serve(t, d)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	body := post(message1(heartbeat))
	fmt.Fprintf(conn, "POST /ews/%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=utf-8\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", capability, len(body))
	in := bufio.NewReader(conn)
	first, err := http.ReadResponse(in, nil)
	if err != nil || first.StatusCode != 100 {
		t.Fatalf("%v %v", first, err)
	}
	if len(d.events) != 0 {
		t.Error("an event before its body")
	}
	fmt.Fprint(conn, body)
	second, err := http.ReadResponse(in, nil)
	if err != nil || second.StatusCode != 200 {
		t.Fatalf("%v %v", second, err)
	}
	text, _ := io.ReadAll(second.Body)
	if string(text) != okReply {
		t.Errorf("%s", text)
	}
}

// TestSignals is what a notification means.
func TestSignals(t *testing.T) {
	early, late := "2026-03-04T09:30:00Z", "2026-03-04T09:30:01Z"
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	count := func(n int) *int { return &n }
	base := mailbox.Signal{Subscription: "FwBleC5leGFtcGxlLmNvbQ==", Previous: "AAAA"}
	with := func(change func(*mailbox.Signal)) mailbox.Signal {
		s := base
		change(&s)
		return s
	}
	cases := []struct {
		name   string
		path   string
		body   string
		folder mailbox.Folder
		want   []mailbox.Signal
	}{
		{name: "heartbeat", body: post(message1(heartbeat)), want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark = "HHHH" })}},
		{name: "new mail, as Exchange tells it",
			body: post(message1(event("CreatedEvent", "W1", early, item), event("NewMailEvent", "W2", early, item), event("ModifiedEvent", "W3", late, theFolder, unread("4")))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) {
				s.Watermark, s.Kind, s.At, s.Badge, s.BadgeAt = "W3", message.WakeNew, at(late), count(4), at(late)
			})}},
		{name: "read elsewhere", body: post(message1(event("ModifiedEvent", "W1", early, item), event("ModifiedEvent", "W2", early, theFolder, unread("0")))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) {
				s.Watermark, s.Kind, s.At, s.Badge, s.BadgeAt = "W2", message.WakeChange, at(early), count(0), at(early)
			})}},
		{name: "the newest count, whatever the order", body: post(message1(event("ModifiedEvent", "W1", late, theFolder, unread("7")), event("ModifiedEvent", "W2", early, theFolder, unread("9")))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) {
				s.Watermark, s.Kind, s.At, s.Badge, s.BadgeAt = "W2", message.WakeChange, at(late), count(7), at(late)
			})}},
		{name: "the later of two at the same time", body: post(message1(event("ModifiedEvent", "W1", late, theFolder, unread("7")), event("ModifiedEvent", "W2", late, theFolder, unread("9")))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) {
				s.Watermark, s.Kind, s.At, s.Badge, s.BadgeAt = "W2", message.WakeChange, at(late), count(9), at(late)
			})}},
		{name: "an odd count is none", body: post(message1(event("ModifiedEvent", "W1", late, theFolder, unread("-1")))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark, s.Kind, s.At = "W1", message.WakeChange, at(late) })}},
		{name: "an unknown event wakes", body: post(message1(event("SneezedEvent", "W1", late))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark, s.Kind, s.At = "W1", message.WakeChange, at(late) })}},
		{name: "created, in the calendar", path: "/calendar", folder: mailbox.Calendar, body: post(message1(event("CreatedEvent", "W1", early, item))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark, s.Kind, s.At = "W1", message.WakeNew, at(early) })}},
		{name: "created, elsewhere", path: "/other", folder: mailbox.OtherFolder, body: post(message1(event("CreatedEvent", "W1", early, item))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark, s.Kind, s.At = "W1", message.WakeChange, at(early) })}},
		{name: "an error", body: post(`<m:SendNotificationResponseMessage ResponseClass="Error"><m:MessageText>Fehler</m:MessageText><m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode><m:MessageXml><t:Value Name="SubscriptionId">ID</t:Value></m:MessageXml></m:SendNotificationResponseMessage>`),
			want: []mailbox.Signal{{Subscription: "ID", Failed: true}}},
		{name: "two messages", body: post(message1(heartbeat), message1(event("DeletedEvent", "W1", early, item))),
			want: []mailbox.Signal{with(func(s *mailbox.Signal) { s.Watermark = "HHHH" }), with(func(s *mailbox.Signal) { s.Watermark, s.Kind, s.At = "W1", message.WakeChange, at(early) })}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{answer: mailbox.OK}
			server, capability := serve(t, d)
			got, err := http.Post(server.URL+"/ews/"+capability.String()+c.path, "text/xml; charset=utf-8", strings.NewReader(c.body))
			if err != nil || got.StatusCode != 200 {
				t.Fatalf("%v %v", got, err)
			}
			got.Body.Close()
			e := d.events[0]
			if c.folder == 0 {
				c.folder = mailbox.Inbox
			}
			if e.Capability != capability || e.Folder != c.folder || e.From != netip.MustParseAddr("127.0.0.1") || e.Source != mailbox.EWS || e.Arrived.IsZero() {
				t.Errorf("%+v", e)
			}
			if diff := cmp.Diff(c.want, e.Signals); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestBrokenBody: half a body is no event.
func TestBrokenBody(t *testing.T) {
	d := &desk{answer: mailbox.OK}
	server, capability := serve(t, d)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /ews/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n<s:Envelope", capability)
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = io.Copy(io.Discard, conn)
	conn.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.events) != 0 || len(d.refused) != 1 || d.refused[0] != "body" {
		t.Errorf("%v %v", d.events, d.refused)
	}
}
