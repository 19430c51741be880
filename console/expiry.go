package console

import (
	"context"
	"time"

	"heliograph/channel"
)

// expiriesOf is when a server's credentials end, the soonest first.
func expiriesOf(ctx context.Context, s channel.Server) []channel.Expiry {
	return channel.Expiries(s.Settings, viewOf(ctx).now)
}

// urgentBefore is how long before its end a credential becomes red.
const urgentBefore = 7 * 24 * time.Hour

// expiryKind is the colour of a credential's end.
func expiryKind(ctx context.Context, e channel.Expiry) string {
	now := viewOf(ctx).now
	switch {
	case !e.Soon(now):
		return "still"
	case e.At.Sub(now) <= urgentBefore:
		return "bad"
	}
	return "warn"
}

// expiryWords says when a credential ends, or that it has.
func expiryWords(ctx context.Context, e channel.Expiry) string {
	if e.Over(viewOf(ctx).now) {
		return t(ctx, "expiry.over", ago(ctx, e.At))
	}
	return t(ctx, "expiry.ends", ago(ctx, e.At))
}

// expiryField is what ends: the label of the field that holds it.
func expiryField(ctx context.Context, s channel.Server, e channel.Expiry) string {
	form := serverForm{Provider: channel.Provider{Kind: s.Kind}}
	return form.label(ctx, e.Field)
}

// certificateUrgent reports whether a certificate that does not come is missed already, or soon.
func certificateUrgent(ctx context.Context, one Certificate) bool {
	return one.Ends.Sub(viewOf(ctx).now) <= urgentBefore
}

// certificateTrouble says of a certificate by ACME that it does not come, and what that means.
func certificateTrouble(ctx context.Context, one Certificate) string {
	switch {
	case one.Ends.IsZero():
		return t(ctx, "expiry.certificate.none", one.Name)
	case one.Ends.Before(viewOf(ctx).now):
		return t(ctx, "expiry.certificate.over", one.Name, ago(ctx, one.Ends))
	}
	return t(ctx, "expiry.certificate.failing", one.Name, ago(ctx, one.Ends))
}

// expiring is a credential of an active server that somebody should renew.
type expiring struct {
	Family serverFamily
	Server channel.Server
	channel.Expiry
}

// expiring lists what ends soon, of the servers that messages leave by.
func (c *console) expiring(ctx context.Context) (list []expiring, err error) {
	for _, f := range serverFamilies {
		servers, err := c.serversOf(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, s := range servers {
			for _, e := range expiriesOf(ctx, s) {
				if s.Active && e.Soon(viewOf(ctx).now) {
					list = append(list, expiring{f, s, e})
				}
			}
		}
	}
	return list, nil
}
