package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/internal/pgtest"
)

func TestBackupWhileSendingOnSQLite(t *testing.T) {
	t.Parallel()
	s := newCrash(t, figures().fewer(1), "")
	file := s.backUpWhileSending()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if token := []byte("fcm-token-1"); bytes.Contains(raw, token) || !bytes.Contains(raw, []byte("person1@example.org")) {
		t.Error("the backup shows a push token, or holds no people")
	}
	s.restore(func(data string) string {
		move(t, file, filepath.Join(data, "heliograph.db"))
		return ""
	})
}

func TestBackupWhileSendingOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s := newCrash(t, figures().fewer(1), pgtest.Database(t))
	file := s.backUpWhileSending()
	node := filepath.Join(s.data, "node") // who was here last, so that nobody waits until those are surely gone
	s.restore(func(data string) string {
		move(t, node, filepath.Join(data, "node"))
		fresh := pgtest.Database(t)
		restore, err := exec.LookPath("pg_restore")
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_restore"); len(found) > 0 {
			restore, err = found[len(found)-1], nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(restore, "--no-owner", "--exit-on-error", "--dbname="+fresh, file).CombinedOutput(); err != nil {
			t.Fatalf("pg_restore: %v\n%s", err, out)
		}
		return fresh
	})
}

// backUpWhileSending makes a backup in the middle of a notification, and lets the process die some time after.
func (s *scene) backUpWhileSending() (file string) {
	s.setUp()
	s.slowDown()
	s.sent = s.send()
	if !eventually(func() bool { return s.state(s.sent) != "expanding" }) { // what is not yet there has no identity to keep
		s.t.Fatal("its audience is still not read")
	}
	s.reach(s.devices/2, s.sent)
	file = filepath.Join(s.t.TempDir(), "backup")
	if said := s.command(exitDone, "backup", file); !strings.Contains(said, "heliograph.key") {
		s.t.Errorf("it does not say where the keys are: %s", said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		s.t.Errorf("the backup is readable by others, or missing: %v, %v", info, err)
	}
	if said := s.command(exitFailed, "backup", file); !strings.Contains(said, "exists already") {
		s.t.Errorf("a backup is overwritten: %s", said)
	}
	s.reach(s.devices, s.sent)
	s.serve.kill()
	return file
}

// restore starts anew with the backup, first without the key file, then with it: every delivery comes to its end, and what
// had been sent after the backup is repeated under the same identity.
func (s *scene) restore(put func(data string) (database string)) {
	keys := filepath.Join(s.data, "heliograph.key")
	s.data = s.t.TempDir()
	s.database = put(s.data)
	code, out := s.tryCommand("serve", "--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(out, "put it back from your backup") {
		s.t.Errorf("without the key file it ended with %d: %s", code, out)
	}
	move(s.t, keys, filepath.Join(s.data, "heliograph.key"))
	s.startServe()
	l := s.account(s.waitDone(s.sent))
	l.mustBeSent(s.t)
	if l.repeats() > s.messages() {
		s.t.Errorf("%d repeats of %d messages", l.repeats(), s.messages())
	}
	s.recount()
	l.publish(s.t, "restored from a backup, "+map[bool]string{true: "SQLite", false: "PostgreSQL"}[s.database == ""], 1)
}

func move(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
