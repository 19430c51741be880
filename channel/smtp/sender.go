package smtp

import (
	"context"
	"errors"
	"sync"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// sender hands messages to one server.
type sender struct {
	srv  *server
	pool *pool
}

func newSender(srv *server) *sender { return &sender{srv: srv, pool: newPool(srv)} }

// Close gives up the sessions without work.
func (s *sender) Close() { s.pool.close() }

// Send sends a batch, over several sessions when it is large.
func (s *sender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	outcomes := make([]message.Outcome, len(batch))
	if len(batch) == 0 || !s.pool.enter(ctx) {
		return outcomes
	}
	defer s.pool.leave()
	r := &run{sender: s, ctx: ctx, batch: batch, outcomes: outcomes, queue: groups(batch, s.srv.MaxRecipients)}
	r.lead()
	return outcomes
}

// group is what goes together in one mail: indexes into the batch.
type group []int

// groups puts together what has the same text, up to most recipients. Addresses outside ASCII travel apart: with
// SMTPUTF8, which may keep a mail from those who could have had it without.
func groups(batch []message.Message, most int) []group {
	type key struct {
		shared string
		ascii  bool
	}
	var all []group
	open := map[key]int{} // where in all the group is that has room
	for i := range batch {
		if batch[i].Shared == "" {
			all = append(all, group{i})
			continue
		}
		k := key{batch[i].Shared, isASCII(batch[i].Address)}
		at, found := open[k]
		if !found || len(all[at]) >= most {
			at = len(all)
			all = append(all, nil)
			open[k] = at
		}
		all[at] = append(all[at], i)
	}
	return all
}

// run is one Send.
type run struct {
	*sender
	ctx      context.Context
	batch    []message.Message
	outcomes []message.Outcome // each is written by the worker that has its group

	streak  channel.Streak
	helpers sync.WaitGroup

	mu      sync.Mutex
	queue   []group
	stopped bool
	refused map[string]message.Failure // by Shared: texts that the server will not take from anybody
}

// next takes a group off the queue; nil when nothing more is to be handed over.
func (r *run) next() group {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 || !r.goesOn() {
		return nil
	}
	g := r.queue[0]
	r.queue = r.queue[1:]
	return g
}

// goesOn is called with r.mu held.
func (r *run) goesOn() bool { return !r.stopped && r.ctx.Err() == nil }

func (r *run) going() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.goesOn()
}

func (r *run) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
}

// refuse remembers that a text is not taken, whoever it is for.
func (r *run) refuse(shared string, f message.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = map[string]message.Failure{}
	}
	r.refused[shared] = f
}

// refusal is what the server said about the text of a group, if it refused that before.
func (r *run) refusal(g group) (f message.Failure, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, known = r.refused[r.batch[g[0]].Shared]
	return f, known
}

// giveBack lets the lead deliver what is left of a group.
func (r *run) giveBack(g group) {
	if len(g) == 0 {
		return
	}
	r.mu.Lock()
	r.queue = append(r.queue, g)
	r.mu.Unlock()
}

// helpEvery is how many groups in the queue are worth another session.
const helpEvery = 20

// lead works the queue, and calls for help when its first transaction shows that the server takes mail. What helpers
// give back it does itself.
func (r *run) lead() {
	w := &worker{run: r}
	defer w.rest()
	helpers := min(helperLimit, len(r.queue)/helpEvery)
	for {
		for g := r.next(); g != nil; g = r.next() {
			w.deliver(g)
			if w.s != nil {
				r.help(helpers)
				helpers = 0
			}
		}
		r.helpers.Wait()
		if !r.waiting() {
			return
		}
	}
}

func (r *run) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue) > 0 && r.goesOn()
}

func (r *run) help(n int) {
	for range n {
		if !r.pool.enterHelper() {
			return
		}
		r.helpers.Go(func() {
			defer r.pool.leaveHelper()
			w := &worker{run: r, helper: true}
			defer w.rest()
			w.help()
		})
	}
}

// worker carries groups over one session after the other.
type worker struct {
	*run
	s      *session // nil = none at the moment
	fresh  bool     // what rests in the pool is not to be trusted
	helper bool     // its troubles are its own: a server may just not want another session
}

// help works the queue as long as all goes well.
func (w *worker) help() {
	if w.ready() != nil {
		return
	}
	for g := w.next(); g != nil && w.deliver(g); g = w.next() {
	}
}

func (w *worker) ready() (err error) {
	if w.s == nil {
		w.s, err = w.pool.take(w.ctx, w.fresh)
		w.fresh = false
	}
	return err
}

// rest puts the session back.
func (w *worker) rest() {
	if w.s != nil {
		w.pool.put(w.s)
		w.s = nil
	}
}

func (w *worker) drop() {
	w.s.conn.Close()
	w.s, w.fresh = nil, true
}

// deliver gives one group its outcomes. A text that was refused whoever it is for is not offered again. false = a helper
// gave up.
func (w *worker) deliver(g group) bool {
	if f, known := w.refusal(g); known {
		w.settle(g, f)
		return true
	}
	return w.carry(g)
}

// carry hands one group over, in as many transactions as the server wants. A server that breaks off is connected to once
// more at no cost to anybody; when it does so again, that is the answer. false = a helper gave up.
func (w *worker) carry(g group) bool {
	broken := 0 // times that the server broke off, running
	for len(g) > 0 && w.going() {
		if err := w.ready(); err != nil {
			var why *setback
			switch {
			case !errors.As(err, &why): // ctx ended
				return false
			case w.helper:
				w.giveBack(g)
				return false
			case why.closing && broken == 0:
				broken++
				continue
			}
			w.settle(g, why.failure)
			return true
		}
		if !w.going() { // opening takes its time
			break
		}
		tx := w.s.newTransaction(w.messages(g))
		if i := tx.run(time.Now()); i != nil {
			stale := w.s.rested
			w.drop()
			switch {
			case i.kind == lost && stale: // it died while it rested; a 421 is an answer, and counts
			case i.again() && broken == 0:
				broken++
			default:
				tx.giveUp(i)
			}
		} else {
			broken = 0
		}
		g = w.record(g, tx.outcomes)
		if w.helper && broken > 0 {
			w.giveBack(g)
			return false
		}
	}
	return true
}

func (w *worker) messages(g group) []*message.Message {
	to := make([]*message.Message, len(g))
	for k, i := range g {
		to[k] = &w.batch[i]
	}
	return to
}

// settle gives the same outcome to a whole group.
func (w *worker) settle(g group, f message.Failure) {
	o := make([]message.Outcome, len(g))
	for k := range o {
		o[k] = message.Fail(f)
	}
	w.record(g, o)
}

// record keeps the outcomes and returns what has none yet. A mail counts once towards a streak, whatever the number of
// its recipients: it is the mail that the server choked on.
func (w *worker) record(g group, outcomes []message.Outcome) (rest group) {
	var weightiest message.Outcome
	turn, event := channel.NextTurn(), new(message.Event)
	for k, i := range g {
		o := ofOneMail(outcomes[k], turn, event)
		switch {
		case !o.Handed():
			rest = append(rest, i)
			continue
		case o.Failure != nil && o.Failure.Scope == message.WholeServer:
			w.stop()
		case o.Failure != nil && o.Failure.Scope == message.WholeMessage && w.batch[i].Shared != "":
			w.refuse(w.batch[i].Shared, *o.Failure)
		}
		w.outcomes[i] = o
		if !weightiest.Handed() || o.Accepted {
			weightiest = o
		}
	}
	if channel.Stops(&w.streak, w.batch[g[0]].ID, weightiest) {
		w.stop()
	}
	return rest
}

// ofOneMail marks an outcome as one of those of one mail: whatever is wrong with it, and for how many, happened once.
func ofOneMail(o message.Outcome, turn int64, event *message.Event) message.Outcome {
	o.Turn = turn
	if o.Failure != nil {
		f := *o.Failure
		f.Event = event
		o.Failure = &f
	}
	return o
}
