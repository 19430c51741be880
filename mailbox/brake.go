package mailbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The brake: when too many registrations of an app die at once, it is more likely that a provider or a setting is wrong
// than that so many people removed the app in the same hour.
const (
	BrakeTime  = time.Hour
	brakeLeast = 20 // deaths
	brakePart  = 20 // one of so many: 5 %
)

// tooMany reports whether so many deaths within BrakeTime put the brake on an app that had so many registrations.
func tooMany(deaths, registrations int64) bool {
	return deaths >= brakeLeast && deaths*brakePart > registrations
}

// Brake is an app that nobody is told Unsubscribe about, until an administrator has looked.
type Brake struct {
	App           string
	Since         time.Time
	Deaths        int64 // in the hour before
	Registrations int64 // that the app had then
	Held          int64 // registrations that are dead by the provider's word, and wait
}

// brakeStore is what the store knows about brakes.
type brakeStore interface {
	// CountRegistrations counts an app's registrations that are not tombstones.
	CountRegistrations(ctx context.Context, app string) (int64, error)
	// Engage puts the brake on an app. Those of it that died within BrakeTime become TokenRejected (Held), where no other
	// registration has taken their token meanwhile. It does nothing when the brake is on.
	Engage(ctx context.Context, b Brake) error
	Braked(ctx context.Context, app string) (bool, error)
}

// brake reports whether an app is braked after so many deaths. It puts the brake on when they are too many.
func (r *Registrations) brake(ctx context.Context, app string, deaths int64) (braked bool, err error) {
	if braked, err = r.store.Braked(ctx, app); braked || err != nil {
		return braked, err
	}
	if !r.sizes.worthCounting(app, deaths) {
		return false, nil
	}
	living, err := r.store.CountRegistrations(ctx, app)
	if err != nil {
		return false, err
	}
	registrations := living + deaths
	r.sizes.counted(app, deaths, registrations)
	if !tooMany(deaths, registrations) {
		return false, nil
	}
	b := Brake{App: app, Since: r.options.Now(), Deaths: deaths, Registrations: registrations}
	if err := r.store.Engage(ctx, b); err != nil {
		return false, fmt.Errorf("braking: %w", err)
	}
	r.options.Logger.Warn("too many registrations of an app died at once: nobody is told Unsubscribe until an administrator confirms",
		"app", app, "deaths", deaths, "registrations", registrations)
	return true, nil
}

// sizes remember how large apps are, so that not every death counts a million registrations.
type sizes struct {
	mu   sync.Mutex
	next map[string]int64 // deaths at which an app is worth counting again
}

// worthCounting reports whether so many deaths could be too many.
func (s *sizes) worthCounting(app string, deaths int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if deaths < brakeLeast {
		delete(s.next, app)
		return false
	}
	return deaths >= s.next[app]
}

// counted notes an app's size. As far away as the deaths were from too many, half of that passes before it is counted
// again: registrations go for other reasons too.
func (s *sizes) counted(app string, deaths, registrations int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = map[string]int64{}
	}
	s.next[app] = deaths + max(1, (registrations/brakePart-deaths)/2)
}
