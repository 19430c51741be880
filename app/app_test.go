package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/internal/pgtest"
	"heliograph/message"
	"heliograph/store"
)

// Nothing may go on after Stop, but for the store in memory that scs starts for each session manager and nobody uses:
// it cannot be stopped for certain.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(suite{m}, goleak.IgnoreTopFunction("github.com/alexedwards/scs/v2/memstore.(*MemStore).startCleanup"))
}

// suite runs the tests and then stops the database server that some of them share.
type suite struct{ *testing.M }

func (s suite) Run() int { return pgtest.Run(s.M) }

// options are those of a small App of its own.
func options(t *testing.T) Options {
	dir := t.TempDir()
	return Options{
		Database: Database{DataDir: filepath.Join(dir, "data")},
		Listen:   "127.0.0.1:0", ListenMetrics: "127.0.0.1:0",
		ReadyFile: filepath.Join(dir, "ready.json"),
	}
}

// running is an App that works until the test ends.
func running(t *testing.T, o Options) *App {
	t.Helper()
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error("Stop:", err)
		}
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// get asks without keeping the connection.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func TestStopTwiceAndStartAgain(t *testing.T) {
	o := options(t)
	for round := range 2 {
		a, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if missing(o.ReadyFile) {
			t.Error("no ready file after Start")
		}
		if first := a.FirstLink() != ""; first != (round == 0) {
			t.Errorf("round %d: a link for the first administrator: %v", round, first)
		}
		for range 2 {
			if err := a.Stop(t.Context()); err != nil {
				t.Error("Stop:", err)
			}
		}
		if !missing(o.ReadyFile) {
			t.Error("the ready file is still there after Stop")
		}
		if conn, err := net.Dial("tcp", strings.TrimPrefix(a.Addr().Console, "http://")); err == nil {
			conn.Close()
			t.Error("somebody still listens after Stop")
		}
	}
}

// A start that fails at its last step gives everything back, by the same Stop.
func TestFailedStartRollsBack(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name  string
		spoil func(*Options)
		want  string
	}{
		{"console's port is taken", func(o *Options) { o.Listen = taken.Addr().String() }, "listening for the console"},
		{"metrics' port is taken", func(o *Options) { o.ListenMetrics = taken.Addr().String() }, "listening for metrics"},
		{"ready file cannot be written", func(o *Options) { o.ReadyFile = filepath.Join(o.DataDir, "missing", "r.json") }, "ready file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := options(t)
			bad := good
			c.spoil(&bad)
			a, err := New(t.Context(), bad)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Start = %v, want an error about %q", err, c.want)
			}
			if len(a.undo) != 0 {
				t.Errorf("not undone: %v", a.undo)
			}
			running(t, good) // the lock is free again
		})
	}
}

func TestFailedNewRollsBack(t *testing.T) {
	o := options(t)
	a := running(t, o)
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := o.keyFile()
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Fatalf("New without the key file = %v", err)
	}
	if !missing(key) {
		t.Error("a new key file was made beside a database that belongs to another")
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	running(t, o)
}

func TestSecondAppIsRefused(t *testing.T) {
	o := options(t)
	running(t, o)
	_, err := New(t.Context(), o)
	var inUse *InUse
	if !errors.As(err, &inUse) {
		t.Errorf("New = %v, want *InUse", err)
	}
	if missing(o.ReadyFile) {
		t.Error("the refused one removed the ready file of the first")
	}
}

func TestRoles(t *testing.T) {
	o := options(t)
	o.Roles = []Role{Worker}
	a := running(t, o)
	if a.Addr().Console != "" || a.Addr().API() != "" || a.FirstLink() != "" {
		t.Errorf("a worker has %+v and the link %q", a.Addr(), a.FirstLink())
	}
	if status, body := get(t, a.Addr().Metrics+"/readyz"); status != http.StatusOK {
		t.Errorf("a worker is not ready: %s", body)
	}
}

// Two nodes on one PostgreSQL: one of them makes the first administrator, and both need the same key file.
func TestTwoNodes(t *testing.T) {
	database := pgtest.Database(t)
	pages, sends := options(t), options(t)
	pages.URL, pages.Roles = database, []Role{Console}
	sends.URL, sends.Roles = database, []Role{Worker}
	first := running(t, pages)
	if first.FirstLink() == "" {
		t.Error("no link for the first administrator")
	}
	if _, err := New(t.Context(), sends); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Fatalf("New without the key file = %v", err)
	}
	sends.KeyFile = pages.keyFile()
	second := running(t, sends)
	for _, a := range []*App{first, second} {
		if status, body := get(t, a.Addr().Metrics+"/readyz"); status != http.StatusOK {
			t.Errorf("not ready: %s", body)
		}
	}
	if missing(filepath.Join(sends.DataDir, "node")) || !missing(filepath.Join(pages.DataDir, "node")) {
		t.Error("who works jobs must be written down, and nobody else")
	}
}

// What a killed process had been working is taken up by its successor at the start, and what others work is left alone.
func TestTakeUp(t *testing.T) {
	o := options(t)
	o.URL = pgtest.Database(t)
	before := running(t, o)
	mine, other := before.engine.ID(), "elsewhere_"+strings.Repeat("x", idTime)
	if err := before.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop(t.Context()) //nolint:errcheck // nothing was started
	for i, id := range []string{mine, other} {
		execute(fmt.Sprintf(`INSERT INTO river_job (id, kind, args, max_attempts, queue, state, attempted_at, attempted_by, attempt)
			VALUES (%d, 'planted', '{}', 1, 'planted', 'running', now(), ARRAY['somebody', '%s'], 2)`, i+1_000_000, id))(t, a)
	}
	if err := a.takeUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var states string
	err = a.store.Read(t.Context(), func(tx store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT string_agg(state::text, ' ' ORDER BY id) FROM river_job WHERE kind = 'planted'`).Scan(&states)
	})
	if err != nil || states != "available running" {
		t.Errorf("states = %q, %v; want the first available, the second running", states, err)
	}
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, a *App)
		check string
		says  string
	}{
		{"schema", execute(`DELETE FROM goose_db_version`), "schema", "heliograph migrate"},
		{"newer schema", execute(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`), "schema", "newer Heliograph"},
		{"keys", execute(`DELETE FROM settings WHERE name = 'key_fingerprint'`), "keys", "key file"},
		{"database", func(_ *testing.T, a *App) { a.store.Close() }, "database", "does not answer"},
		{"jobs", func(_ *testing.T, a *App) { a.working.Store(false) }, "jobs", "does not run"},
		{"stopping", func(_ *testing.T, a *App) { a.drain() }, "jobs", "stopping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			if c.check == "database" { // the job engine would take seconds to believe that it is gone
				o.Roles = []Role{Console}
			}
			a := running(t, o)
			c.spoil(t, a)
			status, body := get(t, a.Addr().Console+"/readyz")
			var answer readiness
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusServiceUnavailable || answer.Ready {
				t.Errorf("status %d, ready %v", status, answer.Ready)
			}
			for _, got := range answer.Checks {
				if got.Name == c.check && (got.OK || !strings.Contains(got.Detail, c.says)) {
					t.Errorf("%s: ok %v, %q; want it to say %q", got.Name, got.OK, got.Detail, c.says)
				}
			}
			if status, _ := get(t, a.Addr().Console+"/livez"); status != http.StatusOK {
				t.Errorf("/livez answered %d", status)
			}
		})
	}
}

func execute(statement string) func(*testing.T, *App) {
	return func(t *testing.T, a *App) {
		t.Helper()
		err := a.store.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	o := options(t)
	o.Roles = []Role{Console} // so that nobody works the planted job
	a := running(t, o)
	a.metrics.Outcome(message.Push, message.Sent, "")
	a.metrics.Outcome(message.SMTP, message.Failed, message.MailboxUnknown)
	a.metrics.Sent("apns", 3, 20*time.Millisecond)
	a.metrics.Trouble("smtp", message.Unreachable)
	get(t, a.Addr().Console+"/api/v1/devices")
	execute(`INSERT INTO servers (id, kind, name, settings, active, created_at, updated_at, paused_since) VALUES ('1', 'smtp', 'mail', '', TRUE, 1, 1, 1)`)(t, a)
	execute(`INSERT INTO river_job (kind, args, max_attempts, queue, state, scheduled_at) VALUES ('planted', '{}', 1, 'server-x', 'available', datetime('now', '-90 seconds'))`)(t, a)
	_, body := get(t, a.Addr().Metrics+"/metrics")
	for _, want := range []string{
		`heliograph_deliveries_total{channel="push",reason="",state="sent"} 1`,
		`heliograph_deliveries_total{channel="smtp",reason="mailbox_unknown",state="failed"} 1`,
		`heliograph_messages_handed_total{kind="apns"} 3`,
		`heliograph_send_duration_seconds_count{kind="apns"} 1`,
		`heliograph_servers_paused{kind="smtp"} 1`,
		`heliograph_server_troubles_total{kind="smtp",reason="unreachable"} 1`,
		`heliograph_queue_jobs{queue="server-x"} 1`,
		`heliograph_queue_age_seconds{queue="server-x"} 90.`,
		`heliograph_deliveries_open 0`,
		`heliograph_database_up 1`,
		`route="/api/v1/devices",status="401"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	a.store.Close()
	if _, body := get(t, a.Addr().Metrics+"/metrics"); !strings.Contains(body, "heliograph_database_up 0") {
		t.Error("/metrics does not say that the database is gone")
	}
}
