package mailbox

import (
	"context"
	"sync"
	"time"

	"heliograph/message"
)

// Parking makes a wake durable as the pending row of its registration. Of two the newer says what is in it, the kind is
// the stronger, and a badge stays in it.
type Parking struct {
	Key    int64
	Route  Route
	Kind   message.WakeKind
	Badge  Badge     // a nil Count = it carries none
	Since  time.Time // when the newest event in it arrived
	NextAt time.Time // when to try; a row that is tried earlier keeps its time
	Reason message.Reason
	Paced  []byte // the mail server whose resubscribe wakes share a rate; nil = it goes at once

	// Settled says that a provider accepted everything that arrived up to Since: the row goes, unless it is newer.
	Settled bool
}

// ledger writes pending rows, those of many events in one transaction: while one commits, the next gather.
type ledger struct {
	write func(ctx context.Context, list []Parking) error

	mu      sync.Mutex
	list    []Parking
	waiting []chan error
	busy    bool
}

// Limits of one transaction of the ledger.
const (
	ledgerMany = 1000
	ledgerTime = 10 * time.Second
)

// add queues an entry; the result tells how it ended. Entries of one registration are written in their order.
func (l *ledger) add(p Parking) <-chan error {
	done := make(chan error, 1)
	l.mu.Lock()
	l.list, l.waiting = append(l.list, p), append(l.waiting, done)
	first := !l.busy
	l.busy = true
	l.mu.Unlock()
	if first {
		go l.work()
	}
	return done
}

// work writes until nothing waits.
func (l *ledger) work() {
	for {
		l.mu.Lock()
		n := min(len(l.list), ledgerMany)
		list, waiting := l.list[:n], l.waiting[:n]
		l.list, l.waiting = l.list[n:], l.waiting[n:]
		if n == 0 {
			l.list, l.waiting, l.busy = nil, nil, false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), ledgerTime)
		err := l.write(ctx, list)
		cancel()
		for _, done := range waiting {
			done <- err
		}
	}
}
