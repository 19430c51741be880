package access

import (
	"strings"
	"sync"
	"time"
)

// Throttle slows down the guessing of passwords and codes. It counts tries in three ways: of one account from one network,
// of one network over all accounts, and of one account from everywhere. Each has some free tries, then a wait that doubles.
//
// Nobody is locked out. A browser that the account signed in with before is counted by itself, so that whoever guesses at an
// account, even from the same office, does not slow its owner down; and every wait ends. A try counts from its beginning, or
// a crowd of them at the same moment would all be free. The counts live in memory; a restart forgets them.
type Throttle struct {
	mu     sync.Mutex
	now    func() time.Time
	counts map[string]*tries
}

// Attempt is one try to sign in.
type Attempt struct {
	Account string // as it was typed; case does not matter
	Network string // of the client; see web.ClientNetwork
	Browser string // one that this account signed in with before; empty = not known
}

type tries struct {
	n     int
	until time.Time // no try before
	last  time.Time
}

const (
	firstWait     = time.Second
	longestWait   = 15 * time.Minute
	forgetAfter   = 24 * time.Hour
	throttleLimit = 50_000 // entries; beyond it the oldest go
)

// Free tries of each way to count.
const (
	freePair    = 5
	freeBrowser = 10
	freeNetwork = 30
	freeAccount = 50
)

// NewThrottle reads the clock now; nil = the machine's.
func NewThrottle(now func() time.Time) *Throttle {
	if now == nil {
		now = time.Now
	}
	return &Throttle{now: now, counts: map[string]*tries{}}
}

// Begin counts a try, or says how long to wait before the next; 0 = go ahead.
func (t *Throttle) Begin(a Attempt) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, key := range a.keys() {
		if c := t.counts[key.name]; c != nil {
			wait = max(wait, c.until.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	t.sweep(now)
	for _, key := range a.keys() {
		t.count(key, now, 1)
	}
	return 0
}

// Withdraw takes a try back: there was nothing wrong with it, but nobody is signed in yet.
func (t *Throttle) Withdraw(a Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range a.keys() {
		t.count(key, t.now(), -1)
	}
}

// Succeeded takes a try back, and forgets all others of this account from this network or browser.
func (t *Throttle) Succeeded(a Attempt) {
	t.Withdraw(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.counts, a.keys()[0].name)
}

// count adds to the tries of a key, which may be forgotten already.
func (t *Throttle) count(key throttleKey, now time.Time, n int) {
	c := t.counts[key.name]
	if c == nil {
		if n < 0 {
			return
		}
		c = &tries{}
		t.counts[key.name] = c
	}
	c.n, c.last = max(0, c.n+n), now
	c.until = now.Add(backOff(c.n - key.free))
}

type throttleKey struct {
	name string
	free int
}

// keys are what a try counts under; the first is what is nearest to its owner.
func (a Attempt) keys() []throttleKey {
	account := strings.ToLower(strings.TrimSpace(a.Account))
	if a.Browser != "" {
		return []throttleKey{{"browser " + a.Browser + " " + account, freeBrowser}}
	}
	return []throttleKey{{account + " @ " + a.Network, freePair}, {"network " + a.Network, freeNetwork}, {"account " + account, freeAccount}}
}

// backOff is the wait after so many tries beyond the free ones.
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
		for name, c := range t.counts {
			if now.Sub(c.last) >= age {
				delete(t.counts, name)
			}
		}
	}
}
