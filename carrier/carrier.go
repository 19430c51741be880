// Package carrier knows the mail gateways of mobile carriers: an e-mail to a number at the carrier's domain arrives as a
// text message. It costs nothing and promises nothing: no receipt, and the carriers are closing them one by one.
package carrier

import (
	"strings"
	"time"
)

// Gateway is one carrier's.
type Gateway struct {
	ID      string    // UUIDv7
	Carrier string    // as devices name it
	Domain  string    // mail domain, such as txt.example.com; empty = it has none any more
	Country string    // calling code, such as "+1"
	Prefix  string    // stands before the number; may be empty
	EndsOn  time.Time // the day on which the carrier closes it or did; zero = not known
	Note    string
}

// Address is where an e-mail goes for a number in E.164. ok is false when the gateway cannot reach it: another country,
// or no domain.
func (g Gateway) Address(number string) (address string, ok bool) {
	national, ok := strings.CutPrefix(number, g.Country)
	if !ok || g.Domain == "" || g.Country == "" {
		return "", false
	}
	return g.Prefix + national + "@" + g.Domain, true
}

// Dead reports whether the gateway is closed on a day.
func (g Gateway) Dead(on time.Time) bool {
	return g.Domain == "" || !g.EndsOn.IsZero() && !on.Before(g.EndsOn)
}

// Serves reports whether the gateway is the one of a carrier as a device names it.
func (g Gateway) Serves(name string) bool { return name != "" && strings.EqualFold(g.Carrier, name) }

// Use says when gateways are used.
type Use string

const (
	Never        Use = "never"
	NoSMSGateway Use = "no_sms_gateway" // when no SMS gateway is active
	Preferred    Use = "preferred"
)

// Setting is the name of the installation's setting that holds a Use; absent means Never.
const Setting = "carrier_gateway_use"
