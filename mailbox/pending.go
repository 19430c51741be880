package mailbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"heliograph/message"
)

// Pending rows are the queue of wakes that no provider has accepted: one for each registration, so that however long a
// provider is down, each device is woken once, with the newest badge. A job takes those of one route that are due.
//
//	parked ─► due ─► superseded: a later event was accepted meanwhile, says the last batch ─► gone
//	           │ └─► too old, not to be woken any more ─► gone
//	           ├───► not accepted ─► due again later
//	           └───► accepted ─► looked at once more after a moment ─► gone
//	                              └─► another node told of a newer badge: it goes again
//
// The second look is for several nodes: a push of this row and one of another node's newest event may have been on the wire
// at the same time, and nobody knows which came last.

// pendingStore is what the store knows of pending rows.
type pendingStore interface {
	// DueRoutes lists the routes that have rows to try.
	DueRoutes(ctx context.Context) ([]Route, error)
	// AddRetries inserts a job for each, unless an equal one waits or runs.
	AddRetries(ctx context.Context, list []RetryArgs) error
	// Claim takes up to limit rows of a route that are due: until the lease is over, nobody else does. Of those that share
	// a rate it takes as many as may go within the window, and says when each may.
	Claim(ctx context.Context, r Route, c Claim) ([]Due, error)
	// SaveTries writes what became of claimed rows, unless they are newer by now, and notes what is to be told.
	SaveTries(ctx context.Context, list []Try) error
	// ExpirePending deletes rows whose newest event is older than that, notes that they were given up, and counts them by app.
	ExpirePending(ctx context.Context, before time.Time) (map[string]int64, error)
}

// RetryArgs is the job that tries the pending rows of a route again, on one node.
type RetryArgs struct {
	Provider    string `json:"p"`
	App         string `json:"a"`
	Environment string `json:"e"`
	Node        string `json:"n,omitempty"`
}

// Kind names the job.
func (RetryArgs) Kind() string { return "mail_wake" }

func (a RetryArgs) route() Route { return Route{a.Provider, a.App, a.Environment} }

// Queue is the queue of mail push's jobs, and QueueWorkers how many each node works at once.
const (
	Queue        = "mail"
	QueueWorkers = 8
)

// Claim says how many rows to take.
type Claim struct {
	Limit  int
	Lease  time.Duration
	Pace   float64       // of resubscribe wakes of a server that lost many, a second
	Window time.Duration // how far ahead their turns may be
}

// Due is a pending row that was claimed.
type Due struct {
	Target
	Wake     message.WakeKind
	Carried  Badge // the badge in it; a nil Count = none
	Since    time.Time
	SentAt   time.Time // accepted then: this is the second look
	Attempts int
	Turn     time.Time // not before; zero = at once
}

// Try is what became of a claimed row.
type Try struct {
	Key    int64
	Since  time.Time // of the row as it was claimed
	NextAt time.Time // when to look again; zero = the row goes
	Sent   Badge     // with Looks: what was carried
	Looks  bool      // it was accepted, and is looked at once more
	Failed bool      // the attempt counts
	Reason message.Reason
	Tells  Happening // a line for the registration's timeline, with the reason; 0 = none
}

// Limits of the worker.
const (
	claimMany   = 500
	claimLease  = time.Minute
	claimWindow = 2 * time.Second
	claimWidth  = 100              // on the wire at once
	claimFor    = 10 * time.Second // then another job goes on
	patience    = 10 * time.Second // for one push: a slow provider is better than none
	longestWait = 5 * time.Minute  // between two tries
	lookAgain   = 5 * time.Second
	onceMore    = time.Second // somebody pushes to the same device at this moment
)

func random() float64 { return rand.Float64() } //nolint:gosec // jitter

// Hasten inserts jobs for the routes that have something due and are not known to be down.
func (w *Waker) Hasten(ctx context.Context) error {
	routes, err := w.store.DueRoutes(ctx)
	if err != nil || len(routes) == 0 {
		return err
	}
	now := w.options.Now()
	var list []RetryArgs
	for _, r := range routes {
		if l := w.lanes.of(r); l != nil && !l.down(now) {
			list = append(list, RetryArgs{r.Kind, r.App, r.Environment, w.options.Node})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return w.store.AddRetries(ctx, list)
}

// Retry is the job's work: it tries what is due until nothing is, or its time is over.
func (w *Waker) Retry(ctx context.Context, args RetryArgs) error {
	end := w.options.Now().Add(claimFor)
	for w.options.Now().Before(end) && ctx.Err() == nil {
		lane := w.lanes.of(args.route())
		if lane == nil || lane.down(w.options.Now()) {
			return nil
		}
		claim, begun := Claim{claimMany, claimLease, w.options.Pace, claimWindow}, w.options.Now()
		if lane.doubtful() {
			claim.Limit = 1 // one probes for all
		}
		list, err := w.store.Claim(ctx, args.route(), claim)
		if err != nil {
			return fmt.Errorf("taking pending wakes: %w", err)
		}
		if err := w.tryAll(ctx, lane, list); err != nil {
			return err
		}
		switch {
		case slices.ContainsFunc(list, func(d Due) bool { return !d.Turn.IsZero() }): // others may wait for theirs
			w.waitFor(ctx, begun.Add(claimWindow))
		case len(list) < claim.Limit:
			return nil
		}
	}
	return nil
}

// tryAll tries rows, some at a time, and writes what became of them.
func (w *Waker) tryAll(ctx context.Context, l *lane, list []Due) error {
	if len(list) == 0 {
		return nil
	}
	tries := make([]Try, len(list))
	places := make(chan struct{}, claimWidth)
	var all sync.WaitGroup
	for i := range list {
		w.waitFor(ctx, list[i].Turn)
		places <- struct{}{}
		all.Go(func() {
			tries[i] = w.try(l, &list[i])
			<-places
		})
	}
	all.Wait()
	if err := w.store.SaveTries(context.WithoutCancel(ctx), tries); err != nil {
		return fmt.Errorf("writing what became of pending wakes: %w", err)
	}
	return nil
}

// waitFor waits for a row's turn. Those without one come first.
func (w *Waker) waitFor(ctx context.Context, turn time.Time) {
	wait := turn.Sub(w.options.Now())
	if turn.IsZero() || wait <= 0 {
		return
	}
	timer := time.NewTimer(min(wait, claimWindow))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// try does one row.
func (w *Waker) try(l *lane, due *Due) Try {
	now := w.options.Now()
	t := Try{Key: due.Key, Since: due.Since}
	if done, what := due.over(now); done {
		if what != 0 {
			w.count.one(due.App, what)
		}
		if what == whatExpired {
			t.Tells = HappenedGivenUp
		}
		return t
	}
	if !w.pushes(&due.Target) {
		return t
	}
	if l.down(now) {
		t.NextAt, t.Reason = now, reasonDown
		return t
	}
	return w.tryOn(l, due, t)
}

// over reports whether a row need not be sent, and what that counts as.
func (due *Due) over(now time.Time) (bool, Figure) {
	switch {
	case now.Sub(due.Since) > message.WakeLifetime:
		return true, whatExpired
	case !due.SentAt.IsZero():
		known := due.Badge
		newer := due.Carried.Count != nil && known.Count != nil &&
			(string(known.Subscription) != string(due.Carried.Subscription) || known.At.After(due.Carried.At))
		return !newer, 0
	case due.Wake != message.WakeResubscribe && due.WakeResult == wakeAccepted && !due.WakeAt.Before(due.Since):
		return true, whatSuperseded
	}
	return false, 0
}

// tryOn pushes a row, in turn with the events of the same registration.
func (w *Waker) tryOn(l *lane, due *Due, t Try) Try {
	d := w.setUp(&due.Target, w.options.Now())
	if d == nil {
		t.NextAt = w.options.Now().Add(onceMore)
		return t
	}
	defer d.mu.Unlock()
	now, p := w.options.Now(), w.policy.Load()
	if d.pushing || d.next != nil {
		t.NextAt = now.Add(onceMore)
		return t
	}
	want := wanted{due.Wake, due.Carried.Count != nil, due.Since}
	d.tell(due.Carried)
	as := lookOf(d.target.Platform, d.target.Wake, want.kind, d.count(want)).urgent(d.target.Platform, p.AndroidPriority)
	if free := d.pace.free(d.target.Platform, as, now); free.After(now) {
		t.NextAt, t.Reason = free, reasonBudget
		return t
	}
	d.pushing, d.quiet = true, now.Add(p.Coalesce())
	carried := d.target.Badge
	m := d.message(as, now, p.TTL())
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	o := l.waker.Wake(ctx, m)
	cancel()
	d.mu.Lock()
	d.end()
	if as.badge == nil {
		carried = Badge{}
	}
	return w.tried(d, l, due, t, as, o, now, carried)
}

// tried judges the outcome of a row. The desk is locked.
func (w *Waker) tried(d *desk, l *lane, due *Due, t Try, as look, o message.Outcome, begun time.Time, carried Badge) Try {
	now := w.options.Now()
	if l.note(o, now.Sub(begun) > w.options.Slow, now) {
		w.turned(l, o)
	}
	switch Judge(o) {
	case Accepted:
		d.pushed(as, due.Since, now)
		if !d.parked.since.After(due.Since) {
			d.parked, d.parkedAt = wanted{}, now
		}
		w.mark(d)
		w.count.event(&d.target, whatAccepted)
		w.count.took(Carriage, now.Sub(due.Since))
		if w.options.Node != "" {
			t.Looks, t.Sent, t.NextAt = true, carried, now.Add(lookAgain)
		}
		return t
	case Later:
		w.count.reason(d.target.App, whatPending, string(reasonOf(o)))
		t.Failed, t.Reason, t.NextAt = true, reasonOf(o), now.Add(w.backOff(due.Attempts))
		if f := o.Failure; f != nil && f.Scope == message.WholeServer {
			t.Failed, t.NextAt = false, now.Add(firstRetry)
		}
		if t.Failed && due.Attempts == 0 { // once for each row: a timeline is short
			t.Tells = HappenedRefused
		}
		return t
	}
	was := d.target
	d.mu.Unlock()
	answer := w.verdict(was.Registration, d, due.Since, o)
	successor := w.successor(&was)
	d.mu.Lock()
	switch {
	case answer == Busy:
		t.NextAt = now.Add(firstRetry)
	case successor != nil:
		d.set(*successor, now)
		t.NextAt = now.Add(onceMore)
	}
	return t
}

// backOff is how long to wait after so many attempts that failed before this one.
func (w *Waker) backOff(attempts int) time.Duration {
	wait := min(firstRetry<<min(attempts+1, 10), longestWait)
	return wait*4/5 + time.Duration(w.options.Random()*float64(wait)*2/5)
}
