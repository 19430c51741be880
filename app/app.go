// Package app puts Heliograph together and runs it.
//
// It is the only place that knows everyone: the store, the job engine, the courier, the door, the console, the API and
// the providers. New takes what a process needs for itself (the lock, the database, the keys) and wires the parts; Start
// makes them work and listen; Stop drains. Whatever New or Start did is on one list, and Stop undoes it from its end: a
// start that failed half-way is rolled back by the same Stop.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"heliograph/certificate"
	"heliograph/courier"
	"heliograph/intake"
	"heliograph/jobs"
	"heliograph/oidc"
	"heliograph/store"
)

// App is one process of Heliograph.
type App struct {
	options Options
	log     *slog.Logger
	metrics *metrics

	store   *store.Store
	engine  *jobs.Engine
	courier *courier.Courier
	door    *intake.Door
	openID  *oidc.Client
	keys    *keyKeeper
	mail    mailPush
	served  served              // certificates of its listeners, of files
	acme    *certificate.Keeper // of those by ACME; nil = there are none

	addr        Addresses
	certificate *tls.Config // of the console's listener; nil = plain HTTP
	firstLink   string
	working     atomic.Bool // the job engine runs
	draining    context.Context
	drain       context.CancelFunc

	mu   sync.Mutex
	undo []undo
}

// undo is one thing that Stop takes back.
type undo struct {
	what string
	do   func(context.Context) error
}

// Addresses are the origins on which an App listens; empty = not at all.
type Addresses struct {
	Console  string // pages and API
	Redirect string // leads from http to https; empty = nothing does
	Metrics  string

	Registration string // devices that want to be woken
	Listener     string // what mail servers post
}

// API is the origin of the API with its path.
func (a Addresses) API() string {
	if a.Console == "" {
		return ""
	}
	return a.Console + "/api/v1"
}

// New takes the locks, opens the database, brings it up to date and wires the parts. Nothing runs before Start.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.DataDir == "" {
		return nil, errors.New("a data directory is needed")
	}
	a := &App{options: o, log: o.Logger}
	a.draining, a.drain = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.prepare(ctx); err != nil {
		return nil, errors.Join(err, a.Stop(ctx))
	}
	return a, nil
}

// onStop adds to what Stop undoes.
func (a *App) onStop(what string, do func(context.Context) error) {
	a.undo = append(a.undo, undo{what, do})
}

// Start begins to work and to listen, and returns when all of it does. When it fails, what had started is stopped.
func (a *App) Start(ctx context.Context) error {
	a.mu.Lock()
	err := a.start(ctx)
	a.mu.Unlock()
	if err != nil {
		return errors.Join(err, a.Stop(ctx))
	}
	return nil
}

func (a *App) start(ctx context.Context) error {
	port, err := a.bind() // those who work tell services where to report to
	if err != nil {
		return err
	}
	if err := a.keepKeys(ctx); err != nil {
		return err
	}
	if err := a.startWaker(ctx); err != nil {
		return err
	}
	if err := a.startWork(ctx); err != nil {
		return err
	}
	if err := a.listenMailPush(ctx); err != nil {
		return err
	}
	if err := a.listen(port); err != nil {
		return err
	}
	if a.acme != nil { // the authority asks back
		a.acme.Start()
		a.onStop("getting certificates", a.stopACME) // first: who waits for one in a handshake would keep the listeners from ending
	}
	if err := a.firstAccount(ctx); err != nil {
		return err
	}
	return a.tellReady()
}

// Addr is where the App listens, after Start.
func (a *App) Addr() Addresses { return a.addr }

// FirstLink is the one-time link that lets the first administrator in; empty unless this start made one.
func (a *App) FirstLink() string { return a.firstLink }

// Store is the App's store, for what is done beside it, such as filling a demo.
func (a *App) Store() *store.Store { return a.store }

// Door is the App's door, likewise.
func (a *App) Door() *intake.Door { return a.door }

// Stop drains: it takes nothing more up, waits for what is on the wire as long as Options.Drain, and gives everything
// back. What could not be sent is sent after the next start. Stopping twice is fine.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := a.options.Drain
	if limit == 0 {
		limit = DefaultDrain
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	a.drain()
	if a.courier != nil { // first of all, so that it ends while the listeners are closed
		a.courier.Drain()
	}
	var errs []error
	for len(a.undo) > 0 {
		last := a.undo[len(a.undo)-1]
		a.undo = a.undo[:len(a.undo)-1]
		if err := last.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", last.what, err))
		}
	}
	return errors.Join(errs...)
}

// tellReady writes the ready file, at the very end of a start, and removes it first in a stop. In a demo the demo does
// so, for it has more to say.
func (a *App) tellReady() error {
	path := a.options.ReadyFile
	if path == "" {
		return nil
	}
	a.onStop("the ready file", func(context.Context) error { return RemoveReady(path) })
	return WriteReady(path, a.Ready())
}
