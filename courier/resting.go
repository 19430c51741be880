package courier

import (
	"context"
	"slices"
	"time"

	"heliograph/channel"
)

// resting is what this node has said about the hosts behind its servers that are left alone (see channel.Many), by the
// servers' ids. Only the ticker uses it.
type resting map[string]told

type told struct {
	list   []channel.Resting
	obeyed time.Time // the last wish to try them now that was granted
}

// tellResting tells the store, and with it the console on whichever node, which hosts are left alone; and it does what was
// wished for there: to try them now.
func (c *Courier) tellResting(ctx context.Context) error {
	for id, sender := range c.servers.many() {
		if err := c.tellOne(ctx, id, sender); err != nil {
			return err
		}
	}
	return nil
}

func (c *Courier) tellOne(ctx context.Context, id string, sender channel.Many) error {
	before, list := c.resting[id], sender.Resting()
	if len(before.list) == 0 && len(list) == 0 {
		return nil
	}
	wish, err := c.store.ProbeWish(ctx, id)
	if err != nil {
		return err
	}
	wished := wish.After(before.obeyed) && slices.ContainsFunc(list, func(r channel.Resting) bool { return wish.After(r.Since) })
	if wished {
		sender.ProbeNow()
		list = sender.Resting()
		err = c.store.Enqueue(ctx, HurryJob(id)) // again: what was tried since the wish found the pause
	}
	if err == nil && (wished || !slices.Equal(before.list, list)) {
		err = c.store.KeepResting(ctx, id, c.node, list)
	}
	if err == nil {
		c.resting[id] = told{list, wish}
	}
	return err
}

// Hurry makes everything due now that waits for its next attempt by a server, slice by slice.
func (c *Courier) Hurry(ctx context.Context, args HurryArgs, running Running) error {
	for {
		n, err := c.store.HurrySlice(ctx, args.Server, sliceSize)
		if err != nil {
			return err
		}
		if n < sliceSize {
			return c.store.Complete(ctx, running)
		}
	}
}
