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
	s := newCrash(t, figures().fewer(1), "")
	s.setUp()
	s.slowDown()
	id := s.send()
	for i := range s.kills {
		s.reach((i*s.messages()+s.random.IntN(s.messages()))/s.kills, id)
		s.serve.stop()
		s.startServe()
	}
	l := s.account(s.waitDone(id))
	l.mustBeSent(t)
	if l.repeats() > 0 || l.sms.ambiguous > 0 {
		t.Errorf("%d messages were repeated, %d are unknown", l.repeats(), l.sms.ambiguous)
	}
	s.recount()
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
	s.reach(3, id)
	if err := s.serve.process.Stop(syscall.SIGTERM, patience); err != nil {
		t.Fatalf("%v\n%s", err, s.serve.output)
	}
	if !strings.Contains(s.serve.output.String(), "a server did not answer in time") {
		t.Errorf("it does not say what it left behind:\n%s", s.serve.output)
	}
	s.startServe()
	if n := s.waitDone(id); count(n, "sent")+count(n, "delivered") != 3 {
		t.Errorf("counts %v, want all sent", n["counts"])
	}
}
