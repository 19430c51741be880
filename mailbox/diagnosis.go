package mailbox

import (
	"context"
	"slices"
	"time"
)

// Diagnosis is what is known about one device, for who helps the person that holds it. It names nobody: the person is
// found by asking for the support code that the app shows, and not the other way round.
type Diagnosis struct {
	Registration
	AppKeyName string // empty = the key is gone
	Timeline   []Line // oldest first
}

// Line is something that happened, in the API's words.
type Line struct {
	At     time.Time
	What   string
	Detail string
}

// What a registration itself says of its past; other lines are those of Happening.
const (
	LineRegistered = "registered"
	LineSubscribed = "subscribed" // detail is the folder
	LinePing       = "last_ping"  // heard of at last, by app or mail server
	LineEvent      = "last_event" // something changed in the mailbox
	LineWake       = "last_wake"  // detail is what became of it
)

// DiagnosisStore finds registrations by their support codes.
type DiagnosisStore interface {
	// RegistrationByCode finds one with its subscriptions. ErrUnknown.
	RegistrationByCode(ctx context.Context, code string) (Registration, error)
	// Timeline is what happened to a registration, oldest first.
	Timeline(ctx context.Context, key int64) ([]Moment, error)
	AppKeys(ctx context.Context) ([]AppKey, error)
}

// Diagnose finds what is known under a support code, as somebody typed it. ErrUnknown.
func Diagnose(ctx context.Context, s DiagnosisStore, typed string) (d Diagnosis, err error) {
	code, ok := ParseSupportCode(typed)
	if !ok {
		return d, ErrUnknown
	}
	if d.Registration, err = s.RegistrationByCode(ctx, code); err != nil {
		return d, err
	}
	moments, err := s.Timeline(ctx, d.Key)
	if err != nil {
		return d, err
	}
	keys, err := s.AppKeys(ctx)
	if err != nil {
		return d, err
	}
	if i := slices.IndexFunc(keys, func(k AppKey) bool { return k.ID == d.AppKey }); i >= 0 {
		d.AppKeyName = keys[i].Name
	}
	d.Timeline = timeline(d.Registration, moments)
	return d, nil
}

// timeline is what happened, with what the registration itself says of it.
func timeline(r Registration, moments []Moment) []Line {
	wake := r.WakeResult
	if r.WakeReason != "" {
		wake += ": " + r.WakeReason
	}
	lines := []Line{{r.CreatedAt, LineRegistered, r.Platform.String()}}
	for _, sub := range r.Subscriptions {
		lines = append(lines, Line{sub.CreatedAt, LineSubscribed, sub.Folder.String()})
	}
	for _, m := range moments {
		lines = append(lines, Line{m.At, m.What.String(), m.Detail})
	}
	lines = append(lines, Line{r.HeardAt, LinePing, ""}, Line{r.EventAt, LineEvent, ""}, Line{r.WakeAt, LineWake, wake})
	lines = slices.DeleteFunc(lines, func(l Line) bool { return l.At.IsZero() })
	slices.SortStableFunc(lines, func(a, b Line) int { return a.At.Compare(b.At) })
	return lines
}
