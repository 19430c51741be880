package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"heliograph/courier"
	"heliograph/store"
)

// Work registers what is done for a kind of job. timeout says how long one may take; nil = a minute. An error means
// that the job is tried again soon; *courier.Later that it is not its time yet.
func Work[A courier.Args](e *Engine, timeout func(A) time.Duration, do func(context.Context, A, courier.Running) error) {
	river.AddWorker(e.workers, &worker[A]{timeout: timeout, do: do, log: e.options.Logger})
}

type worker[A courier.Args] struct {
	river.WorkerDefaults[A]
	timeout func(A) time.Duration
	do      func(context.Context, A, courier.Running) error
	log     *slog.Logger
}

func (w *worker[A]) Timeout(job *river.Job[A]) time.Duration {
	if w.timeout == nil {
		return 0 // the client's
	}
	return w.timeout(job.Args)
}

func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	var complete completion = func(txCtx context.Context, tx store.Tx) error {
		return completeTx(context.WithoutCancel(ctx), tx, job) // ctx carries River's own values
	}
	err := w.do(ctx, job.Args, complete)
	var later *courier.Later
	switch {
	case errors.As(err, &later):
		return river.JobSnooze(later.After)
	case err != nil:
		w.log.ErrorContext(ctx, "job failed, to be tried again", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "error", err)
	}
	return err
}

// quiet passes on what an operator can act on: River reports each failed job itself, and so do we, in our words.
type quiet struct{ slog.Handler }

func (h quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}

// Handle leaves out what River reports when it is stopped in the middle of something: that is no error.
func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	stopped := false
	r.Attrs(func(a slog.Attr) bool {
		stopped = (a.Key == "error" || a.Key == "err") && strings.Contains(a.Value.String(), context.Canceled.Error())
		return !stopped
	})
	if stopped {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(attrs)} }
func (h quiet) WithGroup(name string) slog.Handler       { return quiet{h.Handler.WithGroup(name)} }
