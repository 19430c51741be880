package mailbox

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"heliograph/fleet"
)

// What can be wrong with who asks, and with what they ask about.
var (
	// ErrAppKey says that there is no such app key, or that it was revoked.
	ErrAppKey = errors.New("the app key is not valid")
	// ErrNetwork says that an app key may not be used from where the request came.
	ErrNetwork = errors.New("the app key may not be used from this network")
	// ErrUnknown says that there never was such a registration, or that it is long gone: the app registers again.
	ErrUnknown = errors.New("there is no such registration")
	// ErrSecret says that the secret is not the registration's.
	ErrSecret = errors.New("the secret is not that of the registration")
	// ErrGone says that the registration is a tombstone: it was revoked, replaced, or its device is gone.
	ErrGone = errors.New("the registration has ended")
	// ErrNoHandle says that the registration has no subscription of that handle.
	ErrNoHandle = errors.New("there is no subscription with this handle")
	// ErrNoBrake says that an app is not braked.
	ErrNoBrake = errors.New("the app is not braked")
)

// Throttled says that there were too many requests, and when the next one is welcome.
type Throttled struct{ After time.Duration }

func (t *Throttled) Error() string { return "too many requests" }

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, fleet.Problem{Field: field, Detail: fmt.Sprintf(format, args...)})
}

func decimal(n int) string { return strconv.Itoa(n) }
