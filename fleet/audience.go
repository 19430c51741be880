package fleet

import (
	"fmt"
	"slices"
)

// Audience names a set of devices, and people. See the API's document for the whole language.
//
// All devices; else the union of the lists; a filter alone = all devices that match, with lists = narrows them.
// Addresses are added as they are, outside the filter.
type Audience struct {
	All       bool       `json:"all,omitempty"`
	DeviceIDs []DeviceID `json:"device_ids,omitempty"`
	UserIDs   []UserID   `json:"user_ids,omitempty"`
	Groups    []string   `json:"groups,omitempty"` // names or ids
	Filter    *Filter    `json:"filter,omitempty"`
	Addresses *Addresses `json:"addresses,omitempty"`
}

// Addresses are typed by hand and belong to nobody we know.
type Addresses struct {
	Mail   []string `json:"mail,omitempty"`
	Mobile []string `json:"mobile,omitempty"`
}

// Filter narrows devices: within a list "one of", between conditions "and". A nil or empty condition asks nothing.
type Filter struct {
	Platform        []Platform          `json:"platform,omitempty"`
	Ownership       []Ownership         `json:"ownership,omitempty"`
	Compliant       *bool               `json:"compliant,omitempty"`
	Jailbroken      *bool               `json:"jailbroken,omitempty"`
	Managed         *bool               `json:"managed,omitempty"`
	InactiveDaysMin *int                `json:"inactive_days_min,omitempty"` // last seen more than so many days ago, or never
	OSVersion       *VersionCondition   `json:"os_version,omitempty"`
	Group           []string            `json:"group,omitempty"` // names or ids
	Property        []PropertyCondition `json:"property,omitempty"`
	Search          string              `json:"-"` // the console's search box: a fragment of name, id, serial, number, person
}

// VersionCondition compares the operating system's version by its dotted numbers.
type VersionCondition struct {
	Op    Op     `json:"op"`
	Value string `json:"value,omitempty"`
}

// PropertyCondition compares one property as text, or as numbers when both are numbers.
type PropertyCondition struct {
	Name  string `json:"name"`
	Op    Op     `json:"op"`
	Value string `json:"value,omitempty"`
}

// Op is a comparison.
type Op string

const (
	Eq         Op = "eq"
	Ne         Op = "ne"
	Contains   Op = "contains"
	StartsWith Op = "starts_with"
	Lt         Op = "lt"
	Le         Op = "le"
	Gt         Op = "gt"
	Ge         Op = "ge"
	Exists     Op = "exists"
	Missing    Op = "missing"
)

// Ops lists every comparison.
var Ops = []Op{Eq, Ne, Contains, StartsWith, Lt, Le, Gt, Ge, Exists, Missing}

// Empty reports whether the audience names nothing at all.
func (a Audience) Empty() bool {
	return !a.All && a.Filter == nil && !a.Listed() && a.Addresses == nil
}

// Listed reports whether devices, people or groups are named one by one.
func (a Audience) Listed() bool {
	return len(a.DeviceIDs)+len(a.UserIDs)+len(a.Groups) > 0
}

// maxListed bounds the lists of one audience: beyond it a group or a filter says it better.
const maxListed = 10_000

// Check finds what is wrong with the audience. Field is a JSON pointer below the audience.
func (a Audience) Check() []Problem {
	c := checker{}
	if a.All && (a.Listed() || a.Filter != nil) {
		c.add("/all", "cannot stand beside device_ids, user_ids, groups or filter")
	}
	for _, list := range []struct {
		field string
		n     int
	}{{"/device_ids", len(a.DeviceIDs)}, {"/user_ids", len(a.UserIDs)}, {"/groups", len(a.Groups)}} {
		if list.n > maxListed {
			c.add(list.field, "holds more than %d entries: use a group or a filter", maxListed)
		}
	}
	if a.Addresses != nil {
		c.addresses(*a.Addresses)
	}
	if a.Filter != nil {
		c.filter(*a.Filter)
	}
	return c.found
}

func (c *checker) addresses(a Addresses) {
	if len(a.Mail)+len(a.Mobile) > maxListed {
		c.add("/addresses", "holds more than %d entries", maxListed)
		return
	}
	for i, mail := range a.Mail {
		if !ValidMail(mail) {
			c.add(fmt.Sprintf("/addresses/mail/%d", i), "is not a mail address")
		}
	}
	for i, number := range a.Mobile {
		if !ValidNumber(number) {
			c.add(fmt.Sprintf("/addresses/mobile/%d", i), "must be written as E.164: + and 7 to 15 digits")
		}
	}
}

func (c *checker) filter(f Filter) {
	for i, p := range f.Platform {
		c.oneOf(fmt.Sprintf("/filter/platform/%d", i), slices.Contains(Platforms, p), "ios, ipados, macos, android, windows or other")
	}
	for i, o := range f.Ownership {
		c.oneOf(fmt.Sprintf("/filter/ownership/%d", i), slices.Contains(Ownerships, o), "corporate, byod or unknown")
	}
	if n := f.InactiveDaysMin; n != nil && (*n < 0 || *n > 36_500) {
		c.add("/filter/inactive_days_min", "must be 0 to 36500")
	}
	if v := f.OSVersion; v != nil {
		c.operator("/filter/os_version", v.Op, v.Value)
	}
	for i, p := range f.Property {
		field := fmt.Sprintf("/filter/property/%d", i)
		if !propertyName.MatchString(p.Name) {
			c.add(field+"/name", "is not the name of a property")
		}
		c.operator(field, p.Op, p.Value)
	}
}

// operator checks a comparison. A forgotten value must not compare with nothing: that would find every device that lacks
// the property, and a notification would go to them all.
func (c *checker) operator(field string, op Op, value string) {
	switch {
	case !slices.Contains(Ops, op):
		c.add(field+"/op", "must be eq, ne, contains, starts_with, lt, le, gt, ge, exists or missing")
	case value == "" && op != Exists && op != Missing:
		c.add(field+"/value", "is required; exists and missing ask for a value's presence")
	}
	c.limited(field+"/value", value, maxValue)
}

// Reach says what an audience comes to, before anything is sent.
type Reach struct {
	Devices        int64 `json:"devices"`
	Users          int64 `json:"users"`           // distinct people
	Push           int64 `json:"push"`            // live tokens
	SMTP           int64 `json:"smtp"`            // distinct mail addresses
	SMS            int64 `json:"sms"`             // distinct numbers
	WithoutAddress int64 `json:"without_address"` // people and devices that no channel can reach

	Sample []Sample `json:"sample"` // at most 10
}

// Sample is one of the audience, to look at.
type Sample struct {
	DeviceID DeviceID `json:"device_id,omitempty"`
	UserID   UserID   `json:"user_id,omitempty"`
	Name     string   `json:"name"`
}
