package vonage

import (
	"time"

	"heliograph/sim/control"
)

// record is one request as far as anybody asks for it later.
type record struct {
	to, from, text, kind, reference string
	ids                             []string // one for each part that was accepted
}

// Item is one request as the history shows it.
type Item struct {
	Seq        int64     `json:"seq"`
	Time       time.Time `json:"time"`
	Status     int       `json:"status"` // 200 = accepted; below 100 the service's own; 0 = not answered
	Reason     string    `json:"reason"` // error-text
	To         string    `json:"to"`     // as it came: without a plus
	From       string    `json:"from"`
	Text       string    `json:"text"`
	ClientRef  string    `json:"client_ref"`
	Type       string    `json:"type"`
	MessageIDs []string  `json:"message_ids"` // one for each part that was accepted
}

func decode(e control.Entry[record]) Item {
	r := e.Record
	return Item{
		Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason,
		To: r.to, From: r.from, Text: r.text, ClientRef: r.reference, Type: r.kind, MessageIDs: append([]string{}, r.ids...),
	}
}
