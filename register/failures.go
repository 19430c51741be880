package register

import (
	"sync"
	"time"
)

// How many requests of one network may fail to prove themselves: so many at once, and one more each failurePause.
const (
	freeFailures = 60
	failurePause = time.Second
	mostNetworks = 20_000 // remembered, twice; who makes us forget others gains free failures for them
)

// failures counts requests that could not prove themselves, by network.
type failures struct {
	now        func() time.Time
	mu         sync.Mutex
	young, old map[string]time.Time // when all failures of a network will be forgotten
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, young: map[string]time.Time{}}
}

// add counts a failure. It says how long the network has to wait for its next one; 0 = it was free.
func (f *failures) add(network string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	until, ok := f.young[network]
	if !ok {
		until = f.old[network]
	}
	if until.Before(now) {
		until = now
	}
	if wait := until.Sub(now) - (freeFailures-1)*failurePause; wait > 0 {
		return wait
	}
	if len(f.young) >= mostNetworks {
		f.young, f.old = map[string]time.Time{}, f.young
	}
	f.young[network] = until.Add(failurePause)
	return 0
}
