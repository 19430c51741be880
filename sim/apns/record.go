package apns

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// record is one request in compact form: it is made for every push and decoded for the few that somebody looks at.
type record struct {
	token         string
	id            string
	authorization string // the whole header; shared by all requests of a connection
	headers       string // name, NUL, value, NUL, …
	body          []byte
}

func newRecord(r *http.Request, token string, body []byte) record {
	var packed strings.Builder
	packed.Grow(256)
	for name, values := range r.Header {
		if name == "Authorization" {
			continue
		}
		for _, value := range values {
			packed.WriteString(name)
			packed.WriteByte(0)
			packed.WriteString(value)
			packed.WriteByte(0)
		}
	}
	return record{token: token, headers: packed.String(), body: body}
}

// Item is one request as the history shows it.
type Item struct {
	Seq     int64             `json:"seq"`
	Time    time.Time         `json:"time"`
	Status  int               `json:"status"` // 0 = not answered
	Reason  string            `json:"reason"`
	Token   string            `json:"token"`
	ID      string            `json:"apns_id"` // sent by the client, or given by the service
	Headers map[string]string `json:"headers"` // lower case; repeated ones joined by ", "
	Payload json.RawMessage   `json:"payload"` // null when what came is not JSON
}

func decode(e control.Entry[record]) Item {
	item := Item{
		Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason,
		Token: e.Record.token, ID: e.Record.id, Headers: e.Record.unpack(),
	}
	if json.Valid(e.Record.body) {
		item.Payload = e.Record.body
	}
	return item
}

func (r record) unpack() map[string]string {
	headers := map[string]string{}
	if r.authorization != "" {
		headers["authorization"] = r.authorization
	}
	fields := strings.Split(r.headers, "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := strings.ToLower(fields[i]), fields[i+1]
		if before, ok := headers[name]; ok {
			value = before + ", " + value
		}
		headers[name] = value
	}
	return headers
}

// payload is what an iPhone reads of a push.
type payload struct {
	APS struct {
		Alert            alert           `json:"alert"`
		Badge            *int            `json:"badge"`
		Sound            json.RawMessage `json:"sound"` // a name, or an object with one
		ContentAvailable int             `json:"content-available"`
		MutableContent   int             `json:"mutable-content"`
	} `json:"aps"`
}

// alert is a text, or an object with texts.
type alert struct {
	Title, Subtitle, Body string
	LocKey                string `json:"loc-key"` // of a text that the app has
}

func (a *alert) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &a.Body)
	}
	type plain alert // without this method
	return json.Unmarshal(text, (*plain)(a))
}

// display turns an accepted request into what its phone shows. What does not decode is a silent push with its data.
func display(e control.Entry[record]) (push phone.Push, ok bool) {
	if e.Status != http.StatusOK {
		return push, false
	}
	headers := e.Record.unpack()
	push = phone.Push{
		Seq: e.Seq, Time: e.Time(), Platform: phone.IOS, Token: e.Record.token,
		App: headers["apns-topic"], Replaces: headers["apns-collapse-id"], Data: string(e.Record.body),
	}
	var p payload
	if json.Unmarshal(e.Record.body, &p) == nil {
		a := p.APS.Alert
		push.Title, push.Subtitle, push.Body, push.Badge = a.Title, a.Subtitle, a.Body, p.APS.Badge
		push.LocKey, push.Wakes, push.Mutable = a.LocKey, p.APS.ContentAvailable == 1, p.APS.MutableContent == 1
		push.Sound = soundName(p.APS.Sound)
	}
	push.Silent = push.Title == "" && push.Subtitle == "" && push.Body == "" && push.LocKey == ""
	return push, true
}

func soundName(raw json.RawMessage) string {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return name
	}
	var critical struct{ Name string }
	if json.Unmarshal(raw, &critical) == nil {
		return critical.Name
	}
	return ""
}
