package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecondTakeIsRefusedWithThePID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "lock")
	first, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(path)
	var inUse *InUse
	if !errors.As(err, &inUse) {
		t.Fatalf("second Take = %v, want *InUse", err)
	}
	for _, want := range []string{filepath.Dir(path), fmt.Sprint("process ", os.Getpid()), "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	first.Release()
	again, err := Take(path)
	if err != nil {
		t.Fatalf("Take after Release = %v", err)
	}
	again.Release()
}

// What a killed process leaves behind is a file that nobody holds.
func TestLeftoverFileDoesNotLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, []byte("4194304999 and more than a pid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	text, err := os.ReadFile(path)
	if want := fmt.Sprintln(os.Getpid()); err != nil || string(text) != want {
		t.Errorf("lock holds %q, %v; want %q", text, err, want)
	}
}

func TestLocksCoverADatabaseElsewhere(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Database
		want []string
	}{
		{"all in one place", Database{DataDir: "d"}, []string{"d/lock"}},
		{"SQLite elsewhere", Database{DataDir: "d", URL: "sqlite:/e/h.db"}, []string{"d/lock", "/e/h.db.lock"}},
		{"SQLite in the data directory", Database{DataDir: "d/", URL: "d/other.db"}, []string{"d/lock", "d/other.db.lock"}},
		{"PostgreSQL", Database{DataDir: "d", URL: "postgres://h/db"}, []string{"d/lock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.d.locks(); strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("locks() = %v, want %v", got, c.want)
			}
		})
	}
}
