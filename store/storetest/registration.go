package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/store"
)

// phones registers devices, and remembers what only they know.
type phones struct {
	*testing.T
	s *store.Store
}

type phone struct {
	mailbox.Registration
	secret     string
	capability mailbox.Capability
}

func (p phones) register(token string, change func(*mailbox.Registration)) phone {
	p.Helper()
	r := mailbox.Registration{
		SupportCode: mailbox.NewSupportCode(), Platform: mailbox.IOS, App: "org.example.mail", Environment: fleet.Production,
		Wake: mailbox.WakeBadge, AppKey: "key", Token: token,
	}
	rand.Read(r.ID[:]) //nolint:errcheck // never fails (crypto/rand)
	if change != nil {
		change(&r)
	}
	made := phone{secret: access.NewSecret(""), capability: mailbox.NewCapability()}
	var err error
	made.Registration, err = p.s.CreateRegistration(p.Context(), r, access.HashSecret(made.secret), made.capability.Hash())
	if err != nil {
		p.Fatal(err)
	}
	return made
}

func (p phones) of(one phone) mailbox.Registration {
	p.Helper()
	found, _, err := p.s.Registration(p.Context(), one.ID)
	if err != nil {
		p.Fatal(err)
	}
	return found
}

func (p phones) wantState(one phone, state mailbox.State, why mailbox.StateReason) {
	p.Helper()
	if found := p.of(one); found.State != state || found.StateReason != why {
		p.Errorf("registration is %s (%s), want %s (%s)", found.State, found.StateReason, state, why)
	}
}

func (p phones) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p phones) exec(query string, args ...any) {
	p.Helper()
	p.must(p.s.Write(p.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(p.Context(), query, args...)
		return err
	}))
}

func (p phones) count(query string, args ...any) (n int64) {
	p.Helper()
	p.must(p.s.Read(p.Context(), func(tx store.Tx) error { return tx.QueryRow(p.Context(), query, args...).Scan(&n) }))
	return n
}

func (p phones) bury(one phone) (deaths int64) {
	p.Helper()
	buried, deaths, err := p.s.BuryRegistration(p.Context(), one.Key, one.TokenAt)
	if err != nil || !buried {
		p.Fatalf("buried %v, %v", buried, err)
	}
	return deaths
}

// testRegistrations: what was registered is found by everything that names it.
func testRegistrations(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	made := p.register("aa01", nil)
	found, hash, err := s.Registration(ctx, made.ID)
	if err != nil || !bytes.HasPrefix(access.HashSecret(made.secret), hash) || len(hash) < 16 {
		t.Fatalf("by id: %v", err)
	}
	if found.State != mailbox.Live || found.App != "org.example.mail" || found.Platform != mailbox.IOS || found.Wake != mailbox.WakeBadge ||
		!found.CreatedAt.Equal(Now) || !found.HeardAt.Equal(Now) || !found.TokenAt.Equal(Now) || found.Badge.Count != nil || found.Token != "" {
		t.Errorf("by id: %+v", found)
	}
	if found, err = s.RegistrationByCapability(ctx, made.capability.Hash()); err != nil || found.Token != "aa01" || found.ID != made.ID {
		t.Errorf("by capability: %+v, %v", found, err)
	}
	if found, err = s.RegistrationToWake(ctx, made.Key); err != nil || found.Token != "aa01" {
		t.Errorf("by key: %+v, %v", found, err)
	}
	if found, err = s.RegistrationByCode(ctx, made.SupportCode); err != nil || found.ID != made.ID {
		t.Errorf("by support code: %+v, %v", found, err)
	}
	if _, err := s.RegistrationByCapability(ctx, mailbox.NewCapability().Hash()); !errors.Is(err, mailbox.ErrUnknown) {
		t.Errorf("of a capability that nobody has: %v", err)
	}
	if _, err := s.RegistrationByCode(ctx, "22222222"); !errors.Is(err, mailbox.ErrUnknown) {
		t.Errorf("of a code that nobody has: %v", err)
	}
	other := p.register("aa02", func(r *mailbox.Registration) { r.SupportCode = made.SupportCode })
	if other.SupportCode == made.SupportCode {
		t.Error("two registrations have one support code")
	}
}

// testSameToken: a device that registers again has one registration, and not two.
func testSameToken(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	first := p.register("aa01", nil)
	p.must(s.BindSubscription(ctx, first.Key, mailbox.Binding{Handle: "inbox", Source: mailbox.EWS, Folder: mailbox.Inbox, ID: "sub-1"}))
	sandbox := p.register("aa01", func(r *mailbox.Registration) { r.Environment = fleet.Sandbox })
	otherApp := p.register("aa01", func(r *mailbox.Registration) { r.App = "org.example.other" })
	android := p.register("aa01", func(r *mailbox.Registration) { r.Platform = mailbox.Android })
	second := p.register("aa01", nil)
	p.wantState(first, mailbox.Tombstone, mailbox.Replaced)
	for _, one := range []phone{sandbox, otherApp, android, second} {
		p.wantState(one, mailbox.Live, "")
	}
	if n := p.count(`SELECT COUNT(*) FROM subscriptions`) + p.count(`SELECT COUNT(*) FROM registrations WHERE state = 3 AND token IS NOT NULL`); n != 0 {
		t.Errorf("a tombstone kept %d things", n)
	}
	if found, err := s.RegistrationByCapability(ctx, first.capability.Hash()); err != nil || found.State != mailbox.Tombstone || found.Token != "" {
		t.Errorf("the old address leads to %+v, %v", found, err)
	}
	third := p.register("aa03", nil)
	p.must(s.PutToken(ctx, third.Key, mailbox.NewToken{ID: third.ID, Platform: mailbox.IOS, App: third.App, Token: "aa01", Environment: fleet.Production, Wake: mailbox.WakeRich}))
	p.wantState(second, mailbox.Tombstone, mailbox.Replaced)
	if found, err := s.RegistrationToWake(ctx, third.Key); err != nil || found.Token != "aa01" || found.Wake != mailbox.WakeRich {
		t.Errorf("after the token moved: %+v, %v", found, err)
	}
	if err := s.PutToken(ctx, second.Key, mailbox.NewToken{ID: second.ID, Platform: mailbox.IOS, App: third.App, Token: "aa09", Environment: fleet.Production, Wake: mailbox.WakeRich}); !errors.Is(err, mailbox.ErrGone) {
		t.Errorf("a token for a tombstone: %v", err)
	}
	p.must(s.EndRegistration(ctx, third.Key, mailbox.Revoked))
	if err := s.EndRegistration(ctx, third.Key, mailbox.Revoked); !errors.Is(err, mailbox.ErrGone) {
		t.Errorf("revoked twice: %v", err)
	}
	p.wantState(third, mailbox.Tombstone, mailbox.Revoked)
}

// testSameTokenTogether: of many that register one token at the same time, one is left.
func testSameTokenTogether(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	const many = 4
	done := make(chan error, many)
	for range many {
		go func() {
			r := mailbox.Registration{SupportCode: mailbox.NewSupportCode(), Platform: mailbox.Android, App: "a", Environment: fleet.Production, Wake: mailbox.WakeBadge, Token: "t"}
			rand.Read(r.ID[:]) //nolint:errcheck // never fails (crypto/rand)
			_, err := s.CreateRegistration(ctx, r, access.HashSecret("s"), mailbox.NewCapability().Hash())
			done <- err
		}()
	}
	for range many {
		p.must(<-done)
	}
	if n := p.count(`SELECT COUNT(*) FROM registrations WHERE state = 1`); n != 1 {
		t.Errorf("%d of %d are live", n, many)
	}
}

// testBindings: a handle stands for one subscription, and a subscription is told once.
func testBindings(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	one := p.register("aa01", nil)
	bind := func(handle, id string, minutes int) {
		t.Helper()
		p.must(s.BindSubscription(ctx, one.Key, mailbox.Binding{Handle: handle, Source: mailbox.EWS, Folder: mailbox.Inbox, ID: id,
			Server: "mail.example.com", Frequency: time.Duration(minutes) * time.Minute}))
	}
	want := func(what string, list ...mailbox.Subscription) {
		t.Helper()
		found := p.of(one).Subscriptions
		if len(found) != len(list) {
			t.Fatalf("%s: %d subscriptions, want %d: %+v", what, len(found), len(list), found)
		}
		for i, sub := range found {
			if sub.Handle != list[i].Handle || !bytes.Equal(sub.IDHash, list[i].IDHash) || sub.Frequency != list[i].Frequency || !sub.HeardAt.Equal(list[i].HeardAt) {
				t.Errorf("%s: %+v, want %+v", what, sub, list[i])
			}
		}
	}
	hash := s.SubscriptionHash
	bind("inbox", "sub-1", 30)
	want("bound", mailbox.Subscription{Handle: "inbox", IDHash: hash("sub-1"), Frequency: 30 * time.Minute})
	if deadline := p.count(`SELECT deadline FROM subscriptions`); deadline != Now.Add(32*time.Minute).UnixMilli() {
		t.Errorf("the deadline is %s", time.UnixMilli(deadline).UTC())
	}

	heard := Now.Add(-time.Minute)
	p.exec(`INSERT INTO subscriptions (registration, source, folder, id_hash, created_at, heard_at) VALUES ($1, 1, 1, $2, $3, $3)`, one.Key, hash("sub-2"), heard.UnixMilli())
	p.exec(`UPDATE registrations SET resubscribe = TRUE WHERE key = $1`, one.Key)
	p.exec(`UPDATE subscriptions SET lost_at = 1, next_reminder_at = 1, reminders = 3 WHERE handle = 'inbox'`)
	bind("inbox", "sub-2", 15)
	want("subscribed anew, after it was heard of", mailbox.Subscription{Handle: "inbox", IDHash: hash("sub-2"), Frequency: 15 * time.Minute, HeardAt: heard})
	if p.of(one).Resubscribe {
		t.Error("the app is still asked to subscribe anew")
	}
	bind("all", "sub-2", 0)
	want("the same by another handle", mailbox.Subscription{Handle: "all", IDHash: hash("sub-2"), HeardAt: heard})
	if p.count(`SELECT deadline FROM subscriptions`) != 0 {
		t.Error("what has no frequency has a deadline")
	}
	bind("calendar", "sub-3", 0)
	p.must(s.UnbindSubscription(ctx, one.Key, "all"))
	want("unbound", mailbox.Subscription{Handle: "calendar", IDHash: hash("sub-3")})
	if err := s.UnbindSubscription(ctx, one.Key, "all"); !errors.Is(err, mailbox.ErrNoHandle) {
		t.Errorf("unbound twice: %v", err)
	}
	p.wantTimeline(one, mailbox.HappenedUnsubscribed)
}

func (p phones) wantTimeline(one phone, want ...mailbox.Happening) {
	p.Helper()
	moments, err := p.s.Timeline(p.Context(), one.Key)
	p.must(err)
	ok := len(moments) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = moments[i].What == want[i] && moments[i].At.Equal(Now)
	}
	if !ok {
		p.Errorf("the timeline is %v, want %v", moments, want)
	}
}

// testTimeline: it has an end.
func testTimeline(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	one := p.register("aa01", nil)
	for range mailbox.TimelineLength + 3 {
		p.must(s.BindSubscription(ctx, one.Key, mailbox.Binding{Handle: "h", Source: mailbox.EWS, Folder: mailbox.Calendar, ID: "id"}))
		p.must(s.UnbindSubscription(ctx, one.Key, "h"))
	}
	moments, err := s.Timeline(ctx, one.Key)
	if err != nil || len(moments) != mailbox.TimelineLength || moments[0].Detail != "calendar" {
		t.Errorf("%d lines, %v", len(moments), err)
	}
}

// testVerdicts: a provider's word counts for the token that it was about.
func testVerdicts(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	old := Now.Add(-time.Second)
	one, two := p.register("aa01", nil), p.register("aa02", nil)
	p.exec(`INSERT INTO pending_wakes (registration, kind, app, environment, wake, since, next_at) VALUES ($1, 'apns', 'a', 'production', 1, 0, 0)`, one.Key)
	p.must(s.RejectToken(ctx, one.Key, old, "token_mismatch"))
	p.wantState(one, mailbox.Live, "")
	p.must(s.RejectToken(ctx, one.Key, one.TokenAt, "token_mismatch"))
	p.wantState(one, mailbox.TokenRejected, "token_mismatch")
	if n := p.count(`SELECT COUNT(*) FROM pending_wakes`); n != 0 {
		t.Errorf("%d wakes still wait for a rejected token", n)
	}
	p.must(s.PutToken(ctx, one.Key, mailbox.NewToken{ID: one.ID, Platform: one.Platform, App: one.App, Token: "aa03", Environment: fleet.Production, Wake: one.Wake}))
	p.wantState(one, mailbox.Live, "")
	if buried, _, err := s.BuryRegistration(ctx, two.Key, old); buried || err != nil {
		t.Errorf("buried for an older token: %v, %v", buried, err)
	}
	p.wantState(two, mailbox.Live, "")
	if deaths := p.bury(two); deaths != 1 {
		t.Errorf("%d deaths, want 1", deaths)
	}
	p.wantState(two, mailbox.Tombstone, mailbox.Dead)
	if buried, _, err := s.BuryRegistration(ctx, two.Key, two.TokenAt); buried || err != nil {
		t.Errorf("buried twice: %v, %v", buried, err)
	}
	p.wantTimeline(one, mailbox.HappenedRejected, mailbox.HappenedToken)
}

// testBrake: while it is on, nobody becomes a tombstone for a provider's word; its end is an administrator's word.
func testBrake(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	died, moved, later := p.register("aa01", nil), p.register("aa02", nil), p.register("aa03", nil)
	elsewhere := p.register("aa01", func(r *mailbox.Registration) { r.App = "org.example.other" })
	p.bury(died)
	p.bury(moved)
	again := p.register("aa02", nil)
	if is, err := s.Braked(ctx, died.App); is || err != nil {
		t.Errorf("braked from the start: %v, %v", is, err)
	}
	b := mailbox.Brake{App: died.App, Deaths: 2, Registrations: 4}
	p.must(s.Engage(ctx, b))
	p.must(s.Engage(ctx, b))
	p.wantState(died, mailbox.TokenRejected, mailbox.Held)
	p.wantState(moved, mailbox.Tombstone, mailbox.Dead) // its token is at home elsewhere
	if deaths := p.bury(later); deaths != 0 {
		t.Errorf("%d deaths counted under the brake", deaths)
	}
	p.wantState(later, mailbox.TokenRejected, mailbox.Held)
	p.bury(elsewhere)
	p.wantState(elsewhere, mailbox.Tombstone, mailbox.Dead)
	brakes, err := s.Brakes(ctx)
	if err != nil || len(brakes) != 1 || brakes[0] != (mailbox.Brake{App: died.App, Since: Now, Deaths: 2, Registrations: 4, Held: 2}) {
		t.Errorf("brakes are %+v, %v", brakes, err)
	}
	p.exec(`UPDATE registrations SET event_at = $1, badge = 7, badge_time = $1 WHERE key = $2`, Now.UnixMilli(), died.Key)
	if held, err := s.Release(ctx, died.App, false); held != 2 || err != nil {
		t.Errorf("released %d, %v", held, err)
	}
	if n := p.count(`SELECT COUNT(*) FROM pending_wakes WHERE kind = 'apns' AND badge = 7 AND registration = $1`, died.Key); n != 1 {
		t.Errorf("%d wakes wait for the one that had an event", n)
	}
	if n := p.count(`SELECT COUNT(*) FROM pending_wakes`); n != 1 {
		t.Errorf("%d wakes wait in all", n)
	}
	p.wantState(died, mailbox.Live, "")
	p.wantState(later, mailbox.Live, "")
	p.wantState(again, mailbox.Live, "")
	if _, err := s.Release(ctx, died.App, false); !errors.Is(err, mailbox.ErrNoBrake) {
		t.Errorf("released twice: %v", err)
	}
	if deaths := p.bury(died); deaths != 1 {
		t.Errorf("%d deaths after the release, want 1: those before count no more", deaths)
	}
	p.must(s.Engage(ctx, b))
	p.bury(later)
	if held, err := s.Release(ctx, died.App, true); held != 2 || err != nil {
		t.Errorf("confirmed %d, %v", held, err)
	}
	p.wantState(died, mailbox.Tombstone, mailbox.Dead)
	p.wantState(later, mailbox.Tombstone, mailbox.Dead)
}

// testJanitor: who is silent ends, tombstones go, and while nobody listened nobody was silent.
func testJanitor(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	p := phones{t, s}
	since := Now.Add(-mailbox.SilentTime)
	age := func(one phone, column string, when time.Time) {
		p.exec(`UPDATE registrations SET `+column+` = $2 WHERE key = $1`, one.Key, when.UnixMilli())
	}
	silent, heard, pinged := p.register("aa01", nil), p.register("aa02", nil), p.register("aa03", nil)
	age(silent, "heard_at", since.Add(-time.Second))
	age(pinged, "heard_at", since.Add(-time.Second))
	p.exec(`INSERT INTO subscriptions (registration, source, folder, id_hash, created_at, heard_at) VALUES ($1, 1, 1, $2, $3, $3)`, pinged.Key, s.SubscriptionHash("x"), since.UnixMilli())
	p.exec(`INSERT INTO mail_regions (name, listening_since, written_at) VALUES ('here', $1, $1)`, since.Add(time.Hour).UnixMilli())
	if ended := p.endSilent(since); ended != 0 {
		t.Errorf("%d ended that nobody could hear", ended)
	}
	p.exec(`UPDATE mail_regions SET listening_since = $1`, since.Add(-time.Hour).UnixMilli())
	if ended := p.endSilent(since); ended != 1 {
		t.Errorf("%d ended, want 1", ended)
	}
	p.wantState(silent, mailbox.Tombstone, mailbox.Silent)
	p.wantState(heard, mailbox.Live, "")
	p.wantState(pinged, mailbox.Live, "")

	age(silent, "state_at", Now.Add(-mailbox.TombstoneTime-time.Second))
	if n, err := s.ForgetTombstones(ctx, Now.Add(-mailbox.TombstoneTime), 10); n != 1 || err != nil {
		t.Errorf("%d forgotten, %v", n, err)
	}
	if _, _, err := s.Registration(ctx, silent.ID); !errors.Is(err, mailbox.ErrUnknown) {
		t.Errorf("a forgotten tombstone is %v", err)
	}
	if n := p.count(`SELECT COUNT(*) FROM mail_timeline`); n != 0 {
		t.Errorf("%d lines of it stay", n)
	}

	p.bury(heard)
	p.must(s.ForgetOld(ctx))
	if n := p.count(`SELECT COUNT(*) FROM registrations WHERE state = 3 AND token IS NOT NULL`); n != 1 {
		t.Error("a token is gone that the brake may need")
	}
	age(heard, "state_at", Now.Add(-mailbox.BrakeTime-time.Second))
	p.must(s.ForgetOld(ctx))
	if n := p.count(`SELECT COUNT(*) FROM registrations WHERE state = 3 AND token IS NOT NULL`); n != 0 {
		t.Error("a tombstone keeps its token")
	}
}

// endSilent walks in small pages.
func (p phones) endSilent(since time.Time) (ended int64) {
	p.Helper()
	for after := int64(0); ; {
		next, n, err := p.s.EndSilent(p.Context(), since, after, 1)
		p.must(err)
		if ended += n; next == 0 {
			return ended
		}
		after = next
	}
}

// testAppKeys: several are valid at once, and one that was revoked opens nothing more.
func testAppKeys(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	asked, err := mailbox.NewAppKey{Name: "phones", Networks: []string{"10.0.0.0/8", "2001:db8::1"}, MailNetworks: []string{"192.0.2.7"}}.Check()
	if err != nil {
		t.Fatal(err)
	}
	secret, made, err := s.CreateAppKey(ctx, asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := s.CreateAppKey(ctx, mailbox.AppKey{Name: "next"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	used, err := s.UseAppKey(ctx, secret)
	if err != nil || used.ID != made.ID || !used.LastUsedAt.Equal(Now) || len(used.Networks) != 2 || used.Networks[1].String() != "2001:db8::1/128" || used.MailNetworks[0].String() != "192.0.2.7/32" {
		t.Errorf("used: %+v, %v", used, err)
	}
	if list, err := s.AppKeys(ctx); err != nil || len(list) != 2 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if k, err := s.RevokeAppKey(ctx, made.ID); err != nil || k.Valid() {
		t.Errorf("revoked: %+v, %v", k, err)
	}
	if _, err := s.RevokeAppKey(ctx, made.ID); err != nil {
		t.Errorf("revoked twice: %v", err)
	}
	for _, each := range []struct {
		secret string
		want   error
	}{{secret, mailbox.ErrAppKey}, {"hgk_nothing", mailbox.ErrAppKey}, {second, nil}} {
		if _, err := s.UseAppKey(context.WithoutCancel(ctx), each.secret); !errors.Is(err, each.want) {
			t.Errorf("a key gives %v, want %v", err, each.want)
		}
	}
	if _, err := s.RevokeAppKey(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoking what is not there: %v", err)
	}
}
