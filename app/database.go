package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"heliograph/channel/all"
	"heliograph/jobs"
	"heliograph/store"
)

// OpenDatabase opens a database that is up to date, for a command that works beside a running process. It makes
// nothing: a database that is missing is an error, for it is most likely a wrong path.
func OpenDatabase(ctx context.Context, d Database) (*store.Store, error) {
	if file, ok := d.sqlite(); ok {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s: name its directory with --data, or start heliograph serve first", file)
		}
	}
	s, err := store.Open(ctx, d.url(), store.Options{Providers: all.Providers})
	if err != nil {
		return nil, err
	}
	if err := s.CheckSchema(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// OpenWithKeys is OpenDatabase for a command that opens secrets. It makes no key file.
func OpenWithKeys(ctx context.Context, d Database) (*store.Store, error) {
	s, err := OpenDatabase(ctx, d)
	if err != nil {
		return nil, err
	}
	keys, err := d.loadKeys(false)
	if err == nil {
		err = s.UseKeys(ctx, keys)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Migrate brings the schema of a database up to date, and makes the database when it is missing.
func Migrate(ctx context.Context, d Database) error {
	s, err := store.Open(ctx, d.url(), store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return migrate(ctx, s)
}

func migrate(ctx context.Context, s *store.Store) error {
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	return jobs.Migrate(ctx, s)
}

// useKeys reads the key file, and makes one beside a database that never had one.
func useKeys(ctx context.Context, s *store.Store, d Database) error {
	had, err := s.HasKeys(ctx)
	if err != nil {
		return fmt.Errorf("looking for the key file's fingerprint: %w", err)
	}
	keys, err := d.loadKeys(!had)
	if err != nil {
		return err
	}
	return s.UseKeys(ctx, keys)
}
