package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"heliograph/internal/pgtest"
	"heliograph/seal"
	"heliograph/store"
	"heliograph/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestSQLite(t *testing.T) {
	storetest.Run(t, openSQLite)
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, openPostgres)
}

func openSQLite(t *testing.T) *store.Store {
	s := connect(t, filepath.Join(t.TempDir(), "heliograph.db"))
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return withKeys(t, s)
}

// migrated is a PostgreSQL database with the schema, to copy.
var migrated = pgtest.NewTemplate(func(url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Migrate(ctx)
})

func openPostgres(t *testing.T) *store.Store {
	return withKeys(t, connect(t, migrated.Database(t)))
}

func connect(t *testing.T, url string) *store.Store {
	s, err := store.Open(t.Context(), url, store.Options{Now: storetest.Clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func withKeys(t *testing.T, s *store.Store) *store.Store {
	if err := s.UseKeys(t.Context(), seal.New()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Others on the machine read neither a new database nor the files beside it, also in a directory that all may enter.
func TestNewDatabaseIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // that is what is tried
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dir, "new.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("there are %q, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", filepath.Base(file), info.Mode(), err)
		}
	}
}
