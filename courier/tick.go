package courier

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	sliceSize    = 1000 // rows that one transaction ends or deletes
	overdueEvery = 30 * time.Second
)

// Start looks every second for what is due: servers to work for, deliveries to try again, pauses that are over. The
// rows are the truth and the jobs follow from them, so a job that got lost is made again. Every node does it; an equal
// job is not inserted twice.
func (c *Courier) Start(ctx context.Context) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	c.ticker.Go(func() {
		ticker := time.NewTicker(c.options.Tick)
		defer ticker.Stop()
		var overdue time.Time
		for {
			select {
			case <-c.handing.Done():
				return
			case <-ticker.C:
			}
			if err := errors.Join(c.look(c.handing), c.stopCancelled(c.handing), c.tellResting(c.handing)); err != nil && c.handing.Err() == nil {
				c.options.Logger.Error("looking for what is due", "error", err)
			}
			if now := c.options.Now(); now.Sub(overdue) >= overdueEvery {
				overdue = now
				c.giveUpOverdue(c.handing)
				c.wakeQueues(c.handing)
			}
		}
	})
	return nil
}

// look reads the servers' states once and makes what follows from them.
func (c *Courier) look(ctx context.Context) error {
	states, err := c.store.ServerStates(ctx)
	if err != nil {
		return fmt.Errorf("reading the servers' states: %w", err)
	}
	if err := c.queues.EnsureQueue(Probes, probesAtOnce); err != nil {
		return err
	}
	var jobs []Job
	now := c.options.Now()
	for _, s := range states {
		p, ok := c.servers.known(s.Kind)
		if !ok {
			continue
		}
		if err := c.queues.EnsureQueue(QueueOf(s.ID), max(p.Workers, 1)); err != nil {
			return err
		}
		jobs = append(jobs, dueJobs(s, now)...)
	}
	if len(jobs) == 0 {
		return nil
	}
	return c.store.Enqueue(ctx, jobs...)
}

// dueJobs are the jobs that a server's state asks for.
func dueJobs(s ServerState, now time.Time) []Job {
	switch {
	case s.PausedUntil.After(now):
		return nil
	case !s.PausedUntil.IsZero():
		return []Job{{Args: ProbeArgs{Server: s.ID}, Queue: Probes, Lane: Urgent, Once: true}}
	case s.Due:
		return []Job{{Args: RetryArgs{Server: s.ID}, Queue: QueueOf(s.ID), Lane: Normal, Once: true}}
	}
	return nil
}

// standing is how long the jobs of a queue may wait while none of it runs.
const standing = 20 * time.Second

// wakeQueues lets queues go on that should not stand still.
func (c *Courier) wakeQueues(ctx context.Context) {
	woken, err := c.store.WakeQueues(ctx, standing)
	if err != nil && ctx.Err() == nil {
		c.options.Logger.Error("looking for queues that stand still", "error", err)
	}
	for _, queue := range woken {
		c.options.Logger.Warn("a queue stood still and was told to go on", "queue", queue)
	}
}

func (c *Courier) giveUpOverdue(ctx context.Context) {
	list, err := c.store.Overdue(ctx, c.options.Now())
	if err != nil {
		c.options.Logger.Error("looking for deliveries whose time is over", "error", err)
		return
	}
	for _, args := range list {
		err := c.store.Enqueue(ctx, Job{Args: args, Queue: Control, Lane: Normal, Once: true})
		if err != nil {
			c.options.Logger.Error("giving up deliveries whose time is over", "error", err)
		}
	}
}
