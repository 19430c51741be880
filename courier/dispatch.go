package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

const (
	handOverFor = 10 * time.Second // then the rest becomes a new job, so that an urgent batch waits at most so long
	waitForNew  = time.Minute      // how long deliveries wait for a server when none is active
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
	parcels, err := c.store.Batch(ctx, args)
	if err != nil {
		return fmt.Errorf("reading a batch: %w", err)
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
	parcels, err := c.store.Due(ctx, server.Key, c.options.Now(), batchSize)
	if err != nil {
		return fmt.Errorf("reading what is due: %w", err)
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
// server is well again and the rest follows; else the pause goes on, longer.
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
		if parcels, err = c.store.Waiting(ctx, server.Key); err != nil {
			return fmt.Errorf("reading a message to probe with: %w", err)
		}
	}
	if len(parcels) == 0 {
		return errors.Join(c.store.ResumeServer(ctx, server.ID), c.store.Complete(ctx, running))
	}
	server.streak.Reset()
	return c.carry(ctx, server, parcels, running, nil)
}

// carry is the middle of the house: decide what can be sent, send it, decide what came of it, write it all at once.
// again makes the jobs for what was not handed over; nil when nothing is needed.
func (c *Courier) carry(ctx context.Context, server *open, parcels []Parcel, running Running, again func([]message.DeliveryID) []Job) error {
	results := Results{Server: server.Key, Running: running, At: c.options.Now()}
	batch, held, err := c.sort(ctx, parcels, &results)
	if err != nil {
		return err
	}
	started := time.Now()
	outcomes, cut := c.hand(ctx, server, batch)
	c.options.Observer.Sent(server.Kind, len(batch), time.Since(started))

	results.At = c.options.Now()
	left := c.judge(server, sentBatch{held, outcomes, cut}, &results)
	if len(left) > 0 && again != nil {
		results.Jobs = append(results.Jobs, again(left)...)
	}
	if err := c.save(ctx, results); err != nil {
		return err
	}
	c.observe(results)
	return nil
}

// sort renders what can be sent and ends what cannot. batch and held run in parallel.
func (c *Courier) sort(ctx context.Context, parcels []Parcel, results *Results) (batch []message.Message, held []Parcel, err error) {
	for _, p := range parcels {
		n, err := c.planOf(ctx, p.Notification)
		if err != nil {
			return nil, nil, err
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
		batch, held = append(batch, m), append(held, p)
	}
	return batch, held, nil
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

// hand gives the batch to the sender. Handing over ends after a while, and when the process stops; what is on the wire
// is always waited for. cut reports that it ended so, and not because the sender stopped by itself.
func (c *Courier) hand(ctx context.Context, server *open, batch []message.Message) (outcomes []message.Outcome, cut bool) {
	if len(batch) == 0 {
		return nil, false
	}
	handing, stop := context.WithTimeout(ctx, handOverFor)
	defer stop()
	defer context.AfterFunc(c.handing, stop)()
	outcomes = server.sender.Send(handing, batch)
	return outcomes, handing.Err() != nil
}

// sentBatch is what went to a sender and came back, in parallel.
type sentBatch struct {
	parcels  []Parcel
	outcomes []message.Outcome
	cut      bool
}

// judge turns outcomes into results, and returns the deliveries that wait for a batch of their own: those that were not
// handed over, and those that a failing server did not count.
func (c *Courier) judge(server *open, b sentBatch, results *Results) (left []message.DeliveryID) {
	if len(b.parcels) == 0 {
		return nil
	}
	d := decision{now: results.At, retries: server.Settings.Retries(), server: server.Name}
	refused := map[Args]bool{}
	for i, o := range b.outcomes {
		p := b.parcels[i]
		if !o.Handed() {
			left = append(left, p.ID)
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
	c.health(server, b.trouble(server.streak), results)
	return left
}

// trouble is the failure that says the server itself is in trouble; nil when nothing does. A mail to many recipients is
// one message of a streak, however many outcomes it had. A sender that stopped by itself saw a streak of its own.
func (b sentBatch) trouble(streak *channel.Streak) (whole *message.Failure) {
	var last *message.Failure
	var group message.DeliveryID
	stopped := false
	for i, o := range b.outcomes {
		switch f := o.Failure; {
		case !o.Handed():
			stopped = !b.cut
			continue
		case f == nil:
			group, last = 0, nil
		case f.Scope == message.WholeServer:
			whole = f
		case channel.Troubling(o):
			if !b.parcels[i].Shared || last == nil || *last != *f {
				group = b.parcels[i].ID
			}
			last = f
		}
		id := b.parcels[i].ID
		if group != 0 {
			id = group
		}
		if streak.Add(id, o) && whole == nil {
			whole = o.Failure
		}
	}
	if whole == nil && stopped {
		whole = last
	}
	return whole
}

// refuseAll fails the other deliveries of the same text: what was refused once will be refused for all.
func refuseAll(d message.Delivery, f message.Failure) Job {
	return Job{Queue: Control, Lane: Urgent, Once: true, Args: GiveUpArgs{
		Notification: d.Notification, Channel: d.Channel, SharedOnly: true, Reason: f.Reason, Detail: f.Detail,
	}}
}

// health pauses a server in trouble, or ends its pause when it answered.
func (c *Courier) health(server *open, trouble *message.Failure, results *Results) {
	switch {
	case trouble != nil:
		results.Pause = pauseFor(*trouble, server.Pause, results.At)
		server.streak.Reset()
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
