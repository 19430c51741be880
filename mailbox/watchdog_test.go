package mailbox_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store/storetest"
)

// watch lets time pass with the watchdog and the retries at work, as the job engine would let them.
func (st *stage) watch(d time.Duration, each func()) {
	st.Helper()
	for range d / mailbox.WatchEvery {
		later(mailbox.WatchEvery)
		if each != nil {
			each()
		}
		if err := st.Waker.Watch(st.Context()); err != nil {
			st.Fatal(err)
		}
		st.Retry()
	}
}

// pause lets time pass in which this node does nothing.
func (st *stage) pause(d time.Duration) {
	st.Helper()
	if err := st.Waker.Stop(st.Context()); err != nil {
		st.Fatal(err)
	}
	later(d)
	if err := st.Waker.Start(st.Context(), mailbox.Duties{Listen: true}); err != nil {
		st.Fatal(err)
	}
}

// TestLostSubscription: silence for two status frequencies and two minutes makes a subscription lost; its app is woken at
// 0, 30 and 60 minutes, then daily for 30 days, until the mail server is heard again.
func TestLostSubscription(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", func(r *mailbox.Registration) { r.Platform = mailbox.Web })
		st.Bind(p, "inbox", "mail1.example.com/sub", 10*time.Minute)
		begun := time.Now()
		st.inbox(p, st.signal(0, -1))
		st.watch(20*time.Minute, nil)
		if st.Now(p).Resubscribe {
			st.Fatal("lost too early")
		}
		st.watch(3*time.Minute, nil)
		if now := st.Now(p); !now.Resubscribe || !now.Subscriptions[0].Lost() {
			st.Fatalf("not lost after %v: %+v", time.Since(begun), now)
		}
		st.watch(65*time.Minute, nil)
		if n := len(st.Provider.Accepted()); n != 3 {
			st.Errorf("%d reminders within the first hour, want 3", n)
		}
		for i, w := range st.Provider.Accepted() {
			want := 22*time.Minute + time.Duration(i)*30*time.Minute
			if at := w.At.Sub(begun); at < want || at > want+time.Minute || w.Wake.Kind != message.WakeResubscribe || w.Badge != nil {
				st.Errorf("reminder %d after %v: %+v", i, at, w.Wake)
			}
		}
		for range 40 { // days
			st.pause(24 * time.Hour)
			st.watch(20*time.Second, nil)
		}
		if n := len(st.Provider.Accepted()); n != 3+29 && n != 3+30 {
			st.Errorf("%d reminders in all", n)
		}
		st.inbox(p, st.signal(0, -1))
		later(3 * time.Second)
		if now := st.Now(p); now.Resubscribe || now.Subscriptions[0].Lost() {
			st.Errorf("heard, and still lost: %+v", now)
		}
	})
}

// TestHeardIsNotLost: heartbeats keep a subscription, and so does time in which nobody listened.
func TestHeardIsNotLost(t *testing.T) {
	t.Run("heartbeats", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			st.Bind(p, "inbox", "mail1.example.com/sub", 2*time.Minute)
			last := time.Now()
			st.watch(20*time.Minute, func() {
				if time.Since(last) >= 2*time.Minute {
					last = time.Now()
					st.inbox(p, st.signal(0, -1))
				}
			})
			if now := st.Now(p); now.Resubscribe || len(st.Provider.Wakes()) != 0 {
				st.Errorf("%+v", now)
			}
		})
	})
	t.Run("unwatched", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			st.inbox(p, st.signal(0, -1))
			st.watch(30*time.Minute, nil)
			if st.Now(p).Resubscribe {
				st.Error("nobody told how often it should be heard")
			}
		})
	})
	t.Run("nobody listened", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			st.Bind(p, "inbox", "mail1.example.com/sub", 10*time.Minute)
			st.inbox(p, st.signal(0, -1))
			later(3 * time.Second)
			st.pause(2 * time.Hour)
			st.watch(20*time.Minute, nil)
			if st.Now(p).Resubscribe {
				st.Error("lost while nobody could hear it")
			}
			st.watch(5*time.Minute, nil)
			if !st.Now(p).Resubscribe {
				st.Error("silence after that counts")
			}
		})
	})
}

// TestMassLoss: a mail server forgets everything. There is one alarm until it has recovered, and its apps are woken no
// faster than the rate; each subscribes anew and is well.
func TestMassLoss(t *testing.T) {
	phones, rate := 300, 10
	if os.Getenv("HELIOGRAPH_TORTURE") != "" {
		phones, rate = 10_000, 28
	}
	log := &lines{}
	play(t, func(o *mailbox.WakerOptions) { o.Pace, o.Logger = float64(rate), log.logger() }, func(st *stage) {
		all := map[string]storetest.MailPhone{}
		for i := range phones {
			p := st.Register(fmt.Sprint("token", i), func(r *mailbox.Registration) { r.Platform = mailbox.Web })
			st.Bind(p, "inbox", fmt.Sprintf("mail1.example.com/%d", i), 5*time.Minute)
			all[p.Token] = p
		}
		bystander := st.Register("bystander", nil)
		st.Bind(bystander, "inbox", "mail2.example.com/1", 24*time.Hour)
		done := 0
		st.watch(30*time.Minute, func() { // a phone that is woken subscribes anew
			wakes := st.Provider.Accepted()
			for _, w := range wakes[done:] {
				p := all[w.Address]
				id := "mail1.example.com/again/" + w.Address
				st.Bind(p, "inbox", id, 24*time.Hour)
				s := st.signal(0, -1)
				s.Subscription = id
				st.inbox(p, s)
			}
			done = len(wakes)
		})
		wakes := st.Provider.Accepted()
		if len(wakes) != phones {
			st.Errorf("%d wakes, want one for each of %d", len(wakes), phones)
		}
		for i := range wakes {
			if i >= rate && wakes[i].At.Sub(wakes[i-rate].At) < time.Second-time.Second/time.Duration(rate) {
				st.Errorf("%d wakes within %v", rate+1, wakes[i].At.Sub(wakes[i-rate].At))
				break
			}
		}
		for _, p := range all {
			if now := st.Now(p); now.Resubscribe || now.Subscriptions[0].Lost() {
				st.Errorf("not recovered: %+v", now)
				break
			}
		}
		if n := log.count("mail server does not say"); n != 1 {
			st.Errorf("%d alarms, want 1", n)
		}
		if n := log.count("subscriptions are back"); n != 1 {
			st.Errorf("%d alarms ended, want 1", n)
		}
		if strings.Contains(log.text(), "mail1") {
			st.Error("the log names the mail server")
		}
	})
}

// TestFewLossesAreNoAlarm: below half of a server's subscriptions, or below 20, each is for itself.
func TestFewLossesAreNoAlarm(t *testing.T) {
	log := &lines{}
	play(t, func(o *mailbox.WakerOptions) { o.Logger = log.logger() }, func(st *stage) {
		for i := range 100 {
			p := st.Register(fmt.Sprint("token", i), func(r *mailbox.Registration) { r.Platform = mailbox.Web })
			every := 24 * time.Hour
			if i < 40 {
				every = 5 * time.Minute
			}
			st.Bind(p, "inbox", fmt.Sprintf("mail1.example.com/%d", i), every)
		}
		st.watch(20*time.Minute, nil)
		if n := len(st.Provider.Accepted()); n != 40 {
			st.Errorf("%d wakes, want 40", n)
		}
		if log.count("mail server") != 0 {
			st.Error(log.text())
		}
	})
}
