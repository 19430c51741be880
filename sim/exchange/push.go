package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"heliograph/sim/control"
)

// result is what the server makes of an answer.
type result int

const (
	refused  result = iota // try again
	accepted               // go on
	ended                  // Unsubscribe
)

// answer is what came back of a notification.
type answer struct {
	result result
	status int    // of HTTP; 0 = none
	words  string // the subscription status, or what went wrong
	took   time.Duration
}

// verdict is the answer in a word or a few.
func (a answer) verdict() string {
	if a.words != "" {
		return a.words
	}
	return strconv.Itoa(a.status)
}

// newClient posts as the server does: HTTP/1.1, kept alive, no redirects (HttpWebRequest of .NET).
func newClient(roots *x509.CertPool, connections int) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialLoopback, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Protocols: protocols,
			MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: 100 * time.Second,
			ExpectContinueTimeout: 350 * time.Millisecond, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialLoopback keeps a subscription from making the simulator call others.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, errors.New("the simulator calls loopback addresses only")
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
}

// post brings one notification to its listener, or does what a rule wants instead, and writes it down.
func (s *Server) post(n note) answer {
	rule, _ := s.rules.Take(stagePush, n.mailbox)
	if !s.pause(rule.Delay()) {
		return answer{words: "the simulator stops"}
	}
	var a answer
	switch {
	case rule.Action == control.Close || rule.Action == control.Hang || rule.Action == control.Reset:
		a.words = "not posted: " + string(rule.Action)
	case rule.Action == control.Answer && rule.Status != 0:
		a.status, a.words = rule.Status, http.StatusText(rule.Status)
	default:
		a = s.exchange(n)
		if rule.Action == control.Lose {
			a = answer{words: "the answer was lost", took: a.took}
		}
	}
	s.history.Add(a.status, a.verdict(), pushRecord(n, a))
	return a
}

// exchange posts a notification for real.
func (s *Server) exchange(n note) (a answer) {
	select {
	case s.hands <- struct{}{}:
		defer func() { <-s.hands }()
	case <-s.ctx.Done():
		return answer{words: "the simulator stops"}
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(s.timeout.Load()))
	defer cancel()
	start := time.Now()
	defer func() { a.took = time.Since(start) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(n.body()))
	if err != nil {
		return answer{words: "the address cannot be read"}
	}
	request.Header = pushHeader()
	response, err := s.client.Do(request)
	if err != nil {
		return answer{words: unreached(ctx, err)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, control.MaxBody))
	if err != nil {
		return answer{status: response.StatusCode, words: unreached(ctx, err)}
	}
	return judge(response.StatusCode, body)
}

// pushHeader holds what a capture of Exchange's request shows, and what .NET adds for a server it does not know. There is no
// User-Agent.
func pushHeader() http.Header {
	return http.Header{
		"Accept": {"text/xml"}, "Content-Type": {"text/xml; charset=utf-8"}, "Expect": {"100-continue"}, "User-Agent": {""},
		"SOAPAction": {messagesNS + "/SendNotification"},
	}
}

// unreached says why there is no answer, without the address, which holds a secret.
func unreached(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "no answer in time"
	}
	var op *net.OpError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is not trusted"
	case errors.As(err, &op) && op.Op == "dial":
		return "cannot connect"
	}
	return "the connection broke"
}

// judge reads a listener's answer: any 2xx whose body holds a subscription status.
func judge(status int, body []byte) answer {
	if status/100 != 2 {
		return answer{status: status, words: http.StatusText(status)}
	}
	root, err := parse(body)
	if err != nil {
		return answer{status: status, words: "the answer is not XML"}
	}
	switch said := root.find("Body", "SendNotificationResult", "SubscriptionStatus").content(); said {
	case "OK":
		return answer{result: accepted, status: status, words: said}
	case "Unsubscribe":
		return answer{result: ended, status: status, words: said}
	}
	return answer{status: status, words: "the answer has no subscription status"}
}

// body writes the notification as one line, without byte order mark, as captured ones are.
func (n note) body() []byte {
	var w writer
	w.raw(`<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="` + soapNS + `"><soap11:Header>` +
		`<t:RequestServerVersion xmlns:t="` + typesNS + `" Version="Exchange2016"/></soap11:Header><soap11:Body>` +
		`<m:SendNotification xmlns:t="` + typesNS + `" xmlns:m="` + messagesNS + `"><m:ResponseMessages>`)
	if n.failure != nil {
		n.writeFailure(&w)
	} else {
		n.writeEvents(&w)
	}
	w.raw(`</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`)
	return w.Bytes()
}

func (n note) writeFailure(w *writer) {
	w.raw(`<m:SendNotificationResponseMessage ResponseClass="Error">`)
	w.element("m:MessageText", n.failure.text)
	w.element("m:ResponseCode", n.failure.code)
	w.raw(`<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:MessageXml><t:Value Name="SubscriptionId">`)
	w.text(n.id)
	w.raw(`</t:Value></m:MessageXml></m:SendNotificationResponseMessage>`)
}

func (n note) writeEvents(w *writer) {
	w.raw(`<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>`)
	w.element("t:SubscriptionId", n.id)
	w.element("t:PreviousWatermark", watermark(n.database, n.previous))
	w.element("t:MoreEvents", strconv.FormatBool(n.more))
	if len(n.events) == 0 {
		w.raw(`<t:StatusEvent>`)
		w.element("t:Watermark", watermark(n.database, n.previous))
		w.raw(`</t:StatusEvent>`)
	}
	for _, e := range n.events {
		n.writeEvent(w, e)
	}
	w.raw(`</m:Notification></m:SendNotificationResponseMessage>`)
}

func (n note) writeEvent(w *writer, e event) {
	w.raw("<t:" + e.kind + ">")
	w.element("t:Watermark", watermark(n.database, e.watermark))
	w.element("t:TimeStamp", e.at.UTC().Format("2006-01-02T15:04:05Z"))
	folder := entryID(n.owner, "folder "+string(e.folder))
	if e.item != nil {
		w.id("t:ItemId", e.item.id, e.watermark)
		w.id("t:ParentFolderId", folder, 1)
	} else {
		w.id("t:FolderId", folder, e.watermark)
		w.id("t:ParentFolderId", entryID(n.owner, "folder root"), 1)
	}
	if e.unread != nil {
		w.element("t:UnreadCount", strconv.Itoa(*e.unread))
	}
	w.raw("</t:" + e.kind + ">")
}

// Namespaces.
const (
	soapNS     = "http://schemas.xmlsoap.org/soap/envelope/"
	messagesNS = "http://schemas.microsoft.com/exchange/services/2006/messages"
	typesNS    = "http://schemas.microsoft.com/exchange/services/2006/types"
)

// writer writes XML.
type writer struct{ bytes.Buffer }

func (w *writer) raw(text string) { w.WriteString(text) }

func (w *writer) text(text string) { _ = xml.EscapeText(&w.Buffer, []byte(text)) } // a buffer takes everything

func (w *writer) element(name, text string) {
	w.raw("<" + name + ">")
	w.text(text)
	w.raw("</" + name + ">")
}

// id writes an ItemId or a FolderId.
func (w *writer) id(name, id string, change uint64) {
	w.raw("<" + name + ` Id="`)
	w.text(id)
	w.raw(`" ChangeKey="` + changeKey(change) + `"/>`)
}
