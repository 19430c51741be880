package mailbox

import (
	"context"
	"errors"
	"time"
)

// Duties are what a process does for mail push beside answering. Batches are written by every process.
type Duties struct {
	Listen bool // its listeners are open: the region is listened to
	Work   bool // it works jobs: it looks for what is due
}

const (
	refreshEvery = 5 * time.Second
	hastenEvery  = time.Second
	figuresEvery = 10 * time.Second
	sweepEvery   = 500 * time.Millisecond
	sweepParts   = 16 // all desks are looked at once in so many sweeps
)

// Start reads what is needed and begins the duties. Stop ends them.
func (w *Waker) Start(ctx context.Context, d Duties) error {
	if err := w.Refresh(ctx); err != nil {
		return err
	}
	if d.Listen {
		if err := w.listen(ctx); err != nil {
			return err
		}
	}
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.runs.Store(true)
	w.every(ctx, batchEvery, "writing what mail servers told", w.WriteContacts)
	w.every(ctx, refreshEvery, "reading the settings of mail push", w.Refresh)
	w.every(ctx, figuresEvery, "writing the figures of mail push", w.WriteFigures)
	w.every(ctx, sweepEvery, "clearing desks away", func(context.Context) error {
		w.desks.sweepPart(w.options.Now(), sweepParts)
		return nil
	})
	if d.Listen {
		w.every(ctx, listenEvery, "noting that somebody listens", w.listen)
		w.done.Go(func() { w.remember(ctx) })
	}
	if d.Work {
		w.every(ctx, hastenEvery, "looking for pending wakes", w.Hasten)
	}
	return nil
}

// remember reads all registrations. Until that is done, and if it fails, each is asked for when an event comes.
func (w *Waker) remember(ctx context.Context) {
	if err := w.store.RememberTargets(ctx, w.options.Remembers); err != nil && ctx.Err() == nil {
		w.options.Logger.Error("reading all registrations: they are asked for one by one", "error", err)
	}
}

func (w *Waker) listen(ctx context.Context) error {
	return w.store.Listening(ctx, w.policy.Load().Region, awayTime)
}

// every does something again and again. A failure is told, and the next time comes anyway.
func (w *Waker) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	w.done.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := do(ctx); err != nil && ctx.Err() == nil {
				w.options.Logger.Error(what, "error", err)
			}
		}
	})
}

// Stop ends the duties and writes what was learned. Nobody may call Touch or Retry any more. Stopping twice is fine.
func (w *Waker) Stop(ctx context.Context) error {
	if !w.runs.CompareAndSwap(true, false) {
		return nil
	}
	w.stop()
	w.done.Wait()
	err := errors.Join(w.WriteContacts(ctx), w.WriteFigures(ctx))
	w.lanes.close()
	return err
}

// Ready reports what keeps this process from taking events; nil = nothing does.
func (w *Waker) Ready() error {
	if !w.runs.Load() {
		return errors.New("mail push does not run")
	}
	return nil
}
