package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"heliograph/channel"
)

// Network is what firewalls must let through, as the settings are now.
type Network struct {
	At   time.Time // when the names were looked up; zero = they were not
	List []Requirement
}

// Requirement is one connection. Several servers may need the same one.
type Requirement struct {
	channel.Peer
	Inbound   bool // others open it, and Host is this installation; else it is opened from here
	Needed    []Need
	Addresses []netip.Addr // of Host now; sorted
	Trouble   LookupTrouble
}

// Need is a server that needs a connection. None = the installation itself does.
type Need struct {
	Name, Kind string
	Active     bool
}

// Active reports whether the connection is needed today, and not only by a server that is kept.
func (r Requirement) Active() bool {
	return len(r.Needed) == 0 || slices.ContainsFunc(r.Needed, func(n Need) bool { return n.Active })
}

// Local reports whether the connection stays on this machine, so that no firewall sees it.
func (r Requirement) Local() bool {
	return len(r.Addresses) > 0 && !slices.ContainsFunc(r.Addresses, func(a netip.Addr) bool { return !a.IsLoopback() })
}

// LookupTrouble is why a name has no addresses. The console has a sentence for each.
type LookupTrouble string

// What can go wrong with a name. Empty = nothing.
const (
	NoSuchName LookupTrouble = "no_name"    // DNS knows none like it
	NoAnswer   LookupTrouble = "no_answer"  // DNS did not say so in time
	LinkLocal  LookupTrouble = "link_local" // an address that Heliograph does not connect to
)

// LookupTroubles lists them.
var LookupTroubles = []LookupTrouble{NoSuchName, NoAnswer, LinkLocal}

// Looking names up: all at once, but not more at a time than a resolver bears.
const (
	lookupTime    = 3 * time.Second
	lookupsAtOnce = 16
)

// Own is what the installation itself needs of the network.
type Own struct {
	Called   []channel.Peer // who is called: a database elsewhere, the OpenID provider
	Open     []channel.Peer // its listeners, as others reach them
	Receipts []channel.Peer // where services post what became of a message; nil = nowhere
}

// Network lists every connection that the settings ask for. It looks no name up.
func (d *Door) Network(ctx context.Context) (Network, error) {
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return Network{}, err
	}
	peers := make([][]channel.Peer, len(servers))
	for i, s := range servers {
		if peers[i], err = d.peers(ctx, s); err != nil {
			return Network{}, err
		}
	}
	return Network{List: requirements(servers, peers, d.own(ctx))}, nil
}

// Where addresses name whom to call, some of them stand for all, and the most frequent of those are listed: devices
// choose them, and must not make the list endless.
const (
	addressesRead = 5000
	mostAddressed = 50
)

// peers is whom a server calls.
func (d *Door) peers(ctx context.Context, s channel.Server) (list []channel.Peer, err error) {
	if reaching, ok := s.Settings.(channel.Reaching); ok {
		list = reaching.Peers()
	}
	addressed, ok := s.Settings.(channel.Addressed)
	if !ok {
		return list, nil
	}
	tokens, err := d.store.SomeTokens(ctx, s.Kind, s.Route.App, addressesRead)
	if err != nil {
		return nil, fmt.Errorf("reading push tokens: %w", err)
	}
	var often count
	for _, token := range tokens {
		for _, peer := range addressed.PeersOf(token) {
			often.add(peer)
		}
	}
	return append(list, often.most(mostAddressed)...), nil
}

// count counts peers.
type count []counted

type counted struct {
	channel.Peer
	n int
}

func (c *count) add(p channel.Peer) {
	i := slices.IndexFunc(*c, func(x counted) bool { return x.Host == p.Host && x.Port == p.Port })
	if i < 0 {
		*c, i = append(*c, counted{Peer: p}), len(*c)
	}
	(*c)[i].n++
}

// most are the most frequent.
func (c count) most(n int) (list []channel.Peer) {
	slices.SortFunc(c, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.Host, b.Host)) })
	for _, one := range c[:min(n, len(c))] {
		list = append(list, one.Peer)
	}
	return list
}

// NetworkNow is Network with the addresses that the names have now; it takes a few seconds at most. Names that cannot be
// looked up are no error: what is wrong stands beside them.
func (d *Door) NetworkNow(ctx context.Context) (Network, error) {
	n, err := d.Network(ctx)
	if err == nil {
		d.lookUp(ctx, n.List)
		n.At = d.options.Now()
	}
	return n, err
}

func (d *Door) own(ctx context.Context) Own {
	if d.options.Own == nil {
		return Own{}
	}
	return d.options.Own(ctx)
}

// requirements puts together who calls whom: from here first, in the order of the purposes.
func requirements(servers []channel.Server, peers [][]channel.Peer, own Own) (list []Requirement) {
	for i, s := range servers {
		need := Need{s.Name, s.Kind, s.Active}
		for _, peer := range peers[i] {
			list = require(list, Requirement{Peer: peer, Needed: []Need{need}})
		}
		if _, ok := s.Settings.(channel.Receiver); ok {
			for _, peer := range own.Receipts {
				list = require(list, Requirement{Peer: peer, Inbound: true, Needed: []Need{need}})
			}
		}
	}
	for _, peer := range own.Called {
		list = require(list, Requirement{Peer: peer})
	}
	for _, peer := range own.Open {
		list = require(list, Requirement{Peer: peer, Inbound: true})
	}
	slices.SortStableFunc(list, compareRequirements)
	return list
}

// require adds a connection, or one more server to one that is there.
func require(list []Requirement, r Requirement) []Requirement {
	i := slices.IndexFunc(list, func(x Requirement) bool {
		return x.Inbound == r.Inbound && x.Purpose == r.Purpose && x.Host == r.Host && x.Port == r.Port && x.Protocol == r.Protocol
	})
	if i < 0 {
		return append(list, r)
	}
	for _, need := range r.Needed {
		if !slices.Contains(list[i].Needed, need) {
			list[i].Needed = append(list[i].Needed, need)
		}
	}
	return list
}

func compareRequirements(a, b Requirement) int {
	if a.Inbound != b.Inbound {
		if b.Inbound {
			return -1
		}
		return 1
	}
	place := func(r Requirement) int { return slices.Index(channel.Purposes, r.Purpose) }
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
}

// lookUp finds the addresses of all names at once, each name one time.
func (d *Door) lookUp(ctx context.Context, list []Requirement) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	places := map[string][]int{}
	for i, r := range list {
		places[r.Host] = append(places[r.Host], i)
	}
	var all sync.WaitGroup
	turn := make(chan struct{}, lookupsAtOnce)
	for host, at := range places {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			found, trouble := d.addresses(ctx, host)
			for _, i := range at {
				list[i].Addresses, list[i].Trouble = found, trouble
			}
		})
	}
	all.Wait()
}

// addresses looks one name up. An address stands for itself.
func (d *Door) addresses(ctx context.Context, host string) ([]netip.Addr, LookupTrouble) {
	if at, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{at}, troubleOf([]netip.Addr{at}, nil)
	}
	found, err := d.options.LookUp(ctx, host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	found = slices.Compact(found)
	return found, troubleOf(found, err)
}

func troubleOf(found []netip.Addr, err error) LookupTrouble {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(found) == 0:
		return NoSuchName
	case err != nil:
		return NoAnswer
	case slices.ContainsFunc(found, netip.Addr.IsLinkLocalUnicast):
		return LinkLocal
	}
	return ""
}

// LookUp finds the addresses of a name.
type LookUp func(ctx context.Context, host string) ([]netip.Addr, error)

// lookUpIP asks the system's resolver.
func lookUpIP(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
