package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"heliograph/access"
	"heliograph/fleet"
)

// Above figuresFresh devices, counting takes long enough to be done at most once every figuresAge for each scope.
const (
	figuresFresh = 50_000
	figuresAge   = time.Minute
)

// figuresCache keeps the figures of large fleets. Its zero value works.
type figuresCache struct {
	mu      sync.Mutex
	byScope map[string]*figuresEntry
}

type figuresEntry struct {
	mu      sync.Mutex // who comes second waits for the first
	figures fleet.Figures
	last    atomic.Pointer[fleet.Figures] // for who does not wait
}

func (c *figuresCache) entry(scope access.Scope) *figuresEntry {
	name := "everything"
	if !scope.All() {
		groups := slices.Clone(scope.Groups())
		slices.Sort(groups)
		name = numbers(groups)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byScope == nil {
		c.byScope = map[string]*figuresEntry{}
	}
	if c.byScope[name] == nil {
		c.byScope[name] = &figuresEntry{}
	}
	return c.byScope[name]
}

// RecentFigures are the figures without waiting for them: where they are more than a minute old they are counted anew
// beside, for who looks next. Only the first look at a large fleet waits.
func (s *Store) RecentFigures(ctx context.Context, scope access.Scope) (fleet.Figures, error) {
	e := s.figures.entry(scope)
	last := e.last.Load()
	if last == nil || last.Devices <= figuresFresh || s.now().Sub(last.At) < figuresAge {
		return s.Figures(ctx, scope)
	}
	if e.mu.TryLock() {
		go func() {
			defer e.mu.Unlock()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), figuresAge)
			defer cancel()
			_ = s.countInto(ctx, e, scope) // who looks next sees that they are old, and counts again
		}()
	}
	return *last, nil
}

// countInto counts anew. The entry is locked.
func (s *Store) countInto(ctx context.Context, e *figuresEntry, scope access.Scope) error {
	f, err := s.countFigures(ctx, scope)
	if err != nil {
		return fmt.Errorf("counting the fleet: %w", err)
	}
	e.figures = f
	e.last.Store(&f)
	return nil
}

// Figures counts what the fleet is made of. Above 50,000 devices they may be a minute old: see At.
func (s *Store) Figures(ctx context.Context, scope access.Scope) (fleet.Figures, error) {
	e := s.figures.entry(scope)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.figures.Devices > figuresFresh && s.now().Sub(e.figures.At) < figuresAge {
		return e.figures, nil
	}
	if err := s.countInto(ctx, e, scope); err != nil {
		return fleet.Figures{}, err
	}
	return e.figures, nil
}

func (s *Store) countFigures(ctx context.Context, scope access.Scope) (fleet.Figures, error) {
	f := fleet.Figures{At: s.now(), Ownership: map[fleet.Ownership]int64{}}
	g, ctx := errgroup.WithContext(ctx)
	for _, count := range []func(context.Context, Tx, access.Scope, *fleet.Figures) error{s.countStates, s.countVersions, s.countMembers} {
		g.Go(func() error {
			return s.Read(ctx, func(tx Tx) error { return count(ctx, tx, scope, &f) })
		})
	}
	return f, g.Wait()
}

// countStates counts in one pass what has few values.
func (s *Store) countStates(ctx context.Context, tx Tx, scope access.Scope, f *fleet.Figures) error {
	var sums []string
	var into []any
	sum := func(n *int64, cond string, args ...any) {
		sums = append(sums, "COUNT(CASE WHEN "+fmt.Sprintf(cond, args...)+" THEN 1 END)")
		into = append(into, n)
	}
	sum(&f.Devices, "TRUE")
	sum(&f.Compliant, "d.compliant")
	sum(&f.Jailbroken, "d.jailbroken")
	sum(&f.Managed, "d.managed")
	owners := make([]int64, len(fleet.Ownerships))
	for i, o := range fleet.Ownerships {
		sum(&owners[i], "d.ownership = '%s'", o)
	}
	f.Contact = make([]fleet.ContactFigure, len(fleet.Contacts))
	until := int64(1) << 62
	for i, c := range fleet.Contacts {
		f.Contact[i].Contact = c.Contact
		from := int64(1)
		switch {
		case c.Contact == fleet.Never:
			from = 0
		case c.Contact != fleet.Longer:
			from = ms(s.now().Add(-c.Limit))
		}
		sum(&f.Contact[i].Devices, "d.last_seen >= %d AND d.last_seen < %d", from, until)
		until = from
	}
	err := tx.QueryRow(ctx, `SELECT `+strings.Join(sums, ", ")+` FROM devices d WHERE `+deviceScope(scope, "d")).Scan(into...)
	for i, o := range fleet.Ownerships {
		f.Ownership[o] = owners[i]
	}
	return err
}

// countVersions reads nothing but an index.
func (s *Store) countVersions(ctx context.Context, tx Tx, scope access.Scope, f *fleet.Figures) error {
	rows, err := tx.Query(ctx, `SELECT d.platform, d.os_version_key, COUNT(*) FROM devices d WHERE `+deviceScope(scope, "d")+`
		GROUP BY d.platform, d.os_version_key ORDER BY d.platform, d.os_version_key DESC`)
	if err != nil {
		return err
	}
	defer rows.Close()
	platforms := map[fleet.Platform]*fleet.PlatformFigure{}
	for rows.Next() {
		var platform fleet.Platform
		var version fleet.VersionFigure
		if err := rows.Scan(&platform, &version.Version, &version.Devices); err != nil {
			return err
		}
		version.Version = fleet.VersionOfKey(version.Version)
		if platforms[platform] == nil {
			platforms[platform] = &fleet.PlatformFigure{Platform: platform}
		}
		p := platforms[platform]
		p.Devices += version.Devices
		p.Versions = append(p.Versions, version)
	}
	for _, platform := range fleet.Platforms {
		if p := platforms[platform]; p != nil {
			f.Platforms = append(f.Platforms, *p)
		}
	}
	return rows.Err()
}

// countMembers counts the devices of the people of each group, and those devices that are members without their user.
func (s *Store) countMembers(ctx context.Context, tx Tx, scope access.Scope, f *fleet.Figures) error {
	rows, err := tx.Query(ctx, `SELECT g.id, g.name,
			(SELECT COUNT(*) FROM user_groups m JOIN devices d ON d.user_key = m.user_key WHERE m.group_key = g.key) +
			(SELECT COUNT(*) FROM device_groups m JOIN devices d ON d.key = m.device_key WHERE m.group_key = g.key
				AND NOT EXISTS (SELECT 1 FROM user_groups o WHERE o.group_key = g.key AND o.user_key = d.user_key))
		FROM fleet_groups g WHERE `+groupScope(scope, "g")+` ORDER BY g.name`)
	f.Groups, err = all(rows, err, func(r Row) (g fleet.GroupFigure, err error) {
		err = r.Scan(&g.ID, &g.Name, &g.Devices)
		return g, err
	})
	return err
}
