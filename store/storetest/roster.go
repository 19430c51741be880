package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store"
)

// testRoster: whatever is written, and by whom, what is remembered of a registration is what the database says, or nothing.
// What stays remembered through a batch of contacts is changed as the batch changed the row.
func testRoster(t *testing.T, open func(t *testing.T) *store.Store) {
	w := newWakes(t, open)
	r := rosterPlay{wakes: w, random: rand.New(rand.NewPCG(1, 2))}
	for range 8 {
		r.add()
	}
	w.must(w.s.RememberTargets(w.Context(), nil))
	if w.s.Postgres() != nil {
		if _, known := w.s.Target(hashOf(r.phones[0]), true); known || w.s.RemembersTargets() {
			t.Error("other nodes write too, and yet something is remembered")
		}
		return
	}
	if !w.s.RemembersTargets() {
		t.Error("not all is remembered")
	}
	r.check("at the start", len(r.phones))
	moves := r.moves()
	for i := range 400 {
		move := moves[r.random.IntN(len(moves))]
		move.do()
		r.check(fmt.Sprintf("step %d, %s", i, move.name), 0)
		if t.Failed() {
			return
		}
	}
	if r.kept < 60 {
		t.Errorf("only %d rows were remembered through a batch of contacts", r.kept)
	}
}

// rosterPlay does at random all that is ever done to registrations.
type rosterPlay struct {
	wakes
	random *rand.Rand
	phones []phone
	made   int
	now    time.Time // of the next event
	kept   int       // rows that were known after a batch that changed them
}

func (r *rosterPlay) any() phone { return r.phones[r.random.IntN(len(r.phones))] }

func (r *rosterPlay) add() {
	r.made++
	p := r.register(fmt.Sprintf("%04x", r.made), func(v *mailbox.Registration) {
		v.Platform, v.Wake = mailbox.Platforms[r.random.IntN(2)], mailbox.WakeStyle(1+r.random.IntN(3)) //nolint:gosec // three
		v.AppKey = fmt.Sprint("key", r.random.IntN(3))
	})
	if r.phones = append(r.phones, p); len(r.phones) > 12 {
		r.phones = r.phones[1:]
	}
}

type rosterMove struct {
	name string
	do   func()
}

func (r *rosterPlay) moves() []rosterMove {
	ctx := r.Context()
	later := func() time.Time {
		r.now = Now.Add(time.Duration(r.random.IntN(4)) * time.Second)
		return r.now
	}
	parked := func() mailbox.Parking {
		return parking(r.any(), message.WakeKind(1+r.random.IntN(2)), badge(r.random.IntN(9), later(), "s"), later()) //nolint:gosec // two
	}
	return []rosterMove{
		{"an event", r.events}, {"an event", r.events}, {"events", r.events}, {"a sign of life", r.signs},
		{"register", r.add},
		{"the same token", func() {
			old := r.any()
			r.phones = append(r.phones, r.register(fmt.Sprintf("%04x", r.made-r.random.IntN(3)), func(v *mailbox.Registration) { v.Platform = old.Platform }))
		}},
		{"another token", func() {
			p := r.any()
			_ = r.s.PutToken(ctx, p.Key, mailbox.NewToken{ID: p.ID, Platform: p.Platform, App: p.App, Environment: fleet.Sandbox, //nolint:errcheck // it may be a tombstone
				Token: fmt.Sprintf("%08x", r.random.Uint32()), Wake: mailbox.WakeBackground})
		}},
		{"revoke", func() { _ = r.s.EndRegistration(ctx, r.any().Key, mailbox.Revoked) }}, //nolint:errcheck // likewise
		{"reject", func() { r.must(r.s.RejectToken(ctx, r.any().Key, Now, "bad")) }},
		{"bury", func() { _, _, err := r.s.BuryRegistration(ctx, r.any().Key, Now); r.must(err) }},
		{"brake", func() {
			r.must(r.s.Engage(ctx, mailbox.Brake{App: "org.example.mail", Since: Now, Deaths: 1, Registrations: 2}))
		}},
		{"release", func() { _, _ = r.s.Release(ctx, "org.example.mail", r.random.IntN(2) == 0) }}, //nolint:errcheck // it may not be braked
		{"park", func() { r.park(parked()) }},
		{"park", func() { r.park(parked(), parked()) }},
		{"settle", func() { r.park(mailbox.Parking{Key: r.any().Key, Since: later(), Settled: true}) }},
		{"claim", func() {
			for _, due := range r.claim(3) {
				r.must(r.s.SaveTries(ctx, []mailbox.Try{{Key: due.Key, Since: due.Since, NextAt: Now, Looks: r.random.IntN(2) == 0, Sent: badge(3, Now, "s")}}))
			}
		}},
		{"give up", func() { _, err := r.s.ExpirePending(ctx, later()); r.must(err) }},
		{"silent", func() { _, _, err := r.s.EndSilent(ctx, Now.Add(-time.Hour), 0, 100); r.must(err) }},
		{"forget", func() { _, err := r.s.ForgetTombstones(ctx, Now.Add(time.Hour), 2); r.must(err) }},
		{"by hand", func() { r.exec(`UPDATE registrations SET state = 2 WHERE key = $1 AND state = 1`, r.any().Key) }},
		{"back by hand", func() { r.exec(`UPDATE registrations SET state = 1 WHERE state = 2`) }},
		{"read half-way", func() { r.must(r.halfway(nil)) }},
		{"given up half-way", func() {
			if r.halfway(errRosterPlay) == nil {
				r.Error("a transaction that failed was committed")
			}
		}},
	}
}

var errRosterPlay = errors.New("given up on purpose")

// halfway changes rows, lets them be read before that is committed, and ends as it is told.
func (r *rosterPlay) halfway(end error) error {
	return r.s.Write(r.Context(), func(tx store.Tx) error {
		if _, err := tx.Exec(r.Context(), `UPDATE registrations SET token_at = token_at + 1`); err != nil {
			return err
		}
		r.check("before it is committed", 0)
		return end
	})
}

// events is a batch of contacts, some of them with a badge.
func (r *rosterPlay) events() {
	var list []mailbox.Contact
	known := map[int64][32]byte{}
	for range 1 + r.random.IntN(4) {
		p := r.any()
		if known[p.Key] != [32]byte{} {
			continue
		}
		known[p.Key] = hashOf(p)
		at := Now.Add(time.Duration(r.random.IntN(4)) * time.Second)
		c := mailbox.Contact{Key: p.Key, HeardAt: at, EventAt: at, Events: 1, Wakes: 1, Displaced: r.random.IntN(2) == 0}
		if r.random.IntN(3) > 0 {
			c.Badge = badge(r.random.IntN(9), at, []string{"s", "t"}[r.random.IntN(2)])
		}
		if r.random.IntN(4) == 0 {
			c.Badge.Subscription = nil
		}
		if r.random.IntN(2) == 0 {
			c.Pace = []byte{0, 0, 1, byte(r.random.IntN(9))} //nolint:gosec // small
		}
		list = append(list, c)
	}
	for key, hash := range known {
		if _, ok := r.s.Target(hash, false); !ok {
			delete(known, key)
		}
	}
	_, err := r.s.SaveContacts(r.Context(), list)
	r.must(err)
	for _, hash := range known {
		if _, ok := r.s.Target(hash, false); !ok {
			r.Error("a batch of contacts made a row be forgotten")
		}
		r.kept++
	}
}

// signs is a batch of signs of life, which change nothing that is remembered.
func (r *rosterPlay) signs() {
	at := Now.Add(time.Duration(r.random.IntN(4)) * time.Second)
	sub := mailbox.SubscriptionContact{ID: [16]byte{1}, Source: mailbox.EWS, Folder: mailbox.Inbox, FirstAt: at, HeardAt: at}
	_, err := r.s.SaveContacts(r.Context(), []mailbox.Contact{{Key: r.any().Key, HeardAt: at, Pace: []byte{9, 9, 9, 9}, Displaced: true, Subscriptions: []mailbox.SubscriptionContact{sub}}})
	r.must(err)
}

// check compares what is remembered with what the database says, with the token and without, and reads it so that it is
// known again.
func (r *rosterPlay) check(when string, least int) {
	r.Helper()
	known := 0
	for _, p := range r.phones {
		had, ok := r.s.Target(hashOf(p), true)
		light, also := r.s.Target(hashOf(p), false)
		list, err := r.s.Targets(r.Context(), [][32]byte{hashOf(p)})
		r.must(err)
		if ok != also {
			r.Errorf("%s: known with its token: %v, and without: %v", when, ok, also)
		}
		if !ok {
			continue
		}
		known++
		if len(list) != 1 {
			r.Errorf("%s: a registration is remembered that is gone", when)
			continue
		}
		if diff := cmp.Diff(list[0], had, cmpopts.EquateEmpty()); diff != "" {
			r.Errorf("%s: what is remembered differs (- database, + remembered):\n%s", when, diff)
		}
		if list[0].Token = ""; !cmp.Equal(list[0], light, cmpopts.EquateEmpty()) {
			r.Errorf("%s: without its token it is another", when)
		}
	}
	if known < least {
		r.Errorf("%s: %d of %d are remembered", when, known, len(r.phones))
	}
}
