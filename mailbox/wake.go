package mailbox

import (
	"encoding/binary"
	"time"

	"heliograph/message"
)

// What a wake looks like is decided here, and nowhere else: a table of platform and style, budgets, and which of two
// wakes counts. All of it is pure.

// wanted is a wake before it is known how it looks.
type wanted struct {
	kind  message.WakeKind // 0 = none
	badge bool             // it carries the registration's newest badge
	since time.Time        // when the newest event in it arrived
}

// and is one wake for both.
func (w wanted) and(other wanted) wanted {
	w.kind = stronger(w.kind, other.kind)
	w.badge = w.badge || other.badge
	if other.since.After(w.since) {
		w.since = other.since
	}
	return w
}

// strength orders kinds: who is told to subscribe anew fetches as well, and who is told of new mail fetches all changes.
var strength = [...]int{0: 0, message.WakeChange: 1, message.WakeNew: 2, message.WakeResubscribe: 3}

func stronger(a, b message.WakeKind) message.WakeKind {
	if strength[b] > strength[a] {
		return b
	}
	return a
}

// look is how a wake looks on the wire.
type look struct {
	message.Wake
	badge *int
}

// lookOf is the table: rows are platforms, columns are styles.
//
//	           badge                       background, or no count known   rich
//	iOS        alert with badge            background push                 new: alert whose text the app fetches
//	Android    data with badge             data                            as badge
//	Web        JSON with badge             JSON                            as badge
//
// count is the badge to carry; nil = none is known or none is to be shown.
func lookOf(p Platform, style WakeStyle, kind message.WakeKind, count *int) look {
	if style == WakeBackground {
		count = nil
	}
	l := look{message.Wake{Kind: kind, Urgent: kind != message.WakeChange}, count}
	if p != IOS {
		return l
	}
	l.Alert = style == WakeRich && kind == message.WakeNew
	l.Background = count == nil && !l.Alert
	return l
}

// urgent follows the administrator's setting, which speaks of Android.
func (l look) urgent(p Platform, setting string) look {
	if p == Android && setting != PriorityAuto && setting != "" {
		l.Urgent = setting == PriorityHigh
	}
	return l
}

// Budgets: what providers and systems let a device have.
const (
	backgroundWakes = 2 // an hour (Apple, "Pushing background updates to your App": two or three)
	backgroundTime  = time.Hour

	androidWakes    = 15 // in androidTime; then one every androidInterval (Google, "Throttling and quotas")
	androidTime     = 30 * time.Minute
	androidInterval = 3 * time.Minute
)

// pace is when the last rationed wakes of a device went, oldest first, in seconds since 1970.
type pace []uint32

// rationed reports whether a wake of this look uses up a budget.
func rationed(p Platform, l look) bool { return p == Android || l.Background }

// free is when the next wake of this look may go; a time that is not after now means now.
func (c pace) free(p Platform, l look, now time.Time) time.Time {
	switch {
	case l.Background:
		if len(c) < backgroundWakes {
			return now
		}
		return c.at(len(c) - backgroundWakes).Add(backgroundTime)
	case p == Android:
		if len(c) < androidWakes || c.at(len(c)-androidWakes).Add(androidTime).Before(now) {
			return now
		}
		return c.at(len(c) - 1).Add(androidInterval)
	}
	return now
}

// add notes a wake. As many are kept as the platform's budget looks back on.
func (c pace) add(p Platform, now time.Time) pace {
	keep := backgroundWakes
	if p == Android {
		keep = androidWakes
	}
	kept := append(make(pace, 0, keep), c[max(0, len(c)+1-keep):]...)
	return append(kept, uint32(now.Unix())) //nolint:gosec // until 2106
}

func (c pace) at(i int) time.Time { return time.Unix(int64(c[i]), 0) }

// bytes is what the store keeps.
func (c pace) bytes() []byte {
	if len(c) == 0 {
		return nil
	}
	raw := make([]byte, 0, 4*len(c))
	for _, second := range c {
		raw = binary.BigEndian.AppendUint32(raw, second)
	}
	return raw
}

func paceOf(raw []byte) (c pace) {
	for ; len(raw) >= 4; raw = raw[4:] {
		c = append(c, binary.BigEndian.Uint32(raw))
	}
	return c
}
