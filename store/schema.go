package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrOlder says that the schema was not brought up to date yet, or that there is none.
var ErrOlder = errors.New("the database's schema is not up to date: run heliograph migrate, or heliograph serve")

// CheckSchema compares the schema with the one that this version works with: nil, ErrOlder or ErrNewer. It changes
// nothing.
func (s *Store) CheckSchema(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	steps, err := readMigrations(s.schema)
	if err != nil {
		return err
	}
	var have int64
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`).Scan(&have)
	})
	switch want := steps[len(steps)-1].Version; {
	case err != nil: // the database answers, so what is missing is the table
		return ErrOlder
	case have < want:
		return ErrOlder
	case have > want:
		return ErrNewer
	}
	return nil
}
