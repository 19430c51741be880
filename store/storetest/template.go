package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"heliograph/store"
	"heliograph/template"
)

func ofType(t *testing.T, s *store.Store, key template.TypeKey) template.Template {
	t.Helper()
	found, err := s.Template(t.Context(), string(key))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// testTemplates: what is written is read, whatever it says.
func testTemplates(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	want := template.Template{ID: "t1", Name: "Ours 📱", Description: "for <all>", Type: template.AdHoc, Body: template.Body{
		Language: "en",
		Push:     template.PushPart{Active: true, Message: "“Hi” ${user.sn}", Sound: "Casino"},
		SMTP:     template.MailPart{Sender: "IT <it@example.com>", Recipient: "a@example.com", Subject: "s", Message: "a\nb"},
		SMS:      template.SMSPart{Active: true, Recipient: "+1", Message: "m"},
		Variants: map[string]template.Variant{"fr": {Push: "é", Subject: "s", Mail: "m", SMS: "t"}},
	}}
	stored, err := s.PutTemplate(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	want.Key, want.CreatedAt, want.UpdatedAt = stored.Key, Now, Now
	for _, ref := range []string{"t1", want.Name} {
		if got, err := s.Template(ctx, ref); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("by %q: %s %v", ref, cmp.Diff(want, got), err)
		}
	}
	if _, err := s.PutTemplate(ctx, template.Template{ID: "t2", Name: want.Name, Type: template.AdHoc}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same name: %v", err)
	}
	// An id is found before a name.
	if _, err := s.PutTemplate(ctx, template.Template{ID: "t3", Name: "t1", Type: template.AdHoc}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Template(ctx, "t1"); err != nil || got.ID != "t1" {
		t.Errorf("%s, %v", got.ID, err)
	}
	if err := s.DeleteTemplate(ctx, want.Name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting by name: %v", err)
	}
	if err := s.DeleteTemplate(ctx, "t1"); err != nil {
		t.Error(err)
	}
	if _, err := s.PutTemplate(ctx, want); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("writing what was deleted: %v", err)
	}
	again, missing := s.DeleteTemplate(ctx, "t1"), error(nil)
	if _, missing = s.RestoreTemplate(ctx, "t1"); !errors.Is(again, store.ErrNotFound) || !errors.Is(missing, store.ErrNotFound) {
		t.Errorf("after its end: %v, %v", again, missing)
	}
}

// testPredefinedTemplates are there from the start, in the order of their types, and follow the texts of this version as
// long as nobody changes them.
func testPredefinedTemplates(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	list, err := s.Templates(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var want []template.Type
	for _, kind := range template.Types() {
		if kind.Predefined() {
			want = append(want, kind)
		}
	}
	if len(list) != len(want) {
		t.Fatalf("%d templates of %d", len(list), len(want))
	}
	for i, kind := range want {
		body, _ := kind.Default()
		if got := list[i]; got.ID != string(kind.Key) || got.Name != kind.Name || got.Type != kind.Key || !got.Predefined || got.Changed || cmp.Diff(body, got.Body) != "" {
			t.Errorf("%s: %+v", kind.Key, got)
		}
	}
	one := ofType(t, s, "roaming")
	one.SMTP.Subject, one.Name = "Changed", "Abroad"
	if one, err = s.PutTemplate(ctx, one); err != nil || !one.Changed {
		t.Errorf("%+v, %v", one, err)
	}
	came := ofType(t, s, "jailbroken")
	came.SMTP.Active = false
	if came, err = s.PutTemplate(ctx, came); err != nil || came.Changed {
		t.Errorf("switching a channel off changes no text: %+v, %v", came, err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if got := ofType(t, s, "roaming"); got.SMTP.Subject != "Changed" || got.Name != "Abroad" {
		t.Errorf("after another start: %+v", got)
	}
	if got := ofType(t, s, "jailbroken"); got.SMTP.Active {
		t.Error("a channel is on again after another start")
	}
	restored, err := s.RestoreTemplate(ctx, "roaming")
	if err != nil || restored.Changed || restored.SMTP.Subject == "Changed" || restored.Name != "Abroad" {
		t.Errorf("restored: %+v, %v", restored, err)
	}
}

// testPredefinedTogether: nodes that start together add the predefined templates once, and one whose name somebody took
// gets another.
func testPredefinedTogether(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	err := s.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM templates`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTemplate(ctx, template.Template{ID: "mine", Name: "Roaming", Type: template.AdHoc}); err != nil {
		t.Fatal(err)
	}
	together, all := errgroup.WithContext(ctx)
	for range 4 {
		together.Go(func() error { return s.Migrate(all) })
	}
	if err := together.Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := s.Templates(ctx)
	if err != nil || len(list) != len(template.Types()) { // all but Ad Hoc, and ours
		t.Errorf("%d templates, %v", len(list), err)
	}
	if got := ofType(t, s, "roaming"); got.Name != "Roaming (predefined)" {
		t.Errorf("it is called %q", got.Name)
	}
}

func testSounds(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for _, v := range []template.Sound{{ID: "s1", Name: "b"}, {ID: "s2", Name: "A"}} {
		if _, err := s.AddSound(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	_, same := s.AddSound(ctx, template.Sound{ID: "s3", Name: "A"})
	_, taken := s.RenameSound(ctx, "s1", "A")
	_, missing := s.RenameSound(ctx, "s9", "C")
	if !errors.Is(same, store.ErrConflict) || !errors.Is(taken, store.ErrConflict) || !errors.Is(missing, store.ErrNotFound) {
		t.Errorf("%v, %v, %v", same, taken, missing)
	}
	list, err := s.Sounds(ctx)
	if names := func(v template.Sound) string { return v.Name }; err != nil || !slices.Equal(mapped(list, names), []string{"A", "b"}) {
		t.Errorf("%+v, %v", list, err)
	}
	one := ofType(t, s, "jailbroken")
	one.Push.Sound = "b"
	if _, err := s.PutTemplate(ctx, one); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteSound(ctx, "s1"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("deleting what is in use: %v", err)
	}
	if _, err := s.RenameSound(ctx, "s1", "c"); err != nil {
		t.Error(err)
	}
	if got := ofType(t, s, "jailbroken").Push.Sound; got != "c" {
		t.Errorf("the template has %q", got)
	}
	if err := s.DeleteSound(ctx, "s2"); err != nil {
		t.Error(err)
	}
}

func mapped[A, B any](list []A, f func(A) B) (out []B) {
	for _, one := range list {
		out = append(out, f(one))
	}
	return out
}
