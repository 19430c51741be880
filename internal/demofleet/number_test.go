package demofleet

import (
	"testing"

	"heliograph/channel/gsm"
	"heliograph/fleet"
)

// TestNumbersCanBeDialled: an SMS gateway would take each of them, and no two people share one.
func TestNumbersCanBeDialled(t *testing.T) {
	owners := map[string]fleet.UserID{}
	for u := range Generate(options, 20_000) {
		if u.Mobile == "" {
			continue
		}
		if got, err := gsm.Number(u.Mobile, ""); err != nil || got != u.Mobile {
			t.Fatalf("%s: %s, %v", u.Mobile, got, err)
		}
		if other, has := owners[u.Mobile]; has {
			t.Fatalf("%s belongs to %s and %s", u.Mobile, other, u.ID)
		}
		owners[u.Mobile] = u.ID
	}
	if len(owners) < 10_000 {
		t.Errorf("%d numbers", len(owners))
	}
}
