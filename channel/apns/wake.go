package apns

import (
	"strconv"

	"heliograph/channel/h2"
	"heliograph/message"
)

// alertKey is the text that the app's strings file has for a mail it could not fetch in time (rich wakes).
const alertKey = "NEW_MAIL"

// wakeHeader has no apns-id: Apple makes one, and a repeat is known by its collapse id. Apple takes a background push
// with the lower priority only.
func (s *sender) wakeHeader(m message.Message) h2.Header {
	header := s.headerOf("alert", "10")
	if m.Wake.Background {
		header = s.headerOf("background", "5")
	}
	return append(header, h2.Field{Name: "apns-collapse-id", Value: m.Wake.Topic, Once: true}, expiration(m.Expires))
}

func bodyOf(m message.Message) []byte {
	if m.Wake != nil {
		return wakePayload(m)
	}
	return payload(m)
}

// wakePayload is {"aps": …, "kind": …}. In aps a background push has content-available and nothing else (Apple, "Pushing
// background updates to your App"); an alert has mutable-content, without which no extension runs.
func wakePayload(m message.Message) []byte {
	body := append(make([]byte, 0, 128), `{"aps":{`...)
	switch {
	case m.Wake.Background:
		body = append(body, `"content-available":1`...)
	case m.Wake.Alert:
		body = append(body, `"alert":{"loc-key":"`+alertKey+`"},"mutable-content":1`...)
	default:
		body = append(body, `"content-available":1`...)
	}
	if m.Badge != nil && !m.Wake.Background {
		body = append(body, `,"badge":`...)
		body = strconv.AppendInt(body, int64(*m.Badge), 10)
	}
	body = append(body, `},"kind":"`...)
	body = append(body, m.Wake.Kind.String()...)
	return append(body, `"}`...)
}
