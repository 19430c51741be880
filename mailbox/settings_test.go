package mailbox

import (
	"context"
	"errors"
	"testing"
	"time"

	"heliograph/access"
)

// shelf keeps settings, and can be away.
type shelf struct {
	values map[string]string
	reads  int
	away   error
}

func (s *shelf) Setting(_ context.Context, name string) (string, error) {
	s.reads++
	return s.values[name], s.away
}

func (s *shelf) PutSetting(_ context.Context, name, value string, _ ...access.Entry) error {
	if s.away == nil {
		s.values[name] = value
	}
	return s.away
}

// TestConfig: settings are read once in a while, others' changes are seen, and a database that is away stops nobody.
func TestConfig(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	s := &shelf{values: map[string]string{}}
	clock := func() time.Time { return now }
	here, there := NewConfig(s, clock), NewConfig(s, clock)
	want := func(c *Config, region string) {
		t.Helper()
		if got, err := c.Settings(ctx); err != nil || got.Region != region {
			t.Errorf("region %q, %v, want %q", got.Region, err, region)
		}
	}
	s.away = errors.New("away")
	if _, err := here.Settings(ctx); !errors.Is(err, s.away) {
		t.Errorf("settings that nobody ever read: %v", err)
	}
	s.away = nil
	want(here, "Americas")
	want(there, "Americas")
	changed := DefaultSettings()
	changed.Region = "EMEA"
	if _, err := there.Put(ctx, changed); err != nil {
		t.Fatal(err)
	}
	want(there, "EMEA")
	want(here, "Americas")
	reads := s.reads
	for range 100 {
		want(here, "Americas")
	}
	if s.reads != reads {
		t.Errorf("the store was asked %d times", s.reads-reads)
	}
	now = now.Add(settingsKept)
	want(here, "EMEA")
	s.away = errors.New("away")
	now = now.Add(settingsKept)
	want(here, "EMEA")
	if _, err := here.Put(ctx, Settings{}); err == nil {
		t.Error("nonsense was stored")
	}
}
