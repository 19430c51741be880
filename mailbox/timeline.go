package mailbox

import "time"

// Happening is what happened to a registration. The numbers are the database's.
type Happening uint8

// What can happen. That it was registered and subscribed, and its last ping, event and wake, stand in the registration and
// its subscriptions.
const (
	HappenedToken        Happening = 1 + iota // the app sent a token
	HappenedRejected                          // the provider does not take the token; detail is its reason
	HappenedRevived                           // the provider's settings changed, or an administrator said that it lives
	HappenedHeld                              // dead by the provider's word, under the brake
	HappenedEnded                             // it became a tombstone; detail is why
	HappenedUnsubscribed                      // the app forgot one; detail is the folder
	HappenedLost                              // a subscription was not heard of any more; detail is the folder
	HappenedRecovered                         // it was heard of again
	HappenedReminded                          // the app was woken to subscribe anew
	HappenedGap                               // an event is missing; detail is the folder
	HappenedRefused                           // a provider did not take a wake for now; detail is its reason
	HappenedGivenUp                           // a wake was too old
)

var happenings = words[Happening]{
	HappenedToken: "token", HappenedRejected: "token_rejected", HappenedRevived: "revived", HappenedHeld: "held",
	HappenedEnded: "ended", HappenedUnsubscribed: "unsubscribed", HappenedLost: "lost",
	HappenedRecovered: "recovered", HappenedReminded: "reminded", HappenedGap: "gap", HappenedRefused: "wake_refused",
	HappenedGivenUp: "wake_given_up",
}

func (h Happening) String() string { return happenings[h] }

// TimelineLength and TimelineTime are how much of a registration's timeline is kept.
const (
	TimelineLength = 50
	TimelineTime   = 30 * 24 * time.Hour
)

// Moment is one line of a registration's timeline.
type Moment struct {
	At     time.Time
	What   Happening
	Detail string // a word of a closed set; never a name, an id or an address
}
