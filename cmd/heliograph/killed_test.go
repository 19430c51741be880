package main

import (
	"testing"
	"time"

	"heliograph/internal/pgtest"
)

// What was sent must survive kill -9 at any moment: the simulators, in a process of their own, are the witnesses.
func TestNothingIsLostWhenKilledOnSQLite(t *testing.T) {
	t.Parallel()
	newCrash(t, figures(), "").run("killed, SQLite")
}

func TestNothingIsLostWhenKilledOnPostgreSQL(t *testing.T) {
	t.Parallel()
	newCrash(t, figures(), pgtest.Database(t)).run("killed, PostgreSQL")
}

// run sends to everybody, kills the process at random moments meanwhile, and looks at what came of it: once in each
// round.
func (s *scene) run(title string) {
	s.setUp()
	var all ledger
	for range s.rounds {
		s.slowDown()
		id := s.send()
		for i := range s.kills {
			s.reach((i*s.messages()+s.random.IntN(s.messages()))/s.kills, id)
			<-time.After(time.Duration(s.random.IntN(2*s.delayMS)) * time.Millisecond)
			s.serve.kill()
			s.startServe()
		}
		round := s.account(s.waitDone(id))
		round.mustBeWhole(s.t, s.kills)
		s.recount()
		all.add(round)
		s.forget()
	}
	s.serve.stop()
	all.publish(s.t, title, s.rounds*s.kills)
}

// recount asks doctor whether the counters agree with what they count.
func (s *scene) recount() {
	s.t.Helper()
	s.command(exitDone, "doctor", "--recount")
}
