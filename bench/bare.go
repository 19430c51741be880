package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"heliograph/sim"
)

// loop sends n messages and does nothing else.
type loop func(ctx context.Context, ready sim.Ready, group, n int) error

// loops are the bare clients: what a programmer writes who wants to be quick and may lose everything.
var loops = map[string]loop{"push": barePush, "smtp": bareMail, "sms": bareText}

// bare runs a loop once and answers with what it used.
func bare(ctx context.Context, t task, answers *json.Encoder) error {
	ready, err := readSims(t.Sims)
	if err != nil {
		return err
	}
	s := subjects[t.Subject]
	group := 1
	for _, c := range s.cases {
		if c.name == t.Case {
			group = c.group
		}
	}
	before, err := processorTime()
	if err != nil {
		return err
	}
	if err := loops[s.bare](ctx, ready, group, t.Devices); err != nil {
		return err
	}
	after, err := processorTime()
	if err != nil {
		return err
	}
	return answers.Encode(usage{CPU: after - before})
}

// trusting is a client of HTTP that trusts the simulators.
func trusting(caFile string) (*http.Client, error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("reading the simulator's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}, nil
}

// spread does n things, width at a time, until one fails. make makes a doer, which belongs to one goroutine.
func spread(n, width int, newDoer func() (do func(i int) error, end func(), err error)) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		once  sync.Once
		first error
	)
	fail := func(err error) {
		once.Do(func() { first = err })
		next.Store(int64(n))
	}
	for range width {
		group.Go(func() {
			do, end, err := newDoer()
			if err != nil {
				fail(err)
				return
			}
			defer end()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	group.Wait()
	return first
}
