package mailbox_test

import (
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
)

// TestGaps: a watermark that follows neither the last one nor the one before says that a notification went missing, and
// the app is woken without a badge.
func TestGaps(t *testing.T) {
	chain := func(st *stage, from, to int) mailbox.Signal {
		s := st.signal(change, to)
		s.Previous, s.Watermark = mark(from), mark(to)
		return s
	}
	cases := []struct {
		name string
		wait time.Duration
		then func(*stage) mailbox.Signal
		gaps int64
	}{
		{"follows", 10 * time.Second, func(st *stage) mailbox.Signal { return chain(st, 2, 3) }, 0},
		{"a repeat", 10 * time.Second, func(st *stage) mailbox.Signal { return chain(st, 1, 2) }, 0},
		{"missing", 10 * time.Second, func(st *stage) mailbox.Signal { return chain(st, 5, 6) }, 1},
		{"missing, but another node may know", 3 * time.Second, func(st *stage) mailbox.Signal { return chain(st, 5, 6) }, 0},
		{"a new subscription", 10 * time.Second, func(st *stage) mailbox.Signal {
			s := chain(st, 5, 6)
			s.Subscription = "mail1.example.com/new"
			return s
		}, 0},
		{"a heartbeat shows it too", 10 * time.Second, func(st *stage) mailbox.Signal {
			s := chain(st, 5, 6)
			s.Kind, s.Badge = 0, nil
			return s
		}, 1},
		{"nothing is told of before", 10 * time.Second, func(st *stage) mailbox.Signal {
			s := chain(st, 5, 6)
			s.Previous = ""
			return s
		}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(st *stage) {
				p := st.Register("token", nil)
				st.inbox(p, chain(st, 0, 1))
				later(2500 * time.Millisecond)
				st.inbox(p, chain(st, 1, 2))
				later(c.wait)
				before := len(st.Provider.Accepted())
				s := c.then(st)
				st.inbox(p, s)
				woken := 0
				if s.Kind != 0 {
					woken = 1
				}
				later(2500 * time.Millisecond)
				st.Retry()
				if got := st.Now(p).Gaps; got != c.gaps {
					st.Errorf("%d gaps, want %d", got, c.gaps)
				}
				after := st.Provider.Accepted()[before:]
				if len(after) != woken+int(c.gaps) {
					st.Fatalf("%d wakes after it", len(after))
				}
				if c.gaps > 0 && (after[woken].Badge != nil || after[woken].Wake.Kind != message.WakeChange) {
					st.Errorf("woken with %+v", after[woken])
				}
			})
		})
	}
}

// TestErrorPush: the mail server says that a subscription broke; its app is woken to subscribe anew, and again until it is
// heard.
func TestErrorPush(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Bind(p, "inbox", "mail1.example.com/sub", 30*time.Minute)
		st.inbox(p, st.signal(newMail, 1))
		later(3 * time.Second)
		st.wantAnswer(st.inbox(p, mailbox.Signal{Subscription: "mail1.example.com/sub", Server: "mail1.example.com", Failed: true}), mailbox.OK)
		last := st.Provider.Accepted()[1]
		if last.Badge != nil || last.Wake.Kind != message.WakeResubscribe || !last.Wake.Background {
			st.Errorf("woken with %+v", last.Wake)
		}
		later(3 * time.Second)
		now := st.Now(p)
		if !now.Resubscribe || !now.Subscriptions[0].Lost() {
			st.Errorf("%+v", now)
		}
		st.inbox(p, st.signal(newMail, 2))
		later(3 * time.Second)
		if now := st.Now(p); now.Resubscribe || now.Subscriptions[0].Lost() {
			st.Errorf("heard again, and still lost: %+v", now)
		}
	})
}

// TestContacts: what is written is what happened, whatever the number of batches.
func TestContacts(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		for i := range 10 {
			st.inbox(p, st.signal(newMail, i))
			later(700 * time.Millisecond)
		}
		st.inbox(p, st.signal(0, -1))
		later(5 * time.Second)
		now := st.Now(p)
		if now.Events != 10 || now.Wakes != int64(len(st.Provider.Accepted())) || now.Gaps != 0 || *now.Badge.Count != 9 || now.WakeResult != "accepted" {
			st.Errorf("%+v", now)
		}
		if len(now.Subscriptions) != 1 || now.Subscriptions[0].State() != mailbox.SubscriptionUnwatched || now.HeardAt.Before(now.EventAt) {
			st.Errorf("%+v", now.Subscriptions)
		}
	})
}

// TestManySubscriptions: a capability can be posted to under any number of ids; what is kept is bounded.
func TestManySubscriptions(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		for i := range 100 {
			s := st.signal(0, -1)
			s.Subscription = "mail1.example.com/" + mark(i)
			st.inbox(p, s)
			later(2 * time.Second)
		}
		later(5 * time.Second)
		if n := len(st.Now(p).Subscriptions); n > mailbox.MostSubscriptions {
			st.Errorf("%d subscriptions are kept", n)
		}
	})
}
