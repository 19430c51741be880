package message

import "time"

// Wake makes of a push one that wakes a mail app and says nothing of the mail: no text, no sender, no folder. What an app
// shows it fetches itself.
//
//	APNs      a badge, or an alert whose text the app's extension fetches, or a background push
//	FCM       a data message: kind, badge
//	Web Push  {"kind": …, "badge": …}, encrypted
//
// A message with a Wake has no text, subject or sound; its Badge is the number on the icon. Its ID is the key of the
// registration: it tells the wakes of several devices apart and is told to nobody.
type Wake struct {
	Kind  WakeKind
	Topic string // 22 characters of base64url; of several that wait for a device the provider keeps the newest with this

	// Background: nothing is shown or changed on the icon, only the app runs. APNs wants to be told.
	Background bool
	// Alert: an alert whose text the app's extension fetches (Apple, "Modifying content in newly delivered notifications").
	Alert bool
	// Urgent: it may cost battery.
	Urgent bool
}

// WakeKind is why an app is woken. The numbers are the database's.
type WakeKind uint8

// Kinds of wakes.
const (
	WakeNew         WakeKind = 1 + iota // there is a new mail
	WakeChange                          // something else changed
	WakeResubscribe                     // the mail server has forgotten the subscription
)

var wakeKinds = [...]string{WakeNew: "new", WakeChange: "change", WakeResubscribe: "resubscribe"}

// String is the word in the payload: new, change or resubscribe.
func (k WakeKind) String() string {
	if int(k) < len(wakeKinds) {
		return wakeKinds[k]
	}
	return ""
}

// WakeLifetime is how long a wake is worth anything.
const WakeLifetime = 24 * time.Hour
