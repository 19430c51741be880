package mailbox

import (
	"encoding/base64"
	"time"

	"heliograph/fleet"
)

// RegistrationID names a registration to its device, and its wakes to push providers (collapse id, Topic). It is random:
// nothing can be read from it, not even an order.
type RegistrationID [16]byte

// String is 22 characters of base64url.
func (id RegistrationID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseRegistrationID reads what String writes, and nothing else.
func ParseRegistrationID(text string) (id RegistrationID, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, false
	}
	return RegistrationID(raw), true
}

// Registration is a device that wants to be woken when its mailbox changes.
type Registration struct {
	Key         int64 // the database's own
	ID          RegistrationID
	SupportCode string // what the app shows, for an administrator to find it by
	Platform    Platform
	App         string // bundle id, Firebase app or web origin
	Environment fleet.Environment
	Wake        WakeStyle
	AppKey      string // id of the key that it was made with

	State       State
	StateReason StateReason
	StateAt     time.Time

	Token   string    // what the provider reaches the device by; of web a fleet.Subscription. Empty in a tombstone, and where nobody asked for it
	TokenAt time.Time // when the app last sent it: an older word of a provider about it counts for nothing

	CreatedAt time.Time
	HeardAt   time.Time // last heard of, by its app or its mail server
	EventAt   time.Time // zero = no event yet
	Badge     Badge
	WakeAt    time.Time // zero = not woken yet
	// WakeResult and WakeReason are what became of the last wake: accepted, pending, rejected, dead, and the provider's
	// reason.
	WakeResult, WakeReason string

	Resubscribe bool // its app should make its subscriptions anew

	Events, Wakes, Gaps int64

	Subscriptions []Subscription // where they were asked for, oldest first
}

// Badge is what the app's icon shows.
type Badge struct {
	Count        *int      // unread messages; nil = not known
	At           time.Time // the mail server's time of the event that said so
	Subscription []byte    // the one that said so: Subscription.IDHash
}

// Provider is the kind of service that reaches the device.
func (r Registration) Provider() fleet.PushProvider { return r.Platform.Provider() }

// Platform is what a device runs. The numbers are the database's.
type Platform uint8

// Platforms.
const (
	IOS Platform = 1 + iota
	Android
	Web
)

// Platforms lists them.
var Platforms = []Platform{IOS, Android, Web}

var platforms = words[Platform]{IOS: "ios", Android: "android", Web: "web"}

func (p Platform) String() string { return platforms[p] }

// ParsePlatform reads ios, android or web.
func ParsePlatform(text string) (Platform, bool) { return platforms.parse(text) }

// Provider is the kind of service that reaches devices of the platform.
func (p Platform) Provider() fleet.PushProvider {
	return map[Platform]fleet.PushProvider{IOS: fleet.APNs, Android: fleet.FCM, Web: fleet.WebPush}[p]
}

// WakeStyle is how a device wants to be woken. The numbers are the database's.
type WakeStyle uint8

// Styles.
const (
	WakeBadge      WakeStyle = 1 + iota // the badge at once, and the app for a moment
	WakeBackground                      // the app alone, as often as the system lets it
	WakeRich                            // an alert whose text the app's extension fetches itself
)

var wakeStyles = words[WakeStyle]{WakeBadge: "badge", WakeBackground: "background", WakeRich: "rich"}

func (w WakeStyle) String() string { return wakeStyles[w] }

// ParseWakeStyle reads badge, background or rich.
func ParseWakeStyle(text string) (WakeStyle, bool) { return wakeStyles.parse(text) }

// State is what a registration can do. The numbers are the database's.
type State uint8

// States.
const (
	// Live: events wake the device.
	Live State = 1 + iota
	// TokenRejected: the provider does not take the token, as one wrong setting can make it do for a whole fleet. Events
	// are answered OK and nothing is pushed, until the app sends a token or the provider's settings change.
	TokenRejected
	// Tombstone: the app is gone. The mail server is told to forget it; after TombstoneTime we do so too.
	Tombstone
)

var states = words[State]{Live: "live", TokenRejected: "token_rejected", Tombstone: "tombstone"}

func (s State) String() string { return states[s] }

// StateReason is why a registration came to its state; empty for Live.
type StateReason string

// Reasons. Others are a provider's (message.Reason), with TokenRejected.
const (
	Revoked  StateReason = "revoked"  // the app signed out
	Replaced StateReason = "replaced" // the same token registered again
	Dead     StateReason = "dead"     // the provider says that the app is gone
	Silent   StateReason = "silent"   // nobody heard of it for TombstoneTime
	Held     StateReason = "held"     // dead by the provider's word, and the brake does not trust it: TokenRejected
)

// How long a registration stays that nobody hears of, and how long its tombstone does.
const (
	SilentTime    = 60 * 24 * time.Hour
	TombstoneTime = 60 * 24 * time.Hour
)

// Folder is what a subscription is about; each has an address of its own. The numbers are the database's.
type Folder uint8

// Folders.
const (
	Inbox Folder = 1 + iota
	Calendar
	OtherFolder // any other, and several or all at once
)

var folders = words[Folder]{Inbox: "inbox", Calendar: "calendar", OtherFolder: "other"}

// Folders lists them.
var Folders = []Folder{Inbox, Calendar, OtherFolder}

func (f Folder) String() string { return folders[f] }

// ParseFolder reads inbox, calendar or other.
func ParseFolder(text string) (Folder, bool) { return folders.parse(text) }

// Source is what kind of mail server posts. The numbers are the database's.
type Source uint8

// EWS is Exchange Web Services.
const EWS Source = 1

var sources = words[Source]{EWS: "ews"}

func (s Source) String() string { return sources[s] }

// ParseSource reads ews.
func ParseSource(text string) (Source, bool) { return sources.parse(text) }

// Subscription is what a mail server told about a registration, or its app.
type Subscription struct {
	Key          int64
	Registration int64
	Handle       string // the app's name for it; empty = only the mail server spoke of it
	Source       Source
	Folder       Folder
	IDHash       []byte        // keyed; 16 bytes
	ServerHash   []byte        // keyed, of the server that the id names; nil = it names none
	Frequency    time.Duration // how often the mail server says that it is alive; 0 = not known, so it is not watched
	CreatedAt    time.Time
	HeardAt      time.Time
	EventAt      time.Time
	LostAt       time.Time // zero = it is not lost
}

// Lost reports whether the mail server has forgotten the subscription.
func (s Subscription) Lost() bool { return !s.LostAt.IsZero() }

// SubscriptionState is how a subscription stands, in the API's words.
type SubscriptionState string

// States of a subscription.
const (
	SubscriptionActive    SubscriptionState = "active"
	SubscriptionLost      SubscriptionState = "lost"
	SubscriptionUnwatched SubscriptionState = "unwatched"
)

// State is how it stands.
func (s Subscription) State() SubscriptionState {
	switch {
	case s.Lost():
		return SubscriptionLost
	case s.Frequency == 0:
		return SubscriptionUnwatched
	}
	return SubscriptionActive
}

// grace is what a watched subscription may be late by.
const grace = 2 * time.Minute

// Deadline is when the watchdog looks at a subscription that was last heard of then: one of its pings has not come (when
// two have not, it is lost). Zero for one that is not watched.
func (s Subscription) Deadline(heard time.Time) time.Time {
	if s.Frequency == 0 {
		return time.Time{}
	}
	return heard.Add(s.Frequency + grace)
}

// words are the API's names of a small set of numbers.
type words[T ~uint8] map[T]string

func (w words[T]) parse(text string) (found T, ok bool) {
	for value, word := range w {
		if word == text {
			return value, true
		}
	}
	return found, false
}

// list is all names, in the order of their numbers: for sentences.
func (w words[T]) list() string {
	text := ""
	for i := 1; i <= len(w); i++ {
		switch {
		case i == 1:
		case i == len(w):
			text += " or "
		default:
			text += ", "
		}
		text += w[T(i)] //nolint:gosec // a handful
	}
	return text
}
