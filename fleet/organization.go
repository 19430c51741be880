package fleet

import (
	"time"

	"golang.org/x/text/language"
)

// Organization is whose fleet it is: what it calls itself in messages, and what holds for all of it.
type Organization struct {
	Name     string `json:"name,omitempty"`
	Helpdesk string `json:"helpdesk,omitempty"`  // whom people ask, such as "Service Desk"
	Mail     string `json:"mail,omitempty"`      // of the help desk
	Phone    string `json:"phone,omitempty"`     // of the help desk, as people read it
	TimeZone string `json:"time_zone,omitempty"` // of IANA, such as Europe/Lisbon; empty = UTC
	Language string `json:"language,omitempty"`  // of people who have none, BCP 47; empty = English

	TroubleMinutes int `json:"trouble_minutes,omitempty"` // how long a server may be paused before administrators are told; 0 = 15
}

// defaultTroubleMinutes is long enough for a server that restarts.
const defaultTroubleMinutes = 15

// maxTroubleMinutes is a day.
const maxTroubleMinutes = 24 * 60

// Check finds everything that is wrong with the organisation.
func (o Organization) Check() []Problem {
	c := checker{}
	c.text("name", o.Name)
	c.text("helpdesk", o.Helpdesk)
	c.text("phone", o.Phone)
	if o.Mail != "" && !ValidMail(o.Mail) {
		c.add("mail", "is not a mail address")
	}
	if _, err := time.LoadLocation(o.TimeZone); err != nil || o.TimeZone == "Local" {
		c.add("time_zone", "is not a time zone such as Europe/Lisbon")
	}
	if _, err := language.Parse(o.Language); o.Language != "" && err != nil {
		c.add("language", "is not a language tag such as en, fr or pt-BR")
	}
	if o.TroubleMinutes < 0 || o.TroubleMinutes > maxTroubleMinutes {
		c.add("trouble_minutes", "must be 1 to %d", maxTroubleMinutes)
	}
	return c.found
}

// Location is the organisation's time zone.
func (o Organization) Location() *time.Location {
	if location, err := time.LoadLocation(o.TimeZone); err == nil {
		return location
	}
	return time.UTC
}

// Speaks is the language of people who have none.
func (o Organization) Speaks() string {
	if o.Language == "" {
		return "en"
	}
	return o.Language
}

// TroubleAfter is how long a server may be paused before administrators are told.
func (o Organization) TroubleAfter() time.Duration {
	if o.TroubleMinutes == 0 {
		return defaultTroubleMinutes * time.Minute
	}
	return time.Duration(o.TroubleMinutes) * time.Minute
}
