package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"heliograph/store"
)

// counters is a store with two notifications whose counters are right: 12,000 deliveries, more than a page, of one that
// is being sent, and three of one that is done.
func counters(t *testing.T, open opener) *store.Store {
	s := open(t)
	must := func(query string, args ...any) {
		t.Helper()
		err := s.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), query, args...)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	now := Now.UnixMilli()
	for _, n := range []struct {
		id, state      string
		finished, open int64
	}{{"sending", "sending", 0, 4000}, {"done", "done", now, 0}} {
		must(`INSERT INTO notifications (id, state, audience, content, requested_by, lane, created_at, started_at, finished_at, open)
			VALUES ($1, $2, '{}', '{}', 'test', 1, $3, $3, $4, $5)`, n.id, n.state, now, n.finished, n.open)
	}
	must(`INSERT INTO deliveries (id, notification, channel, state)
		SELECT i, 1, 1, CASE WHEN i <= 4000 THEN 1 WHEN i <= 9000 THEN 3 ELSE 5 END FROM ` + upTo(s, 12000))
	must(`INSERT INTO deliveries (id, notification, channel, state) SELECT 20000 + i, 2, 2, 3 FROM ` + upTo(s, 3))
	must(`INSERT INTO notification_counts (notification, channel, state, n) VALUES
		(1, 1, 1, 4000), (1, 1, 3, 5000), (1, 1, 5, 3000), (1, 1, 7, 0), (2, 2, 3, 3)`)
	hour := Now.Truncate(time.Hour).UnixMilli()
	must(`INSERT INTO hour_counts (hour, channel, state, n) VALUES ($1, 1, 3, 5001), ($2, 1, 3, -1), ($1, 1, 5, 3000), ($2, 2, 3, 3)`,
		hour, hour+time.Hour.Milliseconds())
	return s
}

// upTo is a table of the numbers from 1 to n, in a column i.
func upTo(s *store.Store, n int) string {
	if s.Postgres() != nil {
		return fmt.Sprintf("generate_series(1, %d) numbers(i)", n)
	}
	return fmt.Sprintf("(WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) SELECT i FROM numbers)", n)
}

func testRecount(t *testing.T, open opener) {
	tests := []struct {
		name, spoil string
		want        []string // of what is said
	}{
		{"all is right", `SELECT 1`, nil},
		{"a count too high", `UPDATE notification_counts SET n = n + 2 WHERE notification = 2`,
			[]string{"notification done counts 5 deliveries by smtp that are sent, and has 3", "the hours count 3 deliveries by smtp that are sent, the notifications 5"}},
		{"a count that is not there", `DELETE FROM notification_counts WHERE notification = 1 AND state = 1`,
			[]string{"notification sending counts 0 deliveries by push that are queued, and has 4000"}},
		{"open is wrong", `UPDATE notifications SET open = 0 WHERE key = 1`,
			[]string{"notification sending counts 0 open deliveries, and has 4000"}},
		{"a delivery is gone", `DELETE FROM deliveries WHERE id = 11999`,
			[]string{"notification sending counts 3000 deliveries by push that are failed, and has 2999"}},
		{"hours are wrong", `UPDATE hour_counts SET n = 1 WHERE channel = 2`,
			[]string{"the hours count 1 deliveries by smtp that are sent, the notifications 3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := counters(t, open)
			if err := s.Write(t.Context(), func(tx store.Tx) error { _, err := tx.Exec(t.Context(), tt.spoil); return err }); err != nil {
				t.Fatal(err)
			}
			kept := Now.Add(-time.Hour)
			r, err := s.Recount(t.Context(), kept, false)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, d := range r.Differences {
				said = append(said, d.String())
			}
			if got, want := strings.Join(said, "\n"), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("it says\n%s\nwant\n%s", got, want)
			}
			if r.Notifications != 2 || r.Deliveries < 12002 || r.Moving != 0 {
				t.Errorf("it compared %+v", r)
			}
			if fixed, err := s.Recount(t.Context(), kept, true); err != nil || len(fixed.Differences) == 0 && len(r.Differences) > 0 {
				t.Errorf("correcting: %+v, %v", fixed, err)
			}
			if r, err = s.Recount(t.Context(), kept, false); err != nil || len(r.Differences) > 0 {
				t.Errorf("after it was corrected: %v", r.Differences)
			}
		})
	}
}

// Deliveries that were deleted after their retention are not missed.
func testRecountAfterCleaning(t *testing.T, open opener) {
	s := counters(t, open)
	if n, err := s.CleanUp(t.Context(), Now.Add(time.Second), 1000); err != nil || n != 3 {
		t.Fatalf("cleaned %d, %v", n, err)
	}
	r, err := s.Recount(t.Context(), Now.Add(time.Second), false)
	if err != nil || len(r.Differences) > 0 || r.Cleaned != 1 || r.Notifications != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r.Deliveries != 12000 {
		t.Errorf("%d deliveries", r.Deliveries)
	}
}
