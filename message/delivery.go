package message

import (
	"time"

	"heliograph/fleet"
)

// Delivery is one recipient on one channel, and what became of it.
type Delivery struct {
	ID           DeliveryID
	Notification int64 // Notification.Key
	Channel      Channel
	State        State

	Device  int64  // device key; 0 = the message is about no device
	User    int64  // user key; 0 = nobody we know
	Address string // mail address or number; empty for push, whose token is looked up when it is sent
	Server  string // the server it goes by; empty when skipped
	Shared  bool   // the text names nobody: equal for all deliveries of this notification, channel and language

	Language string // of the text, when the notification has it in the recipient's; empty = the notification's own

	Attempts int       // counted ones
	DueAt    time.Time // zero = goes with its first batch; else its next attempt
	Values   []*string // values of the notification's macros in the order of its program's slots; nil = missing

	Reason     Reason // of the last failure; empty for success
	Detail     string // one sentence for the administrator
	ProviderID string
	FinishedAt time.Time
}

// DeliveryView is a Delivery as people look at it, with the names behind the keys.
type DeliveryView struct {
	Delivery
	NotificationID NotificationID
	DeviceID       fleet.DeviceID
	DeviceName     string
	UserID         fleet.UserID
	UserName       string
}

// Attempt is a try that failed. The first attempt that was accepted writes none.
type Attempt struct {
	At     time.Time
	Server string
	Reason Reason
	Answer string // the protocol's words
	Detail string
}
