package store_test

import (
	"errors"
	"strings"
	"testing"

	"heliograph/store"
)

func TestFullDisk(t *testing.T) {
	s := openSQLite(t)
	limit := func(pages string) {
		t.Helper()
		if _, err := s.SQLite().ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes the pages that it has for the least
	large := strings.Repeat("x", 256<<10)
	err := s.PutSetting(t.Context(), "large", large)
	var trouble *store.Trouble
	if !errors.As(err, &trouble) || trouble.Words != "The disk of the database is full" {
		t.Errorf("a full disk: %v", err)
	}
	limit("1000000")
	if ill := s.Trouble(t.Context()); ill != nil {
		t.Errorf("after there is room again: %v", ill)
	}
	if err := s.PutSetting(t.Context(), "large", large); err != nil {
		t.Error(err)
	}
}

func TestPostgresGoesAway(t *testing.T) {
	s := openPostgres(t)
	err := s.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	var trouble *store.Trouble
	if !errors.As(err, &trouble) || trouble.Words != "The database does not answer" {
		t.Errorf("a connection that was ended: %v", err)
	}
	if ill := s.Trouble(t.Context()); ill != nil {
		t.Errorf("with another connection: %v", ill)
	}
}
