package console

import (
	"context"

	"heliograph/fleet"
)

// The fleet's figures as parts of bars.

// platformName is a platform as people write it.
func platformName(ctx context.Context, p fleet.Platform) string {
	return tf(ctx, "platform", string(p))
}

var platformColours = map[fleet.Platform]string{
	fleet.IOS: "a", fleet.IPadOS: "d", fleet.MacOS: "e", fleet.Android: "b", fleet.Windows: "c", fleet.OtherPlatform: "f",
}

func platformParts(ctx context.Context, f fleet.Figures) (parts []segment) {
	for _, p := range f.Platforms {
		parts = append(parts, segment{platformColours[p.Platform], platformName(ctx, p.Platform), p.Devices})
	}
	return parts
}

func complianceParts(ctx context.Context, f fleet.Figures) []segment {
	return []segment{
		{"good", t(ctx, "dashboard.compliant"), f.Compliant},
		{"bad", t(ctx, "dashboard.noncompliant"), f.Devices - f.Compliant},
	}
}

var contactColours = map[fleet.Contact]string{
	fleet.Within8Hours: "good", fleet.Within24Hours: "a", fleet.Within7Days: "d", fleet.Within30Days: "warn", fleet.Longer: "bad", fleet.Never: "still",
}

func contactParts(ctx context.Context, f fleet.Figures) (parts []segment) {
	for _, c := range f.Contact {
		parts = append(parts, segment{contactColours[c.Contact], tf(ctx, "dashboard.contact", string(c.Contact)), c.Devices})
	}
	return parts
}
