package exchange

import (
	"crypto/rand"
	"slices"
	"time"
)

// State of a subscription.
type State string

// The states.
const (
	Active   State = "active"
	Retrying State = "retrying" // the listener did not accept the last notification
	Ended    State = "ended"
)

// Why a subscription ended.
const (
	unsubscribed = "unsubscribed" // the listener said so
	exhausted    = "retries_exhausted"
	forgotten    = "restart"
	moved        = "move"
	failed       = "error" // an error push was accepted
)

// Retry schedule and size of a notification.
const (
	firstRetry  = 30 * time.Second
	eventsAPost = 50 // beyond it, MoreEvents
	endedKept   = 10_000
)

// request is what a client asks for with Subscribe.
type request struct {
	url       string
	folders   []Folder // nil = all
	types     []string
	frequency int // minutes
}

// subscription is a client's wish to be told. The server's lock guards it.
type subscription struct {
	request
	id      string
	mailbox *mailbox
	server  string
	created time.Time

	state    State
	why      string // it ended
	acked    uint64 // newest watermark that the listener accepted
	pending  []event
	failure  *failure // an error push that is due
	attempts int      // that failed in a row
	sending  bool
	sent     int64 // notifications that were accepted
	lastAt   time.Time
	last     string // what became of the last notification

	due   time.Duration // of the server's clock
	timer *time.Timer   // nil = nothing is due
}

// failure is an error push.
type failure struct {
	code, text string
	keep       bool // the subscription goes on
}

func (s *Server) newSubscription(m *mailbox, r request) *subscription {
	now := time.Now()
	var id guid
	_, _ = rand.Read(id[:]) // never fails
	server := s.servers[m.server]
	sub := &subscription{
		request: r, id: subscriptionID(server, id, now, m.guid), mailbox: m, server: server, created: now.UTC(),
		state: Active, acked: m.counter,
	}
	m.subs = append(m.subs, sub)
	s.subs[sub.id] = sub
	return sub
}

// wants reports whether the client asked to be told of e.
func (sub *subscription) wants(e event) bool {
	return slices.Contains(sub.types, e.kind) && (sub.folders == nil || slices.Contains(sub.folders, e.folder))
}

// tell hands events to the mailbox's subscriptions.
func (s *Server) tell(m *mailbox, events []event) {
	for _, sub := range m.subs {
		for _, e := range events {
			if sub.wants(e) {
				sub.pending = append(sub.pending, e)
			}
		}
		if len(sub.pending) > 0 {
			s.wake(sub)
		}
	}
}

// wake posts at once, unless a notification is on its way or waits for its retry.
func (s *Server) wake(sub *subscription) {
	if sub.sending || sub.state != Active || s.stopped {
		return
	}
	s.begin(sub)
}

func (s *Server) begin(sub *subscription) {
	sub.disarm()
	sub.sending = true
	s.wg.Go(func() { s.run(sub) })
}

// run posts notifications until there is nothing more to say for now.
func (s *Server) run(sub *subscription) {
	for {
		s.mu.Lock()
		note, ok := s.next(sub)
		s.mu.Unlock()
		if !ok {
			return
		}
		answer := s.post(note)
		s.mu.Lock()
		again := s.settle(sub, note, answer)
		s.mu.Unlock()
		if !again {
			return
		}
	}
}

// note is one notification, taken out of the lock.
type note struct {
	id, url, server, mailbox string
	owner                    guid
	database                 guid
	previous                 uint64
	events                   []event // none = a heartbeat
	more                     bool
	failure                  *failure
	attempt                  int
}

// next is what is posted now. False = the subscription ended meanwhile.
func (s *Server) next(sub *subscription) (note, bool) {
	if sub.state == Ended || s.stopped {
		sub.sending = false
		return note{}, false
	}
	n := note{
		id: sub.id, url: sub.url, server: sub.server, mailbox: sub.mailbox.name, owner: sub.mailbox.guid, database: guidOf("database " + sub.server),
		previous: sub.acked, failure: sub.failure, attempt: sub.attempts + 1,
	}
	if n.failure == nil {
		n.events = slices.Clone(sub.pending[:min(len(sub.pending), eventsAPost)])
		n.more = len(sub.pending) > len(n.events)
	}
	return n, true
}

// settle does what the answer asks for; true = there is more to post at once.
func (s *Server) settle(sub *subscription, n note, a answer) (again bool) {
	sub.lastAt, sub.last = time.Now().UTC(), a.verdict()
	if sub.state == Ended || s.stopped {
		sub.sending = false
		return false
	}
	switch a.result {
	case accepted:
		return s.accepted(sub, n)
	case ended:
		s.end(sub, unsubscribed)
	default:
		s.refused(sub)
	}
	sub.sending = false
	return false
}

func (s *Server) accepted(sub *subscription, n note) (again bool) {
	sub.state, sub.attempts = Active, 0
	sub.sent++
	if n.failure != nil && n.failure == sub.failure { // another one may have been asked for meanwhile
		sub.failure = nil
	}
	if n.failure != nil && !n.failure.keep {
		s.end(sub, failed)
	}
	if k := len(n.events); k > 0 {
		sub.acked = n.events[k-1].watermark
		sub.pending = slices.Delete(sub.pending, 0, k)
	}
	if sub.state == Active && (len(sub.pending) > 0 || sub.failure != nil) {
		return true
	}
	sub.sending = false
	if sub.state == Active {
		s.arm(sub, sub.every())
	}
	return false
}

// refused: 30 s, then twice as long each time; a wait beyond StatusFrequency is not waited.
func (s *Server) refused(sub *subscription) {
	wait := firstRetry << sub.attempts
	if wait > sub.every() {
		s.end(sub, exhausted)
		return
	}
	sub.attempts++
	sub.state = Retrying
	s.arm(sub, wait)
}

func (sub *subscription) every() time.Duration { return time.Duration(sub.frequency) * time.Minute }

// end forgets a subscription; the ended ones are shown for a while.
func (s *Server) end(sub *subscription, why string) {
	if sub.state == Ended {
		return
	}
	sub.disarm()
	sub.state, sub.why = Ended, why
	sub.pending, sub.failure = nil, nil
	delete(s.subs, sub.id)
	sub.mailbox.subs = slices.DeleteFunc(sub.mailbox.subs, func(other *subscription) bool { return other == sub })
	if s.ended = append(s.ended, sub); len(s.ended) > endedKept {
		s.ended = slices.Delete(s.ended, 0, len(s.ended)-endedKept)
	}
}

// arm lets the subscription post after a time of the server's clock.
func (s *Server) arm(sub *subscription, wait time.Duration) {
	sub.disarm()
	sub.due = s.clock.now() + wait
	s.start(sub)
}

func (s *Server) start(sub *subscription) {
	var timer *time.Timer
	timer = time.AfterFunc(s.clock.until(sub.due), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sub.timer == timer && !sub.sending && sub.state != Ended && !s.stopped {
			s.begin(sub)
		}
	})
	sub.timer = timer
}

func (sub *subscription) disarm() {
	if sub.timer != nil {
		sub.timer.Stop()
		sub.timer = nil
	}
}

// setScale lets time pass at another speed, also for what waits already.
func (s *Server) setScale(scale float64) {
	s.clock.set(scale)
	for _, sub := range s.subs {
		if sub.timer != nil {
			sub.timer.Stop()
			s.start(sub)
		}
	}
}
