package mailbox

import (
	"context"
	"sync"
	"time"
)

// desk is where everything comes together that happens to one registration now, on this node: what the store said of it,
// the push that is on the wire, the events that wait for the next, and what is to be written with the next batch. It
// stands between the store and a cache: what it holds is at most targetKept old, and it is cleared away only when it
// holds nothing that the store does not have. (So it cannot be the entry of a cache that evicts as it likes.)
type desk struct {
	key    int64 // of the registration; set once
	mu     sync.Mutex
	target Target
	read   time.Time // when target was asked for
	used   time.Time
	gone   bool // cleared away: whoever held it takes another

	pushing bool
	ended   chan struct{} // closed when the push on the wire has ended; nil = nobody waits for that
	quiet   time.Time     // an event after this is pushed at once
	next    *group        // events that wait for the next push; nil = none do

	pace     pace
	parked   wanted // of its pending row, as far as this node knows
	parkedAt time.Time
	others   []badgeTime // of subscriptions that told the badge before; the newest last

	contact contact
	dirty   bool // it is on the list of the next batch
	writing bool // the last batch is on its way
}

// unwritten reports whether this node knows what the store does not.
func (d *desk) unwritten() bool { return d.dirty || d.writing }

// group are events that share one push, and the one answer to all of them.
type group struct {
	wanted
	done   chan struct{}
	answer Answer
}

// badgeTime is when a subscription last told a badge.
type badgeTime struct {
	subscription [16]byte
	at           time.Time
}

// othersKept is how many earlier subscriptions a desk remembers: one follows another, and rarely do two live.
const othersKept = 3

// How long what the store said of a registration holds, and how long a desk stands unused. A batch is written in between,
// so that a desk that is set up anew reads what the last one knew.
const (
	targetKept = 10 * time.Second
	deskKept   = targetKept + 2*batchEvery
)

// fresh reports whether what the store said still holds. An event that would not be pushed is worth a look: the provider's
// settings may have changed, or another node heard of a token, and what is answered OK must not be lost.
func (d *desk) fresh(now time.Time) bool {
	return d.target.State == Live && now.Sub(d.read) < targetKept
}

// serves reports whether the desk has the token, if it is wanted and there is one.
func (d *desk) serves(token bool) bool {
	return !token || d.target.Token != "" || d.target.State != Live
}

// set takes what the store says now. What this node knows and has not written yet is newer.
func (d *desk) set(t Target, asked time.Time) {
	known := d.target
	d.target, d.read = t, asked
	if d.unwritten() {
		d.target.Badge, d.target.Displaced = known.Badge, known.Displaced
		d.tell(t.Badge)
	} else {
		d.pace = paceOf(t.Pace)
	}
	if d.parkedAt.Before(asked) {
		d.parked = wanted{kind: t.Parked, badge: t.ParkedBadge, since: t.ParkedSince}
	}
}

// tell takes a badge that counts if it is the newest of its subscription; a subscription that was not heard of begins
// afresh. Equal times: the later one counts.
func (d *desk) tell(b Badge) {
	if b.Count == nil {
		return
	}
	known := &d.target.Badge
	if known.Count == nil || len(b.Subscription) != 16 || string(known.Subscription) == string(b.Subscription) {
		if !b.At.Before(known.At) {
			*known = b
		}
		return
	}
	id := [16]byte(b.Subscription)
	for i, o := range d.others {
		if o.subscription == id {
			if b.At.Before(o.at) {
				return
			}
			d.others = append(d.others[:i], d.others[i+1:]...)
			break
		}
	}
	if len(d.others) == othersKept {
		d.others = d.others[1:]
	}
	if len(known.Subscription) == len(id) {
		d.others = append(d.others, badgeTime{[16]byte(known.Subscription), known.At})
	}
	*known = b
}

// count is the badge that a wake carries: the newest where it tells one, and again when an earlier push may have lost it.
func (d *desk) count(w wanted) *int {
	if w.badge || d.target.Displaced {
		return d.target.Badge.Count
	}
	return nil
}

// pushed notes that a provider accepted a wake with events up to since.
func (d *desk) pushed(l look, since, now time.Time) {
	if rationed(d.target.Platform, l) {
		d.pace = d.pace.add(d.target.Platform, now)
	}
	if d.target.Platform == IOS {
		d.target.Displaced = l.badge == nil && d.target.Badge.Count != nil && d.target.Wake != WakeBackground
	}
	d.contact.woken(since, wakeAccepted, "")
	d.contact.wakes++
}

// end is called when a push has left the wire.
func (d *desk) end() {
	d.pushing = false
	if d.ended != nil {
		close(d.ended)
		d.ended = nil
	}
}

// idle reports whether nothing would be lost with the desk.
func (d *desk) idle(now time.Time) bool {
	return !d.pushing && d.next == nil && !d.unwritten() && now.Sub(d.used) > deskKept
}

// shards of desks: so many locks.
const shards = 64

// desks are all that are set up now.
type desks struct {
	shards [shards]struct {
		mu   sync.Mutex
		list map[[32]byte]*desk
	}
	sweep int
}

func newDesks() *desks {
	ds := &desks{}
	for i := range ds.shards {
		ds.shards[i].list = map[[32]byte]*desk{}
	}
	return ds
}

// get is the desk of a capability, by its hash; nil = none is set up.
func (ds *desks) get(hash [32]byte) *desk {
	s := &ds.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[hash]
}

// put sets a desk up, unless there is one by now. most bounds how many of a shard stand unused.
func (ds *desks) put(hash [32]byte, key int64, most int) *desk {
	s := &ds.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.list[hash]; d != nil {
		return d
	}
	if len(s.list) >= most {
		evict(s.list)
	}
	d := &desk{key: key}
	s.list[hash] = d
	return d
}

// evict clears one desk away that is neither in use nor holds what is not written, of the first few that it meets.
func evict(list map[[32]byte]*desk) {
	looks := 0
	for hash, d := range list {
		if looks++; looks > 16 {
			return
		}
		if !d.mu.TryLock() {
			continue
		}
		if !d.pushing && d.next == nil && !d.unwritten() {
			d.gone = true
			delete(list, hash)
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
	}
}

// sweepPart clears away, in one part of the shards, what stands unused. Each call takes the next part.
func (ds *desks) sweepPart(now time.Time, parts int) {
	for range shards / parts {
		s := &ds.shards[ds.sweep%shards]
		ds.sweep++
		s.mu.Lock()
		for hash, d := range s.list {
			if !d.mu.TryLock() {
				continue
			}
			if d.idle(now) {
				d.gone = true
				delete(s.list, hash)
			}
			d.mu.Unlock()
		}
		s.mu.Unlock()
	}
}

// len is how many stand.
func (ds *desks) len() (n int) {
	for i := range ds.shards {
		ds.shards[i].mu.Lock()
		n += len(ds.shards[i].list)
		ds.shards[i].mu.Unlock()
	}
	return n
}

// reader looks registrations up, several in one question: while one is being answered, those who come wait for the next.
type reader struct {
	find func(ctx context.Context, hashes [][32]byte) ([]Target, error)
	mu   sync.Mutex
	wait []*lookup
	busy int
}

// lookup is one that somebody waits for.
type lookup struct {
	hash  [32]byte
	found *Target
	err   error
	done  chan struct{}
}

// Limits of reading: how many questions are asked at a time, for how many registrations each, and how long one may take.
const (
	readers  = 2
	readMany = 500
	readTime = 5 * time.Second
)

// read is the registration of a capability's hash; nil = there is none.
func (r *reader) read(hash [32]byte) (*Target, error) {
	l := &lookup{hash: hash, done: make(chan struct{})}
	r.mu.Lock()
	r.wait = append(r.wait, l)
	asks := r.busy < readers
	if asks {
		r.busy++
	}
	r.mu.Unlock()
	if asks {
		r.ask(l)
	}
	<-l.done
	return l.found, l.err
}

// ask answers those who wait. Whoever asks stops when its own is answered, and leaves the rest to another.
func (r *reader) ask(own *lookup) {
	for {
		r.mu.Lock()
		batch := r.wait
		if len(batch) > readMany {
			batch = batch[:readMany]
		}
		r.wait = r.wait[len(batch):]
		if len(batch) == 0 {
			r.wait = nil
			r.busy--
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		r.answer(batch)
		select {
		case <-own.done:
			r.handOver()
			return
		default:
		}
	}
}

// handOver lets somebody else ask for those who came meanwhile.
func (r *reader) handOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wait) == 0 {
		r.busy--
		return
	}
	go r.ask(r.wait[0])
}

func (r *reader) answer(batch []*lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	hashes := make([][32]byte, len(batch))
	for i, l := range batch {
		hashes[i] = l.hash
	}
	found, err := r.find(ctx, hashes)
	byHash := make(map[[32]byte]*Target, len(found))
	for i := range found {
		byHash[found[i].CapabilityHash] = &found[i]
	}
	for _, l := range batch {
		l.found, l.err = byHash[l.hash], err
		close(l.done)
	}
}
