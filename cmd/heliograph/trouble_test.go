package main

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	_ "modernc.org/sqlite" // the driver
)

// fullDisk is a way to let a process have no room, and to give it back.
type fullDisk struct {
	path        string // where the process is to keep its files
	fill, empty func(*program) error
}

// newFullDisk is a small file system, where one may be mounted: by root, in a container with CAP_SYS_ADMIN. Others get a
// limit on the size of files, which fails the same writes with another error.
func newFullDisk(t *testing.T, size string) fullDisk {
	t.Helper()
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size); err != nil {
		t.Logf("no file system can be mounted (%v), so the size of files is limited", err)
		return fullDisk{path, func(p *program) error { return limitFiles(p, 0) }, func(p *program) error { return limitFiles(p, unlimited) }}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(path, "ballast")
	return fullDisk{path, func(*program) error { return fillUp(ballast) }, func(*program) error { return os.Remove(ballast) }}
}

// fillUp writes a file until there is no room for one more byte.
func fillUp(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		switch _, err := file.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

const unlimited = math.MaxUint64

// limitFiles sets how large a running process may make files (prlimit(2), RLIMIT_FSIZE). What is higher stays allowed.
func limitFiles(p *program, bytes uint64) error {
	limit := syscall.Rlimit{Cur: bytes, Max: unlimited}
	_, _, failed := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.process.Pid()), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}

// The disk is full in the middle of a send: what was accepted is kept, new requests are refused in words, /readyz says
// what is wrong, and when there is room again everything goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := newFullDisk(t, "64m")
	s := newScene(t, figures().fewer(5), "")
	s.data = filepath.Join(disk.path, "data")
	s.begin()
	s.setUp()
	var all ledger
	for range s.rounds {
		s.slowDown()
		id := s.send()
		s.reach(s.random.IntN(s.messages()/2), id)
		if err := disk.fill(s.serve); err != nil {
			t.Fatal(err)
		}
		refused := s.refusal()
		if refused.status != http.StatusServiceUnavailable || !strings.Contains(text(refused.body, "detail"), "disk of the database") {
			t.Errorf("with a full disk a request was answered with %d %v", refused.status, refused.body)
		}
		s.waitReady(http.StatusServiceUnavailable, "database")
		if err := disk.empty(s.serve); err != nil {
			t.Fatal(err)
		}
		s.waitReady(http.StatusOK, "")
		l := s.account(s.waitDone(id))
		l.mustBeSent(t)
		s.recount()
		all.add(l)
		s.forget()
	}
	s.serve.stop()
	all.publish(t, "disk full, SQLite", s.rounds)
}

// refusal asks for something to be stored until it is refused: pages that the database has already may take a little.
func (s *scene) refusal() (last answer) {
	s.t.Helper()
	large := strings.Repeat("x", 4000)
	if !eventually(func() bool {
		var err error
		last, err = s.api.try("PUT", "/users/large", object{"username": "large", "properties": object{"NOTE": large}})
		large += "x"
		return err == nil && last.status >= http.StatusBadRequest
	}) {
		s.t.Fatalf("nothing was refused: %v", last)
	}
	return last
}

// Another process holds the database, as somebody with a database tool might: everything waits for a while, then is
// refused in words, and goes on when the database is free.
func TestDatabaseLocked(t *testing.T) {
	t.Parallel()
	s := newCrash(t, figures().fewer(3), "")
	s.setUp()
	other, err := sql.Open("sqlite", filepath.Join(s.data, "heliograph.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var all ledger
	for range s.rounds {
		s.slowDown()
		id := s.send()
		s.reach(s.random.IntN(s.messages()/2), id)
		hold, err := other.BeginTx(context.Background(), nil)
		for ; err != nil; hold, err = other.BeginTx(context.Background(), nil) { // the process is writing just now
			if !strings.Contains(err.Error(), "locked") {
				t.Fatal(err)
			}
		}
		answered := make(chan answer, 1)
		go func() {
			a, _ := s.api.try("PUT", "/users/waiting", object{"username": "waiting"})
			answered <- a
		}()
		if a, err := s.api.try("GET", "/devices?limit=1", nil); err != nil || a.status != http.StatusOK {
			t.Errorf("reading while another process writes: %d %v, %v", a.status, a.body, err)
		}
		if torture() { // longer than anybody waits
			if a := <-answered; a.status != http.StatusServiceUnavailable || !strings.Contains(text(a.body, "detail"), "Another process holds the database") {
				t.Errorf("writing while another process writes: %d %v", a.status, a.body)
			}
			s.waitReady(http.StatusServiceUnavailable, "database")
		}
		if err := hold.Rollback(); err != nil {
			t.Fatal(err)
		}
		if !torture() {
			if a := <-answered; a.status >= http.StatusBadRequest {
				t.Errorf("a request that waited for the database: %d %v", a.status, a.body)
			}
		}
		s.waitReady(http.StatusOK, "")
		l := s.account(s.waitDone(id))
		l.mustBeSent(t)
		s.recount()
		all.add(l)
		s.forget()
	}
	s.serve.stop()
	all.publish(t, "database locked, SQLite", s.rounds)
}
