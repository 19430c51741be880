package store

import (
	"context"
	"errors"

	"heliograph/access"
)

func setting(ctx context.Context, tx Tx, name string) (value string, err error) {
	err = tx.QueryRow(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	return value, err
}

func putSetting(ctx context.Context, tx Tx, name, value string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// Setting reads one of the installation's settings; empty when it was never set.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		value, err = setting(ctx, tx, name)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}

// PutSetting changes one of the installation's settings.
func (s *Store) PutSetting(ctx context.Context, name, value string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error { return putSetting(ctx, tx, name, value) })
}
