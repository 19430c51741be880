package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/internal/pgtest"
	"heliograph/mailbox"
	"heliograph/seal"
)

// mostBytes is what a registration with a subscription may take of the database, with all indexes.
const mostBytes = 1024

// TestRegistrationsAreSmall: a registration, bound to a subscription that was heard of, takes at most 1 KiB of database.
// HELIOGRAPH_TORTURE makes it a million of them.
func TestRegistrationsAreSmall(t *testing.T) {
	n, rounds := 4000, 3
	if os.Getenv("HELIOGRAPH_TORTURE") != "" {
		n, rounds = 1_000_000, 1
	}
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "heliograph.db")
		s := openFor(t, file)
		measure(t, s, n, rounds, `SELECT SUM(pgsize) FROM dbstat WHERE name LIKE '%registrations%' OR name LIKE '%subscriptions%' OR name LIKE '%mail_timeline%'`)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		s := openFor(t, pgtest.Database(t))
		measure(t, s, n, rounds, `SELECT pg_total_relation_size('registrations') + pg_total_relation_size('subscriptions') + pg_total_relation_size('mail_timeline')`)
	})
}

func openFor(t *testing.T, url string) *Store {
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.UseKeys(t.Context(), seal.New()); err != nil {
		t.Fatal(err)
	}
	return s
}

func measure(t *testing.T, s *Store, n, rounds int, size string) {
	ctx := t.Context()
	bytes := func() (total int64) {
		if err := s.Read(ctx, func(tx Tx) error { return tx.QueryRow(ctx, size).Scan(&total) }); err != nil {
			t.Fatal(err)
		}
		return total
	}
	before, began := bytes(), time.Now()
	inPages(t, s, n, 500, func(tx Tx, from, to int) error { return registerMany(ctx, s, tx, to-from) })
	for range rounds { // pings and events, as they come: each batch is of rows that lie far from each other, and one of many
		inPages(t, s, n, min(500, n/50), func(tx Tx, from, to int) error { return hearMany(ctx, s, tx, n, from, to) })
	}
	each := float64(bytes()-before) / float64(n)
	t.Logf("%d registrations take %.0f bytes each; %s", n, each, time.Since(began).Round(time.Millisecond))
	if each > mostBytes {
		t.Errorf("a registration takes %.0f bytes, and may take %d", each, mostBytes)
	}
}

// inPages does something in many transactions.
func inPages(t *testing.T, s *Store, n, page int, do func(tx Tx, from, to int) error) {
	for from := 0; from < n; from += page {
		if err := s.Write(t.Context(), func(tx Tx) error { return do(tx, from, min(n, from+page)) }); err != nil {
			t.Fatal(err)
		}
	}
}

// hearMany writes what mail servers tell.
func hearMany(ctx context.Context, s *Store, tx Tx, n, from, to int) error {
	var keys []int64
	for i := from; i < to; i++ {
		keys = append(keys, 1+int64(i*7919%n))
	}
	in := ` WHERE key IN ` + s.listed("$1", intKind)
	for _, statement := range []string{
		`UPDATE subscriptions SET heard_at = heard_at + 1, event_at = event_at + 1, watermark_hash = $2, previous_watermark_hash = $2` + in,
		`UPDATE registrations SET heard_at = heard_at + 1, event_at = event_at + 1, badge = 7, badge_time = badge_time + 1, badge_subscription = id,
			wake_at = heard_at, wake_result = 'accepted', pace = $2, events = events + 1, wakes = wakes + 1` + in,
	} {
		if _, err := tx.Exec(ctx, statement, jsonKeys(keys), []byte("8 bytes!")); err != nil {
			return err
		}
	}
	return nil
}

// registerMany does what devices and mail servers ask for, many at once.
func registerMany(ctx context.Context, s *Store, tx Tx, n int) error {
	for range n {
		var token [32]byte
		rand.Read(token[:]) //nolint:errcheck // never fails (crypto/rand)
		v := mailbox.Registration{
			SupportCode: mailbox.NewSupportCode(), Platform: mailbox.IOS, App: "com.example.corporate.mail", Environment: fleet.Production,
			Wake: mailbox.WakeBadge, AppKey: appKeyID(s.now()), Token: hex.EncodeToString(token[:]),
		}
		copy(v.ID[:], token[:])
		if err := s.createRegistration(ctx, tx, &v, access.HashSecret(v.Token), mailbox.NewCapability().Hash()); err != nil {
			return err
		}
		id := fmt.Sprintf("%x", token)
		err := s.bind(ctx, tx, v.Key, mailbox.Binding{Handle: "inbox", Source: mailbox.EWS, Folder: mailbox.Inbox, ID: id, Server: "exchange01.example.com", Frequency: 30 * time.Minute})
		if err != nil {
			return err
		}
	}
	return nil
}
