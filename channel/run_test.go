package channel

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/message"
)

func failure(scope message.Scope, reason message.Reason) message.Outcome {
	return message.Fail(message.Failure{Scope: scope, Reason: reason})
}

var (
	accepted  = message.Accept("id")
	untouched = message.Outcome{}
	trouble   = failure(message.Trouble, message.ServerError)
	lost      = failure(message.LostAnswer, message.LostAnswerReason)
	late      = failure(message.RecipientForNow, message.Timeout)
	deferred  = failure(message.RecipientForNow, message.Deferred)
	refused   = failure(message.RecipientFinal, message.MailboxUnknown)
	paused    = failure(message.WholeServer, message.Credentials)
	elsewhere = message.Fail(message.Failure{Scope: message.RecipientForNow, Reason: message.Timeout, Uncounted: true})
)

func TestStreak(t *testing.T) {
	one, other := broken(), broken()
	type step struct {
		id   message.DeliveryID
		o    message.Outcome
		want bool
	}
	cases := map[string][]step{
		"three in a row":                   {{1, trouble, false}, {2, lost, false}, {3, late, true}},
		"success between":                  {{1, trouble, false}, {2, trouble, false}, {3, accepted, false}, {4, trouble, false}},
		"the recipient's fault between":    {{1, trouble, false}, {2, trouble, false}, {3, refused, false}, {4, trouble, false}},
		"a deferral between":               {{1, trouble, false}, {2, trouble, false}, {3, deferred, false}, {4, trouble, false}},
		"untouched ones do not count":      {{1, trouble, false}, {2, trouble, false}, {3, untouched, false}, {4, trouble, true}},
		"one poisonous message":            {{1, trouble, false}, {1, trouble, false}, {1, lost, false}, {1, trouble, false}},
		"a poisonous message with another": {{1, trouble, false}, {2, trouble, false}, {1, trouble, false}, {2, lost, false}, {3, lost, true}},
		"another server's between":         {{1, trouble, false}, {2, trouble, false}, {3, elsewhere, false}, {4, trouble, false}},
		"another server's alone":           {{1, elsewhere, false}, {2, elsewhere, false}, {3, elsewhere, false}, {4, elsewhere, false}},
		"it stays complete":                {{1, lost, false}, {2, lost, false}, {3, lost, true}, {4, lost, true}, {5, untouched, true}},
		"one event":                        {{1, one, false}, {2, one, false}, {3, one, false}, {4, one, false}},
		"one event and others":             {{1, one, false}, {2, one, false}, {3, other, false}, {4, one, false}, {5, trouble, true}},
		"the same message in each event":   {{1, one, false}, {1, other, false}, {2, other, false}, {3, other, false}},
		"a success ends a complete one":    {{1, lost, false}, {2, lost, false}, {3, lost, true}, {4, accepted, false}, {5, lost, false}},
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			var s Streak
			for i, step := range steps {
				if got := s.Add(step.id, step.o); got != step.want {
					t.Errorf("step %d: %v, want %v", i, got, step.want)
				}
			}
			s.Reset()
			if s.Add(99, trouble) {
				t.Error("one trouble after a reset completes a streak")
			}
		})
	}
}

// broken is the outcome of all messages on a connection that broke.
func broken() message.Outcome {
	o := failure(message.LostAnswer, message.LostAnswerReason)
	o.Failure.Event = new(message.Event)
	return o
}

func batchOf(n int) []message.Message {
	batch := make([]message.Message, n)
	for i := range batch {
		batch[i].ID = message.DeliveryID(i + 1)
	}
	return batch
}

func TestEachInOrder(t *testing.T) {
	const width = 7
	var inside, most atomic.Int32
	outcomes := Each(context.Background(), batchOf(500), width, func(_ context.Context, m message.Message) message.Outcome {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer inside.Add(-1)
		return message.Accept(m.ID.String())
	})
	for i, o := range outcomes {
		if want := message.DeliveryID(i + 1).String(); o.ProviderID != want {
			t.Fatalf("outcome %d is of %q", i, o.ProviderID)
		}
	}
	if len(outcomes) != 500 || most.Load() > width {
		t.Errorf("%d outcomes, %d at once", len(outcomes), most.Load())
	}
}

func TestEachOfNothing(t *testing.T) {
	if got := Each(context.Background(), nil, 10, nil); len(got) != 0 {
		t.Error(got)
	}
}

func TestEachStops(t *testing.T) {
	cases := map[string]struct {
		answers []message.Outcome // the last one for all after it
		want    int               // handed over, one at a time
	}{
		"the whole server":   {[]message.Outcome{accepted, accepted, paused}, 3},
		"three troubles":     {[]message.Outcome{accepted, trouble, lost, trouble}, 4},
		"troubles apart":     {[]message.Outcome{trouble, trouble, accepted, trouble, trouble, accepted}, 20},
		"recipients' faults": {[]message.Outcome{refused}, 20},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handed := 0
			outcomes := Each(context.Background(), batchOf(20), 1, func(context.Context, message.Message) message.Outcome {
				handed++
				return c.answers[min(handed, len(c.answers))-1]
			})
			touched := slices.IndexFunc(outcomes, func(o message.Outcome) bool { return !o.Handed() })
			if touched < 0 {
				touched = len(outcomes)
			}
			if handed != c.want || touched != c.want {
				t.Errorf("%d handed over, %d with an outcome, want %d", handed, touched, c.want)
			}
		})
	}
}

// TestEachOffersATextOnce: what was refused whoever it is for is refused for those that have it too, and for no others.
func TestEachOffersATextOnce(t *testing.T) {
	batch := batchOf(9)
	for i := range batch[:6] {
		batch[i].Shared = []string{"n.en", "n.fr"}[i%2]
	}
	var offered []message.DeliveryID
	outcomes := Each(context.Background(), batch, 1, func(_ context.Context, m message.Message) message.Outcome {
		offered = append(offered, m.ID)
		if m.ID == 1 || m.ID == 7 {
			return failure(message.WholeMessage, message.TooLarge)
		}
		return accepted
	})
	if want := []message.DeliveryID{1, 2, 4, 6, 7, 8, 9}; !slices.Equal(offered, want) {
		t.Errorf("offered %v, want %v", offered, want)
	}
	for i, o := range outcomes {
		if refused := i == 0 || i == 2 || i == 4 || i == 6; o.Accepted == refused {
			t.Errorf("message %d: %+v", i+1, o)
		}
	}
}

// TestEachSaysInWhichOrder: outcomes stand in the order of the batch, and say when they came.
func TestEachSaysInWhichOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcomes := Each(context.Background(), batchOf(3), 3, func(_ context.Context, m message.Message) message.Outcome {
			time.Sleep(time.Duration(5-m.ID) * time.Second) // the last comes first
			return accepted
		})
		if o := outcomes; o[2].Turn >= o[1].Turn || o[1].Turn >= o[0].Turn {
			t.Errorf("turns %d, %d and %d", o[0].Turn, o[1].Turn, o[2].Turn)
		}
	})
}

// TestEachTellsThoseWhoWait: a failure of the whole server ends the context of those that are not on the wire yet.
func TestEachTellsThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first sync.Once
		outcomes := Each(context.Background(), batchOf(50), 10, func(ctx context.Context, _ message.Message) message.Outcome {
			o := untouched
			first.Do(func() { o = paused })
			if !o.Handed() {
				<-ctx.Done()
			}
			return o
		})
		handed := 0
		for _, o := range outcomes {
			if o.Handed() {
				handed++
			}
		}
		if handed != 1 {
			t.Errorf("%d outcomes", handed)
		}
	})
}

func TestEachEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		release := make(chan struct{})
		var handed atomic.Int32
		done := make(chan []message.Outcome)
		go func() {
			done <- Each(ctx, batchOf(50), 10, func(context.Context, message.Message) message.Outcome {
				handed.Add(1)
				<-release
				return accepted
			})
		}()
		time.Sleep(time.Second) // of the bubble's own time: until nobody more is called in
		cancel()
		synctest.Wait()
		close(release)
		got := 0
		for _, o := range <-done {
			if o.Accepted {
				got++
			}
		}
		if got != 10 || handed.Load() != 10 {
			t.Errorf("%d handed over, %d accepted, want the 10 that were on the wire", handed.Load(), got)
		}
	})
}

// TestEachCallsInNoMoreThanItTakes: who comes free at once does the next message too, and a slow provider gets the
// whole width.
func TestEachCallsInNoMoreThanItTakes(t *testing.T) {
	for _, c := range []struct {
		answer time.Duration
		least  int32
		most   int32
	}{{0, 1, 2}, {time.Second, 10, 10}} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			Each(t.Context(), batchOf(50), 10, func(context.Context, message.Message) message.Outcome {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(c.answer)
				now.Add(-1)
				return accepted
			})
			if n := most.Load(); n < c.least || n > c.most {
				t.Errorf("answers after %v: %d at once, want %d to %d", c.answer, n, c.least, c.most)
			}
		})
	}
}
