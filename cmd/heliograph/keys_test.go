package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"heliograph/internal/pgtest"
)

func TestKeysRotateWhileServingOnSQLite(t *testing.T) {
	t.Parallel()
	rotateWhileServing(t, "")
}

func TestKeysRotateWhileServingOnPostgreSQL(t *testing.T) {
	t.Parallel()
	rotateWhileServing(t, pgtest.Database(t))
}

// rotateWhileServing rotates both kinds of keys beside a running process, which goes on sending with what was sealed
// before, during and after.
func rotateWhileServing(t *testing.T, database string) {
	s := newCrash(t, crash{devices: 40}, database)
	s.setUp()
	file := filepath.Join(s.data, "heliograph.key")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, rotation := range []string{"rotate", "rotate-index"} {
		s.command(exitDone, "keys", rotation)
		if code, out := s.tryCommand("keys", rotation); code == exitDone && len(s.keyStatus().Keys) > 3 {
			t.Errorf("rotated again before the first rotation was in use: %s", out)
		}
		if err := s.serve.process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return s.keyStatus().settled() }) {
			t.Fatalf("%s: not done within %v: %+v\n%s", rotation, patience, s.keyStatus(), s.serve.output)
		}
		s.command(exitDone, "keys", "prune")
		if r := s.keyStatus(); len(r.Keys) != 2 || r.Keys[0].State != "in use" || r.Keys[1].State != "in use" || r.Keys[0].Values != 44 || len(r.Unopened) > 0 {
			t.Errorf("after %s and prune: %+v", rotation, r)
		}
		s.account(s.waitDone(s.send())).mustBeWhole(t, 0)
		s.forget()
	}
	s.serve.stop()
	s.refused(file, first, 0o600, "does not belong to this database")
}

// settled reports whether a rotation came to its end: there is an old key, and nothing needs it.
func (r keyReport) settled() bool {
	for _, k := range r.Keys {
		if k.State == "old" {
			return r.Done
		}
	}
	return false
}

func (s *scene) keyStatus() (r keyReport) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.command(exitDone, "keys", "status", "--json")), &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// command runs heliograph beside the running process, on its database.
func (s *scene) command(want int, args ...string) string {
	s.t.Helper()
	code, out := s.tryCommand(args...)
	if code != want {
		s.t.Fatalf("%s ended with %d, want %d: %s", strings.Join(args, " "), code, want, out)
	}
	return out
}

func (s *scene) tryCommand(args ...string) (code int, out string) {
	args = append(args, "--data", s.data)
	if s.database != "" {
		args = append(args, "--database", s.database)
	}
	var text strings.Builder
	code = run(args, terminal{strings.NewReader(""), &text, &text})
	return code, text.String()
}

// refused starts heliograph with another key file, and wants it to end with words.
func (s *scene) refused(file string, content []byte, mode os.FileMode, words string) {
	s.t.Helper()
	before, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	replace := func(content []byte, mode os.FileMode) {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
		if content == nil {
			return
		}
		if err := os.WriteFile(file, content, mode); err != nil {
			s.t.Fatal(err)
		}
	}
	replace(content, mode)
	code, out := s.tryCommand("serve", "--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(out, words) {
		s.t.Errorf("it ended with %d and said %q, want %q", code, out, words)
	}
	replace(before, 0o600)
}

// A key file that does not fit is refused in words, and nothing is changed by the attempt.
func TestKeyFilesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	s := newCrash(t, crash{devices: 3}, "")
	s.setUp()
	s.serve.stop()
	file := filepath.Join(s.data, "heliograph.key")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := s.commandAlone("keys", "new")
	s.refused(file, []byte(other), 0o600, "does not belong to this database")
	s.refused(file, []byte("no keys"), 0o600, "is not a key file")
	s.refused(file, before, 0o644, "chmod 600")
	s.refused(file, nil, 0, "put it back from your backup")
	s.startServe()
	s.account(s.waitDone(s.send())).mustBeWhole(t, 0)
}

// commandAlone runs a command that works on nothing.
func (s *scene) commandAlone(args ...string) string {
	s.t.Helper()
	var out strings.Builder
	if code := run(args, terminal{strings.NewReader(""), &out, &out}); code != exitDone {
		s.t.Fatalf("%v ended with %d: %s", args, code, out.String())
	}
	return out.String()
}

// Two nodes with key files of their own: a new key is used when both have it.
func TestKeysOfTwoNodes(t *testing.T) {
	t.Parallel()
	s := newCrash(t, crash{devices: 20}, pgtest.Database(t))
	s.setUp()
	second := t.TempDir()
	copyKeys := func() {
		content, err := os.ReadFile(filepath.Join(s.data, "heliograph.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(second, "heliograph.key"), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyKeys()
	var ready readyFile
	node := start(t, filepath.Join(second, "ready.json"), "serve", "--data", second, "--database", s.database,
		"--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0")
	node.read(&ready)
	s.command(exitDone, "keys", "rotate")
	if !eventually(func() bool { return s.waitsForOne() }) {
		t.Fatalf("nobody waits for the second node: %+v", s.keyStatus())
	}
	for range 3 { // it is not taken into use by another look either
		if r := s.keyStatus(); r.Keys[1].State != "new" {
			t.Errorf("a key that the second node lacks is %s", r.Keys[1].State)
		}
		if err := s.serve.process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	copyKeys()
	if !eventually(func() bool { return s.keyStatus().settled() }) {
		t.Fatalf("not done within %v: %+v\n%s", patience, s.keyStatus(), s.serve.output)
	}
	s.serve.stop() // the second one opens what the first one sealed
	s.api = newCaller(t, ready.API, s.token, s.client)
	s.account(s.waitDone(s.send())).mustBeWhole(t, 0)
}

// waitsForOne reports whether the first node has said that it has the new key and the second one not.
func (s *scene) waitsForOne() bool {
	r := s.keyStatus()
	lacking := 0
	for _, n := range r.Nodes {
		if len(n.Missing) > 0 {
			lacking++
		}
	}
	return len(r.Nodes) == 2 && lacking == 1
}
