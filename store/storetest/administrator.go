package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

// person makes an account that can sign in.
func person(t *testing.T, s *store.Store, name string, role access.Role, scope access.Scope) access.Account {
	t.Helper()
	a, err := s.AddAccount(t.Context(), access.Account{ID: "id-" + name, Name: name, Role: role, Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetPasswordByLink(t.Context(), link(t, s, a.ID), "hash"); err != nil {
		t.Fatal(err)
	}
	return a
}

func testAdministrators(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	putDevice(t, s, device("d", func(d *fleet.Device) { d.Groups = []string{"Sales", "Paris"} }))
	sales, paris := group(t, s, "Sales"), group(t, s, "Paris")
	ada := person(t, s, "ada", access.Administrator, access.Everything)

	scope, names, unknown, err := s.ScopeOfGroups(ctx, access.Everything, []string{"Sales", string(paris.ID), "Sales", "Nowhere"})
	if err != nil || !cmp.Equal(names, []string{"Paris", "Sales"}) || !cmp.Equal(unknown, []string{"Nowhere"}) || len(scope.Groups()) != 2 {
		t.Fatalf("scope %v of %v, unknown %v, %v", scope.Groups(), names, unknown, err)
	}
	if _, _, unknown, _ := s.ScopeOfGroups(ctx, access.Limited(sales.Key), []string{"Paris"}); !cmp.Equal(unknown, []string{"Paris"}) {
		t.Error("a group outside of the asking scope is known")
	}
	bob := access.Account{ID: "bob", Name: " Bob ", Role: access.Support, Scope: scope, Mail: "bob@example.com", Mobile: "+33612345678", Alerts: true}
	if _, err := s.AddAccount(ctx, bob); err != nil {
		t.Fatal(err)
	}
	found, err := s.AccountByName(ctx, "bob")
	if err != nil || found.Role != access.Support || found.Scope.All() || !cmp.Equal(found.Groups, []string{"Paris", "Sales"}) || found.Mail != bob.Mail || found.Mobile != bob.Mobile || !found.Alerts {
		t.Errorf("found %+v, %v", found, err)
	}
	if to, err := s.AlertRecipients(ctx); err != nil || !cmp.Equal(to, []access.AlertRecipient{{Mail: bob.Mail, Mobile: bob.Mobile}}) {
		t.Errorf("alerts go to %+v, %v", to, err)
	}
	list, next, err := s.ListAccounts(ctx, store.Page{Limit: 1})
	if err != nil || len(list) != 1 || next == "" {
		t.Errorf("listed %d, %q, %v", len(list), next, err)
	}
	if rest, next, err := s.ListAccounts(ctx, store.Page{Limit: 1, Cursor: next}); err != nil || len(rest) != 1 || next != "" || rest[0].ID == list[0].ID {
		t.Errorf("then %+v, %q, %v", rest, next, err)
	}

	// A group that is gone takes nothing of the limit away.
	for _, g := range []fleet.Group{sales, paris} {
		if err := s.DeleteGroup(ctx, everything, g.ID); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Account(ctx, "bob"); err != nil || found.Scope.All() || len(found.Scope.Groups()) != 0 {
		t.Errorf("without its groups it sees %+v, %v", found.Scope, err)
	}

	bob.Scope, bob.Role, bob.Alerts = access.Everything, access.Auditor, false
	if err := s.UpdateAccount(ctx, bob); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Account(ctx, "bob"); err != nil || !found.Scope.All() || found.Role != access.Auditor || found.Alerts {
		t.Errorf("updated %+v, %v", found, err)
	}
	for what, err := range map[string]error{
		"update": s.UpdateAccount(ctx, access.Account{ID: "nobody", Role: access.Support, Scope: access.Everything}), "delete": s.DeleteAccount(ctx, "nobody"),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s nobody: %v", what, err)
		}
	}
	if err := s.DeleteAccount(ctx, ada.ID); !errors.Is(err, store.ErrLastAdministrator) {
		t.Errorf("the last administrator was deleted: %v", err)
	}
}

func testLastAdministrator(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	ada := person(t, s, "ada", access.Administrator, access.Everything)
	if _, err := s.CreateAccount(ctx, "invited", access.Administrator); err != nil {
		t.Fatal(err)
	}
	demoted := ada
	demoted.Role = access.Operator
	for what, err := range map[string]error{"demoted": s.UpdateAccount(ctx, demoted), "deleted": s.DeleteAccount(ctx, ada.ID)} {
		if !errors.Is(err, store.ErrLastAdministrator) || !errors.Is(err, store.ErrConflict) {
			t.Errorf("the last one who can sign in was %s: %v", what, err)
		}
	}
	bea := person(t, s, "bea", access.Administrator, access.Everything)
	if err := s.UpdateAccount(ctx, demoted); err != nil {
		t.Errorf("one of two: %v", err)
	}
	if err := s.DeleteAccount(ctx, bea.ID); !errors.Is(err, store.ErrLastAdministrator) {
		t.Errorf("the other of two: %v", err)
	}
	if err := s.DeleteAccount(ctx, ada.ID); err != nil {
		t.Errorf("an operator: %v", err)
	}
}

// Two administrators demote each other at the same moment: one of them stays.
func testDemotedTogether(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	both := []access.Account{person(t, s, "ada", access.Administrator, access.Everything), person(t, s, "bea", access.Administrator, access.Everything)}
	done := make(chan error, len(both))
	for _, a := range both {
		a.Role = access.Auditor
		go func() { done <- s.UpdateAccount(ctx, a) }()
	}
	refused := 0
	for range both {
		if err := <-done; errors.Is(err, store.ErrLastAdministrator) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 1 {
		t.Errorf("%d of 2 were refused", refused)
	}
}

func testTokensOfMaker(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	putDevice(t, s, device("d", func(d *fleet.Device) { d.Groups = []string{"Sales", "Paris"} }))
	sales, paris := group(t, s, "Sales").Key, group(t, s, "Paris").Key
	person(t, s, "ada", access.Administrator, access.Everything)
	bea := person(t, s, "bea", access.Administrator, access.Everything)
	secret, _, err := s.AddToken(ctx, access.Token{Name: "full", Role: access.Administrator, Scope: access.Everything, Maker: bea.ID, MadeBy: "bea"})
	if err != nil {
		t.Fatal(err)
	}
	narrow, _, err := s.AddToken(ctx, access.Token{Name: "narrow", Role: access.Support, Scope: access.Limited(sales, paris), Maker: bea.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name          string
		role          access.Role
		scope         access.Scope
		full, support access.Role
		groups        []int64 // of the narrow one
	}{
		{"an administrator", access.Administrator, access.Everything, access.Administrator, access.Support, []int64{paris, sales}},
		{"an operator of one group", access.Operator, access.Limited(sales), access.Operator, access.Support, []int64{sales}},
		{"an auditor", access.Auditor, access.Everything, access.Auditor, "", []int64{paris, sales}},
		{"an administrator again", access.Administrator, access.Everything, access.Administrator, access.Support, []int64{paris, sales}},
	} {
		bea.Role, bea.Scope = step.role, step.scope
		if err := s.UpdateAccount(ctx, bea); err != nil {
			t.Fatal(err)
		}
		full, err := s.UseToken(ctx, secret)
		if err != nil || full.Role != step.full || !cmp.Equal(full.Scope.Groups(), step.scope.Groups()) || full.Scope.All() != step.scope.All() {
			t.Errorf("made by %s: %+v, %v", step.name, full, err)
		}
		one, err := s.UseToken(ctx, narrow)
		if err != nil || one.Role != step.support || one.Scope.All() || !cmp.Equal(one.Scope.Groups(), step.groups) {
			t.Errorf("narrow, made by %s: %+v, %v", step.name, one, err)
		}
	}
	if n, err := s.CountTokensOf(ctx, bea.ID); n != 2 || err != nil {
		t.Errorf("%d tokens, %v", n, err)
	}
	if err := s.DeleteAccount(ctx, bea.ID); err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{secret, narrow} {
		if _, err := s.UseToken(ctx, one); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a token outlived its maker: %v", err)
		}
	}
	lone, made, err := s.AddToken(ctx, access.Token{Name: "lone", Role: access.Auditor, Scope: access.Everything, ExpiresAt: Now.Add(time.Hour)})
	if used, err2 := s.UseToken(ctx, lone); errors.Join(err, err2) != nil || used.Role != access.Auditor || used.ID != made.ID {
		t.Errorf("made by nobody: %+v, %v, %v", used, err, err2)
	}
}
