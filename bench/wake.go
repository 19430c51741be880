package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// wake measures an event of a mail server: in by TLS, the push out by TLS, the reply.
//
//	load ──TLS, HTTP/1.1──► sender (an App)  ──HTTP/2──► simulator
//	     ──the same───────► a bare handler   ──HTTP/2──► the same simulator
//
// The bare handler reads the body and pushes, unless it is a sign of life; it remembers nothing.
const wake = "wake"

// wakeCase is one way in which mail servers behave.
type wakeCase struct {
	name   string
	events int     // to be answered
	rate   float64 // a second; 0 = as fast as they are answered
	beat   bool    // signs of life, which nobody is woken by
}

// burstEvents and steadyRate are those of the cases. Registrations are asked in turns, so that the same one never comes
// twice within the second in which events share a push: what is measured is one push for each event.
const (
	burstEvents  = 30_000
	steadyRate   = 1000.
	steadyEvents = 10_000
	beatEvents   = 20_000
	beatEvery    = 30 * time.Minute
	idleTime     = 10 * time.Second
	warmEvents   = 2_000
	settleTime   = 3 * time.Second // what was learned is written every two seconds
)

// wakeCases are those of so many registrations.
func wakeCases(n int) []wakeCase {
	beats := float64(n) / beatEvery.Seconds()
	return []wakeCase{
		{name: "burst", events: burstEvents},
		{name: "steady", events: steadyEvents, rate: steadyRate},
		{name: "heartbeat", events: int(min(max(beats*30, 100), beatEvents)), rate: max(beats, 20), beat: true},
		{name: "idle"},
	}
}

// wakes measures all cases with so many registrations.
func (b *bench) wakes(ctx context.Context, n int) error {
	p, err := b.place(ctx, n)
	if err != nil {
		return err
	}
	defer p.leave()
	b.Progress(fmt.Sprintf("registering %d devices …", n))
	if err := writeCertificate(b.dir); err != nil {
		return err
	}
	if err := b.fill(ctx, p, n); err != nil {
		return err
	}
	latency := 1
	if len(b.Latencies) > 0 {
		latency = b.Latencies[0]
	}
	for _, c := range wakeCases(n) {
		var runs []Result
		for i := range b.Runs {
			r, err := b.wakeRun(ctx, p, c, n, latency)
			if err != nil {
				return fmt.Errorf("case %s: %w", c.name, err)
			}
			b.Progress(fmt.Sprintf("wake %s of %d, run %d of %d: %.0f/s, %.1f µs each%s, p99 %.1f ms", c.name, n, i+1, b.Runs, r.Rate, r.CPU, beside(r), r.P99))
			runs = append(runs, r)
		}
		if err := b.Result(middle(runs)); err != nil {
			return err
		}
	}
	return nil
}

// wakeRun is one measurement: the sender, then the bare handler.
func (b *bench) wakeRun(ctx context.Context, p *place, c wakeCase, n, latency int) (Result, error) {
	r := Result{Bench: wake, Case: c.name, Database: p.kind(), Items: c.events, Registrations: n}
	if err := b.setLatency(ctx, latency); err != nil {
		return r, err
	}
	if c.events > 0 && !c.beat {
		r.LatencyMS = &latency
	}
	load, err := b.work("load", b.task(p, content{}, n))
	if err != nil {
		return r, err
	}
	defer load.end()
	if err := b.wakeEngine(ctx, p, load, c, n, &r); err != nil || c.events == 0 {
		return r, err
	}
	if err := b.setLatency(ctx, latency); err != nil {
		return r, err
	}
	bare, err := b.work("barewake", b.task(p, content{}, n))
	if err != nil {
		return r, err
	}
	defer bare.end()
	var up started
	if err := bare.ask(ctx, "", &up); err != nil {
		return r, err
	}
	used, _, err := b.pressed(ctx, bare, load, up.Listener, c)
	if err != nil {
		return r, fmt.Errorf("the bare handler: %w", err)
	}
	r.BareCPU = round(used.Seconds()*1e6/float64(c.events), 1)
	r.Ratio = round(r.CPU/r.BareCPU, 2)
	return r, nil
}

// wakeEngine measures the App.
func (b *bench) wakeEngine(ctx context.Context, p *place, load *process, c wakeCase, n int, r *Result) error {
	t := b.task(p, content{}, n)
	t.Profile = b.profilePath(p)
	s, err := b.work("serve", t)
	if err != nil {
		return err
	}
	defer s.end()
	var up started
	if err := s.ask(ctx, "", &up); err != nil {
		return err
	}
	databaseBefore := p.databaseCPU(ctx)
	used, l, err := b.pressed(ctx, s, load, up.Listener, c)
	if err != nil {
		return err
	}
	per := float64(max(c.events, 1))
	r.DatabaseCPU = round((p.databaseCPU(ctx)-databaseBefore).Seconds()*1e6/per, 1)
	var after usage
	if err := s.ask(ctx, "usage", &after); err != nil {
		return err
	}
	r.PeakMiB, r.Connections = round(float64(after.PeakKiB)/1024, 1), after.Connections
	r.DiskBytes = round(float64(after.Disk)/float64(n), 0) // of each registration, not of each event
	r.CPU = round(used.Seconds()*1e6/per, 1)
	if c.events == 0 { // what a second costs
		r.CPU = round(used.Seconds()*1e6/idleTime.Seconds(), 1)
		return nil
	}
	r.Rate, r.P50, r.P99 = round(l.Rate, 0), round(l.P50, 2), round(l.P99, 2)
	if !c.beat && l.Pushed < int64(c.events)*99/100 {
		return fmt.Errorf("of %d events only %d were pushed: what was measured is something else", c.events, l.Pushed)
	}
	return nil
}

// pressed lets a load press a server, and returns the processor time that it used for it.
func (b *bench) pressed(ctx context.Context, server, load *process, listener string, c wakeCase) (time.Duration, loaded, error) {
	var before, after usage
	var l loaded
	if c.events > 0 {
		if err := load.ask(ctx, pressWord(listener, wakeCase{events: warmEvents, beat: c.beat}), &l); err != nil {
			return 0, l, err
		}
		if err := sleep(ctx, settleTime); err != nil {
			return 0, l, err
		}
	}
	if err := server.ask(ctx, "usage", &before); err != nil {
		return 0, l, err
	}
	if c.events > 0 {
		if err := load.ask(ctx, pressWord(listener, c), &l); err != nil {
			return 0, l, err
		}
		if err := sleep(ctx, settleTime); err != nil {
			return 0, l, err
		}
	} else if err := sleep(ctx, idleTime); err != nil {
		return 0, l, err
	}
	err := server.ask(ctx, "usage", &after)
	return after.CPU - before.CPU, l, err
}

func pressWord(listener string, c wakeCase) string {
	return strings.Join([]string{listener, fmt.Sprint(c.events), fmt.Sprint(c.rate), fmt.Sprint(c.beat)}, " ")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Where the certificate of the listeners is, in the bench's directory.
const (
	certFile = "listener.pem"
	keyFile  = "listener.key"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
