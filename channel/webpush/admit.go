package webpush

import (
	"net/netip"
	"strings"

	"heliograph/channel"
)

// notName is what is said of a host that only this machine or the network around it can mean.
const notName channel.AddressError = "its name has no public address; if it is a push service of your own, add its network to the allowed networks"

// Admits says before any call whether the host of a subscription would be called, as far as the host itself tells: an
// address has to pass the guard, and a name must be one that can be public, unless networks of one's own are allowed.
func (s *Settings) Admits(host string) error {
	allowed, err := parseNetworks(s.AllowedNetworks)
	if err != nil {
		allowed = nil // refused when the settings were stored; nothing more is called for it
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return guard{allowed}.admit(ip)
	}
	if len(allowed) == 0 && !maybePublic(host) {
		return notName
	}
	return nil
}

// maybePublic reports whether a name can have a public address (RFC 6761, RFC 6762, RFC 8375).
func maybePublic(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && !private[name[dot+1:]] && !strings.HasSuffix(name, ".home.arpa")
}

var private = map[string]bool{"localhost": true, "local": true, "internal": true}
