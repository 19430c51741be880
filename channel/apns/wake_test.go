package apns

import (
	"context"
	"net/http"
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

func count(n int) *int { return &n }

// TestWake is what Apple is asked for each kind of wake.
func TestWake(t *testing.T) {
	const topic = "AAECAwQFBgcICQoLDA0ODw"
	cases := []struct {
		name                 string
		wake                 message.Wake
		badge                *int
		pushType, prio, body string
	}{
		{"badge", message.Wake{Kind: message.WakeNew}, count(3), "alert", "10", `{"aps":{"content-available":1,"badge":3},"kind":"new"}`},
		{"zero is sent", message.Wake{Kind: message.WakeChange}, count(0), "alert", "10", `{"aps":{"content-available":1,"badge":0},"kind":"change"}`},
		{"background", message.Wake{Kind: message.WakeResubscribe, Background: true}, nil, "background", "5", `{"aps":{"content-available":1},"kind":"resubscribe"}`},
		{"background never has a badge", message.Wake{Kind: message.WakeNew, Background: true}, count(3), "background", "5", `{"aps":{"content-available":1},"kind":"new"}`},
		{"rich", message.Wake{Kind: message.WakeNew, Alert: true}, count(3), "alert", "10", `{"aps":{"alert":{"loc-key":"NEW_MAIL"},"mutable-content":1,"badge":3},"kind":"new"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
			server := channeltest.NewServer(t, 250, script)
			m := message.Message{Channel: message.Push, Address: hello.Address, Badge: c.badge, Wake: &c.wake, Expires: time.Unix(1893456000, 0)}
			m.Wake.Topic = topic
			if o := wakeOnce(t, settings(server), m); !o.Accepted {
				t.Fatalf("%+v", o.Failure)
			}
			r := script.Requests()[0]
			want := map[string]string{"Apns-Push-Type": c.pushType, "Apns-Priority": c.prio, "Apns-Collapse-Id": topic,
				"Apns-Topic": "com.example.mail", "Apns-Expiration": "1893456000", "Apns-Id": ""}
			for name, value := range want {
				if got := r.Header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if string(r.Content) != c.body {
				t.Errorf("body %s\nwant %s", r.Content, c.body)
			}
		})
	}
}

func wakeOnce(t *testing.T, s *Settings, m message.Message) message.Outcome {
	t.Helper()
	sender, err := s.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	return sender.(channel.Waker).Wake(t.Context(), m)
}

// TestWakeDoesNotWaitLonger: who wakes waits until the deadline, and no longer.
func TestWakeDoesNotWaitLonger(t *testing.T) {
	end := make(chan struct{})
	server := channeltest.NewServer(t, 250, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer close(end)
	sender, err := settings(server).Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	o := sender.(channel.Waker).Wake(ctx, message.Message{Address: hello.Address, Wake: &message.Wake{Kind: message.WakeNew}})
	if o.Failure == nil || o.Failure.Scope != message.LostAnswer {
		t.Errorf("got %+v", o)
	}
}
