package webpush

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"heliograph/channel"
)

// guard decides which addresses may be called. The endpoint of a subscription comes from a device, so it could lead to
// anything that this machine reaches and the device does not: its own services, those of the network around it, the
// credentials that a cloud keeps for its machines. Only addresses that everybody reaches are called, and the networks
// that the administrator allows beside.
type guard struct{ allowed []netip.Prefix }

// What the guard says, after "Could not connect to host:".
const (
	notPublic channel.AddressError = "it does not have a public address; if it is a push service of your own, add its network to the allowed networks"
	metadata  channel.AddressError = "it has an address at which clouds keep the credentials of their machines, and those are never called"
)

// control is a net.Dialer.Control: it sees each address after the name was looked up, right before it is called, so a
// name that changes its address between a check and the call gains nothing.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("not an address: %w", err)
	}
	return g.admit(at.Addr())
}

// admit says whether an address may be called.
func (g guard) admit(ip netip.Addr) error {
	ip = plain(ip)
	switch {
	case ip.IsLinkLocalUnicast(), within(ip, never):
		return metadata
	case within(ip, g.allowed), public(ip):
		return nil
	}
	return notPublic
}

// plain is the address that is really called: IPv4 within IPv6 (RFC 4291 section 2.5.5.2, RFC 6052) as IPv4, and no zone.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if translated.Contains(ip) {
		long := ip.As16()
		return netip.AddrFrom4([4]byte(long[12:]))
	}
	return ip
}

// translated is where IPv4 is found by machines that have IPv6 only.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// public reports whether everybody reaches an address. See the IANA registries of special-purpose addresses (RFC 6890);
// of IPv6 nothing but 2000::/3 is given out.
func public(ip netip.Addr) bool {
	if ip.Is6() && !global6.Contains(ip) {
		return false
	}
	return ip.IsValid() && !within(ip, special)
}

var global6 = netip.MustParsePrefix("2000::/3")

var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carriers' NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocols
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
	"2001::/23",       // protocols, among them Teredo, which holds IPv4
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4, which holds IPv4
	"3fff::/20",       // documentation
)

// never holds what clouds offer to their own machines outside the link-local networks. One of them is a public address.
var never = prefixes(
	"100.100.100.200/32", // Alibaba
	"168.63.129.16/32",   // Azure
	"192.0.0.192/32",     // Oracle
	"fd00:ec2::/32",      // Amazon
	"fd20:ce::254/128",   // Google
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, text := range list {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func within(ip netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// parseNetworks reads networks such as 10.0.0.0/8, or single addresses, separated by commas or white space.
func parseNetworks(text string) (list []netip.Prefix, err error) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r <= ' ' }) {
		network, err := netip.ParsePrefix(word)
		if ip, bad := netip.ParseAddr(word); bad == nil && ip.Zone() == "" {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil || network.Addr().Is4In6() {
			return nil, channel.Sentence("Write networks such as 10.20.0.0/16 or fd12:3456::/32, one a line.")
		}
		list = append(list, network.Masked())
	}
	return list, nil
}
