package apns

import (
	"net/http"
	"strconv"

	"heliograph/message"
)

// alertKey is the text that the app's strings file has for a mail it could not fetch in time (rich wakes).
const alertKey = "NEW_MAIL"

// Values of the headers of a background push: Apple takes it with no other priority.
var (
	background  = []string{"background"}
	powerSaving = []string{"5"}
)

// wakeHeader has no apns-id: Apple makes one, and a repeat is known by its collapse id.
func (s *sender) wakeHeader(m message.Message) http.Header {
	values := []string{m.Wake.Topic, strconv.FormatInt(max(m.Expires.Unix(), 0), 10)}
	header := http.Header{
		"apns-topic":       s.topic,
		"apns-push-type":   alert,
		"apns-priority":    immediate,
		"apns-collapse-id": values[0:1:1],
		"apns-expiration":  values[1:2:2],
		"content-type":     plainJSON,
		"user-agent":       agent,
	}
	if m.Wake.Background {
		header["apns-push-type"], header["apns-priority"] = background, powerSaving
	}
	return header
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
