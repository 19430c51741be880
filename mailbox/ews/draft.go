package ews

import (
	"bytes"
	"math"
	"sync"
	"time"
)

// draft is a notification in the making. Its texts are pieces of the body or of the reader's buffer, so that a scan
// allocates nothing; notification copies them all at once.
type draft struct {
	messages []draftMessage
	events   []draftEvent // of all messages, in their order
}

type draftMessage struct {
	class, code           []byte
	id, errorID, previous []byte
	valueIsID             bool // of the Value that is being read
	more, notified        bool
	events                int // how many of the draft's are its own
}

type draftEvent struct {
	kind      Kind
	folder    bool
	counted   bool
	count     int
	at        time.Time
	watermark []byte
}

var drafts = sync.Pool{New: func() any { return &draft{messages: make([]draftMessage, 0, 4), events: make([]draftEvent, 0, 16)} }}

func newDraft() *draft { return drafts.Get().(*draft) }

// free gives the draft back; one that a huge body has grown is left to the collector.
func (d *draft) free() {
	if cap(d.events) > 512 || cap(d.messages) > 64 {
		return
	}
	d.reset()
	drafts.Put(d)
}

// reset forgets everything, also where the texts were.
func (d *draft) reset() {
	clear(d.messages)
	clear(d.events)
	d.messages, d.events = d.messages[:0], d.events[:0]
}

// open tells that an element at p begins.
func (d *draft) open(p place, local []byte) {
	switch p {
	case message:
		d.messages = append(d.messages, draftMessage{})
	case notification:
		d.last().notified = true
	case event:
		d.last().events++
		d.events = append(d.events, draftEvent{kind: kindOf(local)})
	case about:
		d.events[len(d.events)-1].folder = true
	case value:
		d.last().valueIsID = false
	}
}

// wants reports whether an attribute of an element at p means something.
func (p place) wants(local []byte) bool {
	return p == message && string(local) == "ResponseClass" || p == value && string(local) == "Name"
}

// attribute tells one that was wanted.
func (d *draft) attribute(p place, text []byte) {
	if p == message {
		d.last().class = text
		return
	}
	d.last().valueIsID = string(text) == "SubscriptionId"
}

// text tells the whole text of an element at p, which is kept. The last of several wins.
func (d *draft) text(p place, text []byte) {
	text = bytes.TrimSpace(text)
	m := d.last()
	switch p {
	case value:
		if m.valueIsID {
			m.errorID = text
		}
	case responseCode:
		m.code = text
	case subscriptionID:
		m.id = text
	case previousWatermark:
		m.previous = text
	case moreEvents:
		m.more = string(text) == "true" || string(text) == "1"
	default:
		d.events[len(d.events)-1].text(p, text)
	}
}

func (e *draftEvent) text(p place, text []byte) {
	switch p {
	case watermark:
		e.watermark = text
	case timeStamp:
		e.at = timeOf(text)
	case unreadCount:
		e.count, e.counted = countOf(text)
	}
}

// last is the message that is being read.
func (d *draft) last() *draftMessage { return &d.messages[len(d.messages)-1] }

// countOf reads an xs:int that can be a number of mails.
func countOf(text []byte) (n int, ok bool) {
	negative := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > math.MaxInt32 {
			return 0, false
		}
	}
	return n, !negative || n == 0
}

// timeOf reads an xs:dateTime; one without a zone is UTC, as all of Exchange's are. Zero = it is none.
func timeOf(text []byte) time.Time {
	const local = len("2006-01-02T15:04:05")
	var at time.Time
	var withZone [40]byte
	if len(text) >= local && len(text) < len(withZone) && !zoned(text[local:]) {
		text = append(append(withZone[:0], text...), 'Z')
	}
	if err := at.UnmarshalText(text); err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// zoned reports whether what follows the seconds names a zone.
func zoned(rest []byte) bool { return bytes.ContainsAny(rest, "Zz+-") }

// codes are the documented response codes that a push can carry: a label of metrics may be one of them.
var codes = []string{
	"NoError", "ErrorReadEventsFailed", "ErrorMissedNotificationEvents", "ErrorInvalidSubscription", "ErrorSubscriptionNotFound",
	"ErrorExpiredSubscription", "ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorMailboxFailover",
	"ErrorNonExistentMailbox", "ErrorInvalidWatermark", "ErrorProxyRequestNotAllowed", "ErrorConnectionFailed", "ErrorServerBusy",
	"ErrorAccessDenied", "ErrorInternalServerError", "ErrorInternalServerTransientError",
}

// otherCode stands for all that are not in the list.
const otherCode = "other"

func codeOf(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	for _, code := range codes {
		if string(text) == code {
			return code
		}
	}
	return otherCode
}

// failed: the class says so, or there is nothing but the code of an error.
func (m *draftMessage) failed() bool {
	return string(m.class) == "Error" || !m.notified && bytes.HasPrefix(m.code, []byte("Error"))
}

func (m *draftMessage) subscription() []byte {
	if len(m.id) == 0 {
		return m.errorID
	}
	return m.id
}

// notification copies the draft: all texts into one string, all events into one slice, all counts into another.
func (d *draft) notification() Notification {
	texts := texts{all: d.allText()}
	n := Notification{Messages: make([]Message, len(d.messages))}
	events := make([]Event, len(d.events))
	var counts []int
	if counted := d.counted(); counted > 0 {
		counts = make([]int, 0, counted)
	}
	from := 0
	for i := range d.messages {
		m := &d.messages[i]
		n.Messages[i] = Message{
			SubscriptionID: texts.next(m.subscription()), PreviousWatermark: texts.next(m.previous),
			MoreEvents: m.more, Error: m.failed(), Code: codeOf(m.code),
		}
		for j := from; j < from+m.events; j++ {
			e := &d.events[j]
			events[j] = Event{Kind: e.kind, Watermark: texts.next(e.watermark), TimeStamp: e.at, Folder: e.folder}
			if e.counted {
				counts = append(counts, e.count)
				events[j].UnreadCount = &counts[len(counts)-1]
			}
		}
		if m.events > 0 {
			n.Messages[i].Events = events[from : from+m.events : from+m.events]
		}
		from += m.events
	}
	return n
}

func (d *draft) counted() (n int) {
	for i := range d.events {
		if d.events[i].counted {
			n++
		}
	}
	return n
}

// allText joins the texts in the order in which notification takes them.
func (d *draft) allText() string {
	var stack [1024]byte
	all := stack[:0]
	from := 0
	for i := range d.messages {
		m := &d.messages[i]
		all = append(append(all, m.subscription()...), m.previous...)
		for j := from; j < from+m.events; j++ {
			all = append(all, d.events[j].watermark...)
		}
		from += m.events
	}
	return string(all)
}

// texts hands out a string piece by piece.
type texts struct{ all string }

func (t *texts) next(piece []byte) string {
	text := t.all[:len(piece)]
	t.all = t.all[len(piece):]
	return text
}
