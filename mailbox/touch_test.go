package mailbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store/storetest"
)

const (
	newMail = message.WakeNew
	change  = message.WakeChange
)

// answered runs a touch beside the scene.
func answered(do func() mailbox.Answer) <-chan mailbox.Answer {
	c := make(chan mailbox.Answer, 1)
	go func() { c <- do() }()
	return c
}

// TestCoalescing: the first event of a quiet registration goes at once; those of the next second share one push with the
// newest badge, and are answered with it.
func TestCoalescing(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		st.wantBadges(1)
		var waiting []<-chan mailbox.Answer
		for i := range 5 {
			s := st.signal(change, i+2)
			waiting = append(waiting, answered(func() mailbox.Answer { return st.inbox(p, s) }))
			later(100 * time.Millisecond)
		}
		st.wantBadges(1)
		later(time.Second)
		st.wantBadges(1, 6)
		for _, c := range waiting {
			st.wantAnswer(<-c, mailbox.OK)
		}
		later(time.Second)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 7)), mailbox.OK)
		st.wantBadges(1, 6, 7)
	})
}

// TestHeldNoLongerThanASecond: when the push before is still on the wire, nobody waits more than a second for his turn.
func TestHeldNoLongerThanASecond(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Provider.Answers(slow(1900 * time.Millisecond))
		first := answered(func() mailbox.Answer { return st.inbox(p, st.signal(newMail, 1)) })
		later(10 * time.Millisecond)
		begun := time.Now()
		st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.OK)
		if held := time.Since(begun); held > time.Second {
			st.Errorf("held for %v", held)
		}
		st.wantAnswer(<-first, mailbox.OK)
		if n := st.Pending(); n != 1 {
			st.Errorf("%d pending rows, want 1", n)
		}
		st.Provider.Answers(nil)
		later(6 * time.Second)
		st.Retry()
		st.wantBadges(1, 2)
	})
}

// TestHeldAtMost: beyond the limit of held replies wakes become pending rows, and are answered at once.
func TestHeldAtMost(t *testing.T) {
	play(t, func(o *mailbox.WakerOptions) { o.MostHeld = 2 }, func(st *stage) {
		p := st.Register("token", nil)
		st.inbox(p, st.signal(newMail, 1))
		var done sync.WaitGroup
		for i := range 2 {
			s := st.signal(change, i+2)
			done.Go(func() { st.inbox(p, s) })
			later(time.Millisecond)
		}
		begun := time.Now()
		st.wantAnswer(st.inbox(p, st.signal(change, 4)), mailbox.OK)
		if time.Since(begun) > 0 || st.Pending() != 1 {
			st.Errorf("answered after %v with %d rows", time.Since(begun), st.Pending())
		}
		done.Wait()
		st.wantBadges(1, 4) // the held push carries the newest, and the row goes with it
		if n := st.Pending(); n != 0 {
			st.Errorf("%d pending rows are left", n)
		}
	})
}

// TestInFlightAtMost: pushes beyond the limit become pending rows.
func TestInFlightAtMost(t *testing.T) {
	play(t, func(o *mailbox.WakerOptions) { o.MostPush = 3 }, func(st *stage) {
		st.Provider.Answers(slow(time.Second))
		var done sync.WaitGroup
		for i := range 5 {
			p := st.Register(fmt.Sprint("token", i), nil)
			done.Go(func() { st.inbox(p, st.signal(newMail, 1)) })
			later(time.Millisecond)
		}
		if n := st.Pending(); n != 2 {
			st.Errorf("%d pending rows, want 2", n)
		}
		done.Wait()
	})
}

// TestSlowProvider: after two seconds the wake is a pending row, and the reply is OK.
func TestSlowProvider(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Provider.Answers(slow(3 * time.Second))
		begun := time.Now()
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		if took := time.Since(begun); took != 2*time.Second || st.Pending() != 1 {
			st.Errorf("answered after %v with %d rows", took, st.Pending())
		}
		later(5 * time.Second)
		st.Retry() // waits longer
		st.wantBadges(1)
	})
}

// TestProviderDown: while a provider is down its wakes wait, and each device gets one with its newest badge.
func TestProviderDown(t *testing.T) {
	play(t, nil, func(st *stage) {
		down := message.Failure{Scope: message.WholeServer, Reason: message.Unreachable, Detail: "Could not connect."}
		st.Provider.Fails(down)
		var phones []storetest.MailPhone
		for i := range 30 {
			phones = append(phones, st.Register(fmt.Sprint("token", i), nil))
		}
		for round := range 5 {
			for _, p := range phones {
				st.wantAnswer(st.inbox(p, st.signal(newMail, round)), mailbox.OK)
			}
			later(time.Minute)
			st.Retry()
		}
		if n := st.Pending(); n != 30 {
			st.Fatalf("%d pending rows, want 30", n)
		}
		if tried := len(st.Provider.Wakes()); tried > 30 {
			st.Errorf("%d pushes were tried at a provider that is down", tried)
		}
		st.Provider.Answers(nil)
		later(time.Minute)
		st.Retry()
		badges := map[string]int{}
		for _, w := range st.Provider.Accepted() {
			badges[w.Address] = *w.Badge
		}
		for _, p := range phones {
			if badges[p.Token] != 4 {
				st.Errorf("%s shows %d", p.Token, badges[p.Token])
			}
		}
		if len(st.Provider.Accepted()) != 30 || st.Pending() != 0 {
			st.Errorf("%d wakes, %d rows", len(st.Provider.Accepted()), st.Pending())
		}
	})
}

// TestTimelineTellsOfRefusedWakes: that a provider refuses a wake again is told once.
func TestTimelineTellsOfRefusedWakes(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Provider.Fails(message.Failure{Scope: message.RecipientForNow, Reason: message.Throttled, Detail: "Too many for this device."})
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		for range 3 {
			later(5 * time.Minute)
			st.Retry()
		}
		moments, err := st.Store.Timeline(context.Background(), p.Key)
		if err != nil || len(moments) != 1 || moments[0].What != mailbox.HappenedRefused || moments[0].Detail != string(message.Throttled) {
			st.Errorf("%v, %v", moments, err)
		}
	})
}

// TestPushOff: events are taken, and nothing is pushed.
func TestPushOff(t *testing.T) {
	play(t, nil, func(st *stage) {
		off := mailbox.DefaultSettings()
		off.Enabled = false
		if _, err := mailbox.NewConfig(st.Store, nil).Put(st.Context(), off); err != nil {
			st.Fatal(err)
		}
		later(time.Minute)
		p := st.Register("token", nil)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		later(3 * time.Second)
		if len(st.Provider.Wakes()) != 0 || st.Pending() != 0 || st.Now(p).Events != 1 {
			st.Errorf("%d wakes, %d rows, %d events", len(st.Provider.Wakes()), st.Pending(), st.Now(p).Events)
		}
	})
}

// TestUnknownIsNotFound: an address that nobody was given.
func TestUnknownIsNotFound(t *testing.T) {
	play(t, nil, func(st *stage) {
		st.wantAnswer(st.inbox(storetest.MailPhone{Capability: mailbox.NewCapability()}, st.signal(newMail, 1)), mailbox.Unknown)
	})
}

// TestBudgets: background pushes go twice an hour, those of Android 15 times in half an hour and then every 3 minutes;
// what is above waits, and goes as one.
func TestBudgets(t *testing.T) {
	t.Run("iOS", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			for range 5 {
				st.wantAnswer(st.touch(p, mailbox.Calendar, st.signal(newMail, -1)), mailbox.OK)
				later(time.Minute)
				st.Retry()
			}
			st.wantBadges(-1, -1)
			later(54 * time.Minute)
			st.Retry()
			st.wantBadges(-1, -1)
			later(2 * time.Minute)
			st.Retry()
			st.wantBadges(-1, -1, -1)
			if last := st.Provider.Accepted()[2]; !last.Wake.Background {
				st.Errorf("%+v", last.Wake)
			}
		})
	})
	t.Run("Android", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", func(r *mailbox.Registration) { r.Platform = mailbox.Android })
			for i := range 20 {
				st.wantAnswer(st.inbox(p, st.signal(newMail, i)), mailbox.OK)
				later(2 * time.Second)
				st.Retry()
			}
			if n := len(st.Provider.Accepted()); n != 15 {
				st.Fatalf("%d wakes, want 15", n)
			}
			later(3 * time.Minute)
			st.Retry()
			accepted := st.Provider.Accepted()
			if len(accepted) != 16 || *accepted[15].Badge != 19 {
				st.Errorf("%d wakes, the last with %d", len(accepted), *accepted[len(accepted)-1].Badge)
			}
		})
	})
}

// TestRestartKeepsBudgets: what another process used up counts.
func TestRestartKeepsBudgets(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		for range 2 {
			st.touch(p, mailbox.Calendar, st.signal(change, -1))
			later(3 * time.Second)
		}
		again := &stage{Mail: storetest.NewMail(st.T, st.Store, st.Provider, mailbox.WakerOptions{})}
		if err := again.Waker.Refresh(st.Context()); err != nil {
			st.Fatal(err)
		}
		again.wantAnswer(again.touch(p, mailbox.Calendar, again.signal(change, -1)), mailbox.OK)
		st.wantBadges(-1, -1)
		if st.Pending() != 1 {
			st.Error("the third background push within an hour does not wait")
		}
	})
}

// TestDisplacedBadge: Apple keeps one push per device, so after one without a badge the next carries the last again.
func TestDisplacedBadge(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.inbox(p, st.signal(newMail, 3))
		later(2 * time.Second)
		st.touch(p, mailbox.Calendar, st.signal(newMail, -1))
		later(2 * time.Second)
		st.touch(p, mailbox.Calendar, st.signal(newMail, -1))
		later(2 * time.Second)
		st.touch(p, mailbox.Calendar, st.signal(newMail, -1))
		st.wantBadges(3, -1, 3, -1)
	})
}

// TestStyles is the table of platforms and styles, end to end.
func TestStyles(t *testing.T) {
	type want struct {
		background, alert, urgent, badge bool
	}
	cases := []struct {
		platform mailbox.Platform
		style    mailbox.WakeStyle
		kind     message.WakeKind
		unread   int
		want     want
	}{
		{mailbox.IOS, mailbox.WakeBadge, newMail, 1, want{urgent: true, badge: true}},
		{mailbox.IOS, mailbox.WakeBadge, change, 0, want{badge: true}},
		{mailbox.IOS, mailbox.WakeBadge, change, -1, want{background: true}},
		{mailbox.IOS, mailbox.WakeBackground, newMail, 1, want{background: true, urgent: true}},
		{mailbox.IOS, mailbox.WakeRich, newMail, 1, want{alert: true, urgent: true, badge: true}},
		{mailbox.IOS, mailbox.WakeRich, newMail, -1, want{alert: true, urgent: true}},
		{mailbox.IOS, mailbox.WakeRich, change, 1, want{badge: true}},
		{mailbox.IOS, mailbox.WakeRich, change, -1, want{background: true}},
		{mailbox.Android, mailbox.WakeBadge, newMail, 1, want{urgent: true, badge: true}},
		{mailbox.Android, mailbox.WakeBadge, change, 1, want{badge: true}},
		{mailbox.Android, mailbox.WakeBackground, change, 1, want{}},
		{mailbox.Android, mailbox.WakeRich, newMail, 1, want{urgent: true, badge: true}},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.platform, c.style, c.kind, c.unread), func(t *testing.T) {
			play(t, nil, func(st *stage) {
				p := st.Register("token", func(r *mailbox.Registration) { r.Platform, r.Wake = c.platform, c.style })
				st.wantAnswer(st.inbox(p, st.signal(c.kind, c.unread)), mailbox.OK)
				w := st.Provider.Accepted()[0]
				got := want{w.Wake.Background, w.Wake.Alert, w.Wake.Urgent, w.Badge != nil}
				if got != c.want || w.Wake.Kind != c.kind || w.Wake.Topic != p.ID.String() || len(w.Wake.Topic) != 22 || w.Address != "token" {
					st.Errorf("%+v %+v", got, w.Wake)
				}
				if ttl := time.Until(w.Expires); ttl != 24*time.Hour {
					st.Errorf("kept for %v", ttl)
				}
			})
		})
	}
}

// TestNetworks: a mail server posts only from where the app key allows it.
func TestNetworks(t *testing.T) {
	play(t, nil, func(st *stage) {
		k, err := mailbox.NewAppKey{Name: "key", MailNetworks: []string{"192.0.2.0/24"}}.Check()
		if err != nil {
			st.Fatal(err)
		}
		_, made, err := st.Store.CreateAppKey(st.Context(), k, func(mailbox.AppKey) access.Entry { return access.Entry{} })
		if err != nil {
			st.Fatal(err)
		}
		later(10 * time.Second)
		p := st.Register("token", func(r *mailbox.Registration) { r.AppKey = made.ID })
		for from, want := range map[string]mailbox.Answer{"192.0.2.7": mailbox.OK, "::ffff:192.0.2.7": mailbox.OK, "198.51.100.1": mailbox.Barred, "": mailbox.Barred} {
			e := mailbox.Event{Capability: p.Capability, Folder: mailbox.Inbox, Source: mailbox.EWS, Arrived: time.Now(), From: parse(from), Signals: []mailbox.Signal{st.signal(0, -1)}}
			st.wantAnswer(st.Waker.Touch(st.Context(), e), want)
		}
	})
}

// TestAppsChangesCountAtOnce: what an app says of itself holds for the next event already, where its device registers with
// the process that listens.
func TestAppsChangesCountAtOnce(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("aa01", nil)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		later(2 * time.Second)
		if _, err := st.Registrations.Update(st.Context(), st.Now(p), mailbox.Update{Token: "aa02"}); err != nil {
			st.Fatal(err)
		}
		st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.OK)
		st.wantBadges(1, 2)
		if wakes := st.Provider.Accepted(); wakes[1].Address != "aa02" {
			st.Errorf("woken by %q after another token came", wakes[1].Address)
		}
		later(2 * time.Second)
		if err := st.Registrations.Revoke(st.Context(), p.Registration); err != nil {
			st.Fatal(err)
		}
		st.wantAnswer(st.inbox(p, st.signal(newMail, 3)), mailbox.Unsubscribe)
		st.wantBadges(1, 2)
	})
}
