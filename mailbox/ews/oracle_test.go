package ews

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The oracle reads a notification the way one would who has time: structs, and encoding/xml does the rest. It shares
// neither places nor draft with the readers that it is compared with.
type (
	oracle struct {
		XMLName xml.Name        `xml:"Envelope"`
		Body    []oracleSending `xml:"Body>SendNotification"`
	}
	oracleSending struct {
		Messages []oracleMessage `xml:"ResponseMessages>SendNotificationResponseMessage"`
	}
	oracleMessage struct {
		Class         string               `xml:"ResponseClass,attr"`
		Code          string               `xml:"ResponseCode"`
		Values        []oracleValue        `xml:"MessageXml>Value"`
		Notifications []oracleNotification `xml:"Notification"`
	}
	oracleValue struct {
		Name string `xml:"Name,attr"`
		Text string `xml:",chardata"`
	}
	oracleNotification struct {
		ID       string        `xml:"SubscriptionId"`
		Previous string        `xml:"PreviousWatermark"`
		More     string        `xml:"MoreEvents"`
		Rest     []oracleEvent `xml:",any"`
	}
	oracleEvent struct {
		XMLName   xml.Name
		Watermark string     `xml:"Watermark"`
		TimeStamp string     `xml:"TimeStamp"`
		Unread    *string    `xml:"UnreadCount"`
		Folder    []struct{} `xml:"FolderId"`
	}
)

func (o oracle) notification() Notification {
	var n Notification
	for _, sending := range o.Body {
		for _, m := range sending.Messages {
			n.Messages = append(n.Messages, m.message())
		}
	}
	return n
}

func (o oracleMessage) message() Message {
	code := strings.TrimSpace(o.Code)
	m := Message{Error: o.Class == "Error" || len(o.Notifications) == 0 && strings.HasPrefix(code, "Error")}
	if m.Code = codeOf([]byte(code)); code == "" {
		m.Code = ""
	}
	for _, n := range o.Notifications {
		m.SubscriptionID, m.PreviousWatermark = strings.TrimSpace(n.ID), strings.TrimSpace(n.Previous)
		more := strings.TrimSpace(n.More)
		m.MoreEvents = more == "true" || more == "1"
		for _, e := range n.Rest {
			if strings.HasSuffix(e.XMLName.Local, "Event") {
				m.Events = append(m.Events, e.event())
			}
		}
	}
	for _, v := range o.Values {
		if v.Name == "SubscriptionId" && (m.SubscriptionID == "" || len(o.Notifications) == 0) {
			m.SubscriptionID = strings.TrimSpace(v.Text)
		}
	}
	return m
}

func (o oracleEvent) event() Event {
	e := Event{Watermark: strings.TrimSpace(o.Watermark), Folder: len(o.Folder) > 0}
	for kind, name := range kinds {
		if name == o.XMLName.Local {
			e.Kind = Kind(kind)
		}
	}
	stamp := strings.TrimSpace(o.TimeStamp)
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, stamp); err == nil && e.TimeStamp.IsZero() {
			e.TimeStamp = at.UTC()
		}
	}
	if o.Unread != nil {
		if count, err := strconv.ParseInt(strings.TrimSpace(*o.Unread), 10, 64); err == nil && count >= 0 && count <= math.MaxInt32 {
			e.UnreadCount = new(int(count))
		}
	}
	return e
}

// ask gives the oracle's view. ok is false where it has none: it does not count, and it takes what follows the root.
func ask(body []byte) (Notification, bool) {
	text, err := utf8Text(body)
	if err != nil {
		return Notification{}, false
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	var o oracle
	if err := decoder.Decode(&o); err != nil {
		return Notification{}, false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Notification{}, false
	}
	n := o.notification()
	return n, len(n.Messages) > 0
}

func TestPayloadsAgainstTheOracle(t *testing.T) {
	for name, body := range payloads(t) {
		got, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := ask(bytes.TrimSuffix(bytes.TrimSpace(body), []byte("\r\n<?done?>")))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %t %s", name, ok, diff)
		}
	}
}

// FuzzDecode: no body is a disaster, what the scanner reads is what encoding/xml reads, and both read what the oracle
// does, as far as it reads the body at all.
func FuzzDecode(f *testing.F) {
	for _, body := range payloads(f) {
		f.Add(body)
	}
	for _, c := range broken {
		if len(c.body) < 4096 {
			f.Add([]byte(c.body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := Decode(body)
		if err != nil && sentences[ReasonOf(err)] == "" {
			t.Fatalf("an error without a reason: %v", err)
		}
		compareReaders(t, body)
		want, ok := ask(body)
		if err != nil || !ok || ambiguous(body) {
			return
		}
		if diff := cmp.Diff(want, n); diff != "" {
			t.Fatalf("the oracle says otherwise: %s", diff)
		}
	})
}

func compareReaders(t *testing.T, body []byte) {
	text, err := utf8Text(body)
	if err != nil || len(body) > MaxBody {
		return
	}
	var quick, slow draft
	if !scan(text, &quick) {
		return
	}
	if err := fallback(text, &slow); err != nil {
		t.Fatalf("the scanner reads what encoding/xml refuses: %v", err)
	}
	if diff := cmp.Diff(slow.notification(), quick.notification()); diff != "" {
		t.Fatalf("the scanner reads something else: %s", diff)
	}
}

// ambiguous are bodies that say a thing twice, or in a way of which encoding/xml's structs take another view than the
// last word: servers send no such thing, and whichever is taken is right.
func ambiguous(body []byte) bool {
	for _, once := range []string{"Notification>", "Notification ", "SubscriptionId>", "PreviousWatermark>", "MoreEvents>", "ResponseCode>", "Watermark>", "TimeStamp>", "UnreadCount>", "Name=", "ResponseClass="} {
		if bytes.Count(body, []byte(once)) > 2 {
			return true
		}
	}
	return bytes.Contains(body, []byte("xmlns:ResponseClass")) || bytes.Contains(body, []byte("xmlns:Name")) || bytes.Contains(body, []byte("+"))
}
