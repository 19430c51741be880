package channel

import (
	"context"
	"sync"
	"time"

	"heliograph/message"
)

// Streak counts troubles in a row: 5xx, timeouts, lost answers and answers that were not understood. Three different
// messages with no success between them say that the server is in trouble, and not the message. A poisonous message
// that comes back again and again counts once, so it stops nobody.
//
// The zero Streak is ready. It may be used from several goroutines.
type Streak struct {
	mu   sync.Mutex
	last []message.DeliveryID
}

// streakLength is how many messages in a row make it the server's trouble.
const streakLength = 3

// Add takes one outcome and reports whether it completes a streak.
func (s *Streak) Add(id message.DeliveryID, o message.Outcome) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !o.Handed():
		return len(s.last) >= streakLength
	case !Troubling(o):
		s.last = nil
		return false
	}
	for _, seen := range s.last {
		if seen == id {
			return len(s.last) >= streakLength
		}
	}
	if len(s.last) < streakLength {
		s.last = append(s.last, id)
	}
	return len(s.last) >= streakLength
}

// Reset forgets the streak, as when a probe was accepted.
func (s *Streak) Reset() {
	s.mu.Lock()
	s.last = nil
	s.mu.Unlock()
}

// Troubling reports whether an outcome counts towards a streak. One that is not counted as an attempt is not the server's.
func Troubling(o message.Outcome) bool {
	f := o.Failure
	return f != nil && !f.Uncounted && (f.Scope == message.Trouble || f.Scope == message.LostAnswer || f.Reason == message.Timeout)
}

// Each hands messages over one by one with at most width on the wire at once, for providers that take one message a
// request. It stops handing over when ctx ends, after a failure of the whole server, and after a streak of troubles.
// The context that send is given ends at that moment too: a send that still waits for its turn gives up and returns the
// zero Outcome; one that is on the wire takes no notice.
func Each(ctx context.Context, batch []message.Message, width int, send func(context.Context, message.Message) message.Outcome) []message.Outcome {
	outcomes := make([]message.Outcome, len(batch))
	var streak Streak
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	team{width: width, work: func(i int) {
		outcomes[i] = send(ctx, batch[i])
		if Stops(&streak, batch[i].ID, outcomes[i]) {
			stop()
		}
	}}.do(ctx, len(batch))
	return outcomes
}

// team does numbered work with no more goroutines than it takes: each new one has to grow its stack to what a request
// needs, which costs as much as a good part of the request. So a quick provider is served by a few, over and over, and
// a slow one by as many as the width allows.
type team struct {
	width int
	work  func(i int)
}

// hesitation is how long work waits for somebody to come free before another goroutine is started for it.
const hesitation = 100 * time.Microsecond

// do does work 0 to n-1 and returns when it is done. It begins with nothing more when ctx ends.
func (t team) do(ctx context.Context, n int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	next := make(chan int)
	defer close(next)
	wait := time.NewTimer(hesitation)
	defer wait.Stop()
	for i, started := 0, 0; i < n && ctx.Err() == nil; i++ {
		switch {
		case started == t.width:
			select {
			case next <- i:
			case <-ctx.Done():
			}
		case started > 0 && offer(next, i, wait):
		default:
			started++
			wg.Go(func() { t.from(i, next) })
		}
	}
}

// from does one piece of work, and then what comes.
func (t team) from(i int, next <-chan int) {
	for more := true; more; i, more = <-next {
		t.work(i)
	}
}

// offer gives work to somebody who is free, or comes free in a moment.
func offer(next chan<- int, i int, wait *time.Timer) bool {
	select {
	case next <- i:
		return true
	default:
	}
	wait.Reset(hesitation)
	select {
	case next <- i:
		return true
	case <-wait.C:
		return false
	}
}

// Stops reports whether nothing more should be handed over after this outcome.
func Stops(streak *Streak, id message.DeliveryID, o message.Outcome) bool {
	return streak.Add(id, o) || o.Failure != nil && o.Failure.Scope == message.WholeServer
}
