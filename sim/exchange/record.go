package exchange

import (
	"time"

	"heliograph/sim/control"
)

// Kinds of history items.
const (
	kindClient = "ews"  // a mail client asked
	kindPush   = "push" // a notification was posted
)

// record is one exchange, in either direction.
type record struct {
	kind, operation, mailbox string
	note                     note // of a push
	took                     time.Duration
}

func pushRecord(n note, a answer) record {
	return record{kind: kindPush, operation: "SendNotification", mailbox: n.mailbox, note: n, took: a.took}
}

// Item is one exchange as the history shows it: a request of a client with what it was answered, or a notification with
// what the listener answered.
type Item struct {
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Status    int       `json:"status"` // of HTTP; 0 = no answer
	Reason    string    `json:"reason"` // of a push OK, Unsubscribe, or what went wrong; of a request its response code
	Kind      string    `json:"kind"`   // ews or push
	Operation string    `json:"operation"`
	Mailbox   string    `json:"mailbox"`

	// Of a push.
	SubscriptionID string   `json:"subscription_id,omitempty"`
	URL            string   `json:"url,omitempty"`
	Attempt        int      `json:"attempt,omitempty"` // 1 = the first
	Events         []string `json:"events,omitempty"`
	UnreadCount    *int     `json:"unread_count,omitempty"` // the newest in it
	MoreEvents     bool     `json:"more_events,omitempty"`
	Error          string   `json:"error,omitempty"` // code of an error push
	TookMS         float64  `json:"took_ms,omitempty"`
}

func decode(e control.Entry[record]) Item {
	r := e.Record
	item := Item{Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason, Kind: r.kind, Operation: r.operation, Mailbox: r.mailbox}
	if r.kind != kindPush {
		return item
	}
	n := r.note
	item.SubscriptionID, item.URL, item.Attempt, item.MoreEvents = n.id, n.url, n.attempt, n.more
	item.TookMS = float64(r.took.Microseconds()) / 1000
	if n.failure != nil {
		item.Error = n.failure.code
		return item
	}
	for _, event := range n.events {
		item.Events = append(item.Events, event.kind)
		if event.unread != nil {
			item.UnreadCount = event.unread
		}
	}
	if len(n.events) == 0 {
		item.Events = []string{statusEvent}
	}
	return item
}
