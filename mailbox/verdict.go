package mailbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heliograph/message"
)

// Verdict is what a push provider's answer to a wake means for the registration.
type Verdict uint8

// Verdicts.
const (
	// Accepted: the provider took the wake.
	Accepted Verdict = 1 + iota
	// Died: the provider says that the app is gone.
	Died
	// Rejected: the provider does not take this token, or what we send to it, as one wrong setting can make it do for a
	// whole fleet. Trying again would change nothing.
	Rejected
	// Later: nothing is known about the token. The wake is tried again.
	Later
)

// Judge says what the outcome of a wake means. Nothing is Died but what a provider says when an app was removed: APNs 410
// that is newer than the token, FCM UNREGISTERED, Web Push 404 and 410.
func Judge(o message.Outcome) Verdict {
	f := o.Failure
	switch {
	case o.Accepted:
		return Accepted
	case f == nil || f.Uncounted || f.KeepToken:
		return Later
	case f.Scope != message.RecipientFinal && f.Scope != message.WholeMessage:
		return Later
	case f.Reason == message.TokenDead && !strings.HasSuffix(f.Answer, doubtful):
		return Died
	}
	return Rejected
}

// doubtful is how FCM refuses a token that was never one, which ends it for notifications. A wrong setting gives the same
// answer, so it ends nothing here.
const doubtful = " INVALID_ARGUMENT"

// verdictStore is what the store writes about a verdict.
type verdictStore interface {
	// RejectToken makes a live registration TokenRejected. It does nothing when the token arrived at another time than
	// tokenAt, for then another one was meant.
	RejectToken(ctx context.Context, key int64, tokenAt time.Time, why StateReason) error
	// BuryRegistration makes a tombstone (Dead) that keeps its token for a while, and counts it among the deaths of its
	// app; while the app is braked it is TokenRejected (Held) instead, and not counted. buried is false, and nothing
	// changes, when the token arrived at another time than tokenAt. deaths are those of the app within BrakeTime.
	BuryRegistration(ctx context.Context, key int64, tokenAt time.Time) (buried bool, deaths int64, err error)
}

// Verdict writes down what a provider said about waking a registration, and says what it means. Accepted and Later change
// nothing here. unsubscribe reports whether the mail server may be told to forget the device: never but for one that Died,
// and not even then while its app is braked.
func (r *Registrations) Verdict(ctx context.Context, of Registration, o message.Outcome) (v Verdict, unsubscribe bool, err error) {
	switch v = Judge(o); v {
	case Rejected:
		err = r.store.RejectToken(ctx, of.Key, of.TokenAt, StateReason(o.Failure.Reason))
	case Died:
		unsubscribe, err = r.bury(ctx, of)
	}
	if err != nil {
		return v, false, fmt.Errorf("writing down what a provider said of a registration: %w", err)
	}
	return v, unsubscribe, nil
}

func (r *Registrations) bury(ctx context.Context, of Registration) (unsubscribe bool, err error) {
	buried, deaths, err := r.store.BuryRegistration(ctx, of.Key, of.TokenAt)
	if err != nil || !buried {
		return false, err
	}
	braked, err := r.brake(ctx, of.App, deaths)
	return !braked, err
}

// MayUnsubscribe reports whether the mail server of a registration may be told to forget it: it is a tombstone, and its
// app is not braked.
func (r *Registrations) MayUnsubscribe(ctx context.Context, of Registration) (bool, error) {
	if of.State != Tombstone {
		return false, nil
	}
	braked, err := r.store.Braked(ctx, of.App)
	return !braked && err == nil, err
}
