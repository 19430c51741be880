package mailbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// Waker takes events in and wakes devices. It is the hot path of mail push: an event of a quiet registration is pushed at
// once by whoever brought it, and answered when the provider has accepted it. Those that come in the next second share
// one push, and their replies wait for it. Whatever cannot be pushed now becomes durable as a pending row before it is
// answered. See docs/flow.md.
type Waker struct {
	store         WakeStore
	registrations *Registrations
	options       WakerOptions

	policy   atomic.Pointer[policy]
	lanes    *lanes
	desks    *desks
	reader   reader
	ledger   ledger
	learned  learned
	writing  sync.Mutex
	count    *counts
	clearing atomic.Int64 // how far forgetUnbound has come
	cleared  atomic.Int64 // when it last came to the end
	held     atomic.Int64
	inFlight atomic.Int64

	runs atomic.Bool
	stop context.CancelFunc
	done sync.WaitGroup
}

// WakeStore is what the Waker keeps. Each method is one transaction, and the store's clock says when.
type WakeStore interface {
	SettingsStore
	AppKeys(ctx context.Context) ([]AppKey, error)

	// Targets finds registrations by the hashes of their capabilities, with their tokens. Those that are not there are
	// left out.
	Targets(ctx context.Context, hashes [][32]byte) ([]Target, error)
	// Target is what is known of a registration without asking the database, with its token if that is wanted. Not ok =
	// Targets must be asked.
	Target(hash [32]byte, token bool) (t Target, ok bool)
	// RememberTargets reads what Target tells, as far as it can be remembered, and returns when that is done. grown hears
	// how many bytes that takes; nil = nobody does.
	RememberTargets(ctx context.Context, grown func(bytes int64)) error
	// HashSignal hashes what names a mail server and a mailbox: a subscription's id (and under which other index keys rows
	// may still have it), the server that it names, and watermarks.
	HashSubscription(id string) (now [16]byte, before [][16]byte)
	HashServer(name string) []byte
	HashWatermark(watermark string) WatermarkHash

	// Park writes pending rows and settles others, in their order.
	Park(ctx context.Context, list []Parking) error
	// SaveContacts adds what was learned. A badge is taken when it is newer than the one that is there, by the time of
	// its own subscription.
	SaveContacts(ctx context.Context, list []Contact) (Judged, error)
	// AddFigures adds counts to this hour's.
	AddFigures(ctx context.Context, list []HourFigure, times []HourLatency) error

	pendingStore
	watchStore
}

// WakerOptions of a Waker. The zero value works.
type WakerOptions struct {
	Logger *slog.Logger     // nil = silent
	Now    func() time.Time // nil = the machine's clock
	Random func() float64   // nil = math/rand; jitter
	Env    channel.Env
	Node   string // tells this process apart from others; empty = there are no others

	Slow     time.Duration // how long a push may take before its wake becomes a pending row; 0 = 2 s
	MostHeld int           // replies that wait for a push; 0 = 10,000
	MostPush int           // pushes on the wire; 0 = 4,000
	Desks    int           // registrations that are remembered for a moment; 0 = 200,000
	Pace     float64       // resubscribe wakes a second of a server that lost many; 0 = 28
	Grace    time.Duration // what a sign of life may be late by; 0 = 2 min

	Remembers func(bytes int64) // hears how much memory all registrations take; nil = nobody does
}

// Limits.
const (
	defaultSlow     = 2 * time.Second
	defaultHeld     = 10_000
	defaultInFlight = 4_000
	defaultDesks    = 200_000
	holdTime        = time.Second // how long a reply is held at most
	firstRetry      = 5 * time.Second
)

// policy is what administrators decided, as of a few seconds ago.
type policy struct {
	Settings
	keys map[string]AppKey
}

// NewWaker makes one. r judges what providers say of tokens; p says which providers there are. Nothing works before Start.
func NewWaker(s WakeStore, r *Registrations, p Providers, o WakerOptions) *Waker {
	o.fill()
	w := &Waker{store: s, registrations: r, options: o, desks: newDesks(), count: newCounts()}
	w.lanes = newLanes(p, o.Env, o.Logger)
	w.reader.find, w.ledger.write = s.Targets, s.Park
	w.policy.Store(&policy{Settings: DefaultSettings()})
	return w
}

func (o *WakerOptions) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = random
	}
	orElse(&o.Slow, defaultSlow)
	orElse(&o.MostHeld, defaultHeld)
	orElse(&o.MostPush, defaultInFlight)
	orElse(&o.Desks, defaultDesks)
	orElse(&o.Pace, resubscribePace)
	orElse(&o.Grace, grace)
}

func orElse[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Touch takes an event in and says what to answer. It returns when the answer is true: OK means that a provider accepted
// the wake or that it is durable here. The end of ctx changes nothing: the mail server may be gone, the event is not.
func (w *Waker) Touch(_ context.Context, e Event) Answer {
	ctx := context.Background()
	d, answer := w.deskOf(e.Capability, e.wakes())
	if d == nil {
		if answer == Unknown {
			w.count.one("", whatUnknown)
		}
		return w.counted("", answer)
	}
	if !w.policy.Load().takes(&d.target, &e) {
		app := d.target.App
		d.mu.Unlock()
		w.count.one(app, whatBarred)
		return Barred
	}
	if d.target.State == Tombstone {
		gone := d.target.Registration
		d.mu.Unlock()
		return w.farewell(ctx, gone)
	}
	want, app := w.note(d, &e), d.target.App
	if want.kind == 0 || !w.pushes(&d.target) {
		d.mu.Unlock()
		return OK
	}
	return w.counted(app, w.carry(d, want))
}

// counted counts a 503.
func (w *Waker) counted(app string, a Answer) Answer {
	if a == Busy {
		w.count.one(app, whatBusy)
	}
	return a
}

// takes reports whether an event may come from where it came.
func (p *policy) takes(t *Target, e *Event) bool {
	key, ok := p.keys[t.AppKey]
	return !ok || key.TakesMail(e.From)
}

// pushes reports whether a registration is to be woken at all.
func (w *Waker) pushes(t *Target) bool {
	return t.State == Live && w.policy.Load().Enabled
}

// deskOf is the desk of a capability, locked, with what the store said at most targetKept ago; nil with the answer when
// there is none. The token is there if it is wanted: opening it costs more than all of a sign of life.
func (w *Waker) deskOf(c Capability, token bool) (*desk, Answer) {
	hash := [32]byte(c.Hash())
	for {
		now := w.options.Now()
		if d := w.desks.get(hash); d != nil {
			d.mu.Lock()
			token = token || d.target.Token != ""
			if !d.gone && d.fresh(now) && d.serves(token) && !w.registrations.renewed.since(d.key, d.read) {
				d.used = now
				return d, 0
			}
			d.mu.Unlock()
		}
		t, err := w.look(hash, token)
		switch {
		case err != nil:
			w.options.Logger.Error("looking a registration up", "error", err)
			return nil, Busy
		case t == nil:
			return nil, Unknown
		}
		d := w.setUp(t, now)
		switch {
		case d == nil: // cleared away in that moment
		case d.serves(token):
			return d, 0
		default: // somebody read it without its token later
			d.mu.Unlock()
		}
	}
}

// look is a registration; nil = there is none.
func (w *Waker) look(hash [32]byte, token bool) (*Target, error) {
	if t, ok := w.store.Target(hash, token); ok {
		return &t, nil
	}
	return w.reader.read(hash)
}

// setUp gives a target its desk, and returns it locked; nil = it was cleared away in that moment.
func (w *Waker) setUp(t *Target, asked time.Time) *desk {
	d := w.desks.put(t.CapabilityHash, t.Key, w.options.Desks/shards+1)
	d.mu.Lock()
	if d.gone {
		d.mu.Unlock()
		return nil
	}
	if !d.read.After(asked) && (d.target.Token == "" || t.Token != "" || t.State != Live) { // a token is kept: an event may wait for its turn
		d.set(*t, asked)
	}
	d.used = asked
	return d
}

// farewell answers the mail server of a tombstone.
func (w *Waker) farewell(ctx context.Context, gone Registration) Answer {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	may, err := w.registrations.MayUnsubscribe(ctx, gone)
	if err != nil {
		w.options.Logger.Error("asking whether an app is braked", "error", err)
		return OK
	}
	return w.goodbye(gone.App, may)
}

func (w *Waker) goodbye(app string, may bool) Answer {
	if !may {
		return OK
	}
	w.count.one(app, whatUnsubscribe)
	return Unsubscribe
}

// note takes what an event says, and returns the wake that it asks for. The desk is locked.
func (w *Waker) note(d *desk, e *Event) (want wanted) {
	want.since = e.Arrived
	for i := range e.Signals {
		s := &e.Signals[i]
		h := w.hash(s)
		d.contact.note(e, s, &h)
		kind := s.Kind
		if s.Failed {
			kind = message.WakeResubscribe
		}
		want.kind = stronger(want.kind, kind)
		if e.Folder == Inbox && s.Badge != nil && !s.BadgeAt.IsZero() && s.Subscription != "" && !s.Failed {
			d.contact.told, want.badge = true, true
			d.tell(Badge{Count: s.Badge, At: believable(s.BadgeAt, e.Arrived), Subscription: h.subscription[:]})
		}
		if !s.At.IsZero() {
			w.count.took(Arrival, e.Arrived.Sub(s.At))
		}
	}
	w.mark(d)
	if want.kind == 0 {
		w.count.event(&d.target, whatHeartbeat)
	} else {
		w.count.event(&d.target, whatEvent)
	}
	return want
}

// clockDrift is how far the clock of a mail server may be ahead of ours.
const clockDrift = 10 * time.Minute

// believable is a mail server's time. One from the future counts as now: else no later count would ever be newer.
func believable(told, now time.Time) time.Time {
	if told.After(now.Add(clockDrift)) {
		return now
	}
	return told
}

func (w *Waker) hash(s *Signal) (h hashes) {
	if s.Subscription == "" {
		return h
	}
	h.subscription, h.alternates = w.store.HashSubscription(s.Subscription)
	if s.Server != "" {
		h.server = w.store.HashServer(s.Server)
	}
	if s.Previous != "" {
		h.previous = w.store.HashWatermark(s.Previous)
	}
	if s.Watermark != "" {
		h.last = w.store.HashWatermark(s.Watermark)
	}
	return h
}

// carry pushes a wake now, or with others soon, or parks it. The desk is locked, and is not when it returns.
func (w *Waker) carry(d *desk, want wanted) Answer {
	now := w.options.Now()
	if d.next == nil && !d.pushing && !now.Before(d.quiet) {
		return w.push(d, want)
	}
	if w.held.Add(1) > int64(w.options.MostHeld) {
		w.held.Add(-1)
		return w.park(d, want, reasonBusy, now.Add(firstRetry))
	}
	defer w.held.Add(-1)
	if g := d.next; g != nil {
		g.wanted = g.and(want)
		d.mu.Unlock()
		<-g.done
		return g.answer
	}
	return w.lead(d, want)
}

// lead holds an event until the next push may go, and takes those along that come meanwhile.
func (w *Waker) lead(d *desk, want wanted) Answer {
	g := &group{wanted: want, done: make(chan struct{})}
	d.next = g
	w.waitForTurn(d)
	d.next = nil
	if d.pushing { // the provider is slow: nobody waits longer
		g.answer = w.park(d, g.wanted, string(message.Timeout), w.options.Now().Add(firstRetry))
	} else {
		g.answer = w.push(d, g.wanted)
	}
	close(g.done)
	return g.answer
}

// waitForTurn waits until the desk is quiet and nothing is on the wire, and no longer than holdTime. The desk is locked
// before and after.
func (w *Waker) waitForTurn(d *desk) {
	limit := time.NewTimer(holdTime)
	defer limit.Stop()
	if wait := d.quiet.Sub(w.options.Now()); wait > 0 {
		d.mu.Unlock()
		pause := time.NewTimer(min(wait, holdTime))
		<-pause.C
		d.mu.Lock()
	}
	if !d.pushing {
		return
	}
	if d.ended == nil {
		d.ended = make(chan struct{})
	}
	ended := d.ended
	d.mu.Unlock()
	select {
	case <-ended:
	case <-limit.C:
	}
	d.mu.Lock()
}

// push puts a wake on the wire, if it may go now, and answers when it is safe. The desk is locked, and is not when it
// returns.
func (w *Waker) push(d *desk, want wanted) Answer {
	now, p := w.options.Now(), w.policy.Load()
	want = want.and(d.parked)
	t := &d.target
	as := lookOf(t.Platform, t.Wake, want.kind, d.count(want)).urgent(t.Platform, p.AndroidPriority)
	if free := d.pace.free(t.Platform, as, now); free.After(now) {
		return w.park(d, want, reasonBudget, free)
	}
	lane := w.lanes.of(t.route())
	switch {
	case lane == nil:
		return w.park(d, want, reasonNobody, now.Add(firstRetry))
	case lane.down(now):
		return w.park(d, want, reasonDown, now.Add(firstRetry))
	case w.inFlight.Add(1) > int64(w.options.MostPush):
		w.inFlight.Add(-1)
		return w.park(d, want, reasonBusy, now.Add(firstRetry))
	}
	d.pushing, d.quiet = true, now.Add(p.Coalesce())
	m := d.message(as, now, p.TTL())
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), w.options.Slow)
	outcome := lane.waker.Wake(ctx, m)
	cancel()
	w.inFlight.Add(-1)
	d.mu.Lock()
	d.end()
	return w.ended(d, lane, want, as, outcome)
}

// message is a wake for the wire.
func (d *desk) message(l look, now time.Time, ttl time.Duration) message.Message {
	t := &d.target
	l.Topic = t.ID.String()
	return message.Message{
		ID: message.DeliveryID(t.Key), Channel: message.Push, Address: t.Token, Arrived: t.TokenAt,
		Badge: l.badge, Wake: &l.Wake, Expires: now.Add(ttl),
	}
}

// ended does what the outcome of a push asks for. The desk is locked, and is not when it returns.
func (w *Waker) ended(d *desk, lane *lane, want wanted, as look, o message.Outcome) Answer {
	now := w.options.Now()
	if lane.note(o, false, now) {
		w.turned(lane, o)
	}
	switch Judge(o) {
	case Accepted:
		return w.accepted(d, want, as, now)
	case Later:
		return w.park(d, want, string(reasonOf(o)), now.Add(firstRetry))
	default:
		return w.refused(d, want, o)
	}
}

// refused ends a registration, or sets it aside, as the provider's answer wants. What it says of a token that the app has
// replaced by now counts for nothing: then the wake goes to the new one. The desk is locked, and is not when it returns.
func (w *Waker) refused(d *desk, want wanted, o message.Outcome) Answer {
	was := d.target
	d.mu.Unlock()
	answer := w.verdict(was.Registration, d, want.since, o)
	now := w.options.Now()
	successor := w.successor(&was)
	if successor == nil {
		return answer
	}
	d.mu.Lock()
	d.set(*successor, now)
	if d.pushing {
		return w.park(d, want, string(reasonOf(o)), now)
	}
	return w.push(d, want)
}

// successor is a target whose app has sent another token meanwhile; nil = it has not, or we cannot know now.
func (w *Waker) successor(was *Target) *Target {
	now, err := w.look(was.CapabilityHash, true)
	if err != nil || now == nil || now.State != Live || !now.TokenAt.After(was.TokenAt) {
		return nil
	}
	return now
}

// turned tells the log once that a provider went down or came up.
func (w *Waker) turned(l *lane, o message.Outcome) {
	if o.Failure == nil {
		w.options.Logger.Info("wakes leave again", "server", l.Name)
		return
	}
	w.options.Logger.Warn("a push provider takes no wakes for now: they wait", "server", l.Name, "reason", o.Failure.Reason, "detail", o.Failure.Detail)
}

func reasonOf(o message.Outcome) message.Reason {
	if o.Failure == nil {
		return message.Timeout
	}
	return o.Failure.Reason
}

// accepted notes a wake that a provider took. A pending row that it made needless must be gone before the mail server may
// send the next event: it would put an older badge on the device after a crash.
func (w *Waker) accepted(d *desk, want wanted, as look, now time.Time) Answer {
	d.pushed(as, want.since, now)
	w.mark(d)
	w.count.event(&d.target, whatAccepted)
	w.count.took(Carriage, now.Sub(want.since))
	var settled <-chan error
	if d.parked.kind != 0 {
		settled = w.ledger.add(Parking{Key: d.target.Key, Since: want.since, Settled: true})
		d.parked, d.parkedAt = wanted{}, now
	}
	d.mu.Unlock()
	if settled != nil {
		if err := <-settled; err != nil {
			w.options.Logger.Error("removing a pending wake that was sent", "error", err)
		}
	}
	return OK
}

// verdict writes down that a provider refused the token for good, and answers.
func (w *Waker) verdict(of Registration, d *desk, since time.Time, o message.Outcome) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	v, unsubscribe, err := w.registrations.Verdict(ctx, of, o)
	if err != nil {
		w.options.Logger.Error("a registration's state could not be stored", "error", err)
		return Busy
	}
	result, what := wakeRejected, whatRejected
	if v == Died {
		result, what = wakeDead, whatDead
	}
	w.count.reason(of.App, what, string(o.Failure.Reason))
	d.mu.Lock()
	d.contact.woken(since, result, string(o.Failure.Reason))
	d.read = time.Time{} // its state is another one now
	w.mark(d)
	d.mu.Unlock()
	return w.goodbye(of.App, unsubscribe)
}

// park makes a wake durable, to be tried again. The desk is locked, and is not when it returns. Rows are queued while it
// is: so they are written in the order of the events.
func (w *Waker) park(d *desk, want wanted, reason string, next time.Time) Answer {
	p := Parking{Key: d.target.Key, Route: d.target.route(), Kind: want.kind, Since: want.since, NextAt: next, Reason: message.Reason(reason)}
	if want.badge {
		p.Badge = d.target.Badge
	}
	now := w.options.Now()
	d.parked, d.parkedAt = d.parked.and(want), now
	d.contact.woken(want.since, wakePending, reason)
	w.mark(d)
	w.count.reason(d.target.App, whatPending, reason)
	stored := w.ledger.add(p)
	d.mu.Unlock()
	if err := <-stored; err != nil {
		w.options.Logger.Error("a wake could not be stored", "error", err)
		return Busy
	}
	return OK
}

// Refresh reads what administrators decided and which providers there are.
func (w *Waker) Refresh(ctx context.Context) error {
	settings, err := w.registrations.config.Settings(ctx)
	if err != nil {
		return fmt.Errorf("reading the settings of mail push: %w", err)
	}
	list, err := w.store.AppKeys(ctx)
	if err != nil {
		return fmt.Errorf("reading the app keys: %w", err)
	}
	keys := map[string]AppKey{}
	for _, k := range list {
		if len(k.MailNetworks) > 0 {
			keys[k.ID] = k
		}
	}
	w.policy.Store(&policy{settings, keys})
	return w.lanes.look(ctx)
}
