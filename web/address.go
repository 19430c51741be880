package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A proxy hides who asks, and whether they asked over TLS. It says both in headers, which anybody else could write as
// well: they are believed from the proxies of an administrator's list, and from nobody else.

// Headers in which proxies say who asked. Only one of them is believed: a proxy that writes one passes the other on as
// the client sent it.
const (
	XForwardedFor = "X-Forwarded-For" // with X-Forwarded-Proto beside it
	Forwarded     = "Forwarded"       // RFC 7239
)

// Proxies are those whose word counts. The zero value believes nobody.
type Proxies struct {
	networks []netip.Prefix
	header   string
	secure   bool
}

// Secured is the same for what people reach by https alone, even when the proxy that speaks it does not say so.
func (p Proxies) Secured() Proxies {
	p.secure = true
	return p
}

// ParseProxies reads networks such as 10.0.0.0/8, or single addresses, and the header to believe; empty = X-Forwarded-For.
func ParseProxies(networks []string, header string) (Proxies, error) {
	p := Proxies{header: http.CanonicalHeaderKey(header)}
	switch p.header {
	case "":
		p.header = XForwardedFor
	case XForwardedFor, Forwarded:
	default:
		return p, fmt.Errorf("%q is not a header that proxies say the client's address in: %s or %s", header, XForwardedFor, Forwarded)
	}
	for _, text := range networks {
		network, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			return p, fmt.Errorf("%q is not a network such as 10.0.0.0/8 or an address", text)
		}
		p.networks = append(p.networks, network)
	}
	return p, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Unmap().Prefix(addr.Unmap().BitLen())
}

// client is who sent a request, as far as those we trust can tell.
type client struct {
	address string
	secure  bool // over TLS, at least until the first proxy
}

type clientKey struct{}

// Recognise lets handlers know who sent a request: ClientAddress, ClientNetwork and Secure. It belongs around everything
// else on a listener.
func (p Proxies) Recognise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, p.client(r))))
	})
}

// client walks back from the nearest hop to the first that is not one of the proxies.
// Client is the address that a request came from, for a handler that nothing else is wrapped around; see ClientAddress.
func (p Proxies) Client(r *http.Request) string { return p.client(r).address }

func (p Proxies) client(r *http.Request) client {
	c := client{address: peerAddress(r), secure: p.secure || r.TLS != nil}
	if !p.trusts(c.address) {
		return c
	}
	hops, proto := p.hops(r.Header)
	if proto != "" {
		c.secure = p.secure || strings.EqualFold(proto, "https")
	}
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := hopAddress(hops[i])
		if !ok { // "unknown" and its like: what is beyond cannot be told
			break
		}
		c.address = addr
		if !p.trusts(addr) {
			break
		}
	}
	return c
}

func (p Proxies) trusts(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, network := range p.networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// hops are the addresses that the proxies wrote, the nearest last, and the protocol that the nearest was spoken to with;
// empty = not said.
func (p Proxies) hops(h http.Header) (hops []string, proto string) {
	if p.header == XForwardedFor {
		return listed(h, XForwardedFor), last(listed(h, "X-Forwarded-Proto"))
	}
	for _, element := range listed(h, Forwarded) {
		parameters := forwardedParameters(element)
		hops, proto = append(hops, parameters["for"]), parameters["proto"]
	}
	return hops, proto
}

// listed are the members of a header that is a list, over all of its lines.
func listed(h http.Header, name string) (members []string) {
	for _, line := range h.Values(name) {
		for member := range strings.SplitSeq(line, ",") {
			members = append(members, strings.TrimSpace(member))
		}
	}
	return members
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// forwardedParameters reads one element of RFC 7239: for="[2001:db8::1]:4711";proto=https. What an address or a protocol
// is made of never holds a comma or a semicolon, so that quotes need no more care than to be taken off.
func forwardedParameters(element string) map[string]string {
	parameters := map[string]string{}
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(pair, "=")
		parameters[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return parameters
}

// hopAddress is the address of a hop, which may have a port behind it. Zones go: they may be any text.
func hopAddress(hop string) (string, bool) {
	if port, err := netip.ParseAddrPort(hop); err == nil {
		return port.Addr().Unmap().WithZone("").String(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	return addr.Unmap().WithZone("").String(), err == nil
}

// peerAddress is the address at the other end of the connection, without the port.
func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func clientOf(r *http.Request) client {
	if c, ok := r.Context().Value(clientKey{}).(client); ok {
		return c
	}
	return Proxies{}.client(r)
}

// ClientAddress is the address that a request came from, without the port. What proxies say about it is believed as far
// as Proxies.Recognise around the handler does; without it, nothing is.
func ClientAddress(r *http.Request) string { return clientOf(r).address }

// Secure reports whether the client speaks TLS, to us or to a proxy that we trust.
func Secure(r *http.Request) bool { return clientOf(r).secure }

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
