package channel

import (
	"context"
	"sync"

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
	var (
		streak Streak
		wg     sync.WaitGroup
		next   = make(chan int)
	)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range min(width, len(batch)) {
		wg.Go(func() {
			for i := range next {
				outcomes[i] = send(ctx, batch[i])
				if Stops(&streak, batch[i].ID, outcomes[i]) {
					stop()
				}
			}
		})
	}
	feed(ctx, next, len(batch))
	wg.Wait()
	return outcomes
}

// Stops reports whether nothing more should be handed over after this outcome.
func Stops(streak *Streak, id message.DeliveryID, o message.Outcome) bool {
	return streak.Add(id, o) || o.Failure != nil && o.Failure.Scope == message.WholeServer
}

func feed(ctx context.Context, next chan<- int, n int) {
	defer close(next)
	for i := range n {
		if ctx.Err() != nil {
			return
		}
		select {
		case next <- i:
		case <-ctx.Done():
			return
		}
	}
}
