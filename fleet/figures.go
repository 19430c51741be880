package fleet

import (
	"strings"
	"time"
)

// Figures say what a fleet is made of: the filter tree of the Devices page and the plots of the Dashboard.
type Figures struct {
	At         time.Time // when they were counted; at most a minute ago
	Devices    int64
	Platforms  []PlatformFigure // those that occur, in the order of Platforms
	Ownership  map[Ownership]int64
	Compliant  int64 // the others are out of compliance
	Jailbroken int64
	Managed    int64 // the others are not managed
	Contact    []ContactFigure
	Groups     []GroupFigure // by name
}

// PlatformFigure counts the devices of a platform, and of each of its versions, newest first.
type PlatformFigure struct {
	Platform Platform
	Devices  int64
	Versions []VersionFigure
}

// VersionFigure counts the devices of one version. 16 and 16.0 are one. An empty version is unknown.
type VersionFigure struct {
	Version string
	Devices int64
}

// Contact is how long ago a device was last seen.
type Contact string

const (
	Within8Hours  Contact = "8h"
	Within24Hours Contact = "24h"
	Within7Days   Contact = "7d"
	Within30Days  Contact = "30d"
	Longer        Contact = "more"
	Never         Contact = "never"
)

// Contacts lists them all, with their limits; each begins where the one before ends. The last two have none.
var Contacts = []struct {
	Contact Contact
	Limit   time.Duration
}{
	{Within8Hours, 8 * time.Hour},
	{Within24Hours, 24 * time.Hour},
	{Within7Days, 7 * 24 * time.Hour},
	{Within30Days, 30 * 24 * time.Hour},
	{Longer, 0},
	{Never, 0},
}

// ContactFigure counts the devices that were last seen so long ago.
type ContactFigure struct {
	Contact Contact
	Devices int64
}

// GroupFigure counts the devices in a group: its own, and those of its people.
type GroupFigure struct {
	ID      GroupID
	Name    string
	Devices int64
}

// VersionOfKey writes a version from its key: "00016.00002" becomes "16.2".
func VersionOfKey(key string) string {
	if key == "" {
		return ""
	}
	parts := strings.Split(key, ".")
	for i, part := range parts {
		short := strings.TrimLeft(part, "0")
		if short == "" || short[0] < '0' || short[0] > '9' {
			short = "0" + short
		}
		parts[i] = short
	}
	return strings.Join(parts, ".")
}
