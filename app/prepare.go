package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/channel/all"
	"heliograph/courier"
	"heliograph/intake"
	"heliograph/jobs"
	"heliograph/mailbox"
	"heliograph/oidc"
	"heliograph/store"
)

// prepare does what New promises, and registers its undoing step by step.
func (a *App) prepare(ctx context.Context) error {
	if err := a.takeLocks(); err != nil {
		return err
	}
	if a.options.ReadyFile != "" { // one that a killed process left behind would lie
		if err := RemoveReady(a.options.ReadyFile); err != nil {
			return err
		}
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	return a.wire()
}

func (a *App) takeLocks() error {
	for _, path := range a.options.locks() {
		lock, err := Take(path)
		if err != nil {
			return err
		}
		a.onStop("the lock", func(context.Context) error {
			lock.Release()
			return nil
		})
	}
	return nil
}

func (a *App) openStore(ctx context.Context) error {
	s, err := store.Open(ctx, a.options.url(), store.Options{Providers: all.Providers})
	if err != nil {
		return err
	}
	a.store = s
	a.onStop("the database", func(context.Context) error {
		s.Close()
		return nil
	})
	if err := migrate(ctx, s); err != nil {
		return err
	}
	return useKeys(ctx, s, a.options.Database)
}

// wire makes the parts and introduces them to each other.
func (a *App) wire() error {
	a.metrics = newMetrics(a.store)
	a.engine = jobs.New(a.store, jobs.Options{
		Logger: a.log.With("part", "jobs"),
		Work:   a.options.has(Worker),
		Hourly: []courier.Args{courier.CleanUpArgs{}, store.ResealArgs{}, intake.ExpiryArgs{}},
		Often:  slices.Concat(troubleWatch, watches),
	})
	a.store.UseJobs(a.engine)
	a.courier = courier.New(a.store, a.engine, courier.Options{
		Logger:    a.log.With("part", "courier"),
		Providers: all.Providers,
		Observer:  a.metrics,
		Callback:  a.callback,
	})
	registerWorkers(a.engine, a.courier, a.store)
	a.registerAlerts()
	a.registerWakes()
	if err := a.engine.Open(); err != nil {
		return err
	}
	a.wireMailPush()
	if err := a.wireACME(); err != nil {
		return err
	}
	a.openID = oidc.New(a.origin, nil)
	a.onStop("the OpenID provider's connections", func(context.Context) error {
		a.openID.Close()
		return nil
	})
	a.door = intake.New(a.store, intake.Options{
		Logger: a.log.With("part", "intake"), Providers: all.Providers, Own: a.own, NotFound: store.ErrNotFound,
		Credentials: a.ending,
		Mail:        a.mailOptions(),
	})
	return nil
}

// startWork starts the job engine and the courier, in a process that is a worker.
func (a *App) startWork(ctx context.Context) error {
	if !a.options.has(Worker) {
		return nil
	}
	a.onStop("the courier", func(context.Context) error {
		a.courier.Close()
		return nil
	})
	if err := a.takeUp(ctx); err != nil {
		return err
	}
	a.onStop("the jobs", a.stopJobs)
	if err := a.engine.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the job engine: %w", err)
	}
	if err := a.engine.EnsureQueue(mailbox.Queue, mailbox.QueueWorkers); err != nil {
		return err
	}
	a.working.Store(true)
	return a.courier.Start(ctx)
}

func (a *App) stopJobs(ctx context.Context) error {
	a.working.Store(false)
	err := a.engine.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("a server did not answer in time: what it had been given goes again, under the same identity, after the next start")
	}
	return err
}

// FirstAdministrator is the account that a first start makes.
const FirstAdministrator = "admin"

// firstAccount makes the first administrator of an installation, and a link that lets them in.
func (a *App) firstAccount(ctx context.Context) error {
	if !a.options.has(Console) {
		return nil
	}
	secret, made, err := a.makeFirstAccount(ctx)
	if err == nil && made && a.options.Demo == nil {
		a.firstLink = LinkURL(a.origin(), secret)
	}
	return err
}

// MakeFirstAccount makes the first administrator when there is no account yet. Its link is given to nobody.
func (a *App) MakeFirstAccount(ctx context.Context) error {
	_, _, err := a.makeFirstAccount(ctx)
	return err
}

func (a *App) makeFirstAccount(ctx context.Context) (link string, made bool, err error) {
	has, err := a.store.HasAccounts(ctx)
	if has || err != nil {
		return "", false, err
	}
	_, link, err = a.door.CreateAccount(ctx, access.System, intake.AccountInput{Name: FirstAdministrator, Role: access.Administrator})
	if errors.Is(err, store.ErrConflict) { // another node was quicker
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("making the first administrator: %w", err)
	}
	return link, true, nil
}

// origin is what people type to reach the console.
func (a *App) origin() string {
	if a.options.PublicURL != "" {
		return a.options.PublicURL
	}
	return a.addr.Console
}

// callback is where the service of a server posts receipts; empty in a process that does not know under which address
// people reach the console.
func (a *App) callback(server string) string {
	origin := strings.TrimSuffix(a.origin(), "/")
	if origin == "" {
		return ""
	}
	return origin + "/hooks/vonage/" + a.store.HookSecret(server)
}

// secure reports whether people reach the console over TLS.
func (a *App) secure() bool { return strings.HasPrefix(a.origin(), "https://") }

// Ready is what the ready file says, after Start.
func (a *App) Ready() Ready {
	return Ready{
		Console: a.addr.Console, API: a.addr.API(), Registration: a.addr.Registration, Listener: a.addr.Listener,
		Metrics: a.addr.Metrics, CAFile: a.options.TLS.CertFile, PID: os.Getpid(),
	}
}
