package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/fleet"
	"heliograph/store"
)

func carriers(t *testing.T, s *store.Store) []carrier.Gateway {
	t.Helper()
	list, err := s.Carriers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func testCarriers(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	g := carrier.Gateway{
		ID: "g1", Carrier: "Contoso", Domain: "sms.contoso.example", Country: "+351", Prefix: "sms+", Doubtful: true, Note: "Ask Ana 📱",
		EndsOn: time.Date(2031, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	for _, want := range []bool{true, false} {
		if created, err := s.PutCarrier(ctx, g); created != want || err != nil {
			t.Fatalf("created %v, %v", created, err)
		}
	}
	if got, err := s.Carrier(ctx, "g1"); err != nil || got != g {
		t.Error(cmp.Diff(g, got), err)
	}
	if !slices.Contains(carriers(t, s), g) {
		t.Error("it is not in the list")
	}
	for _, c := range []struct {
		name string
		put  carrier.Gateway
		want error
	}{
		{"the same domain, written otherwise", carrier.Gateway{ID: "g2", Carrier: "CONTOSO", Domain: g.Domain, Country: "+351"}, store.ErrConflict},
		{"another domain", carrier.Gateway{ID: "g2", Carrier: "CONTOSO", Domain: "mms.contoso.example", Country: "+351"}, nil},
		{"changed to the same domain", carrier.Gateway{ID: "g2", Carrier: "Contoso", Domain: g.Domain, Country: "+351"}, store.ErrConflict},
		{"another carrier", carrier.Gateway{ID: "g3", Carrier: "Fabrikam", Domain: g.Domain, Country: "+351"}, nil},
	} {
		if _, err := s.PutCarrier(ctx, c.put); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var invalid *fleet.Invalid
	if _, err := s.PutCarrier(ctx, carrier.Gateway{ID: "g4", Carrier: "X", Domain: "not a host"}); !errors.As(err, &invalid) {
		t.Errorf("a bad domain: %v", err)
	}
	if err := s.DeleteCarrier(ctx, "g1"); err != nil {
		t.Error(err)
	}
	_, gone := s.Carrier(ctx, "g1")
	if again := s.DeleteCarrier(ctx, "g1"); !errors.Is(gone, store.ErrNotFound) || !errors.Is(again, store.ErrNotFound) {
		t.Errorf("after its end: %v, %v", gone, again)
	}
}

func testKnownCarriers(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	list := carriers(t, s)
	if !slices.IsSortedFunc(list, func(a, b carrier.Gateway) int {
		return strings.Compare(strings.ToLower(a.Carrier), strings.ToLower(b.Carrier))
	}) {
		t.Error("they are not sorted by carrier")
	}
	known := carrier.Known()
	if len(list) != len(known) {
		t.Fatalf("it begins with %d gateways of %d that are known", len(list), len(known))
	}
	for _, g := range list {
		if !fleet.ValidID(g.ID) {
			t.Errorf("%s has the id %q", g.Carrier, g.ID)
		}
		id := g.ID
		if g.ID = ""; !slices.Contains(known, g) {
			t.Errorf("%+v is not what is known", g)
		}
		if g.Carrier == "AT&T" {
			if err := s.DeleteCarrier(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := carriers(t, s); len(got) != len(known)-2 || slices.ContainsFunc(got, func(g carrier.Gateway) bool { return g.Carrier == "AT&T" }) {
		t.Errorf("what was deleted is back: %d gateways", len(got))
	}
}

// Nodes that start together fill the table once.
func testKnownCarriersTogether(t *testing.T, open opener) {
	s := open(t)
	err := s.Write(t.Context(), func(tx store.Tx) error {
		_, bad := tx.Exec(t.Context(), `DELETE FROM settings WHERE name = 'carriers_known'`)
		_, worse := tx.Exec(t.Context(), `DELETE FROM carrier_gateways`)
		return errors.Join(bad, worse)
	})
	if err != nil {
		t.Fatal(err)
	}
	together, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		together.Go(func() error { return s.Migrate(ctx) })
	}
	if err := together.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := carriers(t, s); len(got) != len(carrier.Known()) {
		t.Errorf("%d gateways", len(got))
	}
}

func testDeviceCarriers(t *testing.T, open opener) {
	s := open(t)
	for id, name := range map[fleet.DeviceID]string{"a": "Orange", "b": "Orange", "c": "orange", "d": "", "e": "Contoso", "f": "Contoso", "g": "Contoso"} {
		putDevice(t, s, device(id, func(d *fleet.Device) {
			if d.Carrier = name; id == "a" || id == "e" {
				d.Groups = []string{"Ours"}
			}
		}))
	}
	for _, c := range []struct {
		name  string
		scope access.Scope
		want  []carrier.Seen
	}{
		{"everything", everything, []carrier.Seen{{Carrier: "Contoso", Devices: 3}, {Carrier: "Orange", Devices: 2}, {Carrier: "orange", Devices: 1}}},
		{"a group", access.Limited(group(t, s, "Ours").Key), []carrier.Seen{{Carrier: "Contoso", Devices: 1}, {Carrier: "Orange", Devices: 1}}},
		{"nothing", access.Limited(), nil},
	} {
		got, err := s.DeviceCarriers(t.Context(), c.scope)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %s%v", c.name, diff, err)
		}
	}
}
