package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// togetherStore is a SQLite database with a table, whose writer can be kept busy.
func togetherStore(t *testing.T) (s *Store, names func() int) {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	write := func(statement string) {
		if err := s.Write(t.Context(), func(tx Tx) error { _, err := tx.Exec(t.Context(), statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	write(`CREATE TABLE written (name TEXT PRIMARY KEY)`)
	return s, func() (n int) {
		err := s.Read(t.Context(), func(tx Tx) error { return tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM written`).Scan(&n) })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// crowd lets many write at the same time: all wait while the writer is busy.
func crowd(t *testing.T, s *Store, n int, do func(i int, tx Tx) error) []error {
	t.Helper()
	engine := s.engine.(*sqliteEngine)
	busy, err := engine.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = s.Write(t.Context(), func(tx Tx) error { return do(i, tx) })
		})
	}
	for waiting := 0; waiting < n; {
		engine.together.mu.Lock()
		waiting = len(engine.together.waiting)
		engine.together.mu.Unlock()
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	return errs
}

// Those that wait for the writer are written together; who fails, panics or asks for nothing good fails alone.
func TestWrittenTogetherEachForItself(t *testing.T) {
	s, names := togetherStore(t)
	mine := errors.New("mine")
	const n = 200
	errs := crowd(t, s, n, func(i int, tx Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO written (name) VALUES ($1)`, fmt.Sprint(i)); err != nil {
			return err
		}
		switch i % 10 {
		case 3:
			return mine
		case 5:
			panic("mine too")
		case 7:
			_, err := tx.Exec(t.Context(), `INSERT INTO written (name) VALUES ($1)`, fmt.Sprint(i)) // it is there
			return err
		}
		return nil
	})
	for i, err := range errs {
		if failed := i%10 == 3 || i%10 == 5 || i%10 == 7; failed != (err != nil) {
			t.Errorf("%d: %v", i, err)
		}
		if i%10 == 3 && !errors.Is(err, mine) || i%10 == 5 && err != nil && err.Error() != "panic: mine too" || i%10 == 7 && !isUnique(err) {
			t.Errorf("%d was told %v", i, err)
		}
	}
	if got := names(); got != n*7/10 {
		t.Errorf("%d are written, want %d", got, n*7/10)
	}
}

// What the database gives up as a whole is nobody's: all are told so.
func TestWhatIsGivenUpTogetherIsToldToAll(t *testing.T) {
	s, names := togetherStore(t)
	errs := crowd(t, s, 20, func(i int, tx Tx) error {
		statement := `INSERT INTO written (name) VALUES ($1)`
		if i == 10 {
			statement = `INSERT OR ROLLBACK INTO written (name) VALUES ($1), ($1)`
		}
		_, err := tx.Exec(t.Context(), statement, fmt.Sprint(i))
		return err
	})
	well := 0
	for _, err := range errs {
		if err == nil {
			well++
		}
	}
	if got := names(); got != well || well == 20 {
		t.Errorf("%d are written, and %d were told so", got, well)
	}
}

// Who stops waiting writes nothing, and the others do not mind.
func TestWhoStopsWaitingWritesNothing(t *testing.T) {
	s, names := togetherStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	engine := s.engine.(*sqliteEngine)
	busy, err := engine.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert := func(ctx context.Context, name string) error {
		return s.Write(ctx, func(tx Tx) error { _, err := tx.Exec(ctx, `INSERT INTO written (name) VALUES ($1)`, name); return err })
	}
	var all sync.WaitGroup
	wait := func(n int) {
		for waiting := 0; waiting < n; {
			engine.together.mu.Lock()
			waiting = len(engine.together.waiting)
			engine.together.mu.Unlock()
		}
	}
	all.Go(func() { _ = insert(t.Context(), "first") })
	wait(1)
	gone := make(chan error, 1)
	go func() { gone <- insert(ctx, "gone") }()
	wait(2)
	all.Go(func() { _ = insert(t.Context(), "last") })
	wait(3)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who stopped waiting was told %v", err)
	}
	if err := busy.Rollback(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if got := names(); got != 2 {
		t.Errorf("%d are written, want 2", got)
	}
}

// While another process holds the database, whoever wants to write waits once, not once for each who came before; when it is
// free, all goes on.
func TestHeldDatabaseIsWaitedForOnce(t *testing.T) {
	before := longWait
	longWait = 200 * time.Millisecond
	t.Cleanup(func() { longWait = before })
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Write(t.Context(), func(tx Tx) error { _, err := tx.Exec(t.Context(), `CREATE TABLE t (x TEXT)`); return err }); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	hold, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	create := func(i int, tx Tx) error {
		_, err := tx.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE t%d (x TEXT)`, i))
		return err
	}
	told := map[error]int{}
	for _, err := range crowd(t, s, 30, create) {
		var trouble *Trouble
		if !errors.As(err, &trouble) || trouble.Words != lockedFile {
			t.Fatal(err)
		}
		told[errors.Unwrap(trouble)]++
	}
	if len(told) != 1 {
		t.Errorf("30 who waited together were told by %d tries", len(told))
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, err := range crowd(t, s, 30, create) {
		if err != nil {
			t.Error(err)
		}
	}
}
