// Package fleet knows the devices, the people who carry them and the groups they belong to, and how to name a part of
// them: the audience of a message.
package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DeviceID is chosen by whoever feeds the fleet: 1 to 128 of A-Z a-z 0-9 . _ : @ -
type DeviceID string

// Device is one phone, tablet or computer.
type Device struct {
	Key          int64 // the database's own key; 0 before it is stored
	ID           DeviceID
	Name         string
	Platform     Platform
	OSVersion    string
	Model        string
	SerialNumber string
	IMEI         string
	PhoneNumber  string // E.164
	Carrier      string
	Ownership    Ownership
	Managed      bool
	Compliant    bool
	Jailbroken   bool
	LastSeen     time.Time // zero = never
	User         UserID    // empty = nobody's
	UserName     string    // the display name, else the user name, else the id; set when read
	Groups       []string  // names, sorted
	Properties   map[string]string
	Push         *PushToken // nil = it has none; when put, nil and an empty token keep the one it has
}

// NewDevice is a device about which nothing was said yet: managed, compliant, of an unknown owner.
func NewDevice(id DeviceID) Device {
	return Device{ID: id, Platform: OtherPlatform, Ownership: UnknownOwner, Managed: true, Compliant: true}
}

// Platform is the device's operating system.
type Platform string

const (
	IOS           Platform = "ios"
	IPadOS        Platform = "ipados"
	MacOS         Platform = "macos"
	Android       Platform = "android"
	Windows       Platform = "windows"
	OtherPlatform Platform = "other"
)

// Platforms lists every platform, in the order in which people read them.
var Platforms = []Platform{IOS, IPadOS, MacOS, Android, Windows, OtherPlatform}

var platformNames = map[Platform]string{
	IOS: "iOS", IPadOS: "iPadOS", MacOS: "macOS", Android: "Android", Windows: "Windows", OtherPlatform: "Other",
}

// Name is the platform as people write it.
func (p Platform) Name() string { return platformNames[p] }

// Ownership says who bought the device.
type Ownership string

const (
	Corporate    Ownership = "corporate"
	BYOD         Ownership = "byod"
	UnknownOwner Ownership = "unknown"
)

// Ownerships lists every kind of ownership.
var Ownerships = []Ownership{Corporate, BYOD, UnknownOwner}

// Problem is one thing that is wrong with an object, at one of its fields (the API's name).
type Problem struct {
	Field  string
	Detail string
}

// Limits of what a device or user may carry.
const (
	maxText       = 256
	maxProperties = 200
	maxValue      = 4096
	maxGroups     = 100
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._:@-]{1,128}$`)

// ValidID reports whether an id given by a caller has the form that the API asks for.
func ValidID(id string) bool { return idPattern.MatchString(id) }

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// ValidNumber reports whether a phone number is written as E.164 wants: a plus, the country, 7 to 15 digits.
func ValidNumber(number string) bool { return e164.MatchString(number) }

// Check finds everything that is wrong with the device.
func (d Device) Check() []Problem {
	c := checker{}
	c.id("id", string(d.ID))
	c.text("name", d.Name)
	c.oneOf("platform", d.Platform != "" && slices.Contains(Platforms, d.Platform), "ios, ipados, macos, android, windows or other")
	c.text("os_version", d.OSVersion)
	c.text("model", d.Model)
	c.text("serial_number", d.SerialNumber)
	c.text("imei", d.IMEI)
	c.number("phone_number", d.PhoneNumber)
	c.text("carrier", d.Carrier)
	c.oneOf("ownership", slices.Contains(Ownerships, d.Ownership), "corporate, byod or unknown")
	if d.User != "" {
		c.id("user", string(d.User))
	}
	c.groups(d.Groups)
	c.properties(d.Properties)
	if d.Push != nil {
		c.found = append(c.found, d.Push.Check()...)
	}
	return c.found
}

type checker struct{ found []Problem }

func (c *checker) add(field, format string, args ...any) {
	c.found = append(c.found, Problem{field, fmt.Sprintf(format, args...)})
}

func (c *checker) id(field, id string) {
	if !ValidID(id) {
		c.add(field, "must be 1 to 128 of A-Z a-z 0-9 . _ : @ -")
	}
}

func (c *checker) text(field, text string) { c.limited(field, text, maxText) }

func (c *checker) limited(field, text string, limit int) {
	switch {
	case !utf8.ValidString(text):
		c.add(field, "is not valid UTF-8")
	case utf8.RuneCountInString(text) > limit:
		c.add(field, "is longer than %d characters", limit)
	case strings.ContainsRune(text, 0):
		c.add(field, "holds a NUL character")
	}
}

func (c *checker) oneOf(field string, ok bool, words string) {
	if !ok {
		c.add(field, "must be %s", words)
	}
}

func (c *checker) number(field, number string) {
	if number != "" && !ValidNumber(number) {
		c.add(field, "must be written as E.164: + and 7 to 15 digits, such as +33612345678")
	}
}

func (c *checker) groups(names []string) {
	if len(names) > maxGroups {
		c.add("groups", "are more than %d", maxGroups)
	}
	for _, name := range names {
		if strings.TrimSpace(name) == "" {
			c.add("groups", "hold an empty name")
		}
		c.text("groups", name)
	}
}

var propertyName = regexp.MustCompile(`^[A-Za-z0-9_.@:-][A-Za-z0-9_.@: -]{0,127}$`)

func (c *checker) properties(values map[string]string) {
	if len(values) > maxProperties {
		c.add("properties", "are more than %d", maxProperties)
	}
	for name, value := range values {
		if !propertyName.MatchString(name) {
			c.add("properties", "hold a name that is not 1 to 128 of A-Z a-z 0-9 _ . @ : - and blank")
		}
		c.limited("properties", value, maxValue)
	}
}
