package store

import (
	"context"
	"errors"

	"heliograph/access"
	"heliograph/courier"
	"heliograph/message"
)

// AlertGiven reports whether an alert of this name was given.
func (s *Store) AlertGiven(ctx context.Context, name string) (given bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM alerts WHERE name = $1)`, name).Scan(&given)
	})
	return given, err
}

// errGiven rolls an alert back that another node gave a moment before.
var errGiven = errors.New("the alert was given already")

// PutAlert stores a notification with its first jobs under the name of an alert, once: false when it was given already.
func (s *Store) PutAlert(ctx context.Context, name string, n message.Notification, jobs func(key int64) []courier.Job, entries ...access.Entry) (given bool, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		first, err := tx.Exec(ctx, `INSERT INTO alerts (name, notification, given_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
			name, string(n.ID), ms(s.now()))
		if err == nil && first == 0 {
			return errGiven
		}
		if err == nil {
			_, err = s.putNotification(ctx, tx, n, jobs)
		}
		return err
	})
	if errors.Is(err, errGiven) {
		return false, nil
	}
	return err == nil, err
}
