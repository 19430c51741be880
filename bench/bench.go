// Package bench measures what a message costs: the processor time of the process that sends, beside that of a loop
// that does nothing but speak the protocol.
//
// Nothing is taken apart for it. The sending process is an App with its store, its job engine and its listeners, asked
// over its API; the provider is a simulator. Each is a process of its own, and so is the bare loop, so that nobody's
// work is counted as somebody else's:
//
//	this process ──API──► sender (an App) ──protocol──► simulator
//	             ──stdin─► bare loop       ──protocol──► the same simulator
//
// A measurement is repeated, each time by a fresh sender on the same fleet, and the median run is reported. All share
// one machine: rates say what its cores can do together, while processor times hold also on a busy one.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// Options say what to measure.
type Options struct {
	What      string   // push, smtp, sms, expand, burst, fair or wake
	Program   []string // how to run this program: its path, and arguments that come first
	Database  string   // URL of a PostgreSQL server, on which databases are made and dropped; empty = SQLite
	Sizes     []int    // recipients; of wake registrations
	Runs      int      // of which the median counts
	Latencies []int    // of the provider, in milliseconds; nil = those that are usual
	Profile   string   // directory for processor profiles of the senders; empty = none

	Progress func(text string)  // is told how far it is
	Result   func(Result) error // is given each case as it is done
}

// Result is one case at one size: the median of its runs. Fields that do not apply are zero and left out.
type Result struct {
	Bench       string  `json:"bench"`
	Case        string  `json:"case"`
	Database    string  `json:"database"`
	Items       int     `json:"items"`
	LatencyMS   *int    `json:"latency_ms,omitempty"`
	Rate        float64 `json:"rate"`                  // per second, from the request to the last outcome
	CPU         float64 `json:"cpu_us"`                // of the sending process, per item
	BareCPU     float64 `json:"bare_cpu_us,omitempty"` // of the bare loop
	Ratio       float64 `json:"ratio,omitempty"`
	DatabaseCPU float64 `json:"db_cpu_us,omitempty"` // of PostgreSQL, when it runs on this machine
	PeakMiB     float64 `json:"peak_mib"`
	DiskBytes   float64 `json:"disk_bytes"` // per item; of wake per registration
	Connections int     `json:"connections,omitempty"`

	AskRate   float64 `json:"ask_rate,omitempty"`   // of burst: requests that were accepted a second
	Refused   int     `json:"refused,omitempty"`    // of burst: requests that were told to come again
	AloneRate float64 `json:"alone_rate,omitempty"` // of fair: of the large one, while nothing else was sent

	P50           float64 `json:"p50_ms,omitempty"` // of wake and burst: from the post to the reply; of fair from the request to the tenth outcome, and the worst
	P99           float64 `json:"p99_ms,omitempty"`
	Registrations int     `json:"registrations,omitempty"`
}

// Run measures until it is done or ctx ends.
func Run(ctx context.Context, o Options) error {
	s, ok := subjects[o.What]
	if !ok {
		return fmt.Errorf("there is no bench %q", o.What)
	}
	dir, err := os.MkdirTemp("", "heliograph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{Options: o, subject: s, dir: dir}
	if err := b.startSimulator(ctx); err != nil {
		return err
	}
	defer b.simulator.end()
	measure := b.size
	if o.What == wake {
		measure = b.wakes
	}
	for _, size := range o.Sizes {
		if err := measure(ctx, size); err != nil {
			return fmt.Errorf("%s of %d: %w", o.What, size, err)
		}
	}
	return nil
}

// bench is one call of Run.
type bench struct {
	Options
	subject
	dir       string
	simulator *process
	sims      string // its ready file
}

// size measures all cases with one fleet, which stays from run to run.
func (b *bench) size(ctx context.Context, n int) error {
	p, err := b.place(ctx, n)
	if err != nil {
		return err
	}
	defer p.leave()
	b.Progress(fmt.Sprintf("making %d people with their devices …", n))
	if err := b.fill(ctx, p, n); err != nil {
		return err
	}
	latencies := b.latencies
	if b.Latencies != nil && latencies != nil {
		latencies = b.Latencies
	}
	if latencies == nil {
		latencies = []int{none}
	}
	for _, c := range b.cases {
		for _, latency := range latencies {
			if err := b.measure(ctx, p, c, n, latency); err != nil {
				return fmt.Errorf("case %s: %w", c.name, err)
			}
		}
	}
	return nil
}

// none is the latency where no provider is asked.
const none = -1

// measure does the runs of one case and reports the one in the middle.
func (b *bench) measure(ctx context.Context, p *place, c content, n, latency int) error {
	var runs []Result
	for i := range b.Runs {
		r, err := b.run(ctx, p, c, n, latency)
		if err != nil {
			return err
		}
		b.Progress(fmt.Sprintf("%s %s of %d%s, run %d of %d: %.0f/s, %.1f µs each%s",
			b.What, c.name, n, at(latency), i+1, b.Runs, r.Rate, r.CPU, beside(r)))
		runs = append(runs, r)
	}
	return b.Result(middle(runs))
}

func at(latency int) string {
	if latency == none {
		return ""
	}
	return fmt.Sprintf(" at %d ms", latency)
}

func beside(r Result) string {
	if r.BareCPU == 0 {
		return ""
	}
	return fmt.Sprintf(" (bare %.1f)", r.BareCPU)
}

// middle is the run whose processor time is the median; of an even number the dearer one of the two.
func middle(runs []Result) Result {
	slices.SortFunc(runs, func(a, b Result) int { return cmp.Compare(a.CPU, b.CPU) })
	return runs[len(runs)/2]
}

// run is one measurement: the engine, then the bare loop.
func (b *bench) run(ctx context.Context, p *place, c content, n, latency int) (Result, error) {
	r := Result{Bench: b.What, Case: c.name, Database: p.kind(), Items: n}
	if latency != none {
		r.LatencyMS = &latency
		if err := b.setLatency(ctx, latency); err != nil {
			return r, err
		}
	}
	if err := b.engine(ctx, p, c, n, &r); err != nil {
		return r, err
	}
	if b.bare == "" {
		return r, nil
	}
	used, err := b.runBare(ctx, c, n)
	if err != nil {
		return r, fmt.Errorf("the bare loop: %w", err)
	}
	r.BareCPU = round(used.Seconds()*1e6/float64(n), 1)
	r.Ratio = round(r.CPU/r.BareCPU, 2)
	return r, nil
}

// engine does what is measured.
func (b *bench) engine(ctx context.Context, p *place, c content, n int, r *Result) error {
	switch b.What {
	case burst:
		return b.runBurst(ctx, p, n, r)
	case fair:
		return b.runFair(ctx, p, c, n, r)
	}
	return b.runEngine(ctx, p, c, n, r)
}

// runEngine sends one notification to everybody and waits for its end.
func (b *bench) runEngine(ctx context.Context, p *place, c content, n int, r *Result) error {
	s, err := b.startSender(ctx, p)
	if err != nil {
		return err
	}
	defer s.end()
	before, err := s.usage()
	if err != nil {
		return err
	}
	databaseBefore := p.databaseCPU(ctx)
	took, err := s.send(ctx, c, n, b.What == expand)
	if err != nil {
		return err
	}
	databaseAfter := p.databaseCPU(ctx)
	after, err := s.usage()
	if err != nil {
		return err
	}
	per := func(d time.Duration) float64 { return round(d.Seconds()*1e6/float64(n), 1) }
	r.Rate, r.CPU = round(float64(n)/took.Seconds(), 0), per(after.CPU-before.CPU)
	r.DatabaseCPU = per(databaseAfter - databaseBefore)
	r.PeakMiB, r.Connections = round(float64(after.PeakKiB)/1024, 1), after.Connections
	r.DiskBytes = round(float64(after.Disk-before.Disk)/float64(n), 0)
	return nil
}
