package phone

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Settings are the switches of a phone with a mail app, as its holder, the administrator and the network set them.
type Settings struct {
	Push      bool `json:"push"`               // the administrator has push notifications on
	Refresh   bool `json:"background_refresh"` // iOS: apps may run in the background
	LowPower  bool `json:"low_power"`          // iOS: low power mode
	Network   bool `json:"network"`            // the mail server can be reached
	Ticket    bool `json:"gateway_ticket"`     // of the gateway's tunnel: still valid
	Protected bool `json:"data_protection"`    // the app's data is locked with the phone
	Locked    bool `json:"locked"`
	Opened    bool `json:"opened"`  // the app was opened since the phone was unlocked, and is still in memory
	SyncMS    int  `json:"sync_ms"` // how long a sync takes on this network
}

// DefaultSettings are those of a phone on a good day: unlocked once, the app in memory.
func DefaultSettings() Settings {
	return Settings{Push: true, Refresh: true, Network: true, Ticket: true, Locked: true, Opened: true, SyncMS: 1200}
}

// What the systems give a woken app to be done.
const (
	iosBudget     = 30 * time.Second
	androidBudget = 10 * time.Second
)

func (p Platform) budget() time.Duration {
	if p == IOS {
		return iosBudget
	}
	return androidBudget
}

// Texts that an app shows before it knows the mail.
const (
	iosNotice     = "New mail"
	androidNotice = "You have new messages"
)

// Kinds of wakes.
const (
	kindNew         = "new"
	kindResubscribe = "resubscribe"
)

// wake is what a push tells the app.
type wake struct {
	kind  string
	badge *int
}

// wakeOf reads a push's data: of APNs the payload, of FCM the data, whose values are texts.
func wakeOf(p Push) wake {
	var data struct {
		Kind  string
		Badge json.RawMessage
	}
	if json.Unmarshal([]byte(p.Data), &data) != nil {
		return wake{badge: p.Badge}
	}
	w := wake{kind: data.Kind, badge: p.Badge}
	var text string
	if json.Unmarshal(data.Badge, &text) == nil {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			w.badge = &n
		}
	}
	return w
}

// reaction is what a phone does with a push at once.
type reaction struct {
	badge       *int   // the icon shows it; nil = it stays
	notice      string // shown until the app knows more; "" = nothing
	woken       bool   // the app, or its extension, runs
	resubscribe bool   // and is to subscribe anew
	why         string // it is not woken
}

// react is what the operating systems do. On iOS the badge changes in any case, by the system; whether the app runs is up to
// the phone's owner, but a mutable alert always runs the app's extension. On Android the app always runs, and tells of new
// mail by itself.
func (s Settings) react(platform Platform, p Push) reaction {
	w := wakeOf(p)
	r := reaction{badge: w.badge, resubscribe: w.kind == kindResubscribe}
	if platform == Android {
		r.woken = true
		if w.kind == kindNew {
			r.notice = androidNotice
		}
		return r
	}
	switch extension := p.Mutable && !p.Silent; {
	case extension:
		r.notice, r.woken = iosNotice, true
	case !p.Wakes:
		r.why = "the push wakes nobody"
	case !s.Refresh:
		r.why = "background refresh is off"
	case s.LowPower:
		r.why = "low power mode"
	default:
		r.woken = true
	}
	return r
}

// obstacle is why an app that runs cannot sync; "" = it can.
func (s Settings) obstacle(platform Platform) string {
	switch {
	case !s.Network:
		return "no network"
	case !s.Ticket:
		return "the gateway's ticket is no longer valid"
	case s.cold():
		return "locked, and the app was not opened since the phone was unlocked"
	case s.syncTime() > platform.budget():
		return fmt.Sprintf("slower than %d seconds", int(platform.budget().Seconds()))
	}
	return ""
}

// cold: the app starts anew and cannot read its own data.
func (s Settings) cold() bool { return s.Protected && s.Locked && !s.Opened }

func (s Settings) syncTime() time.Duration { return time.Duration(s.SyncMS) * time.Millisecond }

// refreshes reports whether the system lets the app sync now and then by itself, with or without push.
func (s Settings) refreshes(platform Platform) bool {
	return platform == Android || s.Refresh && !s.LowPower
}
