// Package intake is the one door: everything that is to be sent, tested or imported comes in here, is checked whole,
// and is either refused with every reason at its place, or stored with the jobs that carry it on. Nothing is half done.
//
// Console and API are two views of the same calls.
package intake

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
)

// Door takes requests in.
type Door struct {
	store   Store
	options Options
}

// Options of a door. The zero value works, and knows no kind of server.
type Options struct {
	Logger    *slog.Logger // nil = silent
	Providers []channel.Provider
	Env       channel.Env
	Now       func() time.Time              // nil = the machine's clock
	Location  *time.Location                // the organisation's time zone; nil = UTC
	Own       func(ctx context.Context) Own // what the installation itself needs of the network; nil = nothing
	LookUp    LookUp                        // nil = the system's resolver
	// Credentials are what ends by itself of this process, beside what its servers' settings hold; nil = nothing.
	Credentials func() []Credential

	NotFound error // what the store says of an object that is not there; nil = it says nothing of the kind
	Mail     MailOptions
}

// Store is what the door needs to read and to remember. Each method that writes is one transaction, and notes the entries
// of the audit log that it is given in the same one.
type Store interface {
	// Audit notes what was done that changed nothing in the store: a test, an export.
	Audit(ctx context.Context, entries ...access.Entry) error
	AudienceReach(ctx context.Context, scope access.Scope, a fleet.Audience) (fleet.Reach, error)
	AudienceSize(ctx context.Context, scope access.Scope, a fleet.Audience) (devices, people int64, err error)
	Device(ctx context.Context, scope access.Scope, id fleet.DeviceID) (fleet.Device, error)
	User(ctx context.Context, scope access.Scope, id fleet.UserID) (fleet.User, error)
	// DeviceToken opens the live push token of a device.
	DeviceToken(ctx context.Context, scope access.Scope, id fleet.DeviceID) (fleet.PushToken, error)

	// SomeTokens opens at most so many live push tokens of a kind of provider and an app, whichever are found first.
	SomeTokens(ctx context.Context, kind, app string, most int) ([]string, error)

	// Answered reports whether a request came before, with the same body.
	Answered(ctx context.Context, once Idempotency) (bool, error)
	// PutNotification stores a notification, its first jobs and the answer to a request that may come again. replayed
	// means that an equal request was faster, and nothing was stored.
	PutNotification(ctx context.Context, n message.Notification, jobs func(key int64) []courier.Job, once *Idempotency, entries ...access.Entry) (stored message.Notification, replayed bool, err error)
	Notification(ctx context.Context, scope access.Scope, id message.NotificationID) (message.Notification, error)
	CancelNotification(ctx context.Context, scope access.Scope, id message.NotificationID, entries ...access.Entry) error
	RetryNotification(ctx context.Context, scope access.Scope, id message.NotificationID, states []message.State, c message.Channel, once *Idempotency, entries ...access.Entry) (int64, error)

	Servers(ctx context.Context, kinds ...string) ([]channel.Server, error)
	Server(ctx context.Context, id string) (channel.Server, error)
	PutServer(ctx context.Context, s channel.Server, entries ...access.Entry) (channel.Server, error)
	ActivateServer(ctx context.Context, id string, entries ...access.Entry) (channel.Server, error)
	DeleteServer(ctx context.Context, id string, entries ...access.Entry) error
	ProbeNow(ctx context.Context, id string, entries ...access.Entry) (channel.Server, error)
	// Resting are the hosts behind servers that are left alone, by the servers' ids.
	Resting(ctx context.Context) (map[string][]channel.Resting, error)
	Setting(ctx context.Context, name string) (string, error)
	Carriers
	Templates
	Alerts
	Fleet
	Accounts
	MailPush

	// HookSecrets are the secret parts of the addresses where a server's service may post receipts.
	HookSecrets(server string) []string
	SaveReceipt(ctx context.Context, server int64, r channel.Receipt) error
}

// Idempotency makes a request that comes again be answered as the first time. Answer writes the reply to it, which is
// stored with the notification.
type Idempotency struct {
	TokenID  string
	Key      string
	BodyHash []byte
	Answer   func(message.Notification) (status int, location string, body []byte)
	Retried  func(queued int64) (status int, location string, body []byte) // in place of Answer, of another try
}

// New makes a door.
func New(s Store, o Options) *Door {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LookUp == nil {
		o.LookUp = lookUpIP
	}
	if o.Mail.Config == nil {
		o.Mail.Config = mailbox.NewConfig(s, o.Now)
	}
	return &Door{store: s, options: o}
}

// Refused says that a request was not taken, and why: everything that is wrong with it, at its place.
type Refused struct{ Problems []Problem }

// Problem is one thing that is wrong, at a JSON pointer (RFC 6901) into the request.
type Problem struct {
	Pointer string
	Detail  string
}

func (r *Refused) Error() string {
	words := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		words[i] = strings.TrimSpace(p.Pointer + " " + p.Detail)
	}
	return strings.Join(words, "; ")
}

// refuse is an error when anything is wrong, else nil.
func refuse(list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	return &Refused{list}
}

func wrong(pointer, format string, args ...any) error {
	return &Refused{[]Problem{{pointer, fmt.Sprintf(format, args...)}}}
}
