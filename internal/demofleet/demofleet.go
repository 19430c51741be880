// Package demofleet makes fleets that look real: people of many languages with the devices that they would carry, some
// of them old, lost, jailbroken or out of reach.
//
// A fleet follows from its seed and its "now": the same two make the same fleet, person by person, however long it is.
// The first people are always the same few friends, for demonstrations: see friends.go.
//
// Nobody is reached by accident: mail addresses end in .example (RFC 2606), and phone numbers come from the ranges that
// North America, Germany and Sweden keep for films. There are about 27,000 of those; beyond as many people they repeat.
package demofleet

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"heliograph/fleet"
)

// Options of a fleet. Seed may be 0.
type Options struct {
	Seed int64
	Now  time.Time // the fleet is seen at this time
	APNs string    // bundle id of the app on Apple's devices
	FCM  string    // app on Android

	WebPush   string                   // app in browsers
	Subscribe func(name string) string // the token of a browser on a Windows PC; nil = they have none
}

// Domain is where the mail of a made fleet would go, if it went.
const Domain = "hospital.example"

// Generate makes people with their devices until there are n devices. The last person may get fewer than planned.
func Generate(o Options, n int) iter.Seq2[fleet.User, []fleet.Device] {
	return func(yield func(fleet.User, []fleet.Device) bool) {
		for i, left := 0, n; left > 0; i++ {
			user, devices := o.person(i)
			devices = devices[:min(left, len(devices))]
			left -= len(devices)
			if !yield(user, devices) {
				return
			}
		}
	}
}

// Store is where a fleet can be loaded.
type Store interface {
	PutFleet(ctx context.Context, users []fleet.User, devices []fleet.Device) error
	// Analyze is called once much was put.
	Analyze(ctx context.Context) error
}

// batch is how many people are loaded in one transaction.
const batch = 2000

// Load makes a fleet of n devices and stores it. progress, which may be nil, is told how many devices are stored.
func Load(ctx context.Context, s Store, o Options, n int, progress func(devices int)) error {
	var users []fleet.User
	var devices []fleet.Device
	done := 0
	flush := func() error {
		if err := s.PutFleet(ctx, users, devices); err != nil {
			return fmt.Errorf("loading the fleet: %w", err)
		}
		done += len(devices)
		users, devices = users[:0], devices[:0]
		if progress != nil {
			progress(done)
		}
		return nil
	}
	for user, theirs := range Generate(o, n) {
		users, devices = append(users, user), append(devices, theirs...)
		if len(users) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(users) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	return s.Analyze(ctx)
}

// maker makes one person, by dice of their own.
type maker struct {
	Options
	*rand.Rand
	i int // the how-manieth person
}

func (o Options) person(i int) (fleet.User, []fleet.Device) {
	m := &maker{o, rand.New(rand.NewPCG(uint64(o.Seed), uint64(i))), i}
	if i < len(friends) {
		return friends[i](m)
	}
	user := m.user()
	devices := []fleet.Device{m.first(user)}
	if m.chance(0.32) {
		devices = append(devices, m.second(user))
		if m.chance(0.25) {
			devices = append(devices, m.device(user, 3, "ipad"))
		}
	}
	return user, devices
}

// first is what most people carry: a phone, now and then only a computer.
func (m *maker) first(u fleet.User) fleet.Device {
	return m.device(u, 1, weighted(m, []weight[string]{{"iphone", 52}, {"android", 42}, {"windows", 4}, {"other", 2}}))
}

func (m *maker) second(u fleet.User) fleet.Device {
	return m.device(u, 2, weighted(m, []weight[string]{{"ipad", 45}, {"windows", 25}, {"mac", 20}, {"android", 10}}))
}

func (m *maker) chance(p float64) bool { return m.Float64() < p }

func pick[T any](m *maker, list []T) T { return list[m.IntN(len(list))] }

// weight is a choice, and how often it is made.
type weight[T any] struct {
	value T
	n     int
}

func weighted[T any](m *maker, list []weight[T]) T {
	total := 0
	for _, w := range list {
		total += w.n
	}
	roll := m.IntN(total)
	for _, w := range list {
		if roll -= w.n; roll < 0 {
			return w.value
		}
	}
	return list[0].value
}
