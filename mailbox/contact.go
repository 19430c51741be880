package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"heliograph/message"
)

// What a node learns of registrations and subscriptions is written in batches, once per subscription every two seconds
// however many events come. Nobody's reply waits for it: what a killed node had not written yet costs no wake, for every
// wake is accepted by a provider or durable before its event is answered.

// batchEvery is how long a node keeps to itself what it learned.
const batchEvery = 2 * time.Second

// WrittenAfter is how long it takes until every node has written what it learned before.
const WrittenAfter = batchEvery + time.Second

// batchMany is how many registrations are written at once: other writers wait meanwhile.
const batchMany = 1000

// Words of Registration.WakeResult.
const (
	wakeAccepted = "accepted"
	wakePending  = "pending"
	wakeRejected = "rejected"
	wakeDead     = "dead"
)

// Contact is what a node learned of a registration since its last batch.
type Contact struct {
	Key           int64
	HeardAt       time.Time
	EventAt       time.Time // zero = no event
	Events, Wakes int64     // to add
	Badge         Badge     // a nil Count = nothing new
	Displaced     bool
	Pace          []byte
	Woken         Woken // the zero value = nothing new
	Subscriptions []SubscriptionContact
}

// Woken is what became of a registration's last wake.
type Woken struct {
	At             time.Time // of the newest event in it
	Result, Reason string
}

// SubscriptionContact is what a node learned of one subscription since its last batch.
type SubscriptionContact struct {
	ID         [16]byte   // keyed hash
	Alternates [][16]byte // under index keys on their way out: rows may still have one of them
	Server     []byte     // keyed hash of the server that the id names; nil = it names none
	Source     Source
	Folder     Folder
	FirstAt    time.Time // when the first notification of the batch arrived
	HeardAt    time.Time
	EventAt    time.Time // zero = no event

	// First is what the first notification said went before; Last and Before are the newest watermarks. Keyed hashes; the
	// zero value = not told.
	First, Before, Last WatermarkHash

	Failed bool // the mail server told of a failure, and nothing after
}

// WatermarkHash tells watermarks apart.
type WatermarkHash [8]byte

// none reports whether no watermark was told.
func (w WatermarkHash) none() bool { return w == WatermarkHash{} }

// Judged is what a batch found in what was stored.
type Judged struct {
	Gaps      []int64 // registrations of which a notification went missing
	Recovered []Lost  // subscriptions that were lost and are heard again
	Failed    []Lost  // subscriptions that are lost now, because the mail server said so
}

// Lost is a subscription that the mail server forgot, or did not.
type Lost struct {
	Registration int64
	App          string
	Server       []byte // keyed hash; nil = it names none
}

// contact is a Contact in the making; its desk guards it.
type contact struct {
	Contact
	wakes int64
	told  bool // the badge is new
}

// woken notes what became of a wake. An older one that ends later changes nothing.
func (c *contact) woken(begun time.Time, result, reason string) {
	if !begun.Before(c.Woken.At) {
		c.Woken = Woken{begun, result, reason}
	}
}

// hashes are those of one signal.
type hashes struct {
	subscription   [16]byte
	alternates     [][16]byte
	server         []byte
	previous, last WatermarkHash
}

// mostContacts bounds how many subscriptions of one registration are learned of between two batches.
const mostContacts = 8

// note adds a signal.
func (c *contact) note(e *Event, s *Signal, h *hashes) {
	c.HeardAt = e.Arrived
	changed := s.Kind != 0
	if changed {
		c.EventAt = e.Arrived
		c.Events++
	}
	if s.Subscription == "" {
		return
	}
	sub := c.of(h.subscription)
	if sub == nil {
		return
	}
	if sub.HeardAt.IsZero() {
		*sub = SubscriptionContact{ID: h.subscription, Alternates: h.alternates, Server: h.server, Source: e.Source, Folder: e.Folder, FirstAt: e.Arrived, First: h.previous}
	}
	sub.HeardAt, sub.Failed = e.Arrived, s.Failed
	if changed {
		sub.EventAt = e.Arrived
	}
	if !h.last.none() && h.last != sub.Last {
		sub.Before, sub.Last = sub.Last, h.last
	}
}

// of is the place of a subscription; nil when there is no more room.
func (c *contact) of(id [16]byte) *SubscriptionContact {
	for i := range c.Subscriptions {
		if c.Subscriptions[i].ID == id {
			return &c.Subscriptions[i]
		}
	}
	if len(c.Subscriptions) == mostContacts {
		return nil
	}
	c.Subscriptions = append(c.Subscriptions, SubscriptionContact{ID: id})
	return &c.Subscriptions[len(c.Subscriptions)-1]
}

// under puts what could not be written below what was learned since.
func (c *contact) under(old Contact, oldTold bool) {
	if c.HeardAt.IsZero() {
		c.HeardAt = old.HeardAt
	}
	if c.EventAt.IsZero() {
		c.EventAt = old.EventAt
	}
	if c.Woken.At.IsZero() {
		c.Woken = old.Woken
	}
	c.Events, c.wakes, c.told = c.Events+old.Events, c.wakes+old.Wakes, c.told || oldTold
	for _, o := range old.Subscriptions {
		i := slices.IndexFunc(c.Subscriptions, func(s SubscriptionContact) bool { return s.ID == o.ID })
		switch {
		case i >= 0:
			c.Subscriptions[i].follow(o)
		case len(c.Subscriptions) < mostContacts:
			c.Subscriptions = append(c.Subscriptions, o)
		}
	}
}

// follow makes s the continuation of what was learned before it.
func (s *SubscriptionContact) follow(old SubscriptionContact) {
	s.First, s.FirstAt = old.First, old.FirstAt
	if s.EventAt.IsZero() {
		s.EventAt = old.EventAt
	}
	switch {
	case s.Last.none():
		s.Before, s.Last = old.Before, old.Last
	case s.Before.none() && s.Last != old.Last:
		s.Before = old.Last
	}
}

// mark puts a desk on the list of the next batch. The desk is locked.
func (w *Waker) mark(d *desk) {
	if d.dirty {
		return
	}
	d.dirty = true
	w.learned.mu.Lock()
	w.learned.list = append(w.learned.list, d)
	w.learned.mu.Unlock()
}

// learned are the desks that hold what is not written.
type learned struct {
	mu   sync.Mutex
	list []*desk
}

func (l *learned) take() []*desk {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = make([]*desk, 0, len(list))
	return list
}

// WriteContacts writes what was learned since the last time.
func (w *Waker) WriteContacts(ctx context.Context) error {
	w.writing.Lock() // one batch at a time, so that none overtakes another
	defer w.writing.Unlock()
	list := w.learned.take()
	slices.SortFunc(list, func(a, b *desk) int { return cmp.Compare(a.key, b.key) }) // neighbours stand on one page
	for len(list) > 0 {
		n := min(len(list), batchMany)
		if err := w.writeBatch(ctx, list[:n]); err != nil {
			w.learned.mu.Lock()
			w.learned.list = append(w.learned.list, list[n:]...)
			w.learned.mu.Unlock()
			return err
		}
		list = list[n:]
	}
	return nil
}

// taken is a contact on its way into the store.
type taken struct {
	*desk
	Contact
	told bool
}

func (w *Waker) writeBatch(ctx context.Context, list []*desk) error {
	batch, contacts := make([]taken, len(list)), make([]Contact, len(list))
	for i, d := range list {
		batch[i] = d.takeContact()
		contacts[i] = batch[i].Contact
	}
	judged, err := w.store.SaveContacts(ctx, contacts)
	if err != nil {
		for i := range batch {
			w.giveBack(batch[i])
		}
		return fmt.Errorf("writing what mail servers told: %w", err)
	}
	for i := range batch {
		batch[i].written()
	}
	w.judged(batch, judged)
	return nil
}

// takeContact empties the desk's contact for a batch.
func (d *desk) takeContact() taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.contact.Contact
	c.Key, c.Wakes = d.target.Key, d.contact.wakes
	c.Displaced, c.Pace = d.target.Displaced, d.pace.bytes()
	t := taken{d, c, d.contact.told}
	if t.told {
		t.Badge = d.target.Badge
	}
	d.contact, d.dirty, d.writing = contact{}, false, true
	return t
}

func (d *desk) written() {
	d.mu.Lock()
	d.writing = false
	d.mu.Unlock()
}

func (w *Waker) giveBack(t taken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.desk.contact.under(t.Contact, t.told)
	t.writing = false
	w.mark(t.desk)
}

// judged does what a batch's findings ask for. Where a notification went missing, the app is woken to look for itself.
func (w *Waker) judged(batch []taken, j Judged) {
	for _, lost := range j.Recovered {
		w.count.lost(lost, whatRecovered)
	}
	for _, lost := range j.Failed {
		w.count.lost(lost, whatLost)
	}
	for _, key := range j.Gaps {
		i := slices.IndexFunc(batch, func(t taken) bool { return t.Key == key })
		if i < 0 {
			continue
		}
		w.wakeForGap(batch[i].desk)
	}
}

// wakeForGap parks a wake without badge.
func (w *Waker) wakeForGap(d *desk) {
	d.mu.Lock()
	w.count.event(&d.target, whatGap)
	if !w.pushes(&d.target) {
		d.mu.Unlock()
		return
	}
	now := w.options.Now()
	if answer := w.park(d, wanted{kind: message.WakeChange, since: now}, reasonGap, now); answer != OK {
		w.options.Logger.Warn("a notification went missing, and its wake could not be stored")
	}
}
