package main

import (
	"bufio"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"heliograph/internal/pgtest"
)

// node is a process of several on one database.
type node struct {
	*program
	data  string
	roles string
	ready readyFile
}

// startNodeWith starts a node with some roles; the keys are those of the first one.
func (s *scene) startNodeWith(data, roles string) *node {
	n := &node{data: data, roles: roles}
	n.program = s.startNode(data, "--roles", roles, "--key-file", filepath.Join(s.data, "heliograph.key"))
	n.read(&n.ready)
	return n
}

// handed is how many messages a node says that it sent.
func (s *scene) handed(n *node) (sum float64) {
	s.t.Helper()
	answer, err := s.client.Get(n.ready.Metrics + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "heliograph_deliveries_total{"); ok && strings.Contains(value, `state="sent"`) {
			number, err := strconv.ParseFloat(value[strings.LastIndex(value, " ")+1:], 64)
			if err != nil {
				s.t.Fatal(err)
			}
			sum += number
		}
	}
	return sum
}

// One console and two workers share the work: each hands over at least a fifth.
func TestTwoWorkersShareTheWork(t *testing.T) {
	t.Parallel()
	c := crash{devices: 2000, delayMS: 20} // enough that none of them is done before the other has begun
	if torture() {
		c.devices = 40_000
	}
	s := newCrash(t, c, pgtest.Database(t))
	s.setUp()
	s.serve.stop()
	s.more = []string{"--roles", "console"}
	s.startServe()
	workers := []*node{s.startNodeWith(t.TempDir(), "worker"), s.startNodeWith(t.TempDir(), "worker")}
	s.slowDown()
	id := s.sendBy("push", "smtp")
	n := s.waitDone(id)
	if got := count(n, "sent"); got != 2*s.devices {
		t.Errorf("%d of %d were sent: %v", got, 2*s.devices, n["counts"])
	}
	first, second := s.handed(workers[0]), s.handed(workers[1])
	t.Logf("the workers handed over %.0f and %.0f of %d", first, second, 2*s.devices)
	if least := 0.2 * (first + second); first < least || second < least || int(first+second) != 2*s.devices {
		t.Errorf("the workers handed over %.0f and %.0f of %d: each should have a fifth", first, second, 2*s.devices)
	}
	s.recount()
}

// Three nodes, one of which is killed at a time and comes back: nothing is lost and nothing is stuck.
func TestThreeNodesOneKilledAtATime(t *testing.T) {
	t.Parallel()
	c := figures().fewer(20)
	s := newCrash(t, c, pgtest.Database(t))
	s.setUp()
	s.serve.stop()
	s.more = []string{"--roles", "console"}
	s.startServe()
	workers := make([]*node, 3)
	for i := range workers {
		workers[i] = s.startNodeWith(t.TempDir(), "worker")
	}
	var all ledger
	for range s.rounds {
		s.slowDown()
		id := s.send()
		for i := range s.kills {
			s.reach((i*s.messages()+s.random.IntN(s.messages()))/s.kills, id)
			victim := s.random.IntN(len(workers))
			workers[victim].kill()
			workers[victim] = s.startNodeWith(workers[victim].data, "worker")
		}
		round := s.account(s.waitDone(id))
		round.mustBeWhole(t, s.kills)
		s.recount()
		all.add(round)
		s.forget()
	}
	all.publish(t, "three nodes, one killed at a time, PostgreSQL", s.rounds*s.kills)
}

// The database goes away in the middle and comes back: /readyz says so meanwhile, who calls is told to come later, and
// nothing is lost.
func TestDatabaseRestarted(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	c := figures().fewer(20)
	s := newCrash(t, c, cluster.URL())
	s.setUp()
	var all ledger
	for round := range s.rounds {
		s.slowDown()
		id := s.send()
		s.reach(s.random.IntN(s.messages()), id)
		end := cluster.Stop
		if round%2 == 1 {
			end = cluster.Kill
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		s.waitReady(http.StatusServiceUnavailable, "database")
		if a, err := s.api.try("GET", "/devices?limit=1", nil); err != nil || a.status != http.StatusServiceUnavailable {
			t.Errorf("without its database the API answered %d, %v, %v", a.status, a.body, err)
		}
		if err := cluster.Restart(); err != nil {
			t.Fatal(err)
		}
		s.waitReady(http.StatusOK, "")
		result := s.account(s.waitDone(id))
		result.mustBeSent(t) // a text message may be unknown, when its answer could not be written
		s.recount()
		all.add(result)
		s.forget()
	}
	s.serve.stop()
	all.publish(t, "database restarted, PostgreSQL", s.rounds)
}

// The database is lost in the middle, and its replica takes over: who was told of both goes on with it, and nothing that was
// accepted or sent is forgotten.
func TestDatabaseFailsOver(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	replica := primary.Replica(t)
	s := newCrash(t, figures().fewer(1), primary.Either(replica))
	s.setUp()
	s.slowDown()
	id := s.send()
	s.reach(s.random.IntN(s.messages()), id)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	s.waitReady(http.StatusServiceUnavailable, "database")
	if err := replica.Promote(); err != nil {
		t.Fatal(err)
	}
	s.waitReady(http.StatusOK, "")
	result := s.account(s.waitDone(id))
	result.mustBeSent(t) // a text message may be unknown, when its answer could not be written
	s.recount()
	s.forget()
	s.slowDown()
	again := s.account(s.waitDone(s.send()))
	again.mustBeWhole(t, 0)
	s.serve.stop()
	result.publish(t, "database failed over to its replica, PostgreSQL", 1)
}

// waitReady waits until /readyz answers with a status and names what is not well.
func (s *scene) waitReady(status int, unwell string) {
	s.t.Helper()
	var r readyFile
	s.serve.read(&r)
	health := newCaller(s.t, r.Metrics, "", s.client)
	var last answer
	ok := eventually(func() bool {
		var err error
		last, err = health.try("GET", "/readyz", nil)
		return err == nil && last.status == status && (unwell == "" || isUnwell(last.body, unwell))
	})
	if !ok {
		s.t.Fatalf("/readyz answers %d %v, want %d\n%s", last.status, last.body, status, s.serve.output)
	}
}

func isUnwell(body object, check string) bool {
	for _, item := range list(body["checks"]) {
		c := item.(object)
		if c["name"] == check && c["ok"] == false && text(c, "detail") != "" {
			return true
		}
	}
	return false
}
