package webpush

import (
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

// TestWake is what a push service is asked for each kind of wake, and what the app then reads.
func TestWake(t *testing.T) {
	const topic = "AAECAwQFBgcICQoLDA0ODw"
	three := 3
	cases := []struct {
		name    string
		wake    message.Wake
		badge   *int
		urgency string
		text    map[string]any
	}{
		{"new", message.Wake{Kind: message.WakeNew, Urgent: true}, &three, "high", map[string]any{"kind": "new", "badge": 3.0}},
		{"no count known", message.Wake{Kind: message.WakeChange}, nil, "normal", map[string]any{"kind": "change"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
			server := channeltest.NewServer(t, 250, script)
			reader := newApp(t)
			m := to(hello, reader, server.URL)
			m.Text, m.Badge, m.Wake, m.Expires = "", c.badge, &c.wake, time.Now().Add(message.WakeLifetime)
			m.Wake.Topic = topic
			sender, err := open(*settings(server.CA), options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			if o := channel.Waker(sender).Wake(t.Context(), m); !o.Accepted {
				t.Fatalf("%+v", o.Failure)
			}
			r := script.Requests()[0]
			for name, want := range map[string]string{"Topic": topic, "Urgency": c.urgency, "Ttl": "86400"} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			wantText(t, reader, r, c.text)
		})
	}
}
