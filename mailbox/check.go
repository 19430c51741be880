package mailbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
)

// check reads an application, and finds everything that is wrong with it.
func (r *Registrations) check(ctx context.Context, a Application, s Settings) (t NewToken, err error) {
	var found problems
	t = found.token(a, s)
	if len(found) == 0 {
		if err := r.reachable(ctx, &found, t); err != nil {
			return t, err
		}
	}
	return t, fleet.Refuse(found)
}

// token checks an application by itself.
func (p *problems) token(a Application, s Settings) (t NewToken) {
	var ok bool
	t = NewToken{App: a.App, Token: a.Token, Environment: fleet.Environment(a.Environment)}
	if t.Platform, ok = ParsePlatform(a.Platform); !ok {
		p.add("platform", "must be %s", platforms.list())
	}
	if a.Environment == "" {
		t.Environment = fleet.Production
	}
	if a.Wake == "" {
		a.Wake = s.Wake
	}
	if t.Wake, ok = ParseWakeStyle(a.Wake); !ok {
		p.add("wake", "must be %s", wakeStyles.list())
	}
	for i, folder := range a.Folders {
		if _, ok := ParseFolder(folder); !ok {
			p.add("folders."+decimal(i), "must be %s", folders.list())
		}
	}
	if t.Platform == 0 {
		return t
	}
	p.address(t)
	return t
}

// longestApp is the longest name of an app, in bytes; a bundle id has at most 155.
const longestApp = 255

func (p *problems) address(t NewToken) {
	checked := fleet.PushToken{Provider: t.Platform.Provider(), Token: t.Token, App: t.App, Environment: t.Environment}
	for _, one := range checked.Check() {
		p.add(strings.TrimPrefix(one.Field, "push."), "%s", one.Detail)
	}
	switch {
	case t.Token == "":
		p.add("token", "is required")
	case strings.ContainsFunc(t.Token, func(r rune) bool { return r < ' ' || r == 0x7f }):
		p.add("token", "holds a control character")
	}
	if len(t.App) > longestApp || strings.ContainsFunc(t.App, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add("app", "must be one line of at most %d bytes", longestApp)
	}
	if t.Environment == fleet.Sandbox && t.Platform != IOS {
		p.add("environment", "must be production: APNs alone has a sandbox")
	}
}

// reachable finds out whether there is a push provider for the app, and whether it would call the address.
func (r *Registrations) reachable(ctx context.Context, p *problems, t NewToken) error {
	servers, err := r.providers.Servers(ctx, string(t.Platform.Provider()))
	if err != nil {
		return fmt.Errorf("reading the push providers: %w", err)
	}
	knownApp, route := false, channel.Server{}
	for _, s := range servers {
		if s.Route.App != t.App {
			continue
		}
		knownApp = true
		if s.Route.Environment == "" || s.Route.Environment == string(t.Environment) {
			route = s
		}
	}
	switch {
	case !knownApp:
		p.add("app", "has no push provider for this platform here; an administrator adds it under Push providers")
	case route.Settings == nil:
		p.add("environment", "has no push provider for this app here")
	default:
		admit(p, route.Settings, t)
	}
	return nil
}

// admit refuses an address that the provider would never call.
func admit(p *problems, s channel.Settings, t NewToken) {
	guarding, ok := s.(channel.Guarding)
	if !ok {
		return
	}
	to, err := fleet.ParseSubscription(t.Token)
	if err != nil {
		return // refused already
	}
	if err := guarding.Admits(to.Endpoint.Hostname()); err != nil {
		p.add("token.endpoint", "must be a push service that everybody reaches: %s", err)
	}
}

func checkBind(now Registration, handle string, b Bind) (Binding, error) {
	var found problems
	out := Binding{Handle: handle, ID: b.SubscriptionID, Frequency: time.Duration(b.FrequencyMinutes) * time.Minute}
	var ok bool
	if !validHandle(handle) {
		found.add("handle", "must be 1 to %d of A-Z a-z 0-9 _ -", maxHandle)
	}
	if out.Source, ok = ParseSource(b.Source); !ok {
		found.add("source", "must be ews")
	}
	if out.Folder, ok = ParseFolder(b.Folder); !ok {
		found.add("folder", "must be %s", folders.list())
	}
	switch {
	case b.SubscriptionID == "":
		found.add("subscription_id", "is required")
	case len(b.SubscriptionID) > maxSubscription:
		found.add("subscription_id", "is longer than %d bytes", maxSubscription)
	}
	if b.FrequencyMinutes != 0 {
		found.between("status_frequency_minutes", b.FrequencyMinutes, 1, MostFrequency)
	}
	if now.isFull(handle) {
		found.add("handle", "is one too many: a registration has at most %d", MostSubscriptions)
	}
	return out, fleet.Refuse(found)
}

// isFull reports whether there is no place for another handle.
func (r Registration) isFull(handle string) bool {
	bound := 0
	for _, s := range r.Subscriptions {
		switch s.Handle {
		case handle:
			return false
		case "":
		default:
			bound++
		}
	}
	return bound >= MostSubscriptions
}

func validHandle(handle string) bool {
	return handle != "" && len(handle) <= maxHandle && !strings.ContainsFunc(handle, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
}
