package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/seal"
	"heliograph/store"
)

const directory = "https://ca.example.com/directory"

// testCertificates: what is known of a name follows what happens to it, and one node at a time asks for it.
func testCertificates(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	ends := Now.Add(90 * 24 * time.Hour)
	do := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	is := func(when string, want ...store.Certificate) {
		t.Helper()
		got, err := s.Certificates(ctx)
		do("reading", err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
	}
	a := store.Certificate{Name: "a.example.com", Directory: directory, Listeners: []string{"console"}, WantedAt: Now}
	b := store.Certificate{Name: "b.example.com", Directory: directory, Listeners: []string{"mailbox", "registration"}, WantedAt: Now}
	named := map[string][]string{a.Name: a.Listeners, b.Name: b.Listeners}
	is("before anything")
	do("wanting", s.WantCertificates(ctx, directory, named))
	is("wanted", a, b)
	do("failing", s.CertificateFailed(ctx, a.Name, "first"))
	do("failing", s.CertificateFailed(ctx, a.Name, "dns: no such name"))
	do("keeping", s.CertificateKept(ctx, b.Name, ends))
	a.FailingSince, a.Reason, b.Ends = Now, "dns: no such name", ends
	is("one failed, one is kept", a, b)
	do("wanting again", s.WantCertificates(ctx, directory, map[string][]string{a.Name: {"registration"}, b.Name: {"mailbox"}}))
	a.Listeners = []string{"console", "registration"}
	is("wanted again, by another listener too", a, b)
	do("keeping", s.CertificateKept(ctx, a.Name, ends))
	a.FailingSince, a.Reason, a.Ends = time.Time{}, "", ends
	is("both are kept", a, b)
	do("wanting elsewhere", s.WantCertificates(ctx, "https://other.example.com", map[string][]string{a.Name: nil}))
	a.Directory, a.Ends = "https://other.example.com", time.Time{}
	is("of another authority", a, b)

	for _, step := range []struct {
		node string
		want bool
	}{{"one", true}, {"two", false}, {"one", true}} {
		taken, err := s.TakeCertificate(ctx, a.Name, step.node, time.Minute)
		do("taking", err)
		if taken != step.want {
			t.Errorf("%s takes it: %v", step.node, taken)
		}
	}
	do("leaving what is another's", s.LeaveCertificate(ctx, a.Name, "two"))
	if taken, _ := s.TakeCertificate(ctx, a.Name, "two", time.Minute); taken {
		t.Error("two took what one still has")
	}
	do("leaving", s.LeaveCertificate(ctx, a.Name, "one"))
	if taken, err := s.TakeCertificate(ctx, a.Name, "two", -time.Minute); !taken || err != nil {
		t.Errorf("two cannot take what one left: %v", err)
	}
	if taken, err := s.TakeCertificate(ctx, a.Name, "three", time.Minute); !taken || err != nil {
		t.Errorf("three cannot take what two held for too long: %v", err)
	}
	if taken, err := s.TakeCertificate(ctx, "unknown.example.com", "one", time.Minute); taken || err != nil {
		t.Errorf("a name that nobody wants was taken: %v", err)
	}
	do("forgetting", s.ForgetCertificates(ctx))
	is("nothing is old", a, b)
}

// testACMEValues: values come back as they were, sealed where they lie, and open with the keys of a rotation.
func testACMEValues(t *testing.T, open func(t *testing.T) *store.Store) {
	s, ctx := open(t), t.Context()
	s.UseJobs(&jobsBook{}) // sealing again is a job
	key, secret := directory+" a.example.com", []byte("-----BEGIN EC PRIVATE KEY-----")
	if _, err := s.ACMEValue(ctx, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before anything: %v", err)
	}
	for _, value := range [][]byte{[]byte("before"), secret} {
		if err := s.PutACMEValue(ctx, key, value); err != nil {
			t.Fatal(err)
		}
	}
	opens := func(when string) {
		t.Helper()
		if got, err := s.ACMEValue(ctx, key); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: %q, %v", when, got, err)
		}
	}
	opens("kept")
	lies := func() (sealed []byte) {
		t.Helper()
		err := s.Read(ctx, func(tx store.Tx) error {
			return tx.QueryRow(ctx, `SELECT value FROM acme_values WHERE key = $1`, key).Scan(&sealed)
		})
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	before := lies()
	if bytes.Contains(before, secret) {
		t.Error("it lies in the open")
	}
	rotated := s.Keys().WithSealing()
	agree(t, s, "node", rotated)
	reseal(t, s)
	if got := seal.KeyOf(lies()); got != rotated.Seals() {
		t.Errorf("after a rotation it is sealed with %s, not %s", got, rotated.Seals())
	}
	opens("sealed again")
	leftOver(t, s)
	if err := s.DeleteACMEValue(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteACMEValue(ctx, key); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	if _, err := s.ACMEValue(ctx, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

// leftOver: answers to challenges that a process left behind go after a day; what is worth keeping stays.
func leftOver(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	left := []string{directory + " xyz+http-01", directory + " a.example.com+token"}
	kept := []string{directory + " acme_account+key", directory + " a.example.com+rsa", directory + " new+http-01"}
	for _, key := range append(left, kept...) {
		if err := s.PutACMEValue(ctx, key, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE acme_values SET changed_at = 1 WHERE key NOT LIKE '%new+http-01'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetCertificates(ctx); err != nil {
		t.Fatal(err)
	}
	for _, key := range left {
		if _, err := s.ACMEValue(ctx, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s stayed: %v", key, err)
		}
	}
	for _, key := range kept {
		if _, err := s.ACMEValue(ctx, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
