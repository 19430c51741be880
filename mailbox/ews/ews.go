// Package ews reads what Exchange posts to a listener, and holds the two answers that it understands.
//
// A push notification of Exchange Web Services is an operation turned round: the server calls us, with a SOAP 1.1 request
// shaped like a response (MS-OXWSPSNTIF 3.1.4.1). It says that something changed in a folder, which kind of change, and
// for the folder itself how much of it is unread; never what a mail says or who wrote it.
//
//	body ─► utf8   BOM, UTF-16, encoding ─┬─► scan      by hand, no allocation; gives up on what it does not know
//	                                      └─► fallback  encoding/xml: entities, CDATA, comments, all errors
//	                                             both tell the same draft, which knows the places of the grammar
//	draft ─► Notification
//
// Servers of several versions and makers post here, so elements are told by their local names and places: prefixes are
// theirs to choose, the header's namespace differs, and the documents print namespaces that no server sends. What is merely
// odd (an event that nobody knows, a count that is none, a time that cannot be) is an event without that part. What is no
// notification at all is refused with a Reason, a word of a closed set that can be counted and never quotes the body: it
// names servers and mailboxes.
package ews

import (
	"errors"
	"time"
)

// Limits of one body. MaxBody is far above what servers send: some 400 events.
const (
	MaxBody   = 256 << 10 // bytes
	maxDepth  = 32        // elements inside one another; the grammar has 9
	maxTokens = 1 << 15   // elements, their ends, and texts
)

// Notification is one POST.
type Notification struct {
	Messages []Message // one at least
}

// Message is one SendNotificationResponseMessage: what happened to one subscription.
type Message struct {
	// SubscriptionID is opaque and names the mail server and the mailbox: it is for hashing, never for storing or
	// showing. "" = the message does not tell it.
	SubscriptionID    string
	PreviousWatermark string // of the notification before; "" = not told
	MoreEvents        bool   // another POST follows at once
	Error             bool   // the server tells of a failure: the subscription is as good as lost
	Code              string // the server's response code as far as it is a documented one, else "other"; "" = none
	Events            []Event
}

// LastWatermark is the newest event's; "" = there is none.
func (m Message) LastWatermark() string {
	for i := len(m.Events) - 1; i >= 0; i-- {
		if m.Events[i].Watermark != "" {
			return m.Events[i].Watermark
		}
	}
	return ""
}

// Event is one change.
type Event struct {
	Kind        Kind
	Watermark   string
	TimeStamp   time.Time // UTC; zero = not told, or none
	Folder      bool      // it is about a folder, not about an item in it
	UnreadCount *int      // unread items of the folder; nil = not told, or no whole number from 0 up
}

// Badge is the count that an icon may show: that of a modified folder. False = this event tells none.
func (e Event) Badge() (count int, ok bool) {
	if e.Kind != Modified || !e.Folder || e.UnreadCount == nil {
		return 0, false
	}
	return *e.UnreadCount, true
}

// Kind is the type of an event. The zero value is one that this package does not know.
type Kind uint8

// The kinds of events (MS-OXWSNTIF 2.2.4.14).
const (
	Unknown Kind = iota
	NewMail
	Created
	Modified
	Moved
	Copied
	Deleted
	FreeBusyChanged
	Status // the heartbeat
)

// kinds are the elements' names, by Kind.
var kinds = [...]string{
	Unknown: "Unknown", NewMail: "NewMailEvent", Created: "CreatedEvent", Modified: "ModifiedEvent", Moved: "MovedEvent",
	Copied: "CopiedEvent", Deleted: "DeletedEvent", FreeBusyChanged: "FreeBusyChangedEvent", Status: "StatusEvent",
}

// String is the name of the event's element.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kinds[Unknown]
}

// Reason is why a body is no notification. It is an error, and a label of metrics.
type Reason string

// The reasons.
const (
	Malformed       Reason = "malformed"        // no well-formed XML with namespaces, or in an encoding nobody knows
	Doctype         Reason = "doctype"          // SOAP has none (SOAP 1.1 section 3), and they are dangerous
	TooDeep         Reason = "too_deep"         // more than 32 elements inside one another
	TooLarge        Reason = "too_large"        // more than MaxBody bytes, or too many elements, attributes or prefixes
	NotNotification Reason = "not_notification" // well-formed, but not a SendNotification with a message in it
)

var sentences = map[Reason]string{
	Malformed:       "the body is not well-formed XML",
	Doctype:         "the body has a document type declaration",
	TooDeep:         "the body's elements are nested too deep",
	TooLarge:        "the body is too large",
	NotNotification: "the body is not a SendNotification with a response message",
}

// Error says it in words, without quoting the body.
func (r Reason) Error() string { return sentences[r] }

// ReasonOf is the reason inside err, as an error of Decode has one. "" = err holds none.
func ReasonOf(err error) Reason {
	reason, _ := errors.AsType[Reason](err)
	return reason
}

// Decode reads the body of one POST. The result holds nothing of body, which may be used again. The error is a Reason.
func Decode(body []byte) (Notification, error) {
	if len(body) > MaxBody {
		return Notification{}, TooLarge
	}
	text, err := utf8Text(body)
	if err != nil {
		return Notification{}, err
	}
	d := newDraft()
	defer d.free()
	if !scan(text, d) {
		d.reset()
		if err := fallback(text, d); err != nil {
			return Notification{}, err
		}
	}
	if len(d.messages) == 0 {
		return Notification{}, NotNotification
	}
	return d.notification(), nil
}
