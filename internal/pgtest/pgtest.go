// Package pgtest gives tests real PostgreSQL databases, quickly.
//
// The idea: one server, many databases. The first test of a binary that asks for a
// [Database] starts one server in a temporary directory; every test gets an empty
// database of its own and drops it at the end, so that parallel tests do not meet.
// Where the schema takes time to build, a [Template] builds it once and copies it.
//
// If HELIOGRAPH_TEST_POSTGRES holds the URL of a server whose user may create
// databases, that server is used instead; the command in withpg starts one server
// for the tests of many packages that way.
//
// A goroutine waits for the server's end as long as the binary runs: a test that
// looks for leaked goroutines asks for its database first and passes
// goleak.IgnoreCurrent().
//
// A machine without PostgreSQL is a failure that says so, never a skip. Only -short,
// which asks for the quick tests without real servers, skips.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Env is the environment variable with the URL of a server to use.
const Env = "HELIOGRAPH_TEST_POSTGRES"

// adminTime bounds creating or dropping a database.
const adminTime = time.Minute

// shared is the server of this test binary.
var shared struct {
	mu        sync.Mutex
	cluster   *Cluster // nil: not started, or the server is not ours
	templates []string // databases to drop at the end
}

// Main runs the tests of a package and then stops the server, if one was started:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// Without it the server stops all the same, but the directory of its data stays
// until the next run sweeps it.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for those who have more to do before the end: it returns the exit code.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	return code
}

func closeShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster != nil {
		return shared.cluster.Close()
	}
	for _, name := range shared.templates {
		if err := admin(os.Getenv(Env), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// Database is the URL of a new, empty database that is dropped when tb ends,
// whoever is still connected to it.
func Database(tb testing.TB) string {
	tb.Helper()
	return fromTemplate(tb, "template0")
}

// Template is a database that is filled once and copied for each test.
// It is safe for parallel tests.
type Template struct {
	fill func(databaseURL string) error

	once sync.Once
	name string
	err  error
}

// NewTemplate makes a template that fill builds, when it is first asked for.
// fill must close every connection it opens: PostgreSQL copies no database that
// is in use.
func NewTemplate(fill func(databaseURL string) error) *Template {
	return &Template{fill: fill}
}

// Database is the URL of a new copy of the template, dropped when tb ends.
func (t *Template) Database(tb testing.TB) string {
	tb.Helper()
	server := serverURL(tb)
	t.once.Do(func() { t.err = t.build(server) })
	if t.err != nil {
		tb.Fatalf("building the template database: %v", t.err)
	}
	return fromTemplate(tb, t.name)
}

func (t *Template) build(server string) error {
	t.name = newName("template")
	if err := admin(server, "CREATE DATABASE "+t.name+" TEMPLATE template0"); err != nil {
		return err
	}
	shared.mu.Lock()
	shared.templates = append(shared.templates, t.name)
	shared.mu.Unlock()
	databaseURL, err := withDatabase(server, t.name)
	if err != nil {
		return err
	}
	return t.fill(databaseURL)
}

func fromTemplate(tb testing.TB, template string) string {
	tb.Helper()
	server := serverURL(tb)
	name := newName("test")
	databaseURL, err := withDatabase(server, name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := admin(server, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := admin(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	return databaseURL
}

// serverURL is the given server, or the one of this binary, started when first needed.
func serverURL(tb testing.TB) string {
	tb.Helper()
	skipIfShort(tb)
	if given := os.Getenv(Env); given != "" {
		return given
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		cluster, err := NewCluster()
		if err != nil {
			tb.Fatal(err)
		}
		shared.cluster = cluster
	}
	return shared.cluster.URL()
}

func skipIfShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: a real PostgreSQL is left out")
	}
}

// newName is an identifier that needs no quotes and no other process uses.
func newName(kind string) string {
	return "heliograph_" + kind + "_" + strings.ToLower(rand.Text())
}

// admin runs one statement of the server's administrator.
func admin(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connecting to the test server: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
