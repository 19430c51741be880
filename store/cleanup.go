package store

import (
	"context"
	"time"
)

// hoursKept is for how long the dashboard's figures by hour are kept.
const hoursKept = 400 * 24 * time.Hour

// alertsKept is longer than any credential is spoken of before it ends.
const alertsKept = 400 * 24 * time.Hour

// CleanUp deletes up to limit rows of each kind that nobody needs any more: finished deliveries of notifications that
// ended before a time, what providers said of addresses before it, answers, sessions and links whose time is over, and what the audit log has kept long enough. It returns the largest number it found of a kind.
func (s *Store) CleanUp(ctx context.Context, before time.Time, limit int) (most int, err error) {
	deliveries, err := s.cleanDeliveries(ctx, before, limit)
	if err != nil {
		return 0, err
	}
	answers, err := s.ForgetAnswers(ctx, limit)
	if err != nil {
		return 0, err
	}
	entries, err := s.cleanAudit(ctx, limit)
	if err != nil {
		return 0, err
	}
	return max(deliveries, int(answers), int(entries)), s.cleanExpired(ctx, before)
}

func (s *Store) cleanDeliveries(ctx context.Context, before time.Time, limit int) (found int, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			DELETE FROM deliveries WHERE id IN (
				SELECT d.id FROM deliveries d JOIN notifications n ON n.key = d.notification
				WHERE n.finished_at > 0 AND n.finished_at < $1 ORDER BY d.id LIMIT $2)
			RETURNING id`, ms(before), limit)
		ids, err := all(rows, err, one[int64])
		found = len(ids)
		if err == nil && found > 0 {
			_, err = tx.Exec(ctx, `DELETE FROM attempts WHERE delivery IN (`+numbers(ids)+`)`)
		}
		return err
	})
	return found, err
}

// cleanExpired deletes what comes in small numbers.
func (s *Store) cleanExpired(ctx context.Context, before time.Time) error {
	return s.Write(ctx, func(tx Tx) error {
		now := s.now()
		for _, statement := range []string{
			`DELETE FROM sessions WHERE expires_at < $1`,
			`DELETE FROM account_links WHERE expires_at < $1`,
		} {
			if _, err := tx.Exec(ctx, statement, ms(now)); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM address_marks WHERE at < $1`, ms(before)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM alerts WHERE given_at < $1`, ms(now.Add(-alertsKept))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM hour_counts WHERE hour < $1`, ms(now.Add(-hoursKept)))
		return err
	})
}
