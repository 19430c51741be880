package fcm

import (
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

func bodyOf(m message.Message, now time.Time) []byte {
	if m.Wake != nil {
		return wakePayload(m, now)
	}
	return payload(m, now)
}

// wakePayload is a data message: Android shows nothing by itself, the app runs. Values of data are texts (Google,
// "FCM HTTP v1: Message"). Of several with one collapse key a device that was away receives the newest.
func wakePayload(m message.Message, now time.Time) []byte {
	body := append(make([]byte, 0, 192+len(m.Address)), `{"message":{"token":`...)
	body = channel.AppendJSON(body, m.Address)
	body = append(body, `,"data":{"kind":"`...)
	body = append(body, m.Wake.Kind.String()...)
	if m.Badge != nil {
		body = append(body, `","badge":"`...)
		body = strconv.AppendInt(body, int64(*m.Badge), 10)
	}
	body = append(body, `"},"android":{"priority":"`...)
	body = append(body, priority(m.Wake)...)
	body = append(body, `","ttl":"`...)
	body = strconv.AppendInt(body, int64(min(max(m.Expires.Sub(now), 0), maxTTL).Round(time.Second)/time.Second), 10)
	body = append(body, `s","collapse_key":"`...)
	body = append(body, m.Wake.Topic...)
	return append(body, `"}}}`...)
}

func priority(w *message.Wake) string {
	if w.Urgent {
		return "high"
	}
	return "normal"
}
