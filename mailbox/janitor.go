package mailbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// janitorStore is what the store clears away.
type janitorStore interface {
	// EndSilent makes tombstones (Silent) of registrations of which neither app nor mail server was heard since a time, of
	// those whose key is above after, looking at so many. next is the last key it looked at; 0 = there are no more.
	// Nothing ends when this region listens since a later time: then nobody could be heard.
	EndSilent(ctx context.Context, since time.Time, after int64, look int) (next, ended int64, err error)
	// ForgetTombstones deletes up to limit of those that are tombstones since before a time, with all that belongs to them.
	ForgetTombstones(ctx context.Context, before time.Time, limit int) (int64, error)
	// ForgetOld deletes what has a short life: tokens of tombstones and deaths that the brake no longer looks at, and
	// timelines.
	ForgetOld(ctx context.Context) error
}

// How often the janitor comes, and how much it takes at once: other writers wait meanwhile.
const (
	tidyEvery   = time.Hour
	silentEvery = 24 * time.Hour
	tidyPage    = 5000
)

// Janitor ends registrations that nobody hears of and clears old ones away, once an hour. Several may work at a time.
type Janitor struct {
	store      janitorStore
	options    Options
	lastSilent time.Time
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// Janitor makes one. It works between Start and Stop.
func (r *Registrations) Janitor() *Janitor { return &Janitor{store: r.store, options: r.options} }

// Start begins at once, and comes back every hour.
func (j *Janitor) Start(ctx context.Context) {
	ctx, j.stop = context.WithCancel(context.WithoutCancel(ctx))
	j.done.Go(func() {
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			if err := j.Tidy(ctx); err != nil && ctx.Err() == nil {
				j.options.Logger.Error("clearing registrations away", "error", err)
			}
			timer.Reset(tidyEvery)
		}
	})
}

// Stop waits for what is being done. Stopping twice is fine, and so is stopping one that never started.
func (j *Janitor) Stop() {
	if j.stop != nil {
		j.stop()
	}
	j.done.Wait()
}

// Tidy does everything that is due, once.
func (j *Janitor) Tidy(ctx context.Context) error {
	if err := j.endSilent(ctx); err != nil {
		return fmt.Errorf("ending silent registrations: %w", err)
	}
	before := j.options.Now().Add(-TombstoneTime)
	for {
		n, err := j.store.ForgetTombstones(ctx, before, tidyPage)
		if err != nil {
			return fmt.Errorf("forgetting tombstones: %w", err)
		}
		if n < tidyPage {
			break
		}
	}
	return j.store.ForgetOld(ctx)
}

// endSilent looks at every registration, once a day: there is no index that each ping of each mail server would have to
// keep.
func (j *Janitor) endSilent(ctx context.Context) error {
	now := j.options.Now()
	if now.Sub(j.lastSilent) < silentEvery {
		return nil
	}
	for after, ended := int64(0), int64(0); ; {
		next, n, err := j.store.EndSilent(ctx, now.Add(-SilentTime), after, tidyPage)
		if err != nil {
			return err
		}
		if ended += n; next == 0 {
			if ended > 0 {
				j.options.Logger.Info("registrations ended that nobody heard of for 60 days", "count", ended)
			}
			break
		}
		after = next
	}
	j.lastSilent = now
	return nil
}
