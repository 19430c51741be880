package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/store"
)

// ada is an account to sign in to.
func ada(t *testing.T, s *store.Store) access.Account {
	t.Helper()
	a, err := s.CreateAccount(t.Context(), "ada", access.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// audited is an entry, and a look at whether it was written.
func audited(t *testing.T, s *store.Store, action access.Action) (access.Entry, func() int) {
	actor := access.Actor{Kind: access.ByAccount, Name: t.Name()}
	return actor.Did(action, access.Object{Kind: access.AnAccount}, nil, nil), func() int {
		t.Helper()
		list, _, err := s.ListAudit(context.WithoutCancel(t.Context()), store.AuditFilter{Actor: t.Name(), Action: []access.Action{action}}, store.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
}

func testAccountSessions(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	a := ada(t, s)
	begin := func() access.Session {
		t.Helper()
		n, err := s.NewSession(ctx, access.Session{Account: a.ID, Method: access.ByPassword, Address: "192.0.2.1", Agent: "Browser", IDToken: "id-token-in-the-open"})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, second := begin(), begin()
	got, account, err := s.Session(ctx, first.ID)
	want := first
	want.IDToken = ""
	if err != nil || got != want || account.ID != a.ID || !account.LastSignIn.Equal(Now) || !got.SeenAt.Equal(Now) {
		t.Errorf("session %+v of %+v, %v", got, account, err)
	}
	if token, err := s.IDToken(ctx, first.ID); err != nil || token != "id-token-in-the-open" {
		t.Errorf("ID token %q, %v", token, err)
	}
	if err := s.SessionSeen(ctx, got, "192.0.2.2"); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := s.Session(ctx, first.ID); got.Address != "192.0.2.2" {
		t.Errorf("it was seen at %s", got.Address)
	}
	if list, err := s.ListSessions(ctx, a.ID); err != nil || len(list) != 2 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	entry, written := audited(t, s, access.Revoke)
	if err := s.EndSession(ctx, "another account", second.ID, entry); !errors.Is(err, store.ErrNotFound) || written() != 0 {
		t.Errorf("somebody else's session was ended: %v", err)
	}
	if err := s.EndSession(ctx, a.ID, second.ID, entry); err != nil || written() != 1 {
		t.Errorf("ending it: %v, %d entries", err, written())
	}
	wantEnded(t, s, second.ID)
	third := begin()
	if err := s.SetPassword(ctx, a.ID, "hash", third.ID); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, s, first.ID)
	if _, account, err := s.Session(ctx, third.ID); err != nil || account.PasswordHash != "hash" {
		t.Errorf("the session in which the password was changed: %v", err)
	}
	if _, err := s.SetPasswordByLink(ctx, link(t, s, a.ID), "hash"); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, s, third.ID)
	fourth := begin()
	if err := s.EndSessions(ctx, a.ID, ""); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, s, fourth.ID)
}

func wantEnded(t *testing.T, s *store.Store, id string) {
	t.Helper()
	if n, a, err := s.Session(t.Context(), id); !errors.Is(err, store.ErrNotFound) || a.ID != "" {
		t.Errorf("a session that ended is %+v, %v", n, err)
	}
}

func testSessionsExpire(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	a := ada(t, s)
	for _, c := range []struct {
		seen, created time.Duration
		want          bool
	}{
		{access.SessionIdle - time.Second, access.SessionIdle, true},
		{access.SessionIdle, access.SessionIdle, false},
		{0, access.SessionMost - time.Second, true},
		{0, access.SessionMost, false},
	} {
		n, err := s.NewSession(ctx, access.Session{Account: a.ID, Method: access.ByPassword})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE account_sessions SET seen_at = $1, created_at = $2 WHERE id = $3`,
				Now.Add(-c.seen).UnixMilli(), Now.Add(-c.created).UnixMilli(), n.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.ListSessions(ctx, a.ID)
		listed := slices.ContainsFunc(list, func(l access.Session) bool { return l.ID == n.ID })
		if _, _, found := s.Session(ctx, n.ID); (found == nil) != c.want || listed != c.want || err != nil {
			t.Errorf("seen %s ago, begun %s ago: %v, listed %v", c.seen, c.created, found, listed)
		}
	}
	if err := s.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM accounts WHERE id = $1`, a.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.ListSessions(ctx, a.ID); len(list) != 0 || err != nil {
		t.Errorf("a deleted account has %d sessions, %v", len(list), err)
	}
}

func testSecondFactors(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	a := ada(t, s)
	if f, err := s.SecondFactor(ctx, a.ID); f != (access.SecondFactor{}) || err != nil {
		t.Fatalf("nobody set it up: %+v, %v", f, err)
	}
	begun, err := s.BeginSecondFactor(ctx, a.ID)
	again, _ := s.BeginSecondFactor(ctx, a.ID)
	if err != nil || begun.Secret == "" || again != begun {
		t.Fatalf("begun %+v, again %+v, %v", begun, again, err)
	}
	if taken, err := s.TakeCode(ctx, a.ID, 7); taken || err != nil {
		t.Errorf("a code before it was confirmed: %v, %v", taken, err)
	}
	codes := access.NewRecoveryCodes()
	if err := s.ConfirmSecondFactor(ctx, a.ID, 10, codes); err != nil {
		t.Fatal(err)
	}
	if err := s.ConfirmSecondFactor(ctx, a.ID, 11, codes); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("confirmed twice: %v", err)
	}
	if _, err := s.BeginSecondFactor(ctx, a.ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("begun twice: %v", err)
	}
	if f, err := s.SecondFactor(ctx, a.ID); f.Secret != begun.Secret || !f.ConfirmedAt.Equal(Now) || f.LastStep != 10 || err != nil {
		t.Errorf("it is %+v, %v", f, err)
	}
	for _, c := range []struct {
		step int64
		want bool
	}{{10, false}, {9, false}, {11, true}, {11, false}, {12, true}} {
		if taken, err := s.TakeCode(ctx, a.ID, c.step); taken != c.want || err != nil {
			t.Errorf("the code of step %d: %v, %v", c.step, taken, err)
		}
	}
	testRecovery(t, s, a, codes)
	if err := s.RemoveSecondFactor(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	f, _ := s.SecondFactor(ctx, a.ID)
	if left, err := s.RecoveryCodesLeft(ctx, a.ID); f.Secret != "" || left != 0 || err != nil {
		t.Errorf("removed, it is %+v with %d codes, %v", f, left, err)
	}
	if err := s.RemoveSecondFactor(ctx, a.ID); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func testRecovery(t *testing.T, s *store.Store, a access.Account, codes []string) {
	ctx := t.Context()
	entry, written := audited(t, s, access.TwoFactor)
	for _, c := range []struct {
		account, code string
		want          bool
	}{{a.ID, "wrong", false}, {"another", codes[0], false}, {a.ID, codes[0], true}, {a.ID, codes[0], false}} {
		if taken, err := s.TakeRecoveryCode(ctx, c.account, c.code, entry); taken != c.want || err != nil {
			t.Errorf("recovery code %q of %s: %v, %v", c.code, c.account, taken, err)
		}
	}
	if n := written(); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	if left, err := s.RecoveryCodesLeft(ctx, a.ID); left != len(codes)-1 || err != nil {
		t.Errorf("%d codes left, %v", left, err)
	}
	if err := s.NewRecoveryCodes(ctx, a.ID, access.NewRecoveryCodes()); err != nil {
		t.Fatal(err)
	}
	if taken, _ := s.TakeRecoveryCode(ctx, a.ID, codes[1]); taken {
		t.Error("a code works that was replaced")
	}
}

func testIdentityProvider(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	if _, err := s.IdentityProvider(ctx); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("nobody set one up: %v", err)
	}
	p := access.DefaultProvider
	p.Name, p.Issuer, p.ClientID, p.Secret = "Contoso", "https://login.example.com", "heliograph", "s3cret"
	p.Rules = []access.GroupRule{{Group: "desk", Role: access.Support, Groups: []string{"North"}}}
	for range 2 {
		if err := s.PutIdentityProvider(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.IdentityProvider(ctx)
	if err != nil || got.Secret != "s3cret" || got.Issuer != p.Issuer || len(got.Rules) != 1 || got.Rules[0].Groups[0] != "North" {
		t.Errorf("it is %+v, %v", got, err)
	}
	a := ada(t, s)
	i := access.Identity{Issuer: p.Issuer, Subject: "42"}
	if err := s.Connect(ctx, a.ID, i, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Connect(ctx, a.ID, i, false); !errors.Is(err, store.ErrConflict) {
		t.Errorf("connected twice: %v", err)
	}
	found, managed, err := s.AccountByIdentity(ctx, i.Issuer, i.Subject)
	if err != nil || found.ID != a.ID || managed {
		t.Errorf("found %+v, %v, %v", found, managed, err)
	}
	if _, _, err := s.AccountByIdentity(ctx, "https://other.example.com", i.Subject); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the same subject of another issuer: %v", err)
	}
	if err := s.Disconnect(ctx, i.Issuer, a.ID); err != nil {
		t.Fatal(err)
	}
	if has, err := s.HasIdentity(ctx, i.Issuer, a.ID); has || err != nil {
		t.Errorf("disconnected: %v, %v", has, err)
	}
	if err := s.Connect(ctx, a.ID, i, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(ctx, i.Issuer, a.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an account that the provider made was cut off: %v", err)
	}
	if err := errors.Join(s.DeleteIdentityProvider(ctx), s.DeleteIdentityProvider(ctx)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func testSignInPolicy(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	if p, err := s.SignInPolicy(ctx); p != access.DefaultPolicy || err != nil {
		t.Errorf("at first it is %+v, %v", p, err)
	}
	want := access.Policy{Local: access.LocalAdministrators, SecondFactor: access.SecondFactorEverybody}
	if err := s.PutSignInPolicy(ctx, want); err != nil {
		t.Fatal(err)
	}
	if p, err := s.SignInPolicy(ctx); p != want || err != nil {
		t.Errorf("then it is %+v, %v", p, err)
	}
	a := ada(t, s)
	if mark := s.BrowserMark(a.ID, "x"); mark != s.BrowserMark(a.ID, "x") || mark == s.BrowserMark("another", "x") || mark == s.BrowserMark(a.ID, "y") {
		t.Error("a browser's mark is not its own")
	}
}
