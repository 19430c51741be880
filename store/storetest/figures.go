package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/access"
	"heliograph/fleet"
)

func testFigures(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	audienceFleet(t, s)
	putDevice(t, s, device("phone-2", func(d *fleet.Device) {
		d.Platform, d.OSVersion, d.User, d.Groups, d.LastSeen = fleet.IOS, "16.10", "ana", []string{"Nurses", "Loaners"}, Now
	}))
	got, err := s.Figures(ctx, everything)
	want := fleet.Figures{
		At: Now, Devices: 6, Compliant: 5, Jailbroken: 1, Managed: 5,
		Platforms: []fleet.PlatformFigure{
			{Platform: fleet.IOS, Devices: 2, Versions: []fleet.VersionFigure{{Version: "16.10", Devices: 1}, {Version: "16.2", Devices: 1}}},
			{Platform: fleet.IPadOS, Devices: 1, Versions: []fleet.VersionFigure{{Version: "17", Devices: 1}}},
			{Platform: fleet.MacOS, Devices: 1, Versions: []fleet.VersionFigure{{Version: "", Devices: 1}}},
			{Platform: fleet.Android, Devices: 1, Versions: []fleet.VersionFigure{{Version: "14", Devices: 1}}},
			{Platform: fleet.Windows, Devices: 1, Versions: []fleet.VersionFigure{{Version: "10.0.19045", Devices: 1}}},
		},
		Ownership: map[fleet.Ownership]int64{fleet.Corporate: 3, fleet.BYOD: 1, fleet.UnknownOwner: 2},
		Contact: []fleet.ContactFigure{
			{Contact: fleet.Within8Hours, Devices: 1}, {Contact: fleet.Within24Hours, Devices: 2}, {Contact: fleet.Within7Days, Devices: 0},
			{Contact: fleet.Within30Days, Devices: 1}, {Contact: fleet.Longer, Devices: 1}, {Contact: fleet.Never, Devices: 1},
		},
		Groups: []fleet.GroupFigure{{Name: "Loaners", Devices: 2}, {Name: "Nurses", Devices: 3}, {Name: "Porters", Devices: 1}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.GroupFigure{}, "ID")); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if recent, err := s.RecentFigures(ctx, everything); err != nil || recent.Devices != got.Devices {
		t.Errorf("without waiting: %+v, %v", recent, err)
	}
	t.Run("in a scope", func(t *testing.T) {
		got, err := s.Figures(ctx, access.Limited(group(t, s, "Nurses").Key))
		if err != nil || got.Devices != 3 || len(got.Groups) != 1 || len(got.Platforms) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
