package store_test

import (
	"path/filepath"
	"testing"

	"heliograph/internal/pgtest"
	"heliograph/store"
)

// nextKey reserves a key.
func nextKey(t *testing.T, s *store.Store) int64 {
	t.Helper()
	key, err := s.DeliveryKeys(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return int64(key)
}

func migrateAgain(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Numbers that were given away after a backup was made are not given away again by the database that comes of it.
func TestRestoredDatabaseGoesOnAtADistance(t *testing.T) {
	file, copied := filepath.Join(t.TempDir(), "heliograph.db"), filepath.Join(t.TempDir(), "heliograph.db")
	s := connect(t, file)
	migrateAgain(t, s)
	before := nextKey(t, s)
	if err := store.Backup(t.Context(), file, copied); err != nil {
		t.Fatal(err)
	}
	migrateAgain(t, s)
	if got := nextKey(t, s); got != before+1 {
		t.Errorf("the database itself goes on with %d after %d", got, before)
	}
	restored := connect(t, copied)
	migrateAgain(t, restored)
	first := nextKey(t, restored)
	if first < before+1<<32 {
		t.Errorf("the restored one goes on with %d after %d", first, before)
	}
	migrateAgain(t, restored)
	if got := nextKey(t, restored); got != first+1 {
		t.Errorf("it went further away once more: %d after %d", got, first)
	}
}

func TestRestoredPostgresGoesOnAtADistance(t *testing.T) {
	dumped := pgtest.NewTemplate(func(url string) error { // a copy of a database is what a restore makes
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Migrate(t.Context())
	})
	one, other := connect(t, dumped.Database(t)), connect(t, dumped.Database(t))
	before := nextKey(t, other)
	migrateAgain(t, one)
	first := nextKey(t, one)
	if first < before+1<<32 {
		t.Errorf("the restored one goes on with %d after %d", first, before)
	}
	migrateAgain(t, one)
	if got := nextKey(t, one); got != first+1 {
		t.Errorf("it went further away once more: %d after %d", got, first)
	}
}
