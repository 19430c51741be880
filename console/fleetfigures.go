package console

import (
	"context"
	"sync"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

// FleetCounter counts devices.
type FleetCounter interface {
	CountDevices(ctx context.Context, scope access.Scope, f fleet.Filter) (int64, error)
}

// fleetFigures say how the fleet is.
type fleetFigures struct {
	Total        int64
	Platforms    []platformCount
	NonCompliant int64
	Jailbroken   int64
	Contact      [4]int64 // last seen within a day, a week, a month; longer ago or never
}

type platformCount struct {
	Platform fleet.Platform
	N        int64
}

// fleetCache keeps the figures of the whole fleet for a while: counting a large one takes its time, and every open
// dashboard asks again and again.
type fleetCache struct {
	mu   sync.Mutex
	at   time.Time
	kept fleetFigures
}

// How long figures are kept.
const (
	keepSmall = 4 * time.Second // less than what a dashboard waits between two looks
	keepLarge = time.Minute
	largeFrom = 50_000 // devices
)

func (c *fleetCache) of(ctx context.Context, count FleetCounter, scope access.Scope, now time.Time) (fleetFigures, error) {
	if !scope.All() {
		return countFleet(ctx, count, scope)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := keepSmall
	if c.kept.Total >= largeFrom {
		keep = keepLarge
	}
	if !c.at.IsZero() && now.Sub(c.at) < keep {
		return c.kept, nil
	}
	figures, err := countFleet(ctx, count, scope)
	if err == nil {
		c.kept, c.at = figures, now
	}
	return figures, err
}

func countFleet(ctx context.Context, count FleetCounter, scope access.Scope) (f fleetFigures, err error) {
	of := func(filter fleet.Filter) (n int64) {
		if err == nil {
			n, err = count.CountDevices(ctx, scope, filter)
		}
		return n
	}
	yes, no := true, false
	f.Total = of(fleet.Filter{})
	for _, p := range fleet.Platforms {
		if n := of(fleet.Filter{Platform: []fleet.Platform{p}}); n > 0 {
			f.Platforms = append(f.Platforms, platformCount{p, n})
		}
	}
	f.NonCompliant = of(fleet.Filter{Compliant: &no})
	f.Jailbroken = of(fleet.Filter{Jailbroken: &yes})
	day, week, month := 1, 7, 30
	day1, week1, month1 := of(fleet.Filter{InactiveDaysMin: &day}), of(fleet.Filter{InactiveDaysMin: &week}), of(fleet.Filter{InactiveDaysMin: &month})
	f.Contact = [4]int64{f.Total - day1, day1 - week1, week1 - month1, month1}
	return f, err
}

// platformParts are the platforms as parts of a bar.
func (f fleetFigures) platformParts() (parts []segment) {
	kinds := map[fleet.Platform]string{fleet.IOS: "a", fleet.IPadOS: "d", fleet.MacOS: "e", fleet.Android: "b", fleet.Windows: "c", fleet.OtherPlatform: "f"}
	for _, p := range f.Platforms {
		parts = append(parts, segment{kinds[p.Platform], p.Platform.Name(), p.N})
	}
	return parts
}

func (f fleetFigures) complianceParts(ctx context.Context) []segment {
	return []segment{
		{"good", t(ctx, "dashboard.compliant"), f.Total - f.NonCompliant},
		{"bad", t(ctx, "dashboard.noncompliant"), f.NonCompliant},
	}
}

func (f fleetFigures) contactParts(ctx context.Context) []segment {
	return []segment{
		{"good", t(ctx, "dashboard.contact.day"), f.Contact[0]},
		{"a", t(ctx, "dashboard.contact.week"), f.Contact[1]},
		{"warn", t(ctx, "dashboard.contact.month"), f.Contact[2]},
		{"bad", t(ctx, "dashboard.contact.older"), f.Contact[3]},
	}
}
