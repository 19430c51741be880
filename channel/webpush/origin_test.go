package webpush

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/channel"
	"heliograph/message"
)

// TestRestingOrigins: who is left alone is said, since when and until when, and can be tried before.
func TestRestingOrigins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{origins: origins{list: map[string]*origin{}}}
		began := time.Now()
		answer := func(name string, outcome message.Outcome) {
			t.Helper()
			o, err := s.origins.take("https://" + name)
			if err != nil {
				t.Fatal(err)
			}
			defer s.origins.giveBack(o)
			if f, ok := o.enter(t.Context()); !ok {
				t.Fatalf("%s is left alone: %+v", name, f)
			}
			o.leave(1, outcome, alone)
		}
		want := func(steps ...channel.Resting) {
			t.Helper()
			if diff := cmp.Diff(steps, s.Resting(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		}
		rests := func(host string, since, until time.Duration, step int, reason message.Reason) channel.Resting {
			return channel.Resting{Host: host, Pause: channel.Pause{
				Since: began.Add(since), Until: began.Add(until), Step: step, Reason: reason, Detail: "It said so.",
			}}
		}
		answer("well.example", taken)
		want()
		answer("busy.example", busy)
		time.Sleep(10 * time.Second)
		answer("away.example", away)
		busyOne := rests("busy.example", 0, 90*time.Second, 1, message.Throttled)
		want(busyOne, rests("away.example", 10*time.Second, 40*time.Second, 1, message.Timeout))

		time.Sleep(30 * time.Second) // its pause is over, and nobody has tried it yet
		answer("away.example", away)
		want(busyOne, rests("away.example", 10*time.Second, 100*time.Second, 2, message.Timeout))

		s.ProbeNow()
		answer("busy.example", taken)
		answer("away.example", away)
		want(rests("away.example", 10*time.Second, 160*time.Second, 3, message.Timeout))

		time.Sleep(3 * time.Minute) // nobody sends there any more
		want()
	})
}

func fail(scope message.Scope, reason message.Reason, after time.Duration) message.Outcome {
	return message.Fail(message.Failure{Scope: scope, Reason: reason, RetryAfter: after, Detail: "It said so.", Answer: "555"})
}

var (
	taken    = message.Accept("topic")
	refused  = fail(message.WholeServer, message.Credentials, 0)
	busy     = fail(message.WholeServer, message.Throttled, 90*time.Second)
	away     = fail(message.WholeServer, message.Timeout, 0)
	faulty   = fail(message.Trouble, message.ServerError, 0)
	silent   = fail(message.LostAnswer, message.LostAnswerReason, 0)
	dead     = fail(message.RecipientFinal, message.TokenDead, 0)
	tooLarge = fail(message.RecipientFinal, message.TooLarge, 0)
)

func anOrigin(t *testing.T) *origin {
	t.Helper()
	e, err := channel.ParseEndpoint("https://push.example.net")
	if err != nil {
		t.Fatal(err)
	}
	return newOrigin(e)
}

// TestOriginTimeline is what an origin answers one after the other, and how long it is left alone after each.
func TestOriginTimeline(t *testing.T) {
	type step struct {
		answer message.Outcome
		paused time.Duration // after the answer; 0 = not at all
	}
	const s, m = time.Second, time.Minute
	same := func(n int, o message.Outcome, paused ...time.Duration) (steps []step) {
		for i := range n {
			steps = append(steps, step{o, paused[min(i, len(paused)-1)]})
		}
		return steps
	}
	for name, steps := range map[string][]step{
		"well":                         same(5, taken, 0),
		"dead tokens say nothing":      same(9, dead, 0),
		"a pause doubles":              same(8, away, 30*s, m, 2*m, 4*m, 8*m, 15*m, 15*m),
		"a refused key at once":        same(2, refused, 15*m, 15*m),
		"as the push service asks":     same(2, busy, 90*s, 90*s),
		"three troubles in a row":      same(6, faulty, 0, 0, 30*s, 0, 0, m),
		"three lost answers":           same(3, silent, 0, 0, 30*s),
		"troubles with a word between": {{faulty, 0}, {silent, 0}, {dead, 0}, {faulty, 0}, {faulty, 0}, {taken, 0}, {faulty, 0}},
		"it begins anew":               {{away, 30 * s}, {away, m}, {taken, 0}, {away, 30 * s}},
		"a final refusal is an answer": {{away, 30 * s}, {tooLarge, 0}, {away, 30 * s}},
		"a key that others have":       {{taken, 0}, {refused, 0}, {taken, 0}, {refused, 0}, {refused, 0}, {taken, 0}},
		"a key that is not taken now":  {{taken, 0}, {refused, 0}, {refused, 0}, {refused, 15 * m}, {refused, 15 * m}, {taken, 0}, {refused, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := anOrigin(t)
				for i, step := range steps {
					if f, ok := o.enter(t.Context()); !ok {
						t.Fatalf("step %d: not let in: %+v", i, f)
					}
					o.leave(message.DeliveryID(i+1), step.answer, overHTTP2)
					f, ok := o.enter(t.Context())
					switch {
					case ok != (step.paused == 0):
						t.Fatalf("step %d: let in after it: %v", i, ok)
					case ok:
						o.leave(0, message.Outcome{}, overHTTP2)
						continue
					case f.RetryAfter != step.paused || !f.Uncounted || f.Scope != message.RecipientForNow || f.Answer != "" ||
						f.Reason != step.answer.Failure.Reason || !strings.Contains(f.Detail, step.answer.Failure.Detail):
						t.Errorf("step %d: %+v, want a pause of %s", i, f, step.paused)
					}
					time.Sleep(step.paused)
				}
			})
		})
	}
}

// TestOutward: to the courier nothing is ever about a server, and what is about an origin is not counted.
func TestOutward(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []message.Outcome // the last one is looked at
		want    message.Failure
	}{
		{"unreachable", []message.Outcome{away}, message.Failure{Reason: message.Timeout, RetryAfter: 30 * time.Second, Uncounted: true}},
		{"throttled", []message.Outcome{busy}, message.Failure{Reason: message.Throttled, RetryAfter: 90 * time.Second, Uncounted: true}},
		{"refused: others probe first", []message.Outcome{refused}, message.Failure{Reason: message.Credentials, RetryAfter: 30 * time.Minute, Uncounted: true}},
		{"refused alone", []message.Outcome{taken, refused}, message.Failure{Reason: message.Credentials}},
		{"trouble", []message.Outcome{faulty}, message.Failure{Reason: message.ServerError}},
		{"trouble that asks for time", []message.Outcome{fail(message.Trouble, message.ServerError, time.Hour)}, message.Failure{Reason: message.ServerError, RetryAfter: time.Hour}},
		{"third trouble", []message.Outcome{faulty, silent, faulty}, message.Failure{Reason: message.ServerError, RetryAfter: 30 * time.Second}},
		{"lost answer", []message.Outcome{silent}, message.Failure{Reason: message.LostAnswerReason}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got message.Failure
				o, streak := anOrigin(t), channel.Streak{}
				for i, answer := range c.answers {
					o.enter(t.Context())
					id := message.DeliveryID(i + 1)
					outward := o.leave(id, answer, overHTTP1)
					if channel.Stops(&streak, id, outward) {
						t.Errorf("answer %d would stop everybody", i)
					}
					if outward.Failure != nil {
						got = *outward.Failure
					}
				}
				got.Detail, got.Answer, c.want.Scope = "", "", message.RecipientForNow
				if got != c.want {
					t.Errorf("got  %+v\nwant %+v", got, c.want)
				}
			})
		})
	}
}

// TestOneFirst: a new origin is given one message alone, then as many as its connection takes, and one again after a
// pause.
func TestOneFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := anOrigin(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		inside, held, answers := 0, 0, make(chan message.Outcome)
		send := func(n int) {
			for i := range n {
				wg.Go(func() {
					if _, ok := o.enter(t.Context()); !ok {
						mu.Lock()
						defer mu.Unlock()
						held++
						return
					}
					mu.Lock()
					inside++
					mu.Unlock()
					o.leave(message.DeliveryID(i+1), <-answers, overHTTP2)
					mu.Lock()
					inside--
					mu.Unlock()
				})
			}
		}
		want := func(in, back int) {
			t.Helper()
			synctest.Wait()
			if inside != in || held != back {
				t.Fatalf("%d on the wire and %d held, want %d and %d", inside, held, in, back)
			}
		}
		send(300)
		want(1, 0)
		answers <- taken
		want(overHTTP2, 0)
		for range 50 {
			answers <- taken
		}
		want(overHTTP2, 0)
		answers <- away // those that wait come back; those on the wire stay
		want(overHTTP2-1, 300-51-overHTTP2)
		for range overHTTP2 - 1 {
			answers <- taken // they say nothing about now
		}
		want(0, 300-51-overHTTP2)
		send(1)
		want(0, 300-51-overHTTP2+1)
		time.Sleep(firstPause)
		send(20)
		want(1, 300-51-overHTTP2+1)
		answers <- away
		want(0, 300-51-overHTTP2+20)
		time.Sleep(2 * firstPause)
		send(20)
		want(1, 300-51-overHTTP2+20)
		for range 20 {
			answers <- taken
		}
		want(0, 300-51-overHTTP2+20)
		wg.Wait()
	})
}

// TestAloneWithoutConnection: after a while, and after a lost answer, there may be no connection.
func TestAloneWithoutConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := anOrigin(t)
		limits := func(answer message.Outcome, after time.Duration) int {
			t.Helper()
			o.enter(t.Context())
			o.leave(1, answer, overHTTP2)
			time.Sleep(after)
			o.enter(t.Context())
			defer o.leave(2, message.Outcome{}, overHTTP2)
			return o.limit
		}
		if n := limits(taken, time.Second); n != overHTTP2 {
			t.Errorf("%d soon after an answer", n)
		}
		if n := limits(silent, time.Second); n != alone {
			t.Errorf("%d after a lost answer", n)
		}
		if n := limits(taken, idle); n != alone {
			t.Errorf("%d after a while", n)
		}
	})
}

// TestWaitEnds: the end of ctx ends the wait for a place, takes no place, and no place is lost with it.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := anOrigin(t)
		o.enter(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		in := make(chan bool, 10)
		for i := range 10 {
			wg.Go(func() {
				from := ctx
				if i == 9 {
					from = t.Context()
				}
				f, ok := o.enter(from)
				if f != nil {
					t.Errorf("a wait that ended failed: %+v", f)
				}
				in <- ok
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		o.leave(1, dead, alone)
		wg.Wait()
		close(in)
		entered := 0
		for ok := range in {
			if ok {
				entered++
			}
		}
		if entered != 1 || o.inside != 1 {
			t.Errorf("%d entered, %d inside", entered, o.inside)
		}
	})
}

// TestOneToken: an origin gets the same token again until it is old, or the origin did not like it.
func TestOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := parseKey(newKey())
		if err != nil {
			t.Fatal(err)
		}
		v, o := newVapid(key, "mailto:push@example.org"), anOrigin(t)
		get := func() string {
			header, err := o.authorization(v)
			if err != nil {
				t.Fatal(err)
			}
			return header[0]
		}
		first := get()
		time.Sleep(tokenUse - time.Second)
		if get() != first {
			t.Error("a new token before its time")
		}
		time.Sleep(time.Second)
		second := get()
		if second == first {
			t.Error("the token is too old")
		}
		o.enter(t.Context())
		o.leave(1, refused, alone)
		if get() == second {
			t.Error("a token that was refused is used again")
		}
	})
}

// TestOriginsAreForgotten: devices name as many push services as they like, and the memory does not grow with them.
func TestOriginsAreForgotten(t *testing.T) {
	list := origins{list: map[string]*origin{}}
	take := func(name string) *origin {
		o, err := list.take("https://" + name)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	used, tired := take("used.example"), take("tired.example")
	tired.enter(t.Context())
	tired.leave(1, away, alone)
	list.giveBack(tired)
	for i := range 5000 {
		list.giveBack(take(fmt.Sprintf("h%d.example", i)))
		if len(list.list) > maxOrigins {
			t.Fatalf("%d origins", len(list.list))
		}
	}
	if take("used.example") != used || take("tired.example") != tired {
		t.Error("one that is used, or paused, was forgotten before well ones")
	}
	for i := range 3000 {
		o := take(fmt.Sprintf("bad%d.example", i))
		o.enter(t.Context())
		o.leave(1, away, alone)
		list.giveBack(o)
	}
	if len(list.list) > maxOrigins || take("used.example") != used {
		t.Errorf("%d origins", len(list.list))
	}
}
