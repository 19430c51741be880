package store

import (
	"context"
	"errors"
	"time"

	"heliograph/mailbox"
)

// EndSilent makes tombstones of registrations of which nobody heard since a time, a page at a time; see mailbox.Janitor.
func (s *Store) EndSilent(ctx context.Context, since time.Time, after int64, look int) (next, ended int64, err error) {
	var silent []int64
	err = s.Read(ctx, func(tx Tx) error {
		var listening int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(listening_since), 0) FROM mail_regions`).Scan(&listening); err != nil {
			return err
		}
		if listening >= ms(since) { // nobody could be heard before
			return nil
		}
		err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(key), 0) FROM (SELECT key FROM registrations WHERE key > $1 ORDER BY key LIMIT $2) page`,
			after, look).Scan(&next)
		if err != nil || next == 0 {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT r.key FROM registrations r WHERE r.key > $1 AND r.key <= $2 AND r.state <> 3 AND r.heard_at < $3 AND NOT EXISTS (
				SELECT 1 FROM subscriptions s WHERE s.registration = r.key AND s.heard_at >= $3)`, after, next, ms(since))
		silent, err = all(rows, err, one[int64])
		return err
	})
	if err != nil || len(silent) == 0 {
		return next, 0, err
	}
	err = s.Write(ctx, func(tx Tx) error {
		ended = 0
		for _, key := range silent {
			n, err := s.endIfSilent(ctx, tx, key, since)
			if err != nil {
				return err
			}
			ended += n
		}
		return nil
	})
	return next, ended, err
}

// endIfSilent looks again: the app may have been heard since the page was read.
func (s *Store) endIfSilent(ctx context.Context, tx Tx, key int64, since time.Time) (int64, error) {
	var heard int64
	err := tx.QueryRow(ctx, `SELECT heard_at FROM registrations WHERE key = $1`+s.lockRows(), key).Scan(&heard)
	if errors.Is(err, ErrNoRows) {
		return 0, nil
	}
	if err != nil || heard >= ms(since) {
		return 0, err
	}
	return s.endRegistration(ctx, tx, key, mailbox.Silent)
}

// tombstone says it so that SQLite sees that the index of those that ended has them all.
const tombstone = `state = 3 AND state <> 1`

// ForgetTombstones deletes tombstones that became ones before a time, with all that belongs to them.
func (s *Store) ForgetTombstones(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			DELETE FROM registrations WHERE key IN (
				SELECT key FROM registrations WHERE `+tombstone+` AND state_at < $1 ORDER BY `+s.unindexed("key")+` LIMIT $2)
			RETURNING key`, ms(before), limit)
		keys, err := all(rows, err, one[int64])
		if n = int64(len(keys)); err != nil || n == 0 {
			return err
		}
		return forgetWith(ctx, tx, keys, "subscriptions", "pending_wakes", "mail_timeline")
	})
	return n, err
}

func forgetWith(ctx context.Context, tx Tx, keys []int64, tables ...string) error {
	for _, table := range tables {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE registration IN (`+numbers(keys)+`)`); err != nil {
			return err
		}
	}
	return nil
}

// ForgetOld deletes what has a short life: what dead registrations would live again with, deaths that the brake no longer
// looks at, and old lines of timelines.
func (s *Store) ForgetOld(ctx context.Context) error {
	now := s.now()
	brake := ms(now.Add(-mailbox.BrakeTime))
	return s.Write(ctx, func(tx Tx) error {
		if _, err := tx.Exec(ctx, `
			DELETE FROM subscriptions WHERE registration IN (
				SELECT key FROM registrations WHERE `+tombstone+` AND state_at < $1 AND token IS NOT NULL)`, brake); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE registrations SET token = NULL WHERE `+tombstone+` AND state_at < $1 AND token IS NOT NULL`, brake); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM mail_deaths WHERE minute < $1`, brake); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM mail_timeline WHERE at < $1`, ms(now.Add(-mailbox.TimelineTime)))
		return err
	})
}
