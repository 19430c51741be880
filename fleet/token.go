package fleet

import (
	"slices"
	"time"
)

// PushProvider is the kind of service that reaches a device's app.
type PushProvider string

const (
	APNs    PushProvider = "apns"
	FCM     PushProvider = "fcm"
	WebPush PushProvider = "webpush"
)

// PushProviders lists every kind.
var PushProviders = []PushProvider{APNs, FCM, WebPush}

// Environment is the side of APNs that a token belongs to.
type Environment string

const (
	Production Environment = "production"
	Sandbox    Environment = "sandbox"
)

// PushToken is a device's address for push. The token itself is write-only: it is sealed in the store and never shown.
type PushToken struct {
	Provider    PushProvider
	Token       string // empty when read back; of Web Push: a Subscription
	App         string // bundle id, Firebase app or web origin
	Environment Environment
	Arrived     time.Time
	State       TokenState
	Reason      string // why it died or was suspended: the provider's answer
	Since       time.Time
	Removed     bool // when put: the device shall have no token any more
}

// TokenState says whether a token can be used.
type TokenState string

const (
	TokenLive      TokenState = "live"
	TokenDead      TokenState = "dead"      // the provider says that the app is gone
	TokenSuspended TokenState = "suspended" // app or environment do not fit; until uploaded again or the provider's settings change
)

// Longest token that is taken: FCM's are below 300 bytes, a Web Push subscription as JSON below 2,000.
const maxToken = 4096

// Check finds everything that is wrong with the token. Field names are those below a device.
func (t PushToken) Check() []Problem {
	if t.Removed {
		return nil
	}
	c := checker{}
	c.oneOf("push.provider", slices.Contains(PushProviders, t.Provider), "apns, fcm or webpush")
	c.oneOf("push.environment", t.Environment == Production || t.Environment == Sandbox, "production or sandbox")
	if t.App == "" {
		c.add("push.app", "is required")
	}
	c.text("push.app", t.App)
	c.limited("push.token", t.Token, maxToken)
	if t.Provider == APNs && t.Token != "" && !isHex(t.Token) {
		c.add("push.token", "of APNs must be hexadecimal")
	}
	if t.Provider == WebPush && t.Token != "" {
		if _, err := ParseSubscription(t.Token); err != nil {
			c.add("push.token", "of Web Push %s", err)
		}
	}
	return c.found
}

func isHex(s string) bool {
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F') {
			return false
		}
	}
	return len(s)%2 == 0
}
