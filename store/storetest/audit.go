package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/store"
)

var maria = access.Actor{Kind: access.ByAccount, ID: "m", Name: "maria", Role: access.Operator, From: "192.0.2.17"}

func server(name string) access.Object {
	return access.Object{Kind: access.AServer, ID: "id-" + name, Name: name}
}

// logged lists the log by what was done to what.
func logged(t *testing.T, s *store.Store, f store.AuditFilter) (words []string) {
	t.Helper()
	list, _, err := s.ListAudit(t.Context(), f, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		words = append(words, fmt.Sprintf("%s %s %s", e.Actor.Name, e.Action, e.Object.Name))
	}
	return words
}

func testAudit(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	first := maria.Did(access.Update, server("Mail"), map[string]any{"port": 25, "password_set": true}, map[string]any{"port": 465, "password_set": true})
	script := access.Actor{Kind: access.ByToken, ID: "t", Name: "nightly", Role: access.Administrator, From: "2001:db8::1"}
	if err := s.Audit(ctx, first, script.Did(access.Import, access.Object{Kind: access.ADevice}, nil, map[string]int{"rows": 7})); err != nil {
		t.Fatal(err)
	}
	if err := s.Audit(ctx, access.Actor{Kind: access.ByNobody, From: "198.51.100.9"}.Did(access.SignInFailed, access.Object{Kind: access.AnAccount, Name: "maria"}, nil, nil)); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.ListAudit(ctx, store.AuditFilter{}, store.Page{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	got := list[2]
	want := first
	want.ID, want.At = got.ID, Now
	if !cmp.Equal(got, want, cmp.AllowUnexported(access.Scope{})) {
		t.Errorf("kept:\n%s", cmp.Diff(want, got, cmp.AllowUnexported(access.Scope{})))
	}
	if one, err := s.AuditEntry(ctx, got.ID); err != nil || one.Object != want.Object || string(one.After) != `{"password_set":true,"port":465}` {
		t.Errorf("read %+v, %v", one, err)
	}
	if _, err := s.AuditEntry(ctx, got.ID+100); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an entry that is not there: %v", err)
	}
	for name, c := range map[string]struct {
		filter store.AuditFilter
		want   []string
	}{
		"name of who":   {store.AuditFilter{Actor: "maria"}, []string{"maria update Mail"}},
		"id of who":     {store.AuditFilter{Actor: "t"}, []string{"nightly import "}},
		"action":        {store.AuditFilter{Action: []access.Action{access.Import, access.Export}}, []string{"nightly import "}},
		"kind":          {store.AuditFilter{Kind: []access.ObjectKind{access.AServer}}, []string{"maria update Mail"}},
		"id of what":    {store.AuditFilter{Object: "id-Mail"}, []string{"maria update Mail"}},
		"part of what":  {store.AuditFilter{Object: "mAi"}, []string{"maria update Mail"}},
		"part of where": {store.AuditFilter{From: "198.51."}, []string{" sign_in_failed maria"}},
		"since":         {store.AuditFilter{Since: Now.Add(time.Millisecond)}, nil},
		"until":         {store.AuditFilter{Until: Now}, nil},
		"both":          {store.AuditFilter{Since: Now, Until: Now.Add(time.Millisecond), Actor: "maria"}, []string{"maria update Mail"}},
		"wildcards":     {store.AuditFilter{Object: "%"}, nil},
	} {
		if got := logged(t, s, c.filter); !cmp.Equal(got, c.want) {
			t.Errorf("by %s: %q, want %q", name, got, c.want)
		}
	}
	page, next, err := s.ListAudit(ctx, store.AuditFilter{}, store.Page{Limit: 2})
	if err != nil || len(page) != 2 || next == "" {
		t.Fatalf("first page of %d, %q, %v", len(page), next, err)
	}
	if page, next, err = s.ListAudit(ctx, store.AuditFilter{}, store.Page{Limit: 2, Cursor: next}); err != nil || len(page) != 1 || next != "" {
		t.Errorf("last page of %d, %q, %v", len(page), next, err)
	}
}

// What was done and what is said of it are there together, or not at all.
func testAuditedTogether(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	broken := errors.New("broken")
	err := s.WriteAudited(ctx, []access.Entry{maria.Did(access.Create, server("x"), nil, nil)}, func(store.Tx) error { return broken })
	if !errors.Is(err, broken) || len(logged(t, s, store.AuditFilter{})) != 0 {
		t.Errorf("what failed was noted: %v", err)
	}
	a := access.Account{ID: "1", Name: "ada", Role: access.Support, Scope: access.Everything}
	entry := maria.Did(access.Create, access.Object{Kind: access.AnAccount, ID: "1", Name: "ada"}, nil, nil)
	for range 2 {
		_, err = s.AddAccount(ctx, a, entry)
		a.ID = "2"
	}
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same name again: %v", err)
	}
	if got := logged(t, s, store.AuditFilter{}); !cmp.Equal(got, []string{"maria create ada"}) {
		t.Errorf("noted %q", got)
	}
}

// Nothing of the log can be changed, and nothing deleted that is still to be kept: the database itself refuses.
func testAuditOnlyGrows(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	if err := s.Audit(ctx, maria.Did(access.Create, server("new"), nil, nil)); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string, args ...any) error {
		return s.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, statement, args...)
			return err
		})
	}
	old := Now.AddDate(0, 0, -store.DefaultAuditDays).Add(-time.Hour).UnixMilli()
	for name, at := range map[string]int64{"old": old, "almost": old + 2*time.Hour.Milliseconds()} {
		if err := exec(`INSERT INTO audit (at, actor_kind, actor, actor_name, role, address, action, object_kind, object, object_name)
			VALUES ($1, 'account', 'm', 'maria', 'operator', '', 'create', 'server', '', $2)`, at, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		`UPDATE audit SET actor_name = 'somebody else'`, `UPDATE audit SET at = 0`, `DELETE FROM audit`, `DELETE FROM audit WHERE object_name = 'old'`,
	} {
		if err := exec(statement); err == nil {
			t.Errorf("%s was not refused", statement)
		}
	}
	if n, err := s.CleanUp(ctx, Now, 100); err != nil || n != 1 {
		t.Fatalf("cleaned %d, %v", n, err)
	}
	if got := logged(t, s, store.AuditFilter{}); len(got) != 2 {
		t.Errorf("left is %q", got)
	}
	if err := exec(`UPDATE audit_horizon SET kept_since = 0`); err == nil {
		t.Error("the horizon went back")
	}
	if err := s.PutAuditDays(ctx, 1); err != nil { // below the least: it counts as the least
		t.Fatal(err)
	}
	if _, err := s.CleanUp(ctx, Now, 100); err != nil {
		t.Fatal(err)
	}
	if got := logged(t, s, store.AuditFilter{}); !cmp.Equal(got, []string{"maria create new"}) {
		t.Errorf("left is %q", got)
	}
	if days, err := s.AuditDays(ctx); err != nil || days != 1 {
		t.Errorf("kept for %d days, %v", days, err)
	}
}
