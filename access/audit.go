package access

import (
	"encoding/json"
	"slices"
	"time"
)

// Entry is one line of the audit log: who did what to what, when and from where, and what it was before and after.
// Before and After are JSON as the API shows the object, so that they hold no secret: of one they say whether it was
// set. Neither is there for what has no state, such as signing in.
type Entry struct {
	ID     int64
	At     time.Time
	Actor  Actor // without its scope
	Action Action
	Object Object
	Before json.RawMessage // nil = there was nothing, or nothing to say
	After  json.RawMessage
}

// Object is what something was done to.
type Object struct {
	Kind ObjectKind
	ID   string // empty for what there is only one of
	Name string // as people know it
}

// Action is what was done. The console has a word for each.
type Action string

const (
	Create       Action = "create"
	Update       Action = "update"
	Delete       Action = "delete"
	Activate     Action = "activate" // the one of its kind that is used
	Resume       Action = "resume"   // try a paused server now
	Test         Action = "test"     // really sends one message
	Restore      Action = "restore"  // to what it was at first, or from a backup
	Sent         Action = "send"
	Cancel       Action = "cancel"
	Retry        Action = "retry"
	Import       Action = "import"
	Export       Action = "export"
	SignIn       Action = "sign_in"
	SignInFailed Action = "sign_in_failed"
	SignOut      Action = "sign_out"
	Invite       Action = "invite"   // a one-time link
	Password     Action = "password" // a new one
	TwoFactor    Action = "second_factor"
	Revoke       Action = "revoke" // a session, a key
	Rotate       Action = "rotate" // keys
)

// Actions lists them.
var Actions = []Action{
	Create, Update, Delete, Activate, Resume, Test, Restore, Sent, Cancel, Retry, Import, Export,
	SignIn, SignInFailed, SignOut, Invite, Password, TwoFactor, Revoke, Rotate,
}

// Known reports whether an action is one of ours.
func (a Action) Known() bool { return slices.Contains(Actions, a) }

// ObjectKind is what kind of thing something was done to. The console has a word for each.
type ObjectKind string

const (
	ADevice       ObjectKind = "device"
	APushToken    ObjectKind = "push_token"
	AUser         ObjectKind = "user"
	AGroup        ObjectKind = "group"
	ANotification ObjectKind = "notification"
	ADelivery     ObjectKind = "delivery"
	AServer       ObjectKind = "server"
	ACarrier      ObjectKind = "carrier_gateway"
	ATemplate     ObjectKind = "template"
	ASound        ObjectKind = "sound"
	ASetting      ObjectKind = "setting"
	AnAccount     ObjectKind = "administrator"
	ASession      ObjectKind = "session"
	AToken        ObjectKind = "api_token"
	AnAppKey      ObjectKind = "app_key"
	ARegistration ObjectKind = "registration"
	AKey          ObjectKind = "key" // that seals secrets
	ABackup       ObjectKind = "backup"
	AnAudit       ObjectKind = "audit_log"
	ANetwork      ObjectKind = "network_requirements"
)

// ObjectKinds lists them.
var ObjectKinds = []ObjectKind{
	ADevice, APushToken, AUser, AGroup, ANotification, ADelivery, AServer, ACarrier, ATemplate, ASound, ASetting,
	AnAccount, ASession, AToken, AnAppKey, ARegistration, AKey, ABackup, AnAudit, ANetwork,
}

// Known reports whether a kind is one of ours.
func (k ObjectKind) Known() bool { return slices.Contains(ObjectKinds, k) }

// largestValue is the most that is kept of what an object was, in bytes of JSON.
const largestValue = 64 << 10

// Did makes an entry for what an actor did. before and after are views of the object without secrets, or nil.
func (a Actor) Did(action Action, object Object, before, after any) Entry {
	return Entry{Actor: a, Action: action, Object: object, Before: valueOf(before), After: valueOf(after)}
}

// valueOf writes a view as JSON. What is too large to keep says so.
func valueOf(view any) json.RawMessage {
	if view == nil {
		return nil
	}
	raw, err := json.Marshal(view)
	if err != nil || len(raw) > largestValue {
		return json.RawMessage(`{"too_large":true}`)
	}
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// Changed reports whether an entry says that something is different now. What was stored as it was before is no news.
func (e Entry) Changed() bool {
	return e.Before == nil || e.After == nil || string(e.Before) != string(e.After)
}
