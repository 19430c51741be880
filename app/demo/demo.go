// Package demo is an installation to look at: Heliograph, simulators of all services that it sends through, and a fleet
// that somebody made up. Nothing leaves the machine, every port is a free one of loopback, and one link signs the visitor
// in, so that several demos can run side by side.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"heliograph/access"
	"heliograph/app"
	"heliograph/sim"
)

// Options of a demo. The zero value works.
type Options struct {
	DataDir   string            // "" = a temporary directory that Stop removes
	Devices   int               // of the fleet; 0 = none
	Seed      int64             // the same seed gives the same fleet
	Listen    string            // "" = a free port of loopback
	ReadyFile string            // "" = none
	Logger    *slog.Logger      // nil = silent
	Version   string            // empty = unknown
	Progress  func(devices int) // told how many devices are stored so far; nil = nobody is
}

// Demo is a demo that runs.
type Demo struct {
	options Options
	dir     string
	app     *app.App
	sims    *sim.Set
	owners  atomic.Pointer[app.App] // whose store knows the devices' names, as soon as there is one
	appKey  string                  // with which mail apps register
	ready   app.Ready
	undo    []func(context.Context) error
}

// Start starts the simulators and the App, furnishes it and writes the ready file. When it fails, what had started is
// stopped.
func Start(ctx context.Context, o Options) (*Demo, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Demo{options: o}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.Stop(ctx))
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context) error {
	if err := d.makeDir(); err != nil {
		return err
	}
	if err := d.startSims(ctx); err != nil {
		return err
	}
	entry := rand.Text()
	if err := d.makeApp(ctx, entry); err != nil {
		return err
	}
	token, err := d.furnish(ctx)
	if err != nil {
		return err
	}
	if err := d.app.Start(ctx); err != nil {
		return err
	}
	if err := d.signInPhones(ctx); err != nil {
		return err
	}
	d.tell(entry, token)
	if d.options.ReadyFile == "" {
		return nil
	}
	d.onStop(func(context.Context) error { return app.RemoveReady(d.options.ReadyFile) })
	return app.WriteReady(d.options.ReadyFile, d.ready)
}

func (d *Demo) onStop(do func(context.Context) error) { d.undo = append(d.undo, do) }

func (d *Demo) makeDir() (err error) {
	if d.dir = d.options.DataDir; d.dir != "" {
		return os.MkdirAll(d.dir, 0o700)
	}
	if d.dir, err = os.MkdirTemp("", "heliograph-demo-"); err != nil {
		return fmt.Errorf("making a directory for the demo: %w", err)
	}
	d.onStop(func(context.Context) error { return os.RemoveAll(d.dir) })
	return nil
}

func (d *Demo) startSims(ctx context.Context) (err error) {
	d.sims, err = sim.Start(ctx, []string{sim.All}, sim.Options{
		CAFile:   filepath.Join(d.dir, "authority.pem"),
		StateDir: filepath.Join(d.dir, "simulators"),
		Names:    d.owner,
		Logger:   d.options.Logger.With("part", "simulators"),
	})
	if err == nil {
		d.onStop(d.sims.Stop)
	}
	return err
}

// ownerTime bounds the look at the database for the title of a phone.
const ownerTime = time.Second

// owner is the name of the device that a simulated phone stands for.
func (d *Demo) owner(token string) string {
	a := d.owners.Load()
	if a == nil {
		return ""
	}
	if name, ok := strings.CutPrefix(token, d.sims.WebPush().URL()+"/push/"); ok {
		token = d.subscribe(name) // a browser's token is more than its address
	}
	ctx, cancel := context.WithTimeout(context.Background(), ownerTime)
	defer cancel()
	name, err := a.Store().TokenOwner(ctx, access.Everything, token)
	if err != nil { // a phone without a title is shown by its token
		return ""
	}
	return name
}

func (d *Demo) makeApp(ctx context.Context, entry string) (err error) {
	listen := d.options.Listen
	if listen == "" {
		listen = freePort
	}
	d.app, err = app.New(ctx, app.Options{
		Database:      app.Database{DataDir: d.dir},
		Listen:        listen,
		ListenMetrics: freePort,
		MailPush:      app.MailPush{ListenRegistration: freePort, ListenMailbox: freePort},
		Drain:         drain,
		Logger:        d.options.Logger,
		Version:       d.options.Version,
		Demo:          &app.Demo{Entry: entry, Inbox: d.sims.Ready().Sims[sim.Inbox]},
	})
	if err != nil {
		return err
	}
	d.onStop(d.app.Stop)
	d.owners.Store(d.app)
	d.onStop(func(context.Context) error {
		d.owners.Store(nil)
		return nil
	})
	return nil
}

const (
	freePort = "127.0.0.1:0"
	drain    = 5 * time.Second // nobody waits for simulators
)

func (d *Demo) tell(entry, token string) {
	r := d.app.Ready()
	sims := d.sims.Ready()
	r.Token, r.SignIn, r.Sims, r.CAFile = token, app.EntryURL(r.Console, entry), sims.Sims, sims.CAFile
	r.AppKey, r.Apps = d.appKey, map[string]string{sim.APNs: AppID, sim.FCM: AppID, sim.WebPush: WebAppID, "mail": MailAppID}
	d.ready = r
}

// Ready says where everything is, and how to get in.
func (d *Demo) Ready() app.Ready { return d.ready }

// Stop ends everything, and removes the directory when it was a temporary one. Stopping twice is fine.
func (d *Demo) Stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for len(d.undo) > 0 {
		last := d.undo[len(d.undo)-1]
		d.undo = d.undo[:len(d.undo)-1]
		errs = append(errs, last(ctx))
	}
	return errors.Join(errs...)
}
