package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"heliograph/bench"
)

type benchCmd struct {
	What      string `arg:"" help:"push, smtp, sms, expand, burst, fair or wake." enum:"push,smtp,sms,expand,burst,fair,wake"`
	Database  string `help:"URL of a PostgreSQL server, on which databases are made and dropped again. Default: SQLite, in a temporary directory." placeholder:"URL"`
	Sizes     []int  `help:"Numbers of recipients; of wake, of registered devices. Default: 10000, 100000 and 1000000." default:"10000,100000,1000000" placeholder:"N"`
	Runs      int    `help:"How often each case is measured; the median counts." default:"5"`
	LatencyMS []int  `help:"How long the provider takes for an answer, in milliseconds. Default: 0 and 20 for push, 0 for smtp, 0 and 50 for sms, 1 for wake (which takes one)." name:"latency" placeholder:"MS"`
	Profile   string `help:"Existing directory for processor profiles of the sending processes." type:"existingdir" placeholder:"DIR"`
}

// Help is shown by -h below the flags.
func (benchCmd) Help() string {
	return `The real engine sends to a simulator, from the request over the API to the last outcome; expand makes the deliveries and sends none. Beside it, a bare loop that does nothing but speak the protocol sends as much to the same simulator. Each is a process of its own; what is counted is the processor time of the one that sends.

wake posts events of mail servers over TLS to the mailbox listener, which pushes each to the simulator and replies; beside it, a bare handler reads the body, pushes and replies. Its cases are burst (as fast as replies come), steady (1,000 a second), heartbeat (every 30 minutes from each device) and idle (processor time for a second).

burst sends one request for each device, over 250 connections, and compares what was accepted with what the simulator received; who is told to come again does. fair sends to all, and meanwhile to ten devices by hand, again and again.

One line of JSON for each case and size goes to standard output, progress to standard error.

Examples:

    heliograph bench push --sizes 10000 --runs 3
    heliograph bench smtp --database postgres://postgres@127.0.0.1/postgres
    heliograph bench expand`
}

// Limits of a bench.
const (
	maxBenchSize = 10_000_000
	maxRuns      = 99
	maxLatency   = 10_000
)

// Validate is called by kong.
func (c *benchCmd) Validate() error {
	for _, n := range c.Sizes {
		if n < 1 || n > maxBenchSize {
			return fmt.Errorf("--sizes must be 1 to %d each", maxBenchSize)
		}
	}
	for _, ms := range c.LatencyMS {
		if ms < 0 || ms > maxLatency {
			return fmt.Errorf("--latency must be 0 to %d each", maxLatency)
		}
	}
	switch {
	case len(c.Sizes) == 0:
		return fmt.Errorf("--sizes must name at least one")
	case c.Runs < 1 || c.Runs > maxRuns:
		return fmt.Errorf("--runs must be 1 to %d", maxRuns)
	case c.LatencyMS != nil && c.What == "expand":
		return fmt.Errorf("--latency is for what is sent: expand sends nothing")
	case c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://"):
		return fmt.Errorf("--database must be the URL of a PostgreSQL server; without it the bench makes a SQLite file of its own")
	}
	return nil
}

// Run measures until it is done or a signal.
func (c *benchCmd) Run(ctx context.Context, term terminal) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for this program, to start it again: %w", err)
	}
	lines := json.NewEncoder(term.out)
	return bench.Run(ctx, bench.Options{
		What: c.What, Program: []string{self}, Database: c.Database, Sizes: c.Sizes, Runs: c.Runs, Latencies: c.LatencyMS, Profile: c.Profile,
		Progress: func(text string) { fmt.Fprintln(term.err, text) },
		Result:   func(r bench.Result) error { return lines.Encode(r) },
	})
}

type benchWorkerCmd struct {
	Role string `arg:"" enum:"fill,serve,bare,load,barewake"`
}

// Run is one of the processes that a bench starts.
func (c *benchWorkerCmd) Run(ctx context.Context, term terminal, log *slog.Logger) error {
	return bench.Worker(ctx, c.Role, term.in, term.out, log)
}
