package store

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"heliograph/mailbox"
)

// rosterTarget is a row as it is read.
func rosterTarget(key int64, token string) targetRow {
	t := targetRow{Target: mailbox.Target{Registration: mailbox.Registration{Key: key, App: "app", State: mailbox.Live}}, sealed: []byte(token)}
	copy(t.CapabilityHash[:], fmt.Sprintf("%016d, of a capability", key))
	return t
}

// TestRosterTakesNothingOld: rows that were read before they were written are not taken, whenever they come.
func TestRosterTakesNothingOld(t *testing.T) {
	cases := []struct {
		name  string
		write func(r *roster) // between reading and taking
		takes bool
	}{
		{"nothing", func(*roster) {}, true},
		{"another row", func(r *roster) { r.changing(2); r.ended() }, true},
		{"a transaction that runs", func(r *roster) { r.changing(1) }, false},
		{"a transaction that has ended", func(r *roster) { r.changing(1); r.ended() }, false},
		{"contacts", func(r *roster) { r.heard([]mailbox.Contact{{Key: 1}}) }, false},
		{"more than are told apart", func(r *roster) {
			for key := range int64(rosterChanges + 2) {
				r.changing(key + 1)
				r.ended()
			}
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, one := newRoster(), rosterTarget(1, "token")
			r.changing(1)
			r.ended() // nobody reads: it counts for nothing
			begun := r.read()
			c.write(r)
			r.take([]targetRow{one}, begun)
			if _, known := r.target(one.CapabilityHash, true); known != c.takes {
				t.Errorf("taken: %v", known)
			}
			r.ended()
			r.take([]targetRow{one}, r.read())
			if _, known := r.target(one.CapabilityHash, true); !known {
				t.Error("what was read after is not taken")
			}
			if len(r.changed) != 0 {
				t.Error("changes are kept that nobody waits for")
			}
		})
	}
}

// TestRosterRoom: room is used again, and tokens stay what they are while their neighbours come and go.
func TestRosterRoom(t *testing.T) {
	r := newRoster()
	token := func(key int64) string { return fmt.Sprint(key) + string(bytes.Repeat([]byte{'x'}, int(key%700))) }
	for key := range int64(40_000) {
		r.take([]targetRow{rosterTarget(key, token(key))}, r.read())
		if key >= 2000 && key%10 != 0 {
			r.changing(key - 2000)
			r.ended()
		}
	}
	if held, live := r.tokens.held, r.tokens.held-r.tokens.wasted; held > 3*live+2*arenaPart {
		t.Errorf("%d bytes are held for tokens of %d", held, live)
	}
	if len(r.rows) > 40_000/rosterPart/2+1 {
		t.Errorf("%d parts for %d rows", len(r.rows), len(r.byKey))
	}
	for key := range r.byKey {
		row, known := r.target(rosterTarget(key, "").CapabilityHash, true)
		if !known || row.Key != key || string(row.sealed) != token(key) {
			t.Fatalf("row %d is %d, with a token of %d bytes", key, row.Key, len(row.sealed))
		}
	}
}

// TestRosterOnAnotherConnection: the connection that takes the place of a broken one tells what is written too.
func TestRosterOnAnotherConnection(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := errors.Join(s.Migrate(t.Context()), s.RememberTargets(t.Context(), nil)); err != nil {
		t.Fatal(err)
	}
	e := s.engine.(*sqliteEngine)
	conn, err := e.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it is given up
	_ = conn.Close()
	one := rosterTarget(1, "token")
	r := e.roster.Load()
	r.take([]targetRow{one}, r.read())
	err = s.Write(t.Context(), func(tx Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO pending_wakes (registration, kind, app, environment, wake, since, next_at) VALUES (1, 'apns', 'app', '', 1, 0, 0)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := r.target(one.CapabilityHash, false); known {
		t.Error("what another connection wrote was not told")
	}
}
