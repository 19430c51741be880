package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"heliograph/app"
	"heliograph/app/demo"
)

type demoCmd struct {
	Devices   int    `help:"Size of the fleet." default:"1200"`
	Seed      int64  `help:"The same seed makes the same fleet." default:"1"`
	Data      string `help:"Directory to keep it in. Default: a temporary one that is removed at the end." type:"path" placeholder:"DIR"`
	Listen    string `help:"Where console and API listen. Default: a free port of loopback." placeholder:"ADDR"`
	ReadyFile string `help:"JSON file that tells scripts where everything listens, with an administrator's token." type:"path" placeholder:"PATH"`
}

// Help is shown by -h below the flags.
func (demoCmd) Help() string {
	return `Nothing is set up before and nothing leaves the machine: phones, mailboxes and text messages are simulated, and a page shows what they receive. One link signs you in. Several demos can run at once.

Examples:

    heliograph demo
    heliograph demo --devices 50000 --seed 7
    heliograph demo --ready-file ready.json --log-level warn`
}

// maxDevices keeps a slip of the finger from filling the disk.
const maxDevices = 5_000_000

// Validate is called by kong.
func (c *demoCmd) Validate() error {
	if c.Devices < 0 || c.Devices > maxDevices {
		return fmt.Errorf("--devices must be 0 to %d", maxDevices)
	}
	return checkAddresses("--listen", c.Listen)
}

// Run shows the demo until a signal.
func (c *demoCmd) Run(ctx context.Context, term terminal, log *slog.Logger) error {
	fmt.Fprintf(term.err, "Preparing a demo with %d devices …\n", c.Devices)
	d, err := demo.Start(ctx, demo.Options{
		DataDir: c.Data, Devices: c.Devices, Seed: c.Seed, Listen: c.Listen, ReadyFile: c.ReadyFile, Logger: log, Version: version(),
		Progress: func(devices int) { fmt.Fprintf(term.err, "%d of %d\n", devices, c.Devices) },
	})
	if err != nil {
		return err
	}
	welcome(term.out, d.Ready())
	<-ctx.Done()
	return d.Stop(ctx)
}

func welcome(to io.Writer, r app.Ready) {
	fmt.Fprintf(to, `
Heliograph is running, with simulated phones and mailboxes.

    Console, signed in     %s
    Phones and mailboxes   %s

Stop with Ctrl-C.
`, r.SignIn, r.Sims["inbox"])
}
