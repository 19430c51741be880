package storetest

import (
	"bytes"
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store"
)

// wakes tries what the store keeps of waking devices.
type wakes struct{ phones }

func newWakes(t *testing.T, open func(t *testing.T) *store.Store) wakes {
	return wakes{phones{t, open(t)}}
}

var mailRoute = mailbox.Route{Kind: "apns", App: "org.example.mail", Environment: "production"}

func hashOf(p phone) [32]byte { return [32]byte(p.capability.Hash()) }

func badge(n int, at time.Time, subscription string) mailbox.Badge {
	id := [16]byte{}
	copy(id[:], subscription)
	return mailbox.Badge{Count: &n, At: at, Subscription: id[:]}
}

func parking(p phone, kind message.WakeKind, b mailbox.Badge, since time.Time) mailbox.Parking {
	return mailbox.Parking{Key: p.Key, Route: mailRoute, Kind: kind, Badge: b, Since: since, NextAt: since, Reason: "down"}
}

func (w wakes) park(list ...mailbox.Parking) { w.Helper(); w.must(w.s.Park(w.Context(), list)) }

func (w wakes) claim(limit int) []mailbox.Due {
	w.Helper()
	list, err := w.s.Claim(w.Context(), mailRoute, mailbox.Claim{Limit: limit, Lease: time.Minute, Pace: 10, Window: 2 * time.Second})
	w.must(err)
	return list
}

// testTargets: registrations are found by the hash of their capability, with their tokens, and those that are not there
// are left out.
func testTargets(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	one, two := w.register("token one", nil), w.register("token two", func(r *mailbox.Registration) { r.Platform, r.Wake = mailbox.Android, mailbox.WakeRich })
	w.park(parking(two, message.WakeNew, badge(3, Now, "s"), Now))
	list, err := w.s.Targets(w.Context(), [][32]byte{hashOf(one), {1, 2, 3}, hashOf(two)})
	w.must(err)
	if len(list) != 2 {
		t.Fatalf("%d targets", len(list))
	}
	for _, got := range list {
		want, parked := one, message.WakeKind(0)
		if got.Key == two.Key {
			want, parked = two, message.WakeNew
		}
		if got.ID != want.ID || got.Token != want.Token || got.Platform != want.Platform || got.Wake != want.Wake || got.CapabilityHash != hashOf(want) ||
			got.State != mailbox.Live || !got.TokenAt.Equal(Now) || got.Parked != parked || got.ParkedBadge != (parked != 0) {
			t.Errorf("%+v", got)
		}
	}
}

// testPark: of two wakes in one row the stronger kind stays, the newest badge of a subscription, and the earlier time.
func testPark(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	p := w.register("token", nil)
	w.park(parking(p, message.WakeNew, badge(3, Now, "s"), Now.Add(-3*time.Second)), parking(p, message.WakeChange, badge(2, Now.Add(-time.Hour), "s"), Now.Add(-2*time.Second)))
	w.park(parking(p, message.WakeChange, mailbox.Badge{}, Now.Add(-time.Second)))
	due := w.claim(10)
	if len(due) != 1 || due[0].Wake != message.WakeNew || *due[0].Carried.Count != 3 || !due[0].Since.Equal(Now.Add(-time.Second)) || due[0].Token != "token" {
		t.Fatalf("%+v", due)
	}
	if again := w.claim(10); len(again) != 0 {
		t.Errorf("claimed twice: %+v", again)
	}
	w.park(mailbox.Parking{Key: p.Key, Since: Now.Add(-2 * time.Second), Settled: true})
	if n := w.count(`SELECT COUNT(*) FROM pending_wakes`); n != 1 {
		t.Error("a row that is newer than what was accepted is gone")
	}
	w.must(w.s.SaveTries(w.Context(), []mailbox.Try{{Key: p.Key, Since: Now.Add(-time.Hour)}}))
	if n := w.count(`SELECT COUNT(*) FROM pending_wakes`); n != 1 {
		t.Error("a row is gone that is another one by now")
	}
	w.must(w.s.SaveTries(w.Context(), []mailbox.Try{{Key: p.Key, Since: due[0].Since, NextAt: Now, Failed: true, Reason: message.Timeout, Tells: mailbox.HappenedRefused},
		{Key: p.Key, Since: Now.Add(-time.Hour), Tells: mailbox.HappenedGivenUp}})) // of another row
	if due = w.claim(10); len(due) != 1 || due[0].Attempts != 1 {
		t.Errorf("%+v", due)
	}
	w.wantTimeline(p, mailbox.HappenedRefused)
	w.must(w.s.SaveTries(w.Context(), []mailbox.Try{{Key: p.Key, Since: due[0].Since, NextAt: Now, Looks: true, Sent: badge(3, Now, "s")}}))
	if due = w.claim(10); len(due) != 1 || due[0].SentAt.IsZero() || *due[0].Carried.Count != 3 {
		t.Errorf("%+v", due)
	}
	w.park(parking(p, message.WakeChange, badge(4, Now, "other"), Now))
	if due = w.claim(10); len(due) != 1 || !due[0].SentAt.IsZero() || due[0].Wake != message.WakeChange || *due[0].Carried.Count != 4 || due[0].Attempts != 0 {
		t.Errorf("what was sent is as good as none: %+v", due)
	}
	w.must(w.s.SaveTries(w.Context(), []mailbox.Try{{Key: p.Key, Since: due[0].Since}}))
	if n := w.count(`SELECT COUNT(*) FROM pending_wakes`); n != 0 {
		t.Error("a row is left that was done")
	}
}

// testDueRoutes: only routes with something due, whatever else waits.
func testDueRoutes(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	var last phone
	for i, kind := range []string{"apns", "fcm", "webpush"} {
		last = w.register(kind, nil)
		one := parking(last, message.WakeNew, mailbox.Badge{}, Now)
		one.Route.Kind, one.NextAt = kind, Now.Add(time.Duration(i-1)*time.Minute)
		w.park(one)
	}
	routes, err := w.s.DueRoutes(w.Context())
	w.must(err)
	if len(routes) != 2 || routes[0].Kind != "apns" || routes[1].Kind != "fcm" {
		t.Errorf("%v", routes)
	}
	expired, err := w.s.ExpirePending(w.Context(), Now.Add(time.Second))
	w.must(err)
	if expired["org.example.mail"] != 3 {
		t.Errorf("%v", expired)
	}
	w.wantTimeline(last, mailbox.HappenedGivenUp)
}

// testClaimTogether: two nodes never take the same row.
func testClaimTogether(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	var list []mailbox.Parking
	for i := range 200 {
		list = append(list, parking(w.register(string(rune('a'+i%26))+time.Duration(i).String(), nil), message.WakeNew, mailbox.Badge{}, Now))
	}
	w.park(list...)
	taken := make(chan []mailbox.Due)
	for range 4 {
		go func() {
			var mine []mailbox.Due
			for range 10 {
				got, err := w.s.Claim(t.Context(), mailRoute, mailbox.Claim{Limit: 7, Lease: time.Minute, Pace: 1, Window: time.Second})
				if err != nil {
					t.Error(err)
				}
				mine = append(mine, got...)
			}
			taken <- mine
		}()
	}
	seen := map[int64]bool{}
	for range 4 {
		for _, due := range <-taken {
			if seen[due.Key] {
				t.Errorf("row %d was taken twice", due.Key)
			}
			seen[due.Key] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d rows of 200 were taken", len(seen))
	}
}

// testPacedClaims: rows that share a rate get turns, whoever asks.
func testPacedClaims(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	server := bytes.Repeat([]byte{7}, 16)
	w.must(w.s.SaveServerLoss(w.Context(), mailbox.ServerLoss{Server: server, Watched: 100, Late: 100, Alarm: true}))
	for i := range 50 {
		one := parking(w.register(time.Duration(i).String(), nil), message.WakeResubscribe, mailbox.Badge{}, Now)
		one.Paced = server
		w.park(one)
	}
	first := w.claim(30) // 10 a second, 2 seconds ahead
	second := w.claim(30)
	if len(first) != 20 || len(second) != 0 {
		t.Fatalf("%d and %d turns, want 20 and none", len(first), len(second))
	}
	for i, due := range first {
		if want := Now.Add(time.Duration(i) * 100 * time.Millisecond); !due.Turn.Equal(want) {
			t.Errorf("turn %d at %v, want %v", i, due.Turn, want)
		}
	}
}

// testContacts: what is learned is added, a badge counts by the time of its own subscription, and marks are taken off.
func testContacts(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	p := w.register("token", nil)
	hash := func(b byte) mailbox.WatermarkHash { return mailbox.WatermarkHash{b} }
	sub := func(at time.Time, previous, last byte) mailbox.SubscriptionContact {
		return mailbox.SubscriptionContact{ID: [16]byte{1}, Server: bytes.Repeat([]byte{9}, 16), Source: mailbox.EWS, Folder: mailbox.Inbox,
			FirstAt: at, HeardAt: at, EventAt: at, First: hash(previous), Last: hash(last)}
	}
	save := func(c mailbox.Contact) mailbox.Judged {
		t.Helper()
		c.Key = p.Key
		j, err := w.s.SaveContacts(w.Context(), []mailbox.Contact{c})
		w.must(err)
		return j
	}
	at := func(seconds int) time.Time { return Now.Add(time.Duration(seconds) * time.Second) }
	contact := func(seconds int, b mailbox.Badge, subs ...mailbox.SubscriptionContact) mailbox.Contact {
		return mailbox.Contact{HeardAt: at(seconds), EventAt: at(seconds), Events: 1, Wakes: 1, Badge: b, Woken: mailbox.Woken{At: at(seconds), Result: "accepted"}, Subscriptions: subs}
	}
	if j := save(contact(0, badge(1, at(0), "a"), sub(at(0), 1, 2))); len(j.Gaps) != 0 {
		t.Error("a new chain has no gap")
	}
	if j := save(contact(10, badge(2, at(10), "a"), sub(at(10), 2, 3))); len(j.Gaps) != 0 {
		t.Error("it follows")
	}
	if j := save(contact(12, badge(9, at(5), "a"), sub(at(12), 7, 8))); len(j.Gaps) != 0 {
		t.Error("another node's batch may be on its way")
	}
	if j := save(contact(30, badge(3, at(30), "a"), sub(at(30), 6, 9))); len(j.Gaps) != 1 || j.Gaps[0] != p.Key {
		t.Errorf("a gap: %+v", j)
	}
	if j := save(contact(60, badge(4, at(1), "b"), sub(at(60), 8, 10))); len(j.Gaps) != 0 {
		t.Error("the one before the last is a repeat")
	}
	now := w.of(p)
	if now.Events != 5 || now.Wakes != 5 || now.Gaps != 1 || *now.Badge.Count != 4 || !now.EventAt.Equal(at(60)) || !now.WakeAt.Equal(at(60)) || now.WakeResult != "accepted" {
		t.Errorf("%+v", now)
	}
	if len(now.Subscriptions) != 1 || !now.Subscriptions[0].HeardAt.Equal(at(60)) || now.Subscriptions[0].Frequency != 0 {
		t.Errorf("%+v", now.Subscriptions)
	}
	save(contact(40, badge(7, at(40), "a"))) // older than what is stored, of another subscription
	if now := w.of(p); *now.Badge.Count != 4 || !now.WakeAt.Equal(at(60)) {
		t.Errorf("%+v", now)
	}
	w.exec(`UPDATE subscriptions SET lost_at = 1, late_at = 1, frequency_minutes = 30, next_reminder_at = 1`)
	w.exec(`UPDATE registrations SET resubscribe = TRUE`)
	j := save(contact(70, mailbox.Badge{}, sub(at(70), 10, 11)))
	if len(j.Recovered) != 1 || j.Recovered[0].App != "org.example.mail" || w.of(p).Resubscribe || w.of(p).Subscriptions[0].Lost() {
		t.Errorf("heard again: %+v %+v", j, w.of(p))
	}
	failed := sub(at(80), 11, 12)
	failed.Failed = true
	if j := save(contact(80, mailbox.Badge{}, failed)); len(j.Failed) != 1 || !w.of(p).Resubscribe || !w.of(p).Subscriptions[0].Lost() {
		t.Errorf("failed: %+v", j)
	}
}

// testWatched: what the watchdog reads and writes.
func testWatched(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	w.must(w.s.Listening(w.Context(), "EMEA", time.Minute))
	since, err := w.s.ListeningSince(w.Context(), "EMEA")
	w.must(err)
	if !since.Equal(Now) {
		t.Errorf("listening since %v", since)
	}
	w.exec(`UPDATE mail_regions SET listening_since = 1000, written_at = $1`, Now.Add(-59*time.Second).UnixMilli())
	w.must(w.s.Listening(w.Context(), "EMEA", time.Minute))
	if since, _ = w.s.ListeningSince(w.Context(), "EMEA"); !since.Equal(time.Unix(1, 0)) {
		t.Errorf("away for a moment, and listening since %v", since)
	}
	w.exec(`UPDATE mail_regions SET written_at = $1`, Now.Add(-61*time.Second).UnixMilli())
	w.must(w.s.Listening(w.Context(), "EMEA", time.Minute))
	if since, _ = w.s.ListeningSince(w.Context(), "EMEA"); !since.Equal(Now) {
		t.Errorf("away for a minute, and listening since %v", since)
	}

	var all []phone
	for i := range 30 {
		p := w.register(time.Duration(i).String(), nil)
		w.must(w.s.BindSubscription(w.Context(), p.Key, mailbox.Binding{Handle: "inbox", Source: mailbox.EWS, Folder: mailbox.Inbox, ID: time.Duration(i).String(), Server: "mail.example.com", Frequency: 30 * time.Minute}))
		all = append(all, p)
	}
	if list, _ := w.s.DueWatched(w.Context(), 100); len(list) != 0 {
		t.Errorf("%d are due at once", len(list))
	}
	w.exec(`UPDATE subscriptions SET deadline = 1`)
	list, err := w.s.DueWatched(w.Context(), 100)
	w.must(err)
	if len(list) != 30 || list[0].Frequency != 30*time.Minute || list[0].App != "org.example.mail" || len(list[0].Server) != 16 {
		t.Fatalf("%d: %+v", len(list), list)
	}
	for i := range list {
		list[i].Late, list[i].Lost = true, i < 10
		if !list[i].Lost {
			list[i].LookAt = Now.Add(time.Hour)
		}
	}
	w.must(w.s.SaveWatched(w.Context(), list))
	if list, _ := w.s.DueWatched(w.Context(), 100); len(list) != 0 {
		t.Errorf("%d are still due", len(list))
	}
	if n := w.count(`SELECT COUNT(*) FROM registrations WHERE resubscribe`); n != 10 {
		t.Errorf("%d are to subscribe anew, want 10", n)
	}
	losses, err := w.s.ServerLosses(w.Context(), 20)
	w.must(err)
	if len(losses) != 1 || losses[0].Late != 30 || losses[0].Watched != 30 || losses[0].Alarm {
		t.Fatalf("%+v", losses)
	}
	losses[0].Alarm = true
	w.must(w.s.SaveServerLoss(w.Context(), losses[0]))
	if again, _ := w.s.ServerLosses(w.Context(), 1000); len(again) != 1 || !again[0].Alarm {
		t.Errorf("%+v", again)
	}

	reminders, err := w.s.DueReminders(w.Context(), 100)
	w.must(err)
	if len(reminders) != 10 || reminders[0].Route != mailRoute || !reminders[0].LostAt.Equal(Now) {
		t.Fatalf("%+v", reminders)
	}
	for i := range reminders {
		reminders[i].NextAt, reminders[i].WakeAt, reminders[i].Paced = Now.Add(time.Hour), Now, true
	}
	w.must(w.s.SaveReminders(w.Context(), reminders))
	if again, _ := w.s.DueReminders(w.Context(), 100); len(again) != 0 {
		t.Error("reminded twice")
	}
	if due := w.claim(100); len(due) != 10 || due[0].Wake != message.WakeResubscribe || due[9].Turn.Equal(due[0].Turn) {
		t.Errorf("%d wakes: %+v", len(due), due)
	}
	w.must(w.s.BindSubscription(w.Context(), all[0].Key, mailbox.Binding{Handle: "inbox", Source: mailbox.EWS, Folder: mailbox.Inbox, ID: "anew", Server: "mail.example.com", Frequency: 30 * time.Minute}))
	if again, _ := w.s.ServerLosses(w.Context(), 1); again[0].Late != 29 {
		t.Errorf("subscribed anew, and still late: %+v", again)
	}
	w.exec(`UPDATE subscriptions SET handle = NULL, heard_at = 1`)
	next, err := w.s.ForgetUnbound(w.Context(), Now, 0, 1000)
	w.must(err)
	if n := w.count(`SELECT COUNT(*) FROM subscriptions`); n != 0 || next == 0 {
		t.Errorf("%d are left", n)
	}
}

// testMailFigures: counts are added to the hour.
func testMailFigures(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	for range 2 {
		w.must(w.s.AddFigures(w.Context(), []mailbox.HourFigure{{App: "a", What: 1, N: 3}, {App: "a", What: 4, Reason: "down", N: 1}},
			[]mailbox.HourLatency{{Leg: mailbox.Arrival, Bound: 5, N: 2}}))
	}
	if n := w.count(`SELECT n FROM mail_hours WHERE app = 'a' AND what = 1`); n != 6 {
		t.Errorf("%d events, want 6", n)
	}
	if n := w.count(`SELECT n FROM mail_latency WHERE leg = 1 AND bucket = 5`); n != 4 {
		t.Errorf("%d in the bucket, want 4", n)
	}
}
