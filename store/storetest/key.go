package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/seal"
	"heliograph/store"
)

// jobsBook is a job engine that does nothing but remember what it was given.
type jobsBook struct{ inserted []courier.Job }

func (b *jobsBook) Insert(_ context.Context, _ store.Tx, jobs ...courier.Job) error {
	b.inserted = append(b.inserted, jobs...)
	return nil
}
func (*jobsBook) Complete(context.Context, store.Tx, courier.Running) error { return nil }
func (*jobsBook) PauseQueue(context.Context, store.Tx, string) error        { return nil }
func (*jobsBook) ResumeQueue(context.Context, store.Tx, string) error       { return nil }

// vault is a store with some sealed tokens, more than a page of them.
func vault(t *testing.T, open opener) (*store.Store, *jobsBook) {
	s, book := open(t), &jobsBook{}
	s.UseJobs(book)
	var csv strings.Builder
	csv.WriteString("id,platform,push.provider,push.token,push.app,push.environment\n")
	for i := range tokensInVault {
		fmt.Fprintf(&csv, "d%d,ios,apns,%s,org.example.agent,production\n", i, tokenOf(i))
	}
	importText(t, s, everything, fleet.CSV, csv.String(), false, fleet.ImportReport{Rows: tokensInVault, Created: tokensInVault})
	return s, book
}

const tokensInVault = 700

// tokenOf is the token of a device in the vault; from thousand on, of one that comes later.
func tokenOf(i int) string { return fmt.Sprintf("%064x", i+1) }

// agree tells the store what another look at the key file brought.
func agree(t *testing.T, s *store.Store, node string, keys *seal.Keys) (changed bool) {
	t.Helper()
	if !s.TakeKeys(keys) {
		t.Fatal("the new keys are refused")
	}
	_, changed, err := s.AgreeKeys(t.Context(), store.KeyNode{ID: node, Name: node})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func reseal(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Reseal(t.Context(), store.ResealArgs{}, nil); err != nil {
		t.Fatal(err)
	}
}

// sealedTokens says how the tokens are sealed.
func sealedTokens(t *testing.T, s *store.Store) store.SealedCount {
	t.Helper()
	counts, err := s.SealedCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(counts, func(c store.SealedCount) bool { return c.Place == "push_tokens.token" })
	if i < 0 {
		t.Fatal("tokens are not counted")
	}
	return counts[i]
}

func testSealingKeys(t *testing.T, open opener) {
	s, book := vault(t, open)
	old := s.Keys().Seals()
	rotated := s.Keys().WithSealing()
	if !agree(t, s, "a", rotated) || s.Keys().Seals() != rotated.Seals() {
		t.Fatalf("sealed with %s, want the new key %s", s.Keys().Seals(), rotated.Seals())
	}
	if len(book.inserted) != 1 || book.inserted[0].Args.Kind() != "reseal" {
		t.Errorf("jobs %v, want one that seals again", book.inserted)
	}
	if c := sealedTokens(t, s); c.ByKey[old] != tokensInVault || c.Unopened != 0 {
		t.Errorf("before it is sealed again: %+v", c)
	}
	reseal(t, s)
	if c := sealedTokens(t, s); c.Rows != tokensInVault || c.ByKey[rotated.Seals()] != tokensInVault || c.Unopened != 0 || c.OldHash != 0 {
		t.Errorf("after it was sealed again: %+v", c)
	}
	progress, err := s.Reseals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range progress {
		if p.FinishedAt.IsZero() || p.Keys.Sealing != rotated.Seals() || p.Place == "push_tokens.token" && (p.Total != tokensInVault || p.Changed != tokensInVault || p.Seen != tokensInVault) {
			t.Errorf("progress %+v", p)
		}
	}
	if !s.TakeKeys(rotated.Without(old)) {
		t.Fatal("the old key cannot be taken away")
	}
	for _, i := range []int{0, tokensInVault - 1} {
		got, err := s.DeviceToken(t.Context(), everything, fleet.DeviceID(fmt.Sprintf("d%d", i)))
		if err != nil || got.Token != tokenOf(i) {
			t.Errorf("device %d: token %q, %v", i, got.Token, err)
		}
	}
}

func testIndexKeys(t *testing.T, open opener) {
	s, _ := vault(t, open)
	old := s.Keys().Fingerprint()
	before := s.HookSecret("x")
	rotated := s.Keys().WithIndex()
	agree(t, s, "a", rotated)
	if s.Keys().Fingerprint() == old {
		t.Fatal("the new index key is not in use")
	}
	if hooks := s.HookSecrets("x"); len(hooks) != 2 || hooks[1] != before || hooks[0] == before {
		t.Errorf("addresses of reports %v, want a new one and %s", hooks, before)
	}
	owner := func(token, want string) {
		t.Helper()
		if got, err := s.TokenOwner(t.Context(), everything, token); err != nil || got != want {
			t.Errorf("%s belongs to %q, %v; want %s", token, got, err, want)
		}
	}
	owner(tokenOf(5), "d5") // by its old hash
	if err := s.PutPushToken(t.Context(), everything, "d6", *token(tokenOf(5))); err != nil {
		t.Fatalf("a token moves while its hash is an old one: %v", err)
	}
	owner(tokenOf(5), "d6")
	if _, err := s.DeviceToken(t.Context(), everything, "d5"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("d5 still has a token: %v", err)
	}
	if c := sealedTokens(t, s); c.OldHash != tokensInVault-2 { // d6 has a new one, d5 none
		t.Errorf("%d rows have old hashes, want %d", c.OldHash, tokensInVault-2)
	}
	reseal(t, s)
	if c := sealedTokens(t, s); c.OldHash != 0 || c.Rows != tokensInVault-1 {
		t.Errorf("after all was hashed again: %+v", c)
	}
	if !s.TakeKeys(rotated.Without(old)) {
		t.Fatal("the old index key cannot be taken away")
	}
	owner(tokenOf(7), "d7")
	if err := s.UseKeys(t.Context(), rotated.Without(rotated.Fingerprint())); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("the key file of before is taken: %v", err)
	}
}

func testKeyNodes(t *testing.T, open opener) {
	s, _ := vault(t, open)
	if s.Postgres() == nil {
		t.Log("SQLite has one process, so nobody is waited for")
		return
	}
	first := s.Keys().Seals()
	if agree(t, s, "b", s.Keys()) {
		t.Fatal("something changed without a new key")
	}
	rotated := s.Keys().WithSealing()
	if agree(t, s, "a", rotated) || s.Keys().Seals() != first {
		t.Fatal("a key is used that another node does not have")
	}
	status, err := s.KeyStatus(t.Context())
	if err != nil || len(status.Nodes) != 2 || len(status.Nodes[0].Keys) != 3 || len(status.Nodes[1].Keys) != 2 {
		t.Errorf("status %+v, %v", status, err)
	}
	if err := s.LeaveKeys(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if !agree(t, s, "a", rotated) || s.Keys().Seals() != rotated.Seals() {
		t.Error("the key is not used after the other node ended")
	}
}

func testKeyFiles(t *testing.T, open opener) {
	s, _ := vault(t, open)
	mine := s.Keys()
	var wrong *store.KeyError
	if err := s.UseKeys(t.Context(), seal.New()); !errors.As(err, &wrong) || !strings.Contains(err.Error(), string(mine.Fingerprint())) {
		t.Errorf("another key file: %v", err)
	}
	older, rotated := mine.Without(), mine.WithSealing()
	agree(t, s, "a", rotated)
	if err := s.UseKeys(t.Context(), older); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "older than the last rotation") || !strings.Contains(err.Error(), string(rotated.Seals())) {
		t.Errorf("the key file of before the rotation: %v", err)
	}
	if err := s.UseKeys(t.Context(), rotated); err != nil {
		t.Errorf("the right key file: %v", err)
	}
}

// What was written while a page was being sealed again stays as it was written.
func testResealBesideWrites(t *testing.T, open opener) {
	s, _ := vault(t, open)
	agree(t, s, "a", s.Keys().WithSealing())
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			if err := s.PutPushToken(t.Context(), everything, fleet.DeviceID(fmt.Sprintf("d%d", i*7)), *token(tokenOf(1000 + i))); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	reseal(t, s)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		got, err := s.DeviceToken(t.Context(), everything, fleet.DeviceID(fmt.Sprintf("d%d", i*7)))
		if err != nil || got.Token != tokenOf(1000+i) {
			t.Errorf("device d%d has token %q, %v", i*7, got.Token, err)
		}
	}
}
