package fcm

import (
	"encoding/json"
	"net/http"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// record is one request in compact form, decoded when somebody looks at it.
type record struct {
	target  string // token, fid, topic or condition
	project string
	dry     bool
	body    []byte
}

// Item is one request as the history shows it.
type Item struct {
	Seq          int64           `json:"seq"`
	Time         time.Time       `json:"time"`
	Status       int             `json:"status"` // 0 = not answered
	Reason       string          `json:"reason"` // errorCode, else google.rpc.Code
	Token        string          `json:"token"`
	Project      string          `json:"project"`
	ValidateOnly bool            `json:"validate_only"`
	Message      json.RawMessage `json:"message"` // as sent; null when there was none
}

func decode(e control.Entry[record]) Item {
	item := Item{
		Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason,
		Token: e.Record.target, Project: e.Record.project, ValidateOnly: e.Record.dry,
	}
	var sent struct{ Message json.RawMessage }
	if json.Unmarshal(e.Record.body, &sent) == nil {
		item.Message = sent.Message
	}
	return item
}

// display turns an accepted request into what its phone shows. ok = it reached a phone: a dry run does not.
func display(e control.Entry[record]) (push phone.Push, ok bool) {
	if e.Status != http.StatusOK || e.Record.dry {
		return push, false
	}
	request, wrong := parse(e.Record.body)
	m := request.Message
	if wrong.Description != "" || m == nil {
		return push, false
	}
	push = phone.Push{Seq: e.Seq, Time: e.Time(), Platform: phone.Android, Token: m.target()}
	for _, shown := range []map[string]any{m.Notification, androidNotification(m)} { // the second refines the first
		fill(&push.Title, shown, "title")
		fill(&push.Body, shown, "body")
		fill(&push.Sound, shown, "sound")
		fill(&push.Replaces, shown, "tag")
		if count, ok := shown["notification_count"].(float64); ok {
			badge := int(count)
			push.Badge = &badge
		}
	}
	if m.Android != nil {
		push.App = m.Android.Package + m.Android.PackageCamel
	}
	if len(m.Data) > 0 {
		text, _ := json.Marshal(m.Data) // strings always encode
		push.Data = string(text)
	}
	push.Silent = push.Title == "" && push.Body == ""
	push.Wakes = push.Silent // a data message is the app's business
	return push, true
}

func androidNotification(m *message) map[string]any {
	if m.Android == nil {
		return nil
	}
	return m.Android.Notification
}

func fill(to *string, from map[string]any, key string) {
	if text, ok := from[key].(string); ok && text != "" {
		*to = text
	}
}
