package mailbox

import (
	"net/netip"
	"slices"
	"time"

	"heliograph/message"
)

// Event is one post of a mail server to the address of a registration.
type Event struct {
	Capability Capability
	Folder     Folder
	Source     Source
	From       netip.Addr // who posted; the zero Addr = not known, which no allow-list takes
	Arrived    time.Time
	Signals    []Signal // what it says; one for each of its messages
}

// Signal is what an event says about one subscription. Its texts name a mail server and a mailbox: they are hashed here
// and then forgotten.
type Signal struct {
	Subscription        string // "" = not told
	Server              string // the mail server that the subscription's id names; "" = it names none
	Previous, Watermark string // of the notification before, and of its own last event; "" = not told

	Kind   message.WakeKind // 0 = nothing changed, it is a sign of life
	Failed bool             // the mail server tells of a failure: the subscription is as good as lost
	At     time.Time        // the mail server's time of the newest change; zero = not told

	Badge   *int      // unread mails of the folder; nil = not told
	BadgeAt time.Time // the mail server's time of that count; without one it counts for nothing
}

// wakes reports whether anything changed: a sign of life wakes nobody.
func (e *Event) wakes() bool {
	return slices.ContainsFunc(e.Signals, func(s Signal) bool { return s.Kind != 0 || s.Failed })
}

// Answer is what a mail server is told.
type Answer uint8

// Answers. Only Unsubscribe ends anything, and it cannot be taken back.
const (
	OK          Answer = 1 + iota // received: a provider accepted the wake, or it is durable here, or there was none
	Unsubscribe                   // the device is gone for good
	Unknown                       // there is no such address
	Barred                        // the address may not be used from this network
	Busy                          // nothing can be stored: the mail server must try again
)

var answers = words[Answer]{OK: "ok", Unsubscribe: "unsubscribe", Unknown: "unknown", Barred: "barred", Busy: "busy"}

// String is the answer's word, for metrics.
func (a Answer) String() string { return answers[a] }

// Target is a registration as its desk needs it.
type Target struct {
	Registration                    // without subscriptions, counters and most times
	Displaced      bool             // a push without a badge may have thrown one with it away: providers keep one per device
	Pace           []byte           // see pace
	Parked         message.WakeKind // of its pending row; 0 = there is none
	ParkedBadge    bool
	ParkedSince    time.Time
	CapabilityHash [32]byte
}

// Route is how a wake leaves: by which kind of provider, for which app. A server of any environment serves all.
type Route struct {
	Kind, App, Environment string
}

func (t *Target) route() Route {
	return Route{string(t.Provider()), t.App, string(t.Environment)}
}
