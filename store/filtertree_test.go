package store

import (
	"path/filepath"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

// Who does not wait sees the figures as they were, and who looks again those that were counted meanwhile.
func TestRecentFiguresDoNotWait(t *testing.T) {
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := s.figures.entry(access.Everything)
	old := fleet.Figures{Devices: figuresFresh + 1, At: now.Add(-2 * figuresAge)}
	e.figures = old
	e.last.Store(&old)
	e.mu.Lock() // somebody counts
	if got, err := s.RecentFigures(t.Context(), access.Everything); err != nil || got.Devices != old.Devices {
		t.Errorf("while somebody counts: %+v, %v", got, err)
	}
	e.mu.Unlock()
	if got, err := s.RecentFigures(t.Context(), access.Everything); err != nil || got.Devices != old.Devices {
		t.Errorf("it did not show what it had: %+v, %v", got, err)
	}
	for e.last.Load() == &old { // counted beside
		time.Sleep(time.Millisecond)
	}
	e.mu.Lock() // it has ended
	defer e.mu.Unlock()
	if got := e.last.Load(); got.Devices != 0 || !got.At.Equal(now) {
		t.Errorf("counted anew: %+v", got)
	}
}
