package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"heliograph/app"
	"heliograph/sim"
)

type simCmd struct {
	Which     []string `arg:"" help:"all, or some of apns, fcm, webpush, vonage, exchange, smtp." enum:"all,apns,fcm,webpush,vonage,exchange,smtp"`
	ReadyFile string   `help:"JSON file with addresses and credentials: written when all listen, removed on a clean stop." type:"path" placeholder:"PATH"`
	TrustCA   string   `help:"PEM file with authorities that sign the listeners which the simulated Exchange posts to, and the registration services of simulated phones." type:"existingfile" placeholder:"PATH"`
	TimeScale float64  `help:"How many times faster than the clock the simulated Exchange retries and sends heartbeats, and phones sync. Default: 1." default:"1" placeholder:"N"`
	StateDir  string   `help:"Directory that keeps authority, keys and accounts, so that a restart changes none of them. Default: fresh ones, in a temporary directory." type:"path" placeholder:"DIR"`
}

// Help is shown by -h below the flags.
func (simCmd) Help() string {
	return `The simulators speak the real protocols on free ports of loopback. Point providers and servers of heliograph serve at them, with the credentials and the certificate authority (ca_file) of the ready file.

GET /_sim/history of each shows what was received, GET /_sim/magic the addresses that always fail, POST /_sim/fail makes others fail, POST /_sim/reset forgets. For mail all of that is at the inbox's address, which is also a page to look at. POST /oauth2/v2.0/token there gives access tokens for XOAUTH2.

exchange is a mail server that posts notifications: mail apps ask it at /EWS/Exchange.asmx, and POST /_sim/mail {"mailbox", "count"} brings new mail. With it and smtp, POST /_sim/phones at the inbox adds a phone with a mail app, which registers at a registration service and subscribes at the mail server.

Examples:

    heliograph sim all --ready-file sims.json
    heliograph sim apns fcm --ready-file sims.json --state-dir sims
    heliograph sim exchange --ready-file exchange.json --time-scale 60 --trust-ca listener-ca.pem`
}

// maxScale keeps a minute of the simulators above what a clock can tell apart.
const maxScale = 1_000_000

// Validate is called by kong.
func (c *simCmd) Validate() error {
	if !(c.TimeScale > 0 && c.TimeScale <= maxScale) { // also NaN
		return fmt.Errorf("--time-scale must be above 0 and at most %d", maxScale)
	}
	return nil
}

// simStop bounds the stop of the simulators; connections are cut off anyway.
const simStop = 5 * time.Second

// Run runs the simulators until a signal.
func (c *simCmd) Run(ctx context.Context, term terminal, log *slog.Logger) (err error) {
	dir, remove, err := c.directory()
	if err != nil {
		return err
	}
	defer remove()
	trusted, err := c.trusted()
	if err != nil {
		return err
	}
	set, err := sim.Start(ctx, c.Which, sim.Options{
		CAFile: filepath.Join(dir, "authority.pem"), StateDir: c.StateDir, TrustedCA: trusted, TimeScale: c.TimeScale, Logger: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), simStop)
		defer cancel()
		if stopErr := set.Stop(late); err == nil {
			err = stopErr
		}
	}()
	ready := set.Ready()
	if c.ReadyFile != "" {
		if err := app.WriteReady(c.ReadyFile, ready); err != nil {
			return err
		}
		defer app.RemoveReady(c.ReadyFile) //nolint:errcheck // nobody can act on it at the end
	}
	for _, name := range slices.Sorted(maps.Keys(ready.Sims)) {
		fmt.Fprintf(term.out, "%-8s %s\n", name, ready.Sims[name])
	}
	fmt.Fprintf(term.out, "%-8s %s\n", "CA", ready.CAFile)
	<-ctx.Done()
	return nil
}

// trusted are authorities beside the simulators' own.
func (c *simCmd) trusted() ([]byte, error) {
	if c.TrustCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.TrustCA)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities to trust: %w", err)
	}
	return text, nil
}

// directory is where the authority's certificate is written: the state's, or a temporary one.
func (c *simCmd) directory() (dir string, remove func(), err error) {
	if c.StateDir != "" {
		return c.StateDir, func() {}, os.MkdirAll(c.StateDir, 0o700)
	}
	dir, err = os.MkdirTemp("", "heliograph-sim-")
	return dir, func() { os.RemoveAll(dir) }, err
}
