package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

func openKeptTest(t *testing.T) *sql.DB {
	t.Helper()
	db, err := openKept(dsn(filepath.Join(t.TempDir(), "kept.db")), nil)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func keptOf(t *testing.T, db *sql.DB) (c *keptConn) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Raw(func(raw any) error { c = raw.(*keptConn); return nil }); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKeptStatements: a text that comes again gives what it gave, whatever happened in between.
func TestKeptStatements(t *testing.T) {
	db := openKeptTest(t)
	must := func(_ sql.Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := db.QueryRow(`SELECT COUNT(*) FROM a`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	must(db.Exec(`CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT)`))
	for i := range 5 {
		must(db.Exec(`INSERT INTO a VALUES ($1, $2)`, i, fmt.Sprint("y", i)))
		if n := count(); n != i+1 {
			t.Errorf("%d rows, want %d", n, i+1)
		}
	}
	if _, err := db.Exec(`INSERT INTO a VALUES ($1, $2)`, 1, "again"); err == nil {
		t.Error("a key was taken twice")
	}
	must(db.Exec(`INSERT INTO a VALUES ($1, $2)`, 5, "y5")) // the statement that failed goes on
	var y string
	for range 3 {
		if err := db.QueryRow(`UPDATE a SET y = y || '!' WHERE x = $1 RETURNING y`, 2).Scan(&y); err != nil {
			t.Fatal(err)
		}
	}
	if y != "y2!!!" {
		t.Errorf("three updates left %q", y)
	}
	must(db.Exec(`ALTER TABLE a ADD COLUMN z INTEGER DEFAULT 7`))
	if n := count(); n != 6 {
		t.Errorf("%d rows after the table changed", n)
	}
	must(db.Exec(`DROP TABLE a`))
	if err := db.QueryRow(`SELECT COUNT(*) FROM a`).Scan(new(int)); err == nil {
		t.Error("a table that is gone was counted")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if err := db.QueryRowContext(cancelled, `SELECT 1`).Scan(new(int)); err == nil {
			t.Error("a question went on after its end")
		}
	}
}

// TestKeptStatementInside: a text that is asked while its own rows are read gets a statement of its own.
func TestKeptStatementInside(t *testing.T) {
	db := openKeptTest(t)
	const text = `SELECT value FROM json_each('[1,2,3]')`
	for range 3 {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		outer, err := tx.Query(text)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for outer.Next() {
			var a int
			if err := outer.Scan(&a); err != nil {
				t.Fatal(err)
			}
			inner, err := tx.Query(text)
			if err != nil {
				t.Fatal(err)
			}
			for inner.Next() {
				var b int
				if err := inner.Scan(&b); err != nil {
					t.Fatal(err)
				}
				sum += a * b
			}
			_ = inner.Close()
		}
		_ = outer.Close()
		if err := tx.Commit(); err != nil || sum != 36 {
			t.Fatalf("the sum is %d, %v", sum, err)
		}
	}
}

// TestKeptStatementsAreFew: what comes once is not kept, and what was not used for long makes room.
func TestKeptStatementsAreFew(t *testing.T) {
	db := openKeptTest(t)
	ask := func(i int) {
		t.Helper()
		if err := db.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * mostSeen {
		ask(i)
	}
	if c := keptOf(t, db); c.order.Len() != 0 || len(c.seen) > mostSeen {
		t.Errorf("%d statements and %d hashes of what came once", c.order.Len(), len(c.seen))
	}
	for i := range 2 * mostKept {
		ask(-i - 1)
		ask(-i - 1)
	}
	if c := keptOf(t, db); c.order.Len() != mostKept || len(c.byText) != mostKept {
		t.Errorf("%d and %d statements are kept, want %d", c.order.Len(), len(c.byText), mostKept)
	}
	ask(-1)
	ask(-2 * mostKept)
}

// TestKeptLimit: a limit that is bound counts each time anew, however it is written; what only looks like one stays.
func TestKeptLimit(t *testing.T) {
	db := openKeptTest(t)
	if _, err := db.Exec(`CREATE TABLE a (x INTEGER PRIMARY KEY); INSERT INTO a SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9]')`); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`SELECT COUNT(*) FROM (SELECT x FROM a ORDER BY x LIMIT $1)`, `SELECT COUNT(*) FROM (SELECT x FROM a limit ?1)`,
		"SELECT COUNT(*) FROM (SELECT x FROM a LIMIT\n\t$1 OFFSET 0)", `SELECT COUNT(*) FROM (SELECT x FROM a LIMIT ($1))`,
	} {
		prepared, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{0, 3, 20, 1, -1} {
			var n int
			if err := prepared.QueryRow(limit).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if want := min(uint(limit), 9); uint(n) != want { //nolint:gosec // -1 is no limit
				t.Errorf("%s of %d gave %d", query, limit, n)
			}
		}
		prepared.Close() //nolint:errcheck // read only
	}
	for text, want := range map[string]string{
		`SELECT 1 LIMIT $12 OFFSET $3`: `SELECT 1 LIMIT ($12 + 0) OFFSET $3`,
		`SELECT 1 LIMIT ?3`:            `SELECT 1 LIMIT (?3 + 0)`,
		`SELECT 1 LIMIT 3`:             `SELECT 1 LIMIT 3`,
		`SELECT limits $1`:             `SELECT limits $1`,
	} {
		if got := boundLimit.ReplaceAllString(text, computedLimit); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}
