// Package carrier knows the mail gateways of mobile carriers: an e-mail to a number at the carrier's domain arrives as a
// text message. It costs nothing and promises nothing: no receipt, and the carriers are closing them one by one.
//
// The table of gateways belongs to the administrator. It begins with what was known when this version was made (see
// Known), and everything in it can be changed.
package carrier

import (
	"slices"
	"strings"
	"time"
)

// Gateway is one carrier's.
type Gateway struct {
	ID       string    // UUIDv7
	Carrier  string    // as devices name it
	Domain   string    // mail domain, such as txt.example.com; empty = it has none, or it is not known
	Country  string    // calling code, such as "+1"; may be empty where the domain is
	Prefix   string    // stands before the number; may be empty
	EndsOn   time.Time // the day, as midnight UTC, on which the carrier closes it or did; zero = not known
	Doubtful bool      // it is said to lose messages
	Note     string    // for whoever reads the table
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

// State says in one word what to expect of a gateway.
type State string

const (
	Open     State = "open"      // nothing speaks against it
	Doubtful State = "doubtful"  // it is said to lose messages
	Ending   State = "ending"    // its last day is announced
	Closed   State = "closed"    // that day has come
	NoDomain State = "no_domain" // nothing can be sent
)

// States lists every state.
var States = []State{Open, Doubtful, Ending, Closed, NoDomain}

// State is what to expect of the gateway on a day. What is certain goes before what is said.
func (g Gateway) State(on time.Time) State {
	switch {
	case !g.EndsOn.IsZero() && !on.Before(g.EndsOn):
		return Closed
	case g.Domain == "":
		return NoDomain
	case !g.EndsOn.IsZero():
		return Ending
	case g.Doubtful:
		return Doubtful
	}
	return Open
}

// Dead reports whether the gateway takes no messages on a day.
func (g Gateway) Dead(on time.Time) bool {
	state := g.State(on)
	return state == Closed || state == NoDomain
}

// Serves reports whether the gateway is the one of a carrier as a device names it.
func (g Gateway) Serves(name string) bool { return name != "" && fold(g.Carrier) == fold(name) }

// fold makes names equal that differ in case or in blanks around them.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// Use says when gateways are used.
type Use string

const (
	Never        Use = "never"
	NoSMSGateway Use = "no_sms_gateway" // when no SMS gateway is active
	Preferred    Use = "preferred"
)

// Uses lists every use.
var Uses = []Use{Never, NoSMSGateway, Preferred}

// Known reports whether it is one of Uses.
func (u Use) Known() bool { return slices.Contains(Uses, u) }

// Setting is the name of the installation's setting that holds a Use; absent means Never.
const Setting = "carrier_gateway_use"
