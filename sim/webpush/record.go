package webpush

import (
	"encoding/json"
	"net/http"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// record is one request in compact form, decrypted when somebody looks at it.
type record struct {
	name                string
	ttl, topic, urgency string
	body                []byte
}

// Item is one request as the history shows it.
type Item struct {
	Seq      int64           `json:"seq"`
	Time     time.Time       `json:"time"`
	Status   int             `json:"status"` // 0 = not answered
	Reason   string          `json:"reason"` // why it was refused
	Endpoint string          `json:"endpoint"`
	TTL      string          `json:"ttl"` // seconds
	Topic    string          `json:"topic"`
	Urgency  string          `json:"urgency"`
	Size     int             `json:"size"`    // bytes, encrypted
	Payload  json.RawMessage `json:"payload"` // what the browser reads; null when it cannot, or when that is not JSON
	Text     string          `json:"text"`    // the same as it is
}

func (s *Server) decode(e control.Entry[record]) Item {
	r := e.Record
	item := Item{
		Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason,
		Endpoint: s.URL() + pushPath + r.name, TTL: r.ttl, Topic: r.topic, Urgency: r.urgency, Size: len(r.body),
	}
	plain, err := s.seed.browser(r.name).decrypt(r.body)
	if err != nil {
		return item
	}
	item.Text = string(plain)
	if json.Valid(plain) {
		item.Payload = plain
	}
	return item
}

// display turns an accepted message into what its browser shows. ok = the browser could read it.
func (s *Server) display(e control.Entry[record]) (push phone.Push, ok bool) {
	if e.Status != http.StatusCreated {
		return push, false
	}
	plain, err := s.seed.browser(e.Record.name).decrypt(e.Record.body)
	var shown struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Sound string `json:"sound"`
		Badge *int   `json:"badge"`
	}
	if err != nil || json.Unmarshal(plain, &shown) != nil {
		return push, false
	}
	return phone.Push{
		Seq: e.Seq, Time: e.Time(), Platform: phone.Web, Token: s.URL() + pushPath + e.Record.name, Replaces: e.Record.topic,
		Title: shown.Title, Body: shown.Body, Sound: shown.Sound, Badge: shown.Badge,
		Silent: shown.Title == "" && shown.Body == "", Data: string(plain),
	}, true
}
