package courier

import (
	"context"
	"slices"
	"sync"
	"time"

	"heliograph/message"
)

// lookAgain is after how long what batches gave back is cancelled too.
const lookAgain = time.Second

// Cancel turns what is still queued into cancelled, slice by slice. Batches that are being worked hand nothing more over;
// what is on the wire is waited for, and stays sent. It comes again as long as there are any: they may give something back.
func (c *Courier) Cancel(ctx context.Context, args CancelArgs, running Running) error {
	c.inHand.stop(args.Notification)
	err := c.end(ctx, Ending{
		Notification: args.Notification, State: message.Cancelled,
		Reason: message.CancelledByHand, Detail: "Cancelled before it was handed over",
	})
	if err != nil {
		return err
	}
	more, err := c.store.ToCancel(ctx, args.Notification)
	switch {
	case err != nil:
		return err
	case more:
		return &Later{After: lookAgain}
	}
	return c.store.Complete(ctx, running)
}

// GiveUp fails what is still queued, slice by slice.
func (c *Courier) GiveUp(ctx context.Context, args GiveUpArgs, running Running) error {
	err := c.end(ctx, Ending{
		Notification: args.Notification, Channel: args.Channel, SharedOnly: args.SharedOnly, Language: args.Language,
		State: message.Failed, Reason: args.Reason, Detail: args.Detail,
	})
	if err != nil {
		return err
	}
	return c.store.Complete(ctx, running)
}

// end goes through the notification until it finds nothing more to end: what comes back from the wire while it looks
// elsewhere is found the next time.
func (c *Courier) end(ctx context.Context, e Ending) error {
	for found := true; found; {
		found, e.After = false, 0
		for more := true; more; more = e.After != 0 {
			ended, last, err := c.store.EndSlice(ctx, e, sliceSize)
			if err != nil {
				return err
			}
			for _, channel := range ended {
				c.options.Observer.Outcome(channel, e.State, e.Reason)
			}
			found, e.After = found || len(ended) > 0, last
		}
	}
	return nil
}

// inHand are the notifications of which this node hands messages over, with what ends it. The zero value is ready.
type inHand struct {
	mu   sync.Mutex
	list []*handed
}

type handed struct {
	notifications []int64
	stop          context.CancelFunc
}

// add remembers a batch until done is called.
func (h *inHand) add(parcels []Parcel, stop context.CancelFunc) (done func()) {
	now := &handed{stop: stop}
	for _, p := range parcels {
		if !slices.Contains(now.notifications, p.Notification) {
			now.notifications = append(now.notifications, p.Notification)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, now)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = slices.DeleteFunc(h.list, func(one *handed) bool { return one == now })
	}
}

// all are the notifications, in no order.
func (h *inHand) all() (keys []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.list {
		keys = append(keys, one.notifications...)
	}
	return keys
}

// stop ends handing over a notification's messages.
func (h *inHand) stop(notification int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.list {
		if slices.Contains(one.notifications, notification) {
			one.stop()
		}
	}
}

// stopCancelled ends handing over what was cancelled, on whichever node.
func (c *Courier) stopCancelled(ctx context.Context) error {
	keys := c.inHand.all()
	if len(keys) == 0 {
		return nil
	}
	cancelled, err := c.store.Cancelled(ctx, keys)
	for _, key := range cancelled {
		c.inHand.stop(key)
	}
	return err
}

// Again queues failed or unknown deliveries once more, slice by slice, because somebody asked for it.
func (c *Courier) Again(ctx context.Context, args AgainArgs, running Running) error {
	for {
		last, err := c.store.AgainSlice(ctx, args, sliceSize)
		if err != nil {
			return err
		}
		if last == 0 {
			return c.store.Complete(ctx, running)
		}
		args.After = last
	}
}

// CleanUpArgs deletes what nobody needs any more.
type CleanUpArgs struct{}

func (CleanUpArgs) Kind() string { return "clean_up" }

// RetentionSetting is where it is kept among the installation's settings.
const RetentionSetting = "retention"

const defaultRetention = 90 * 24 * time.Hour

// Retention is for how long finished deliveries and the values in them are kept, as a setting says; what says nothing
// means 90 days.
func Retention(setting string) time.Duration {
	if set, err := time.ParseDuration(setting); err == nil && set > 0 {
		return set
	}
	return defaultRetention
}

// CleanUp deletes finished deliveries after their retention, and whatever else has expired, slice by slice.
func (c *Courier) CleanUp(ctx context.Context, _ CleanUpArgs, running Running) error {
	set, err := c.store.Setting(ctx, RetentionSetting)
	if err != nil {
		return err
	}
	before := c.options.Now().Add(-Retention(set))
	for {
		n, err := c.store.CleanUp(ctx, before, sliceSize)
		if err != nil {
			return err
		}
		if n < sliceSize {
			return c.store.Complete(ctx, running)
		}
	}
}
