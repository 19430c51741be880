package store

import (
	"context"
	"time"
)

// Backlog is what waits in the whole installation, for metrics.
type Backlog struct {
	Open   int64            // deliveries that are queued
	Queues []QueueBacklog   // of jobs; one that is empty is absent
	Paused map[string]int64 // active servers that are paused, by kind; every kind with an active server is there
}

// QueueBacklog is how many jobs of a queue could run now, and since when the oldest of them could.
type QueueBacklog struct {
	Name string
	Jobs int64
	Age  time.Duration
}

// Backlog counts what waits.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		if err := tx.QueryRow(ctx, `
			SELECT COALESCE(SUM(open), 0) FROM notifications
			WHERE state IN ('scheduled', 'expanding', 'sending')`).Scan(&b.Open); err != nil {
			return err
		}
		if b.Queues, err = s.queueBacklogs(ctx, tx); err != nil {
			return err
		}
		b.Paused, err = pausedServers(ctx, tx)
		return err
	})
	return b, err
}

// queueBacklogs reads the job engine's table. It writes times in each database's own way, so the age is told by each.
func (s *Store) queueBacklogs(ctx context.Context, tx Tx) ([]QueueBacklog, error) {
	age := `(julianday('now') - julianday(MIN(scheduled_at))) * 86400.0`
	if s.Postgres() != nil {
		age = `EXTRACT(EPOCH FROM clock_timestamp() - MIN(scheduled_at))::float8`
	}
	rows, err := tx.Query(ctx, `SELECT queue, COUNT(*), `+age+` FROM river_job WHERE state = 'available' GROUP BY queue ORDER BY queue`)
	return all(rows, err, func(r Row) (q QueueBacklog, err error) {
		var seconds float64
		err = r.Scan(&q.Name, &q.Jobs, &seconds)
		q.Age = max(0, time.Duration(seconds*float64(time.Second)))
		return q, err
	})
}

func pausedServers(ctx context.Context, tx Tx) (map[string]int64, error) {
	type count struct {
		kind string
		n    int64
	}
	rows, err := tx.Query(ctx, `
		SELECT kind, SUM(CASE WHEN paused_since > 0 THEN 1 ELSE 0 END)
		FROM servers WHERE active GROUP BY kind`)
	list, err := all(rows, err, func(r Row) (c count, err error) {
		err = r.Scan(&c.kind, &c.n)
		return c, err
	})
	byKind := map[string]int64{}
	for _, c := range list {
		byKind[c.kind] = c.n
	}
	return byKind, err
}
