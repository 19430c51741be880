package webpush

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// origin is one push service: that of a browser's maker, of a company, or of anybody, as devices say. Each is a server of
// its own, so what the courier does for a whole server is done here for an origin: one in trouble is left alone for a
// while, its messages come back at once with the time when they may come again, uncounted, and those of others go on.
// At the end of the pause one message probes.
//
// An origin without a connection is given one message alone too. Until it has answered nobody knows how many it takes at
// once, and whether it takes our key; and many at once would open as many connections, of which HTTP/2 needs one.
type origin struct {
	channel.Endpoint

	mu     sync.Mutex
	free   *sync.Cond // a place became free, or the origin was paused
	inside int
	limit  int            // on the wire at once
	known  bool           // it has accepted a message since its last pause
	pause  *pause         // the last one; nil = none since it was well
	streak channel.Streak // of its own
	token  bearer
	used   time.Time // when the last message left
	broke  breakage  // the last one

	users int // guarded by origins.mu
}

// pause is a time in which nothing is sent to an origin.
type pause struct {
	since   time.Time // when the first of them in a row began
	until   time.Time
	step    int // how often in a row, from 1
	failure message.Failure
}

// breakage is that a connection broke. Those who were on their way then wait in vain, all of them.
type breakage struct {
	at    time.Time
	event *message.Event
}

// breakage is the event that a request which left at some time fell victim to: the last one, unless that was before.
func (o *origin) breakage(left time.Time) *message.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broke.event == nil || left.After(o.broke.at) {
		o.broke = breakage{time.Now(), new(message.Event)}
	}
	return o.broke.event
}

// How many messages are on the wire at once.
const (
	alone     = 1
	overHTTP1 = 8  // one each connection
	overHTTP2 = 64 // all on one connection: RFC 9113 section 6.5.2 asks servers to take 100
)

// idle is how long a connection is kept that nobody uses.
const idle = 90 * time.Second

// Back-off of an origin, that of a server (see courier): 30 s doubling to 15 min; 15 min at once when our key was refused.
const (
	firstPause   = 30 * time.Second
	longestPause = 15 * time.Minute
)

func newOrigin(e channel.Endpoint) *origin {
	o := &origin{Endpoint: e, limit: alone}
	o.free = sync.NewCond(&o.mu)
	return o
}

// enter waits for a place. ok is false when there is none: with a failure while the origin is left alone, without one
// when ctx ended first.
func (o *origin) enter(ctx context.Context) (failure *message.Failure, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inside == 0 && time.Since(o.used) > idle/2 {
		o.limit = alone
	}
	for {
		switch {
		case ctx.Err() != nil:
			o.free.Signal() // the place that was offered to this one, if any
			return nil, false
		case o.left() > 0:
			return o.held(), false
		case o.inside < o.limit:
			o.inside++
			return nil, true
		}
		o.wait(ctx)
	}
}

// wait waits for a signal or the end of ctx.
func (o *origin) wait(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.free.Broadcast()
	})
	defer stop()
	o.free.Wait()
}

// left is how much of a pause is left.
func (o *origin) left() time.Duration {
	if o.pause == nil {
		return 0
	}
	return max(time.Until(o.pause.until), 0)
}

// held is what becomes of a message whose origin is left alone.
func (o *origin) held() *message.Failure {
	f := o.pause.failure
	f.Detail = fmt.Sprintf("It waits until %s, because of another message: %s", o.pause.until.UTC().Format("15:04:05 UTC"), f.Detail)
	f.Scope, f.Uncounted, f.RetryAfter, f.Answer = message.RecipientForNow, true, o.left(), ""
	return &f
}

// leave gives the place back, draws conclusions from the outcome, and returns it as the courier shall see it. width is
// how many messages at once the connection takes.
func (o *origin) leave(id message.DeliveryID, outcome message.Outcome, width int) message.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inside--
	o.used = time.Now()
	defer o.free.Signal()
	f := outcome.Failure
	if f != nil && f.Reason == message.Credentials && o.known {
		outcome = o.ofOne(*f)
	}
	troubled := o.streak.Add(id, outcome)
	switch {
	case f != nil && (troubled || outcome.Failure.Scope == message.WholeServer):
		o.rest(*f)
	case outcome.Accepted, f != nil && f.Scope == message.RecipientFinal && f.Answer != "":
		o.well(outcome.Accepted, width)
	case f != nil && f.Scope == message.LostAnswer:
		o.limit = alone // its connection may be gone
	}
	return o.outward(outcome)
}

// ofOne makes of a refusal of our key one that concerns this subscription, for now.
func (o *origin) ofOne(f message.Failure) message.Outcome {
	f.Scope, f.Detail = refusedOne.scope, "The push service "+o.Host+" "+refusedOne.detail
	return message.Fail(f)
}

// rest begins a pause. What was on the wire when another message began it says nothing new.
func (o *origin) rest(f message.Failure) {
	if o.left() > 0 {
		return
	}
	next := &pause{since: time.Now(), step: 1, failure: f}
	if o.pause != nil {
		next.since, next.step = o.pause.since, o.pause.step+1
	}
	next.until = time.Now().Add(lengthOf(f, next.step))
	o.pause, o.limit, o.known, o.token = next, alone, false, bearer{}
	o.streak.Reset()
	o.free.Broadcast()
}

func lengthOf(f message.Failure, step int) time.Duration {
	switch {
	case f.RetryAfter > 0:
		return f.RetryAfter
	case f.Reason == message.Credentials:
		return longestPause
	}
	return min(firstPause<<min(step-1, 10), longestPause)
}

// well ends what a pause has left. An answer to what was on the wire when the pause began does not.
func (o *origin) well(accepted bool, width int) {
	if o.left() > 0 {
		return
	}
	o.pause, o.known = nil, o.known || accepted
	if width != o.limit {
		o.limit = width
		o.free.Broadcast()
	}
}

// outward is an outcome without its origin: a failure of the origin is the recipient's for now. The courier must not
// count it among the troubles of this provider, nor stop others by it.
func (o *origin) outward(outcome message.Outcome) message.Outcome {
	if outcome.Failure == nil {
		return outcome
	}
	f := *outcome.Failure
	switch f.Scope {
	case message.WholeServer:
		f.Scope, f.Uncounted, f.RetryAfter = message.RecipientForNow, true, o.left()
		if f.Reason == message.Credentials {
			f.RetryAfter *= 2 // others probe first: this one may be the only one that is refused
		}
	case message.Trouble, message.LostAnswer:
		f.Scope, f.RetryAfter = message.RecipientForNow, max(f.RetryAfter, o.left())
	}
	return message.Fail(f)
}

// authorization is the header that says who we are, signed anew when the last one is old.
func (o *origin) authorization(v *vapid) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.token.valid(now) {
		return o.token.header, nil
	}
	made, err := v.bearer(o.Origin, now)
	if err == nil {
		o.token = made
	}
	return made.header, err
}

// origins are the push services that messages went to lately.
type origins struct {
	mu   sync.Mutex
	list map[string]*origin
}

// maxOrigins are remembered. Devices say which there are, so there may be any number.
const maxOrigins = 1000

// take is an origin that must be given back.
func (os *origins) take(name string) (*origin, error) {
	os.mu.Lock()
	defer os.mu.Unlock()
	o := os.list[name]
	if o == nil {
		endpoint, err := channel.ParseEndpoint(name)
		if err != nil {
			return nil, err
		}
		os.makeRoom()
		o = newOrigin(endpoint)
		os.list[name] = o
	}
	o.users++
	return o, nil
}

func (os *origins) giveBack(o *origin) {
	os.mu.Lock()
	defer os.mu.Unlock()
	o.users--
}

// shownFor is for how long an origin is said to rest after the end of its pause, unless it answers before: until then
// somebody will have tried it.
const shownFor = 20 * time.Second

// mostShown are said to rest at a time: devices name as many origins as they like.
const mostShown = 100

// resting are the origins that are left alone, the longest first.
func (os *origins) resting() (list []channel.Resting) {
	os.mu.Lock()
	defer os.mu.Unlock()
	for _, o := range os.list {
		o.mu.Lock()
		if p := o.pause; p != nil && time.Since(p.until) < shownFor {
			list = append(list, channel.Resting{Host: o.Host, Pause: channel.Pause{
				Since: p.since, Until: p.until, Step: p.step, Reason: p.failure.Reason, Detail: p.failure.Detail,
			}})
		}
		o.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b channel.Resting) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Host, b.Host)) })
	return list[:min(len(list), mostShown)]
}

// probeNow ends all pauses: the next message tries, and what it comes to counts as at the end of a pause.
func (os *origins) probeNow() {
	os.mu.Lock()
	defer os.mu.Unlock()
	for _, o := range os.list {
		o.mu.Lock()
		if o.left() > 0 {
			o.pause.until = time.Now()
		}
		o.mu.Unlock()
	}
}

// makeRoom forgets origins that nobody uses now: first the well ones, then, if that is not enough, the others.
func (os *origins) makeRoom() {
	for _, alsoPaused := range []bool{false, true} {
		if len(os.list) < maxOrigins {
			return
		}
		for name, o := range os.list {
			if o.users == 0 && (alsoPaused || !o.resting()) {
				delete(os.list, name)
			}
		}
	}
}

func (o *origin) resting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.left() > 0
}
