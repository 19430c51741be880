package webpush

import (
	"strconv"

	"heliograph/message"
)

// usual is the urgency of a wake that can wait until the device is awake anyway (RFC 8030 section 5.3).
var usual = []string{"normal"}

func textOf(m message.Message) []byte {
	if m.Wake != nil {
		return wakePayload(m)
	}
	return payload(m)
}

// topicOf is what a later message replaces an earlier one by.
func topicOf(m message.Message) string {
	if m.Wake != nil {
		return m.Wake.Topic
	}
	return m.ID.Topic()
}

// wakePayload is {"kind": …} with the badge where there is one.
func wakePayload(m message.Message) []byte {
	text := append(make([]byte, 0, 48), `{"kind":"`...)
	text = append(text, m.Wake.Kind.String()...)
	text = append(text, '"')
	if m.Badge != nil {
		text = append(text, `,"badge":`...)
		text = strconv.AppendInt(text, int64(*m.Badge), 10)
	}
	return append(text, '}')
}
