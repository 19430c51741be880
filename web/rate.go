package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates bounds how often each of many callers may ask, so that one who runs wild does not take everybody's turn. What is
// not used adds up to some seconds' worth. A nil *Rates bounds nobody.
type Rates struct {
	mu        sync.Mutex
	perSecond rate.Limit
	burst     int
	callers   map[string]*rate.Limiter
}

// burstTime is how long a caller may save up.
const burstTime = 4 // seconds

// mostCallers is how many are remembered; those who have not asked for a while are forgotten first.
const mostCallers = 10_000

// NewRates lets each caller ask so often a second; not positive = as often as they like.
func NewRates(perSecond float64) *Rates {
	if perSecond <= 0 {
		return nil
	}
	return &Rates{perSecond: rate.Limit(perSecond), burst: max(1, int(perSecond*burstTime)), callers: map[string]*rate.Limiter{}}
}

// Wait counts a request of a caller, or says how long to wait before the next; 0 = go ahead.
func (r *Rates) Wait(caller string, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter := r.callers[caller]
	if limiter == nil {
		r.forget(now)
		limiter = rate.NewLimiter(r.perSecond, r.burst)
		r.callers[caller] = limiter
	}
	turn := limiter.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

// forget makes room: a caller whose time is saved up is like one who never asked.
func (r *Rates) forget(now time.Time) {
	if len(r.callers) < mostCallers {
		return
	}
	for caller, limiter := range r.callers {
		if limiter.TokensAt(now) >= float64(r.burst) {
			delete(r.callers, caller)
		}
	}
	if len(r.callers) >= mostCallers {
		clear(r.callers) // ten thousand at work: a limit of another kind is needed
	}
}
