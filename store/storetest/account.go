package storetest

import (
	"errors"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/store"
)

func testAccounts(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	if has, err := s.HasAccounts(ctx); has || err != nil {
		t.Fatalf("an empty store has accounts: %v, %v", has, err)
	}
	made, err := s.CreateAccount(ctx, " Ada ", access.Administrator)
	if err != nil || made.Name != "ada" {
		t.Fatalf("made %+v, %v", made, err)
	}
	if has, err := s.HasAccounts(ctx); !has || err != nil {
		t.Errorf("has accounts: %v, %v", has, err)
	}
	if _, err := s.CreateAccount(ctx, "ADA", access.Administrator); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same name in other letters: %v", err)
	}
	if _, err := s.CreateAccount(ctx, "  ", access.Administrator); err == nil {
		t.Error("an account without a name was made")
	}
	found, err := s.AccountByName(ctx, "aDa")
	if err != nil || found.ID != made.ID || found.Role != access.Administrator || found.PasswordHash != "" || !found.CreatedAt.Equal(Now) || !found.LastSignIn.IsZero() {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := s.NewSession(ctx, access.Session{Account: made.ID, Method: access.ByPassword}); err != nil {
		t.Fatal(err)
	}
	if found, err = s.Account(ctx, made.ID); err != nil || !found.LastSignIn.Equal(Now) {
		t.Errorf("signed in at %v, %v", found.LastSignIn, err)
	}
	if err := s.SetLanguage(ctx, made.ID, "pt", "Europe/Lisbon"); err != nil {
		t.Fatal(err)
	}
	if found, err = s.Account(ctx, made.ID); err != nil || found.Language != "pt" || found.Zone != "Europe/Lisbon" {
		t.Errorf("speaks %q in %q, %v", found.Language, found.Zone, err)
	}
	if _, err := s.AccountByName(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func testAccountLinks(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	ada, err := s.CreateAccount(ctx, "ada", access.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	first := link(t, s, ada.ID)
	second := link(t, s, ada.ID)
	if _, err := s.AccountByLink(ctx, first); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the older link still works: %v", err)
	}
	for range 2 { // looking does not use it up
		if found, err := s.AccountByLink(ctx, second); err != nil || found.ID != ada.ID {
			t.Fatalf("found %+v, %v", found, err)
		}
	}
	if changed, err := s.SetPasswordByLink(ctx, second, "hash"); err != nil || changed.PasswordHash != "hash" {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	if found, err := s.Account(ctx, ada.ID); err != nil || found.PasswordHash != "hash" {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := s.SetPasswordByLink(ctx, second, "other"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the link was used twice: %v", err)
	}
	if _, err := s.NewLink(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a link for nobody: %v", err)
	}
	if _, err := s.AccountByLink(ctx, ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an empty secret: %v", err)
	}
}

func link(t *testing.T, s *store.Store, account string) string {
	t.Helper()
	secret, err := s.NewLink(t.Context(), account)
	if err != nil || len(secret) < 26 {
		t.Fatalf("a link of %d characters, %v", len(secret), err)
	}
	return secret
}

func testSessions(t *testing.T, open func(t *testing.T) *store.Store) {
	sessions, ctx := open(t).Sessions(), t.Context()
	const token = "nZbWvyYXAnpGZ3cmdMq1aA1V9uyS7dlwXoNLqqdRJWQ"
	if _, found, err := sessions.FindCtx(ctx, token); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, data := range []string{"first", "first", "second"} {
		if err := sessions.CommitCtx(ctx, token, []byte(data), Now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, found, err := sessions.FindCtx(ctx, token); !found || string(got) != data || err != nil {
			t.Errorf("found %v %q, %v; want %q", found, got, err, data)
		}
	}
	if err := sessions.CommitCtx(ctx, "expired", []byte("x"), Now); err != nil {
		t.Fatal(err)
	}
	if _, found, err := sessions.FindCtx(ctx, "expired"); found || err != nil {
		t.Errorf("an expired session was found: %v", err)
	}
	if err := sessions.DeleteCtx(ctx, token); err != nil {
		t.Fatal(err)
	}
	if _, found, err := sessions.FindCtx(ctx, token); found || err != nil {
		t.Errorf("an ended session was found: %v", err)
	}
	if err := sessions.DeleteCtx(ctx, token); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
}
