package smtp

import (
	"context"
	"sync"
	"time"
)

const (
	idleTime  = 60 * time.Second // after this a session without work is closed; servers give up after 5 minutes
	checkTime = 5 * time.Second  // after this it is asked whether it still lives

	// sessionLimit is how many sessions one node has to one server. Exchange Online, for one, allows few.
	sessionLimit = 4
	// helperLimit is how many of them may be a second or third session of one Send, so that each Send finds one.
	helperLimit = 2
)

// pool keeps sessions between Sends.
type pool struct {
	srv     *server
	slots   chan struct{} // one for each session in use
	helpers chan struct{}

	mu     sync.Mutex
	idle   []*session // the last one put back is the first one taken
	timer  *time.Timer
	closed bool
}

func newPool(srv *server) *pool {
	return &pool{srv: srv, slots: make(chan struct{}, sessionLimit), helpers: make(chan struct{}, helperLimit)}
}

// enter waits for the right to use a session; false when ctx ends first.
func (p *pool) enter(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case p.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// enterHelper takes the right only when there is plenty.
func (p *pool) enterHelper() bool {
	select {
	case p.helpers <- struct{}{}:
	default:
		return false
	}
	select {
	case p.slots <- struct{}{}:
		return true
	default:
		<-p.helpers
		return false
	}
}

func (p *pool) leave() { <-p.slots }

func (p *pool) leaveHelper() {
	<-p.slots
	<-p.helpers
}

// take returns a session that rested here, or opens one. fresh = one that rested turned out to be dead, or the server
// said that it goes: none of the others is worth a try.
func (p *pool) take(ctx context.Context, fresh bool) (*session, error) {
	if fresh {
		p.dismiss(p.all())
	}
	for s := p.pop(); s != nil; s = p.pop() {
		if time.Since(s.since) < checkTime || s.alive() {
			return s, nil
		}
		s.conn.Close()
	}
	ctx, cancel := untilStop(ctx)
	defer cancel()
	return p.srv.open(ctx, nil)
}

// untilStop ends when ctx is cancelled, but not at its deadline: that is the end of handing over, and shorter than the
// patience with a server that does not answer, which would never come to light.
func untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if ctx.Err() == context.Canceled {
			cancel()
		}
	})
	return patient, func() { stop(); cancel() }
}

func (p *pool) pop() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return s
}

// put lets a session rest.
func (p *pool) put(s *session) {
	s.since, s.rested = time.Now(), true
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.idle = append(p.idle, s)
		p.arm()
	}
	p.mu.Unlock()
	if closed {
		s.quit()
	}
}

// arm makes sure that reap runs when the oldest session has rested too long. p.mu is held.
func (p *pool) arm() {
	if p.timer == nil && len(p.idle) > 0 {
		p.timer = time.AfterFunc(time.Until(p.idle[0].since.Add(idleTime)), p.reap)
	}
}

// reap closes what has rested too long. The longest rest is at the front.
func (p *pool) reap() {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].since) >= idleTime {
		n++
	}
	old := p.idle[:n:n]
	p.idle = p.idle[n:]
	p.timer = nil
	if !p.closed {
		p.arm()
	}
	p.mu.Unlock()
	p.dismiss(old)
}

// all empties the pool.
func (p *pool) all() []*session {
	p.mu.Lock()
	defer p.mu.Unlock()
	rested := p.idle
	p.idle = nil
	return rested
}

func (p *pool) dismiss(sessions []*session) {
	for _, s := range sessions {
		s.quit()
	}
}

// close gives up the sessions that rest, now and from now on.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.dismiss(p.all())
}
