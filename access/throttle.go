package access

import (
	"strings"
	"sync"
	"time"
)

// Throttle slows down the guessing of passwords. It counts failures in three ways: of one account from one network, of
// one network over all accounts, and of one account from everywhere. Each has some free failures, then a wait that doubles.
//
// Nobody is locked out: networks from which the account signed in before are not slowed by what others try elsewhere, and
// every wait ends. The counts live in memory; a restart forgets them.
type Throttle struct {
	mu      sync.Mutex
	now     func() time.Time
	counts  map[string]*failures
	trusted map[string]time.Time // account and network → last sign-in
}

type failures struct {
	n     int
	until time.Time // no try before
	last  time.Time
}

const (
	firstWait     = time.Second
	longestWait   = 15 * time.Minute
	forgetAfter   = 24 * time.Hour
	trustFor      = 90 * 24 * time.Hour
	throttleLimit = 50_000 // entries; beyond it the oldest go
)

// Free failures of each way to count.
const (
	freePair    = 5
	freeNetwork = 30
	freeAccount = 50
)

// NewThrottle reads the clock now; nil = the machine's.
func NewThrottle(now func() time.Time) *Throttle {
	if now == nil {
		now = time.Now
	}
	return &Throttle{now: now, counts: map[string]*failures{}, trusted: map[string]time.Time{}}
}

// Wait says how long to wait before the next try; 0 = go ahead.
func (t *Throttle) Wait(account, network string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	for _, key := range t.keys(account, network) {
		if f := t.counts[key.name]; f != nil {
			wait = max(wait, f.until.Sub(t.now()))
		}
	}
	return wait
}

// Failed counts a wrong password.
func (t *Throttle) Failed(account, network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.sweep(now)
	for _, key := range t.keys(account, network) {
		f := t.counts[key.name]
		if f == nil {
			f = &failures{}
			t.counts[key.name] = f
		}
		f.n, f.last = f.n+1, now
		f.until = now.Add(backOff(f.n - key.free))
	}
}

// Succeeded forgets the failures of this account from this network, and trusts the network from now on.
func (t *Throttle) Succeeded(account, network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.counts, pair(account, network))
	t.trusted[pair(account, network)] = t.now()
}

type throttleKey struct {
	name string
	free int
}

func (t *Throttle) keys(account, network string) []throttleKey {
	both := pair(account, network)
	keys := []throttleKey{{both, freePair}, {"network " + network, freeNetwork}}
	if _, trusted := t.trusted[both]; !trusted {
		keys = append(keys, throttleKey{"account " + strings.ToLower(account), freeAccount})
	}
	return keys
}

func pair(account, network string) string { return strings.ToLower(account) + " @ " + network }

// backOff is the wait after so many failures beyond the free ones.
func backOff(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	return min(firstWait<<min(n-1, 20), longestWait)
}

// sweep forgets what is old, and the oldest when an attacker fills the table with names.
func (t *Throttle) sweep(now time.Time) {
	if len(t.counts) < throttleLimit {
		return
	}
	for age := forgetAfter; len(t.counts) >= throttleLimit*9/10; age /= 2 {
		for name, f := range t.counts {
			if now.Sub(f.last) >= age {
				delete(t.counts, name)
			}
		}
	}
	for name, at := range t.trusted {
		if now.Sub(at) >= trustFor {
			delete(t.trusted, name)
		}
	}
}
