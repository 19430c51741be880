// Package jobs is the job engine, River, behind a few words: insert in a transaction, work, stop.
//
// A cause and its jobs commit together: Insert takes the store's transaction, and a job can be completed in the
// transaction that holds its results. A job that was being worked when its process died is worked again, so a worker
// must be able to begin anew at any point.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"heliograph/courier"
	"heliograph/store"
)

const (
	jobTimeout  = 60 * time.Second
	rescueAfter = 90 * time.Second // a node that was killed leaves its jobs running: others take them after this
	maxAttempts = 1000             // losing nothing: a job that fails is tried until it does not
	retryDelay  = time.Second

	// The engine is woken by inserts, but not by one that comes within fetchCooldown of another: what that brought is
	// there when it is committed, which may be after the engine looked. So it looks by itself too.
	fetchPoll     = 400 * time.Millisecond
	fetchCooldown = 5 * time.Millisecond
	idleInterval  = time.Hour
)

// Options of an engine. The zero value inserts jobs and works none.
type Options struct {
	Logger  *slog.Logger   // nil = silent
	Work    bool           // whether this process works jobs
	Control int            // jobs of the control queue worked at once; 0 = 16: each notification begins with one, and most are small
	Hourly  []courier.Args // inserted every hour, by one node
	Often   []Often        // likewise, more often
}

// Often is a job that is inserted again and again, unless the last one still waits or runs.
type Often struct {
	Every time.Duration
	Args  courier.Args
}

// Engine inserts and works jobs. Make it with New, register the workers with Work, then Start.
type Engine struct {
	client
	workers *river.Workers
	store   *store.Store
	options Options

	mu      sync.Mutex
	started bool
	queues  map[string]bool
}

// client is what we use of River, without the type of its transactions.
type client interface {
	start(context.Context) error
	stop(context.Context) error
	insert(context.Context, store.Tx, []river.InsertManyParams) error
	pause(context.Context, store.Tx, string) error
	resume(context.Context, store.Tx, string) error
	addQueue(name string, c river.QueueConfig) error
	clientID() string
}

// New makes an engine on the store's database.
func New(s *store.Store, o Options) *Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Control == 0 {
		o.Control = 16
	}
	return &Engine{workers: river.NewWorkers(), store: s, options: o, queues: map[string]bool{}}
}

// Open makes the engine able to insert. Workers must be registered before.
func (e *Engine) Open() (err error) {
	config := e.config()
	if db := e.store.SQLite(); db != nil {
		e.client, err = open(riversqlite.New(db), config, store.AsSQLite)
	} else {
		e.client, err = open(riverpgxv5.New(e.store.Postgres()), config, store.AsPostgres)
	}
	if err != nil {
		return fmt.Errorf("opening the job engine: %w", err)
	}
	return nil
}

func (e *Engine) config() *river.Config {
	config := &river.Config{
		Logger:               slog.New(quiet{e.options.Logger.Handler()}),
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		MaxAttempts:          maxAttempts,
		RetryPolicy:          soon{},
		FetchCooldown:        fetchCooldown,
		FetchPollInterval:    fetchPoll,
		// Our tables are the record; a job's row is only needed while it is to be done.
		CompletedJobRetentionPeriod: time.Minute,
		SkipUnknownJobCheck:         true,
	}
	if !e.options.Work {
		return config
	}
	config.Workers = e.workers
	config.Queues = map[string]river.QueueConfig{courier.Control: {MaxWorkers: e.options.Control}}
	for _, args := range e.options.Hourly {
		config.PeriodicJobs = append(config.PeriodicJobs, periodic(idleInterval, args))
	}
	for _, o := range e.options.Often {
		config.PeriodicJobs = append(config.PeriodicJobs, periodic(o.Every, o.Args))
	}
	return config
}

func periodic(every time.Duration, args courier.Args) *river.PeriodicJob {
	return river.NewPeriodicJob(
		river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) {
			return args, &river.InsertOpts{Queue: courier.Control, Priority: 4, UniqueOpts: unique}
		},
		&river.PeriodicJobOpts{RunOnStart: true, ID: args.Kind()},
	)
}

// soon tries a failed job again after a moment, however often it failed: what fails for good says so in its results.
type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(retryDelay) }

// unique: not while an equal job waits or runs.
var unique = river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}}

// Insert adds jobs in the store's transaction.
func (e *Engine) Insert(ctx context.Context, tx store.Tx, list ...courier.Job) error {
	if len(list) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(list))
	for i, j := range list {
		o := &river.InsertOpts{Queue: j.Queue, Priority: j.Lane, ScheduledAt: j.At}
		if j.Once {
			o.UniqueOpts = unique
		}
		params[i] = river.InsertManyParams{Args: j.Args, InsertOpts: o}
	}
	return e.insert(ctx, tx, params)
}

// Complete ends the job that is being worked, in the store's transaction.
func (e *Engine) Complete(ctx context.Context, tx store.Tx, running courier.Running) error {
	if running == nil {
		return nil
	}
	return running.(completion)(ctx, tx)
}

// PauseQueue stops a queue on every node.
func (e *Engine) PauseQueue(ctx context.Context, tx store.Tx, queue string) error {
	return ignoreMissing(e.pause(ctx, tx, queue))
}

// ResumeQueue lets a queue go on, on every node.
func (e *Engine) ResumeQueue(ctx context.Context, tx store.Tx, queue string) error {
	return ignoreMissing(e.resume(ctx, tx, queue))
}

// A queue that no node has worked yet is not known to River, and neither runs nor is paused.
func ignoreMissing(err error) error {
	if errors.Is(err, river.ErrNotFound) {
		return nil
	}
	return err
}

// EnsureQueue makes this process work a queue, with so many jobs at once. It does nothing when it does so already.
func (e *Engine) EnsureQueue(name string, workers int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.options.Work || e.queues[name] {
		return nil
	}
	if err := e.addQueue(name, river.QueueConfig{MaxWorkers: workers}); err != nil {
		return fmt.Errorf("working queue %s: %w", name, err)
	}
	e.queues[name] = true
	return nil
}

// Start works jobs until Stop. On SQLite, where this process is the only one, the jobs that a killed process left
// running are made available first.
func (e *Engine) Start(ctx context.Context) error {
	if !e.options.Work {
		return nil
	}
	if e.store.SQLite() != nil {
		if err := e.store.ReleaseJobs(ctx); err != nil {
			return fmt.Errorf("taking up the jobs of the last run: %w", err)
		}
	}
	e.mu.Lock()
	e.started = true
	e.mu.Unlock()
	return e.start(ctx)
}

// ID is how the job engine knows this process, after Open: by the host's name and the time.
func (e *Engine) ID() string { return e.clientID() }

// Stop takes up no new job and waits for those that run, until ctx ends. Stopping twice is fine.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	started := e.started
	e.started = false
	e.mu.Unlock()
	if !started {
		return nil
	}
	return e.stop(ctx)
}

// Migrate brings River's own tables up to date.
func Migrate(ctx context.Context, s *store.Store) error {
	var err error
	if db := s.SQLite(); db != nil {
		err = migrate(ctx, riversqlite.New(db))
	} else {
		err = s.Exclusive(ctx, "river-migration", func(ctx context.Context) error {
			return migrate(ctx, riverpgxv5.New(s.Postgres()))
		})
	}
	if err != nil {
		return fmt.Errorf("bringing the job tables up to date: %w", err)
	}
	return nil
}

func migrate[TTx any](ctx context.Context, driver riverdriver.Driver[TTx]) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// typed is a client of one database.
type typed[TTx any] struct {
	*river.Client[TTx]
	unwrap func(store.Tx) TTx
}

func open[TTx any](driver riverdriver.Driver[TTx], config *river.Config, unwrap func(store.Tx) TTx) (client, error) {
	c, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	return &typed[TTx]{c, unwrap}, nil
}

func (c *typed[TTx]) start(ctx context.Context) error { return c.Client.Start(ctx) }
func (c *typed[TTx]) stop(ctx context.Context) error  { return c.Client.Stop(ctx) }
func (c *typed[TTx]) clientID() string                { return c.ID() }

func (c *typed[TTx]) insert(ctx context.Context, tx store.Tx, params []river.InsertManyParams) error {
	_, err := c.InsertManyTx(context.WithoutCancel(ctx), c.unwrap(tx), params) // others may be in the transaction
	return err
}

func (c *typed[TTx]) pause(ctx context.Context, tx store.Tx, queue string) error {
	return c.QueuePauseTx(context.WithoutCancel(ctx), c.unwrap(tx), queue, nil)
}

func (c *typed[TTx]) resume(ctx context.Context, tx store.Tx, queue string) error {
	return c.QueueResumeTx(context.WithoutCancel(ctx), c.unwrap(tx), queue, nil)
}

func (c *typed[TTx]) addQueue(name string, config river.QueueConfig) error {
	return c.Queues().Add(name, config)
}

// completion ends one job in a transaction.
type completion func(context.Context, store.Tx) error

func completeTx[A courier.Args](ctx context.Context, tx store.Tx, job *river.Job[A]) (err error) {
	if lite := store.AsSQLite(tx); lite != nil {
		_, err = river.JobCompleteTx[*riversqlite.Driver, *sql.Tx](ctx, lite, job)
	} else {
		_, err = river.JobCompleteTx[*riverpgxv5.Driver, pgx.Tx](ctx, store.AsPostgres(tx), job)
	}
	return err
}
