package courier

import (
	"context"
	"time"

	"heliograph/message"
)

// Cancel turns what is still queued into cancelled, slice by slice. A batch that is on the wire finishes, and what it
// sent stays sent.
func (c *Courier) Cancel(ctx context.Context, args CancelArgs, running Running) error {
	return c.end(ctx, running, Ending{
		Notification: args.Notification, State: message.Cancelled,
		Reason: message.CancelledByHand, Detail: "Cancelled before it was handed over",
	})
}

// GiveUp fails what is still queued, slice by slice.
func (c *Courier) GiveUp(ctx context.Context, args GiveUpArgs, running Running) error {
	return c.end(ctx, running, Ending{
		Notification: args.Notification, Channel: args.Channel, SharedOnly: args.SharedOnly, Language: args.Language,
		State: message.Failed, Reason: args.Reason, Detail: args.Detail,
	})
}

// end goes through the notification until it finds nothing more to end: what comes back from the wire while it looks
// elsewhere is found the next time.
func (c *Courier) end(ctx context.Context, running Running, e Ending) error {
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
	return c.store.Complete(ctx, running)
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
