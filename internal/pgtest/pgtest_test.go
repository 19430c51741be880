package pgtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"heliograph/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabaseIsEmptyAndOnesOwn(t *testing.T) {
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			exec(t, url, "CREATE TABLE mine (n int)") // fails if it is another's
			exec(t, url, "INSERT INTO mine VALUES (1)")
			if got := one[int](t, url, "SELECT count(*) FROM mine"); got != 1 {
				t.Errorf("%d rows, want 1", got)
			}
		})
	}
}

func TestDatabaseIsDroppedAlsoWhenInUse(t *testing.T) {
	var name string
	t.Run("user", func(t *testing.T) {
		conn := connect(t, pgtest.Database(t)) // stays open when the test ends
		if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	other := pgtest.Database(t)
	if n := one[int](t, other, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestServerSpeaksUnicodeAndUTC(t *testing.T) {
	url := pgtest.Database(t)
	tests := []struct{ query, want string }{
		{"SHOW server_encoding", "UTF8"},
		{"SHOW lc_collate", "C.UTF-8"},
		{"SHOW timezone", "UTC"},
		{"SELECT upper('é')", "É"},
	}
	for _, tt := range tests {
		if got := one[string](t, url, tt.query); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestTemplateIsFilledOnceAndCopied(t *testing.T) {
	realServer(t)
	var fills atomic.Int32
	template := pgtest.NewTemplate(func(url string) error {
		fills.Add(1)
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), "CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
		return err
	})
	t.Run("copies", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				url := template.Database(t)
				exec(t, url, "INSERT INTO t VALUES (1)")
				if got := one[int](t, url, "SELECT sum(n)::int FROM t"); got != 8 {
					t.Errorf("sum %d, want 8: the copies are not separate", got)
				}
			})
		}
	})
	if n := fills.Load(); n != 1 {
		t.Errorf("filled %d times, want once", n)
	}
}

func TestClusterStopsKillsAndComesBack(t *testing.T) {
	c := pgtest.Start(t)
	exec(t, c.URL(), "CREATE TABLE kept (n int)")
	exec(t, c.URL(), "INSERT INTO kept VALUES (1)")
	for _, tt := range []struct {
		name string
		end  func() error
	}{{"stop", c.Stop}, {"kill", c.Kill}} {
		if err := tt.end(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if conn, err := pgx.Connect(t.Context(), c.URL()); err == nil {
			conn.Close(t.Context())
			t.Fatalf("after %s the server still answers", tt.name)
		}
		url := c.URL()
		if err := c.Restart(); err != nil {
			t.Fatalf("restart after %s: %v", tt.name, err)
		}
		if c.URL() != url {
			t.Errorf("the URL changed from %s to %s", url, c.URL())
		}
		if n := one[int](t, c.URL(), "SELECT count(*) FROM kept"); n != 1 {
			t.Errorf("after %s and restart %d rows, want 1", tt.name, n)
		}
	}
}

func TestRestartOfARunningServerEndsItsSessions(t *testing.T) {
	c := pgtest.Start(t)
	conn := connect(t, c.URL())
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session survived the restart")
	}
	exec(t, c.URL(), "SELECT 1")
}

// What was committed is on the replica when the server is gone, and who asks for either goes on with it.
func TestReplicaTakesOver(t *testing.T) {
	c := pgtest.Start(t)
	r := c.Replica(t)
	exec(t, c.Either(r), "CREATE TABLE kept (n int)")
	exec(t, c.Either(r), "INSERT INTO kept VALUES (1)")
	if n := one[int](t, r.URL(), "SELECT count(*) FROM kept"); n != 1 {
		t.Errorf("the replica has %d rows when the transaction has ended, want 1", n)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Promote(); err != nil {
		t.Fatal(err)
	}
	exec(t, c.Either(r), "INSERT INTO kept VALUES (2)")
	if n := one[int](t, c.Either(r), "SELECT count(*) FROM kept"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestClosedClusterLeavesNothing(t *testing.T) {
	realServer(t)
	t.Setenv("TMPDIR", sharedTemp(t))
	c, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, os.Getenv("TMPDIR"))
}

// TestAbandonedDirectoriesAreSwept stands in for a run that was killed: its lock
// is gone, its data is there.
func TestAbandonedDirectoriesAreSwept(t *testing.T) {
	realServer(t)
	tmp := sharedTemp(t)
	t.Setenv("TMPDIR", tmp)
	if err := os.MkdirAll(filepath.Join(tmp, "heliograph-pg-abandoned", "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	second, err := pgtest.NewCluster() // must leave the first alone
	if err != nil {
		t.Fatal(err)
	}
	exec(t, first.URL(), "SELECT 1")
	for _, c := range []*pgtest.Cluster{first, second} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	wantEmpty(t, tmp)
}

// realServer leaves a test out that starts servers itself when -short asks for it.
func realServer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a real PostgreSQL is left out")
	}
}

// sharedTemp is a temporary directory that the database's user can reach too.
func sharedTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if len(names) > 0 {
		t.Errorf("left behind: %s", strings.Join(names, ", "))
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, url, statement string) {
	t.Helper()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func one[T any](t *testing.T, url, query string) T {
	t.Helper()
	var v T
	if err := connect(t, url).QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}
