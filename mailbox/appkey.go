package mailbox

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/fleet"
)

// AppKeyPrefix begins every app key, so that people and scanners of leaked secrets recognise one.
const AppKeyPrefix = "hgk_"

// AppKey lets an app register devices. Administrators hand it out in the managed configuration of the app; several are
// valid at once, so that one can follow another. The key itself is shown once, when it is made.
type AppKey struct {
	ID   string
	Name string // for administrators

	// Networks are those from which alone devices may register with it; none = from anywhere.
	Networks []netip.Prefix
	// MailNetworks are those from which alone mail servers may post to the addresses of registrations that were made with
	// it; none = from anywhere.
	MailNetworks []netip.Prefix

	CreatedAt  time.Time
	RevokedAt  time.Time // zero = it is valid. Registrations made before stay
	LastUsedAt time.Time // exact to a minute; zero = never
}

// Valid reports whether devices may still register with it.
func (k AppKey) Valid() bool { return k.RevokedAt.IsZero() }

// Takes reports whether a device may register from an address.
func (k AppKey) Takes(from netip.Addr) bool { return inside(k.Networks, from) }

// TakesMail reports whether a mail server may post from an address.
func (k AppKey) TakesMail(from netip.Addr) bool { return inside(k.MailNetworks, from) }

func inside(networks []netip.Prefix, from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	return len(networks) == 0 || slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(from) })
}

// Limits of an app key.
const (
	maxKeyName     = 100 // characters
	maxKeyNetworks = 100
)

// NewAppKey is an app key as an administrator asks for it. Networks are such as 10.0.0.0/8, or single addresses.
type NewAppKey struct {
	Name                   string
	Networks, MailNetworks []string
}

// Check reads what was asked for, and finds everything that is wrong with it.
func (n NewAppKey) Check() (k AppKey, err error) {
	var found problems
	k.Name = strings.TrimSpace(n.Name)
	switch {
	case k.Name == "":
		found.add("name", "is required")
	case utf8.RuneCountInString(k.Name) > maxKeyName:
		found.add("name", "is longer than %d characters", maxKeyName)
	case strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' }):
		found.add("name", "must be one line")
	}
	k.Networks = found.networks("networks", n.Networks)
	k.MailNetworks = found.networks("mail_networks", n.MailNetworks)
	return k, fleet.Refuse(found)
}

// problems gathers what is wrong. Fields are named as the API names them, with dots between levels.
type problems []fleet.Problem

func (p *problems) networks(field string, texts []string) (list []netip.Prefix) {
	if len(texts) > maxKeyNetworks {
		p.add(field, "are more than %d", maxKeyNetworks)
		return nil
	}
	for i, text := range texts {
		network, ok := parseNetwork(strings.TrimSpace(text))
		if !ok {
			p.add(field+"."+decimal(i), "must be a network such as 192.0.2.0/24 or 2001:db8::/32, or one address")
			continue
		}
		list = append(list, network)
	}
	return list
}

func parseNetwork(text string) (netip.Prefix, bool) {
	network, err := netip.ParsePrefix(text)
	if ip, bad := netip.ParseAddr(text); bad == nil && ip.Zone() == "" {
		network, err = ip.Prefix(ip.BitLen())
	}
	return network.Masked(), err == nil && !network.Addr().Is4In6()
}
