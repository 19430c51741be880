package channel

import (
	"time"

	"heliograph/message"
)

// Server is one configuration that messages leave by: an SMTP server, an APNs credential, an FCM project.
type Server struct {
	Key         int64  // the database's own key; 0 before it is stored
	ID          string // UUIDv7
	Kind        string // Provider.Kind
	Name        string // unique
	Description string
	Active      bool // at most one of a kind, app and environment is
	Settings    Settings
	Route       Route
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Pause       *Pause // nil = it is not paused

	Resting []Resting // of those behind it, who are left alone; filled in for lists only

	AnsweredAt time.Time // last answer; zero = none yet
	Answer     string    // what it was: "accepted", or the sentence of the failure
}

// Pause stops one server, and no other.
type Pause struct {
	Since  time.Time      `json:"since"`
	Until  time.Time      `json:"until"` // then one message probes
	Step   int            `json:"step"`  // how often in a row, from 1
	Reason message.Reason `json:"reason"`
	Detail string         `json:"detail"`
}

// Resting is one of many hosts behind a server, such as the push service of a browser, that is left alone while the others
// go on.
type Resting struct {
	Host string `json:"host"`
	Pause
}
