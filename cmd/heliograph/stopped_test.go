package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// A clean stop waits for what is on the wire, so that a stop in the middle of a send repeats nothing and loses nothing.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	s := newCrash(t, figures(), "")
	s.setUp()
	s.slowDown()
	id := s.send()
	for i := range s.kills {
		s.reach((i*2*s.devices + s.random.IntN(2*s.devices)) / s.kills)
		s.serve.stop()
		s.startServe()
	}
	if repeats := s.check(s.waitDone(id)); repeats > 0 {
		t.Errorf("%d messages were repeated", repeats)
	}
}

// A server that never answers delays a stop by --drain and no longer; its message goes again after the next start.
func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	s := newCrash(t, crash{devices: 1}, "")
	s.setUp()
	s.serve.stop()
	s.startServe("--drain", "300ms")
	mails := s.sim("inbox")
	mails.call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "hang", "stage": "end", "times": 1})
	id := s.send()
	s.reach(2)
	if err := s.serve.process.Stop(syscall.SIGTERM, patience); err != nil {
		t.Fatalf("%v\n%s", err, s.serve.output)
	}
	if !strings.Contains(s.serve.output.String(), "a server did not answer in time") {
		t.Errorf("it does not say what it left behind:\n%s", s.serve.output)
	}
	s.startServe()
	if n := s.waitDone(id); count(n, "sent") != 2 {
		t.Errorf("counts %v, want both sent", n["counts"])
	}
}
