package courier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

const (
	handOverFor = 10 * time.Second // then the rest becomes a new job, so that an urgent batch waits at most so long
	waitForNew  = 10 * time.Second // how long deliveries wait for a server when none is active, before they look again
	writeWithin = 10 * time.Second // for reading a batch and writing its results
)

// DispatchTime is how long a batch may take before the job engine gives it up.
func (c *Courier) DispatchTime(args DispatchArgs) time.Duration { return c.servers.time(args.Server) }

// RetryTime is the same for what is due again.
func (c *Courier) RetryTime(args RetryArgs) time.Duration { return c.servers.time(args.Server) }

// ProbeTime is the same for a probe.
func (c *Courier) ProbeTime(args ProbeArgs) time.Duration { return c.servers.time(args.Server) }

// Dispatch sends one batch: what of its range still waits for a first attempt. Its results, the job for what was not
// handed over and its own end are one write.
func (c *Courier) Dispatch(ctx context.Context, args DispatchArgs, running Running) error {
	server, err := c.servers.get(ctx, args.Server)
	if err != nil {
		return err
	}
	if !server.Active {
		return c.moveBatch(ctx, server.Server, args, running)
	}
	if wait, paused := server.paused(c.options.Now()); paused {
		return &Later{After: wait}
	}
	if server.provider.Costly {
		if err := c.store.Abandoned(ctx, server.Key, args.First, args.Last); err != nil {
			return err
		}
	}
	parcels, err := c.store.Batch(ctx, args)
	if err != nil {
		return fmt.Errorf("reading a batch: %w", err)
	}
	if _, err := c.turn(ctx, server, parcels); err != nil {
		return err
	}
	n, err := c.planOf(ctx, args.Notification)
	if err != nil {
		return err
	}
	return c.carry(ctx, server, parcels, running, func(left []message.DeliveryID) []Job {
		args.First, args.Last = left[0], left[len(left)-1]
		return []Job{{Args: args, Queue: QueueOf(args.Server), Lane: n.Lane}}
	})
}

// moveBatch gives the batch of a server that is no longer active to the one that is.
func (c *Courier) moveBatch(ctx context.Context, from channel.Server, args DispatchArgs, running Running) error {
	active, err := c.routes(ctx)
	if err != nil {
		return err
	}
	to, err := active.instead(from)
	if errors.Is(err, errNoServer) {
		return &Later{After: waitForNew}
	}
	n, err := c.planOf(ctx, args.Notification)
	if err != nil {
		return err
	}
	moved := args
	moved.Server = to.ID
	return c.store.MoveBatch(ctx, Move{
		Batch: args, From: from.Key, To: to.Key, Running: running,
		Jobs: []Job{{Args: moved, Queue: QueueOf(to.ID), Lane: n.Lane}},
	})
}

// Retry sends what is due again by one server.
func (c *Courier) Retry(ctx context.Context, args RetryArgs, running Running) error {
	server, err := c.servers.get(ctx, args.Server)
	if err != nil {
		return err
	}
	if !server.Active {
		return c.moveDue(ctx, server.Server, running)
	}
	if _, paused := server.paused(c.options.Now()); paused {
		return c.store.Complete(ctx, running) // the ticker asks again when the pause is over
	}
	if server.provider.Costly {
		if err := c.store.Abandoned(ctx, server.Key, 0, 0); err != nil {
			return err
		}
	}
	parcels, err := c.store.Due(ctx, server.Key, c.options.Now(), batchSize)
	if err != nil {
		return fmt.Errorf("reading what is due: %w", err)
	}
	if parcels, err = c.turn(ctx, server, parcels); err != nil {
		return err
	}
	return c.carry(ctx, server, parcels, running, nil) // what is left stays due, and the ticker sees it
}

func (c *Courier) moveDue(ctx context.Context, from channel.Server, running Running) error {
	active, err := c.routes(ctx)
	if err != nil {
		return err
	}
	to, err := active.instead(from)
	if err == nil {
		_, err = c.store.MoveDue(ctx, from.Key, to.Key, batchSize)
	}
	if err != nil && !errors.Is(err, errNoServer) {
		return err
	}
	return c.store.Complete(ctx, running)
}

// Probe sends one message by a server whose pause is over. When it is accepted, or refused for a reason of its own, the
// server is well again and the rest follows; else, and be it by one answer like those of which three began the pause, it
// goes on, longer.
func (c *Courier) Probe(ctx context.Context, args ProbeArgs, running Running) error {
	server, err := c.servers.get(ctx, args.Server)
	if err != nil {
		return err
	}
	if _, paused := server.paused(c.options.Now()); paused || server.Pause == nil {
		return c.store.Complete(ctx, running)
	}
	var parcels []Parcel
	if server.Active {
		if parcels, err = c.store.Waiting(ctx, server.Server, probeChoice); err != nil {
			return fmt.Errorf("reading a message to probe with: %w", err)
		}
	}
	if len(parcels) == 0 {
		return errors.Join(c.store.ResumeServer(ctx, server.ID), c.store.Complete(ctx, running))
	}
	server.streak.Reset()
	chosen := int(c.options.Random() * float64(len(parcels)))
	return c.carry(ctx, server, parcels[chosen:chosen+1], running, nil)
}

// probeChoice is how many messages a probe is chosen from, at random: one whose own answer looks like the server's
// trouble must not keep the server paused.
const probeChoice = 50

// soon is how far away a turn at a rated server may be for its batch to wait for it.
const soon = 2 * time.Second

// turn takes the batch's place at a server with a rate. It returns the parcels that the turn is for: those that go at
// the pace of the first. *Later says that it is not their turn yet.
func (c *Courier) turn(ctx context.Context, server *open, parcels []Parcel) ([]Parcel, error) {
	rated, ok := server.Settings.(channel.Rated)
	if !ok || len(parcels) == 0 {
		return parcels, nil
	}
	perSecond := rated.Rate(parcels[0].Address)
	mine := parcels[:0:0]
	for _, p := range parcels {
		if rated.Rate(p.Address) == perSecond && len(mine) < pace(perSecond).batch() {
			mine = append(mine, p)
		}
	}
	if perSecond <= 0 {
		return mine, nil
	}
	wait, err := c.store.Reserve(ctx, server.Key, len(mine), perSecond, soon)
	if err == nil && wait > 0 {
		err = &Later{After: wait}
	}
	return mine, err
}

// carry is the middle of the house: decide what can be sent, send it, decide what came of it, write it all at once.
// again makes the jobs for what was not handed over; nil when nothing is needed.
func (c *Courier) carry(ctx context.Context, server *open, parcels []Parcel, running Running, again func([]message.DeliveryID) []Job) error {
	results := Results{Server: server.Key, Running: running, At: c.options.Now()}
	batch, err := c.sort(ctx, parcels, &results)
	if err != nil {
		return err
	}
	handing, stop := context.WithTimeout(ctx, handOverFor)
	defer stop()
	defer context.AfterFunc(c.handing, stop)()
	defer c.inHand.add(batch.parcels, stop)()

	left, err := c.handAll(handing, server, batch, &results)
	if err != nil {
		return err
	}
	if len(left) > 0 && again != nil {
		results.Jobs = append(results.Jobs, again(left)...)
	}
	return c.save(ctx, results)
}

// costlyPiece is how many messages that cost money are on the wire at most, of one batch.
const costlyPiece = 60

// handAll gives a batch to its server and judges what came of it. Where a second message costs money it goes piece by
// piece, each written down before and after, so that a process that dies leaves few in doubt.
func (c *Courier) handAll(handing context.Context, server *open, batch sentBatch, results *Results) (left []message.DeliveryID, err error) {
	if !server.provider.Costly {
		return c.hand(handing, server, batch, results), nil
	}
	for len(batch.parcels) > 0 && handing.Err() == nil && results.Pause == nil {
		n := min(costlyPiece, len(batch.parcels))
		piece := Results{Server: results.Server, At: results.At}
		if err := c.store.MarkSending(handing, batch.first(n).deliveries()); err != nil {
			return nil, err
		}
		left = append(left, c.hand(handing, server, batch.first(n), &piece)...)
		if err := c.save(handing, piece); err != nil {
			return nil, err
		}
		results.Pause, batch = piece.Pause, batch.rest(n)
	}
	results.Pause = nil // written with its piece
	return append(left, batch.ids()...), nil
}

// sort renders what can be sent and ends what cannot.
func (c *Courier) sort(ctx context.Context, parcels []Parcel, results *Results) (batch sentBatch, err error) {
	for _, p := range parcels {
		n, err := c.planOf(ctx, p.Notification)
		if err != nil {
			return batch, err
		}
		expires := n.ExpiresAt(p.Channel)
		if end, over := c.over(p, expires); over {
			results.List = append(results.List, end)
			continue
		}
		m := n.plan.Message(n.ID, p.Delivery, c.place())
		m.Expires = expires
		if p.Channel == message.Push {
			m.Address, m.Arrived = p.Token, p.Arrived
		}
		batch.messages, batch.parcels = append(batch.messages, m), append(batch.parcels, p)
	}
	return batch, nil
}

// over ends a delivery that cannot be sent any more: its time is over, or its recipient or address is gone.
func (c *Courier) over(p Parcel, expires time.Time) (Result, bool) {
	end := Result{Delivery: p.Delivery, Attempts: p.Attempts, State: message.Skipped}
	switch {
	case c.options.Now().After(expires):
		end.State, end.Reason, end.Detail = message.Failed, message.Expired, "It could not be handed over within its lifetime"
		if p.Detail != "" {
			end.Detail += ". " + p.Detail
		}
	case p.LeftDevice:
		end.Reason, end.Detail = message.LeftAudience, "The device was deleted after the message was made"
	case p.LeftUser:
		end.Reason, end.Detail = message.LeftAudience, "The person was deleted after the message was made"
	case p.Channel == message.Push && p.TokenState == "":
		end.Reason, end.Detail = message.LeftAudience, "The device's push token was removed after the message was made"
	case p.Channel == message.Push && p.TokenState != fleet.TokenLive:
		end.Reason, end.Detail = message.TokenDead, "The device's push token died after the message was made"
	default:
		return end, false
	}
	return end, true
}

// sentBatch is what goes to a sender and comes back, in parallel.
type sentBatch struct {
	messages []message.Message
	parcels  []Parcel
	outcomes []message.Outcome
	cut      bool // handing over ended from outside, and not because the sender stopped by itself
}

func (b sentBatch) first(n int) sentBatch {
	return sentBatch{messages: b.messages[:n], parcels: b.parcels[:n]}
}

func (b sentBatch) rest(n int) sentBatch {
	return sentBatch{messages: b.messages[n:], parcels: b.parcels[n:]}
}

func (b sentBatch) deliveries() (list []message.Delivery) {
	for _, p := range b.parcels {
		list = append(list, p.Delivery)
	}
	return list
}

func (b sentBatch) ids() (list []message.DeliveryID) {
	for _, p := range b.parcels {
		list = append(list, p.ID)
	}
	return list
}

// hand gives the batch to the sender and judges what came of it. Handing over ends after a while, and when the process
// stops; what is on the wire is always waited for.
func (c *Courier) hand(handing context.Context, server *open, b sentBatch, results *Results) (left []message.DeliveryID) {
	if len(b.parcels) == 0 {
		return nil
	}
	started := time.Now()
	b.outcomes = server.sender.Send(handing, b.messages)
	b.cut = handing.Err() != nil
	c.options.Observer.Sent(server.Kind, len(b.messages), time.Since(started))
	results.At = c.options.Now()
	return c.judge(server, b, results)
}

// judge turns outcomes into results, and returns the deliveries that wait for a batch of their own: those that were not
// handed over, and those that a failing server did not count.
func (c *Courier) judge(server *open, b sentBatch, results *Results) (left []message.DeliveryID) {
	d := decision{now: results.At, retries: server.Settings.Retries(), server: server.Name}
	refused := map[Args]bool{}
	for i, o := range b.outcomes {
		p := b.parcels[i]
		if !o.Handed() {
			left = append(left, p.ID)
			if server.provider.Costly { // it was marked as on the wire, and is not
				results.List = append(results.List, waits(p.Delivery))
			}
			continue
		}
		d.random = c.options.Random()
		r := d.decide(p.Delivery, o)
		r.Arrived = p.Arrived
		results.List = append(results.List, r)
		if o.Accepted {
			results.Answer = "accepted"
			continue
		}
		results.Answer = o.Failure.Detail
		if o.Failure.Scope == message.WholeServer && p.DueAt.IsZero() {
			left = append(left, p.ID)
		}
		if job := refuseAll(p.Delivery, *o.Failure); o.Failure.Scope == message.WholeMessage && p.Shared && !refused[job.Args] {
			refused[job.Args] = true
			results.Jobs = append(results.Jobs, job)
		}
	}
	trouble := b.trouble(server.streak)
	if trouble == nil && server.Pause != nil { // a probe has to be answered
		trouble = b.unanswered()
	}
	c.health(server, trouble, results)
	return left
}

// unanswered is why nothing of a batch was answered as a server does that is well; nil when something was.
func (b sentBatch) unanswered() (last *message.Failure) {
	for _, o := range b.outcomes {
		switch {
		case !o.Handed():
		case !channel.Troubling(o):
			return nil
		default:
			last = o.Failure
		}
	}
	return last
}

// trouble is the failure that says the server itself is in trouble; nil when nothing does. A sender that stopped by
// itself saw a streak of its own.
func (b sentBatch) trouble(streak *channel.Streak) (whole *message.Failure) {
	var last *message.Failure
	for _, i := range b.turns() {
		switch o := b.outcomes[i]; {
		case !o.Handed():
			continue
		case o.Failure == nil:
			last = nil
		case o.Failure.Scope == message.WholeServer:
			whole = o.Failure
		case channel.Troubling(o):
			last = o.Failure
		}
		if streak.Add(b.parcels[i].ID, b.outcomes[i]) && whole == nil {
			whole = b.outcomes[i].Failure
		}
	}
	if whole == nil && b.stopped() {
		whole = last
	}
	return whole
}

// turns are the places of the outcomes in the order in which they came.
func (b sentBatch) turns() []int {
	order := make([]int, len(b.outcomes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(b.outcomes[i].Turn, b.outcomes[j].Turn) })
	return order
}

// stopped reports whether the sender stopped handing over by itself.
func (b sentBatch) stopped() bool {
	return !b.cut && slices.ContainsFunc(b.outcomes, func(o message.Outcome) bool { return !o.Handed() })
}

// waits is the result of a delivery that was not handed over.
func waits(d message.Delivery) Result {
	return Result{Delivery: d, State: message.Queued, Attempts: d.Attempts, DueAt: d.DueAt, Reason: d.Reason, Detail: d.Detail}
}

// refuseAll fails the other deliveries of the same text: what was refused once will be refused for all.
func refuseAll(d message.Delivery, f message.Failure) Job {
	return Job{Queue: Control, Lane: Urgent, Once: true, Args: GiveUpArgs{
		Notification: d.Notification, Channel: d.Channel, SharedOnly: true, Language: d.Language, Reason: f.Reason, Detail: f.Detail,
	}}
}

// health pauses a server in trouble, or ends its pause when it answered.
func (c *Courier) health(server *open, trouble *message.Failure, results *Results) {
	switch {
	case trouble != nil:
		results.Pause = pauseFor(*trouble, server.Pause, results.At)
		server.streak.Reset()
		c.options.Observer.Trouble(server.Kind, trouble.Reason)
		c.options.Logger.Warn("server paused", "server", server.Name, "kind", server.Kind,
			"reason", trouble.Reason, "detail", trouble.Detail, "until", results.Pause.Until)
	case server.Pause != nil && results.Answer != "":
		results.Resume = true
		c.options.Logger.Info("server goes on", "server", server.Name, "kind", server.Kind)
	}
}

// Writing results is tried for a while before the batch is given up: giving up means that it is sent once more.
const (
	saveTries    = 8
	saveInterval = 250 * time.Millisecond
)

func (c *Courier) save(ctx context.Context, r Results) (err error) {
	wait := saveInterval
	for range saveTries {
		// What was sent must be written, even if the job was told to end meanwhile.
		if err = c.store.SaveResults(context.WithoutCancel(ctx), r); err == nil {
			c.observe(r)
			return nil
		}
		c.options.Logger.Error("writing the results of a batch failed, trying again", "error", err, "in", wait)
		time.Sleep(wait)
		wait *= 2
	}
	return fmt.Errorf("writing the results of a batch: %w", err)
}

func (c *Courier) observe(r Results) {
	for _, one := range r.List {
		reason := one.Reason
		if one.State == message.Sent {
			reason = ""
		}
		c.options.Observer.Outcome(one.Delivery.Channel, one.State, reason)
	}
}
