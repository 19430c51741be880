package demofleet

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/fleet"
)

var options = Options{Seed: 7, Now: time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC), APNs: "org.example.agent", FCM: "agent"}

// memory is a store that keeps what it is given.
type memory struct {
	users   []fleet.User
	devices []fleet.Device
	ended   bool
}

func (m *memory) Analyze(context.Context) error {
	m.ended = true
	return nil
}

func (m *memory) PutFleet(_ context.Context, users []fleet.User, devices []fleet.Device) error {
	m.users, m.devices = append(m.users, users...), append(m.devices, devices...)
	return nil
}

func load(t *testing.T, o Options, n int) memory {
	t.Helper()
	var m memory
	told := 0
	if err := Load(t.Context(), &m, o, n, func(done int) { told = done }); err != nil {
		t.Fatal(err)
	}
	if len(m.devices) != n || told != n || !m.ended {
		t.Fatalf("%d devices, told %d, instead of %d", len(m.devices), told, n)
	}
	return m
}

func TestSameSeedSameFleet(t *testing.T) {
	short, long := load(t, options, 100), load(t, options, 5000)
	if diff := cmp.Diff(short.devices[:99], long.devices[:99]); diff != "" {
		t.Errorf("a longer fleet begins differently:\n%s", diff)
	}
	other := options
	other.Seed = 8
	if cmp.Equal(short.devices, load(t, other, 100).devices) {
		t.Error("another seed makes the same fleet")
	}
}

func TestEverythingIsValidAndUnique(t *testing.T) {
	m := load(t, options, 10_000)
	seen := map[string]bool{}
	unique := func(what, value string) {
		if value != "" && seen[what+value] {
			t.Errorf("two have the %s %q", what, value)
		}
		seen[what+value] = true
	}
	for _, u := range m.users {
		if problems := u.Check(); len(problems) > 0 {
			t.Fatalf("%+v: %v", u, problems)
		}
		unique("user", string(u.ID))
		unique("username", u.Username)
		unique("mail", u.Mail)
		if len(u.Username) < 3 {
			t.Errorf("%s has the user name %q", u.DisplayName, u.Username)
		}
	}
	for _, d := range m.devices {
		if problems := d.Check(); len(problems) > 0 {
			t.Fatalf("%+v: %v", d, problems)
		}
		unique("device", string(d.ID))
		if d.Push != nil {
			unique("token", d.Push.Token)
		}
		if d.LastSeen.After(options.Now) {
			t.Errorf("%s was seen in the future", d.ID)
		}
	}
}

func TestItLooksLikeAFleet(t *testing.T) {
	const n = 10_000
	m := load(t, options, n)
	share := func(what string, low, high float64, is func(fleet.Device) bool) {
		t.Helper()
		count := 0
		for _, d := range m.devices {
			if is(d) {
				count++
			}
		}
		if got := float64(count) / n; got < low || got > high {
			t.Errorf("%s: %.3f instead of %.3f to %.3f", what, got, low, high)
		}
	}
	share("jailbroken", 0.015, 0.025, func(d fleet.Device) bool { return d.Jailbroken })
	share("out of compliance", 0.05, 0.08, func(d fleet.Device) bool { return !d.Compliant })
	share("inactive for 30 days", 0.02, 0.06, func(d fleet.Device) bool { return d.LastSeen.Before(options.Now.AddDate(0, 0, -30)) })
	share("never seen", 0.005, 0.02, func(d fleet.Device) bool { return d.LastSeen.IsZero() })
	share("iOS", 0.3, 0.45, func(d fleet.Device) bool { return d.Platform == fleet.IOS })
	share("Android", 0.25, 0.4, func(d fleet.Device) bool { return d.Platform == fleet.Android })
	share("with a token", 0.8, 0.95, func(d fleet.Device) bool { return d.Push != nil })
	if ratio := float64(n) / float64(len(m.users)); ratio < 1.3 || ratio > 1.5 {
		t.Errorf("%.2f devices a person", ratio)
	}
	languages := map[string]int{}
	for _, u := range m.users {
		languages[u.Language]++
	}
	for _, language := range []string{"en", "fr", "pt", ""} {
		if languages[language] == 0 {
			t.Errorf("nobody speaks %q", language)
		}
	}
}

func TestFriends(t *testing.T) {
	m := load(t, options, 8)
	find := func(id fleet.DeviceID) fleet.Device {
		for _, d := range m.devices {
			if d.ID == id {
				return d
			}
		}
		t.Fatalf("there is no %s", id)
		return fleet.Device{}
	}
	if find("ana-iphone").User != "ana" || find("ana-ipad").User != "ana" {
		t.Error("ana's devices are not hers")
	}
	if !find("chidi-iphone").Jailbroken {
		t.Error("chidi's phone is not jailbroken")
	}
	if find("dana-android").LastSeen.After(options.Now.AddDate(0, 0, -90)) {
		t.Error("dana's phone is active")
	}
	if u := m.users[4]; u.ID != "emre" || u.Mail+u.Mobile != "" || find("emre-android").Push != nil {
		t.Error("emre can be reached")
	}
}
