package courier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/channel/gsm"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/notice"
)

// routes are the ways that messages can go now: the active servers, and the carriers' gateways.
type routes struct {
	active   []channel.Server
	gateways []carrier.Gateway
	use      carrier.Use
}

// routes reads which servers are active now.
func (c *Courier) routes(ctx context.Context) (r routes, err error) {
	if r.active, err = c.store.AllServers(ctx); err != nil {
		return r, fmt.Errorf("reading the servers: %w", err)
	}
	r.active = slices.DeleteFunc(r.active, func(s channel.Server) bool { return !s.Active })
	use, err := c.store.Setting(ctx, carrier.Setting)
	if err != nil {
		return r, err
	}
	r.use = carrier.Use(use)
	if r.use == carrier.NoSMSGateway || r.use == carrier.Preferred {
		r.gateways, err = c.store.Carriers(ctx)
		slices.SortStableFunc(r.gateways, deadLast(c.options.Now()))
	}
	return r, err
}

// deadLast orders gateways so that one of a carrier's that takes no messages stands behind those that do.
func deadLast(now time.Time) func(a, b carrier.Gateway) int {
	return func(a, b carrier.Gateway) int {
		switch {
		case a.Dead(now) == b.Dead(now):
			return 0
		case a.Dead(now):
			return 1
		}
		return -1
	}
}

// Push is the server of a token.
func (r routes) Push(t fleet.TokenRoute) string {
	for _, s := range r.active {
		if s.Kind == string(t.Provider) && s.Route.App == t.App && (s.Route.Environment == "" || s.Route.Environment == string(t.Environment)) {
			return s.ID
		}
	}
	return ""
}

// Mail is the active SMTP server.
func (r routes) Mail() string { return r.of("smtp").ID }

// of is the active server of a kind; the zero Server when there is none.
func (r routes) of(kind string) channel.Server {
	for _, s := range r.active {
		if s.Kind == kind {
			return s
		}
	}
	return channel.Server{}
}

// SMS finds how a text message gets to a number: by the SMS gateway, or by e-mail to the carrier's gateway, as the
// setting says.
func (r routes) SMS(who fleet.Recipient, written string) notice.Hop {
	gateway := r.of("sms")
	number, err := r.number(gateway, who, written)
	if err != nil {
		return notice.Hop{Address: written, Reason: message.NumberInvalid, Detail: "The number cannot be dialled: " + err.Error()}
	}
	byCarrier, ok := r.byCarrier(who, number)
	switch {
	case ok && (r.use == carrier.Preferred || gateway.ID == ""):
		return byCarrier
	case gateway.ID != "":
		return notice.Hop{Server: gateway.ID, Address: number}
	case r.use == carrier.NoSMSGateway || r.use == carrier.Preferred:
		return notice.Hop{Address: number, Reason: message.Unsupported, Detail: "No SMS gateway is active, and no carrier gateway serves this number"}
	}
	return notice.Hop{Address: number, Reason: message.Unsupported, Detail: "No SMS gateway is active"}
}

// number writes a number as E.164. The country of one that is written without is the SMS gateway's, else the one of the
// gateway of the device's carrier.
func (r routes) number(gateway channel.Server, who fleet.Recipient, written string) (string, error) {
	if n, ok := gateway.Settings.(channel.Numbered); ok {
		return n.Number(written)
	}
	country := ""
	for _, g := range r.gateways {
		if country == "" && who.Device != nil && g.Serves(who.Device.Carrier) {
			country = g.Country
		}
	}
	return gsm.Number(written, country)
}

func (r routes) byCarrier(who fleet.Recipient, number string) (notice.Hop, bool) {
	mail := r.Mail()
	if who.Device == nil || mail == "" {
		return notice.Hop{}, false
	}
	for _, g := range r.gateways {
		if !g.Serves(who.Device.Carrier) {
			continue
		}
		if address, ok := g.Address(number); ok && fleet.ValidMail(address) {
			return notice.Hop{Server: mail, Address: address}, true
		}
	}
	return notice.Hop{}, false
}

// rateWindow is how long a batch of a server with a rate takes at most, in seconds.
const rateWindow = 5

// pace is how many messages a second go to a delivery's address; 0 = as fast as can be.
type pace float64

// batch is how many deliveries of this pace go into one job.
func (p pace) batch() int {
	if p <= 0 {
		return batchSize
	}
	return min(max(1, int(rateWindow*p)), batchSize)
}

func (r routes) pace(d message.Delivery) pace {
	for _, s := range r.active {
		if rated, ok := s.Settings.(channel.Rated); ok && s.ID == d.Server {
			return pace(rated.Rate(d.Address))
		}
	}
	return 0
}

// instead finds the active server that does what another did, of the same kind, app and environment.
func (r routes) instead(of channel.Server) (channel.Server, error) {
	for _, s := range r.active {
		if s.Kind == of.Kind && s.Route.App == of.Route.App && s.Route.Environment == of.Route.Environment {
			return s, nil
		}
	}
	return channel.Server{}, errNoServer
}

var errNoServer = errors.New("no active server does what this one did")
