package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"heliograph/courier"
	"heliograph/jobs"
	"heliograph/listener"
	"heliograph/mailbox"
	"heliograph/store"
	"heliograph/web"
)

// watches is what the job engine does for mail push by the clock.
var watches = []jobs.Often{{Every: mailbox.WatchEvery, Args: mailbox.WatchArgs{}}}

// registerWakes says who does the jobs of mail push. They are registered before there is a Waker.
func (a *App) registerWakes() {
	jobs.Work(a.engine, nil, func(ctx context.Context, args mailbox.RetryArgs, _ courier.Running) error {
		return a.mail.waker.Retry(ctx, args)
	})
	jobs.Work(a.engine, nil, func(ctx context.Context, _ mailbox.WatchArgs, _ courier.Running) error {
		return a.mail.waker.Watch(ctx)
	})
}

// wireWaker makes what wakes devices. On SQLite there is one process alone.
func (a *App) wireWaker() {
	o := mailbox.WakerOptions{Logger: a.log.With("part", "mail push"), Node: a.engine.ID(), Remembers: holds}
	if !store.IsPostgres(a.options.url()) {
		o.Node = ""
	}
	a.mail.waker = mailbox.NewWaker(a.store, a.mail.registrations, a.store, o)
	a.metrics.registry.MustRegister(a.mail.waker)
}

// startWaker begins before anything that touches it, and so ends after.
func (a *App) startWaker(ctx context.Context) error {
	a.onStop("mail push", a.mail.waker.Stop)
	if err := a.mail.waker.Start(ctx, mailbox.Duties{Listen: a.options.has(Listener), Work: a.options.has(Worker)}); err != nil {
		return fmt.Errorf("starting mail push: %w", err)
	}
	return nil
}

// listenMailbox opens the port that mail servers post to.
func (a *App) listenMailbox() error {
	if !a.options.has(Listener) {
		return nil
	}
	o := a.options.MailPush
	least, err := listener.ParseTLSVersion(o.MailboxTLS.Least)
	if err != nil {
		return err
	}
	if least < tls.VersionTLS12 {
		o.MailboxTLS.Least = ""
	}
	port, config, err := a.open("mailbox", o.ListenMailbox, DefaultMailbox, o.MailboxTLS)
	if err != nil {
		return fmt.Errorf("listening for mail servers: %w", err)
	}
	config = legacy(config, least)
	a.addr.Listener = a.originOf(port, config, o.MailboxTLS)
	a.serveWith("the mailbox listener", listener.NewServer(a.mailboxFace(), a.log.With("part", "listener")), port, config)
	return nil
}

// mailboxFace is what mail servers call, and health.
func (a *App) mailboxFace() http.Handler {
	health := web.NewRoutes(nil, nil)
	a.health(health)
	return listener.New(a.mail.waker, listener.Options{
		Logger: a.log.With("part", "listener"), Client: a.options.Proxies.Client, Health: health,
	})
}

// legacy lets TLS be older than what is sound, for mail servers that speak nothing newer.
func legacy(config *tls.Config, least uint16) *tls.Config {
	if config == nil || least >= tls.VersionTLS12 {
		return config
	}
	config.MinVersion, config.CipherSuites = least, listener.LegacySuites()
	return config
}
