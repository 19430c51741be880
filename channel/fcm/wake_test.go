package fcm

import (
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

// TestWake is what FCM is asked for each kind of wake: data alone, so that nothing is shown but what the app shows.
func TestWake(t *testing.T) {
	const topic = "AAECAwQFBgcICQoLDA0ODw"
	three, none := 3, 0
	cases := []struct {
		name  string
		wake  message.Wake
		badge *int
		body  string
	}{
		{"new", message.Wake{Kind: message.WakeNew, Urgent: true}, &three,
			`{"message":{"token":"TOKEN","data":{"kind":"new","badge":"3"},"android":{"priority":"high","ttl":"86400s","collapse_key":"` + topic + `"}}}`},
		{"zero is sent", message.Wake{Kind: message.WakeChange}, &none,
			`{"message":{"token":"TOKEN","data":{"kind":"change","badge":"0"},"android":{"priority":"normal","ttl":"86400s","collapse_key":"` + topic + `"}}}`},
		{"no count known", message.Wake{Kind: message.WakeChange}, nil,
			`{"message":{"token":"TOKEN","data":{"kind":"change"},"android":{"priority":"normal","ttl":"86400s","collapse_key":"` + topic + `"}}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
			server := channeltest.NewServer(t, 250, &service{send: script})
			sender, err := settings(server).Open(channel.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			m := message.Message{Channel: message.Push, Address: "TOKEN", Badge: c.badge, Wake: &c.wake, Expires: time.Now().Add(message.WakeLifetime)}
			m.Wake.Topic = topic
			if o := sender.(channel.Waker).Wake(t.Context(), m); !o.Accepted {
				t.Fatalf("%+v", o.Failure)
			}
			if got := string(script.Requests()[0].Content); got != c.body {
				t.Errorf("body %s\nwant %s", got, c.body)
			}
		})
	}
}
