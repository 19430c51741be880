package web

import (
	"net"
	"net/http"
	"net/netip"
)

// ClientAddress is the address that a request came from, without the port. Headers that a client could write itself,
// such as X-Forwarded-For, are not believed.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ClientNetwork is what one client can easily change its address within: an IPv6 /64, or an IPv4 address.
func ClientNetwork(r *http.Request) string {
	addr, err := netip.ParseAddr(ClientAddress(r))
	if err != nil {
		return ClientAddress(r)
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}
