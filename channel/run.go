package channel

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/message"
)

// Streak counts troubles in a row: 5xx, timeouts, lost answers and answers that were not understood. Three different
// messages with no success between them say that the server is in trouble, and not the message. A poisonous message
// that comes back again and again counts once, so it stops nobody; and so do all messages that one event befell.
//
// The zero Streak is ready. It may be used from several goroutines.
type Streak struct {
	mu   sync.Mutex
	last []troubled
}

// troubled is a message that counted.
type troubled struct {
	id    message.DeliveryID
	event *message.Event
}

// same reports whether two troubles are one.
func (t troubled) same(other troubled) bool {
	return t.id == other.id || t.event != nil && t.event == other.event
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
	now := troubled{id, o.Failure.Event}
	if len(s.last) < streakLength && !slices.ContainsFunc(s.last, now.same) {
		s.last = append(s.last, now)
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
// request. It stops handing over when ctx ends, after a failure of the whole server, and after a streak of troubles; a
// text that was refused whoever it is for is not offered again.
// The context that send is given ends at that moment too: a send that still waits for its turn gives up and returns the
// zero Outcome; one that is on the wire takes no notice.
func Each(ctx context.Context, batch []message.Message, width int, send func(context.Context, message.Message) message.Outcome) []message.Outcome {
	outcomes := make([]message.Outcome, len(batch))
	var streak Streak
	var texts refusedTexts
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	team{width: width, work: func(i int) {
		if texts.settle(batch[i], &outcomes[i]) {
			return
		}
		outcomes[i] = send(ctx, batch[i])
		outcomes[i].Turn = NextTurn()
		texts.note(batch[i], outcomes[i])
		if Stops(&streak, batch[i].ID, outcomes[i]) {
			stop()
		}
	}}.do(ctx, len(batch))
	return outcomes
}

// turns counts outcomes, of all servers.
var turns atomic.Int64

// NextTurn is the Turn of an outcome that comes now.
func NextTurn() int64 { return turns.Add(1) }

// refusedTexts are those that the server will not take from anybody, by Message.Shared. The zero value is ready.
type refusedTexts struct {
	any  atomic.Bool
	mu   sync.Mutex
	list map[string]message.Failure
}

func (r *refusedTexts) note(m message.Message, o message.Outcome) {
	if m.Shared == "" || o.Failure == nil || o.Failure.Scope != message.WholeMessage {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = map[string]message.Failure{}
	}
	r.list[m.Shared] = *o.Failure
	r.any.Store(true)
}

// settle gives a message the outcome of its text, if that was refused before.
func (r *refusedTexts) settle(m message.Message, o *message.Outcome) bool {
	if m.Shared == "" || !r.any.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f, known := r.list[m.Shared]
	if known {
		*o = message.Fail(f)
		o.Turn = NextTurn()
	}
	return known
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
