package store

import (
	"context"
	"hash/fnv"

	"heliograph/channel"
)

// ReleaseJobs makes the jobs available that a process left running when it died. Only for SQLite, where no other
// process can be working them.
func (s *Store) ReleaseJobs(ctx context.Context) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	})
}

// ReleaseJobsOf makes the jobs available that one process left running on PostgreSQL, without waiting for others to
// notice. The process, which the job engine knows by this id, must be dead.
func (s *Store) ReleaseJobsOf(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE river_job SET state = 'available'
			WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1`, id)
		return err
	})
}

// hurry wakes the batches of a queue that went to sleep when its server was paused: it is not any more.
func hurry(ctx context.Context, tx Tx, queue string) error {
	_, err := tx.Exec(ctx, `
		UPDATE river_job SET state = 'available', scheduled_at = CURRENT_TIMESTAMP
		WHERE state = 'scheduled' AND queue = $1`, queue)
	return err
}

// hurryMoves wakes batches that wait for a server which can do what theirs did: now there is one.
func hurryMoves(ctx context.Context, tx Tx, v channel.Server) error {
	_, err := tx.Exec(ctx, `
		UPDATE river_job SET state = 'available', scheduled_at = CURRENT_TIMESTAMP
		WHERE state = 'scheduled' AND queue IN (
			SELECT 'server-' || id FROM servers WHERE kind = $1 AND app = $2 AND environment = $3 AND NOT active)`,
		v.Kind, v.Route.App, v.Route.Environment)
	return err
}

// Exclusive runs do on one node at a time (PostgreSQL: an advisory lock). On SQLite there is only one.
func (s *Store) Exclusive(ctx context.Context, name string, do func(context.Context) error) error {
	pool := s.Postgres()
	if pool == nil {
		return do(ctx)
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	h := fnv.New64a()
	h.Write([]byte("heliograph " + name))
	key := int64(h.Sum64())
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, key) //nolint:errcheck // the lock ends with the connection at the latest
	return do(ctx)
}
