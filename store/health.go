package store

import (
	"context"
	"strings"
	"time"
)

// Health is what the database says of itself.
type Health struct {
	Name   string        // SQLite or PostgreSQL, with its version
	Remote bool          // it may run on another machine
	Took   time.Duration // for a question that asks for nothing
	Now    time.Time     // by its clock
	Unsafe []string      // settings with which it may lose what was committed, in words
	Stuck  int64         // jobs that should have been worked ten minutes ago
}

const stuckAfter = 10 * time.Minute

// Health asks it.
func (s *Store) Health(ctx context.Context) (h Health, err error) {
	began := time.Now()
	if err := s.Ping(ctx); err != nil {
		return h, err
	}
	h.Took = time.Since(began)
	h.Remote = s.Postgres() != nil
	err = s.Read(ctx, func(tx Tx) error {
		if h.Remote {
			return h.askPostgres(ctx, tx)
		}
		return h.askSQLite(ctx, tx)
	})
	return h, err
}

func (h *Health) askSQLite(ctx context.Context, tx Tx) error {
	h.Now = time.Now()
	if err := tx.QueryRow(ctx, `SELECT 'SQLite ' || sqlite_version()`).Scan(&h.Name); err != nil {
		return err
	}
	since := time.Now().Add(-stuckAfter).UTC().Format(time.DateTime)
	return tx.QueryRow(ctx, `SELECT COUNT(*) FROM river_job WHERE state = 'available' AND scheduled_at < $1`, since).Scan(&h.Stuck)
}

func (h *Health) askPostgres(ctx context.Context, tx Tx) error {
	var version, synchronous, fsync string
	err := tx.QueryRow(ctx, `
		SELECT current_setting('server_version'), clock_timestamp(), current_setting('synchronous_commit'), current_setting('fsync')`).
		Scan(&version, &h.Now, &synchronous, &fsync)
	if err != nil {
		return err
	}
	h.Name = "PostgreSQL " + strings.Fields(version)[0]
	if fsync == "off" {
		h.Unsafe = append(h.Unsafe, "fsync is off")
	}
	if synchronous == "off" {
		h.Unsafe = append(h.Unsafe, "synchronous_commit is off")
	}
	return tx.QueryRow(ctx, `SELECT COUNT(*) FROM river_job WHERE state = 'available' AND scheduled_at < $1`, time.Now().Add(-stuckAfter)).Scan(&h.Stuck)
}
