package intake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

// serverList is a store that has nothing but servers.
type serverList struct {
	Store
	list []channel.Server
}

func (s serverList) Servers(context.Context, ...string) ([]channel.Server, error) { return s.list, nil }

// caller are settings that need connections.
type caller struct {
	channel.Settings
	peers []channel.Peer
}

func (c caller) Peers() []channel.Peer { return c.peers }

// listener are settings whose service reports receipts.
type listener struct{ caller }

func (listener) ReadReceipt(channel.Incoming) (channel.Receipt, error) { return channel.Receipt{}, nil }

var (
	pushPeer  = channel.Peer{Purpose: channel.ForPush, Host: "push.example.com", Port: 443, Protocol: "HTTPS", Also: []int{2197}}
	tokenPeer = channel.Peer{Purpose: channel.ForToken, Host: "tokens.example.com", Port: 443, Protocol: "HTTPS"}
	mailPeer  = channel.Peer{Purpose: channel.ForMail, Host: "192.0.2.25", Port: 25, Protocol: "SMTP"}
	textPeer  = channel.Peer{Purpose: channel.ForText, Host: "sms.example.com", Port: 443, Protocol: "HTTPS"}
	hooks     = channel.Peer{Purpose: channel.ForReceipts, Host: "console.example.com", Port: 443, Protocol: "HTTPS"}
	pages     = channel.Peer{Purpose: channel.ForConsole, Host: "console.example.com", Port: 443, Protocol: "HTTPS"}
	database  = channel.Peer{Purpose: channel.ForDatabase, Host: "db.example.com", Port: 5432, Protocol: "PostgreSQL"}
)

func addr(list ...string) (found []netip.Addr) {
	for _, text := range list {
		found = append(found, netip.MustParseAddr(text))
	}
	return found
}

// dns answers by name; a name that it does not know is no name.
func dns(names map[string][]netip.Addr) LookUp {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		found, ok := names[host]
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return found, nil
	}
}

func TestNetworkIsMadeFromTheSettings(t *testing.T) {
	store := serverList{list: []channel.Server{
		{Name: "Old app", Kind: "apns", Settings: caller{peers: []channel.Peer{pushPeer}}},
		{Name: "App", Kind: "apns", Active: true, Settings: caller{peers: []channel.Peer{pushPeer, tokenPeer}}},
		{Name: "Texts", Kind: "sms", Active: true, Settings: listener{caller{peers: []channel.Peer{textPeer}}}},
		{Name: "Spare mail", Kind: "smtp", Settings: caller{peers: []channel.Peer{mailPeer}}},
		{Name: "Silent", Kind: "x", Active: true, Settings: struct{ channel.Settings }{}},
	}}
	at := time.Date(2026, 3, 21, 12, 0, 0, 0, time.UTC)
	door := New(store, Options{
		Now: func() time.Time { return at },
		Own: func(context.Context) Own {
			return Own{Called: []channel.Peer{database}, Open: []channel.Peer{pages}, Receipts: []channel.Peer{hooks}}
		},
		LookUp: dns(map[string][]netip.Addr{
			"push.example.com":    addr("2001:db8::2", "::ffff:198.51.100.7", "198.51.100.7", "198.51.100.6"),
			"sms.example.com":     {},
			"console.example.com": addr("203.0.113.9"),
			"db.example.com":      addr("169.254.10.1"),
		}),
	})
	got, err := door.NetworkNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Network{At: at, List: []Requirement{
		{Peer: mailPeer, Needed: []Need{{"Spare mail", "smtp", false}}, Addresses: addr("192.0.2.25")},
		{Peer: textPeer, Needed: []Need{{"Texts", "sms", true}}, Addresses: []netip.Addr{}, Trouble: NoSuchName},
		{Peer: pushPeer, Needed: []Need{{"Old app", "apns", false}, {"App", "apns", true}}, Addresses: addr("198.51.100.6", "198.51.100.7", "2001:db8::2")},
		{Peer: tokenPeer, Needed: []Need{{"App", "apns", true}}, Trouble: NoSuchName},
		{Peer: database, Addresses: addr("169.254.10.1"), Trouble: LinkLocal},
		{Peer: hooks, Inbound: true, Needed: []Need{{"Texts", "sms", true}}, Addresses: addr("203.0.113.9")},
		{Peer: pages, Inbound: true, Addresses: addr("203.0.113.9")},
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	active := []bool{}
	for _, r := range got.List {
		active = append(active, r.Active())
	}
	if diff := cmp.Diff([]bool{false, true, true, true, true, true, true}, active); diff != "" {
		t.Errorf("needed today (-want +got):\n%s", diff)
	}
}

func TestNetworkWithoutAddressesAsksNobody(t *testing.T) {
	door := New(serverList{list: []channel.Server{{Name: "App", Settings: caller{peers: []channel.Peer{pushPeer}}}}}, Options{
		LookUp: func(_ context.Context, host string) ([]netip.Addr, error) {
			t.Errorf("%s was looked up", host)
			return nil, nil
		},
	})
	got, err := door.Network(t.Context())
	if err != nil || len(got.List) != 1 || !got.At.IsZero() || got.List[0].Addresses != nil || got.List[0].Trouble != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// browsers are settings of a provider whose addresses name whom to call.
type browsers struct{ caller }

func (browsers) PeersOf(token string) []channel.Peer {
	if token == "damaged" {
		return nil
	}
	return []channel.Peer{{Purpose: channel.ForPush, Host: token, Port: 443, Protocol: "HTTPS", Also: []int{2197}}}
}

// tokenList is a store of servers with tokens by app.
type tokenList struct {
	serverList
	tokens map[string][]string
}

func (s tokenList) SomeTokens(_ context.Context, kind, app string, most int) ([]string, error) {
	if kind != "webpush" {
		return nil, errors.New("another kind")
	}
	return s.tokens[app][:min(most, len(s.tokens[app]))], nil
}

// TestNetworkOfAddressesThatNameTheirOwn: each is listed once, beside what the settings name, and a device that makes up
// names cannot make the list long.
func TestNetworkOfAddressesThatNameTheirOwn(t *testing.T) {
	app := channel.Server{Name: "App", Kind: "webpush", Active: true, Settings: browsers{caller{peers: []channel.Peer{pushPeer}}}}
	app.Route.App = "app"
	tokens := []string{"b.example.com", "a.example.com", "damaged", "b.example.com", "push.example.com"}
	store := tokenList{serverList{list: []channel.Server{app}}, map[string][]string{"app": tokens, "other": {"other.example.com"}}}
	hosts := func() (list []string) {
		n, err := New(store, Options{}).Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range n.List {
			list = append(list, r.Host)
			if len(r.Needed) != 1 {
				t.Errorf("%s is needed by %v", r.Host, r.Needed)
			}
		}
		return list
	}
	if diff := cmp.Diff([]string{"a.example.com", "b.example.com", "push.example.com"}, hosts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range 1000 {
		store.tokens["app"] = append(store.tokens["app"], fmt.Sprintf("made-up-%03d.example.com", i))
	}
	got := hosts()
	if len(got) != mostAddressed+1 || got[0] != "a.example.com" || got[1] != "b.example.com" {
		t.Errorf("%d hosts: %v", len(got), got)
	}
}

func TestNetworkOfNothing(t *testing.T) {
	got, err := New(serverList{}, Options{}).NetworkNow(t.Context())
	if err != nil || len(got.List) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestNetworkDoesNotWaitForDNS: a hundred names that nobody answers for cost as much as one.
func TestNetworkDoesNotWaitForDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var peers []channel.Peer
		for i := range 100 {
			peers = append(peers, channel.Peer{Purpose: channel.ForPush, Host: fmt.Sprintf("push-%d.example.com", i), Port: 443})
		}
		peers = append(peers, mailPeer)
		asked := 0
		door := New(serverList{list: []channel.Server{{Name: "All", Active: true, Settings: caller{peers: peers}}}}, Options{
			LookUp: func(ctx context.Context, _ string) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		began := time.Now()
		got, err := door.NetworkNow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > lookupTime {
			t.Errorf("it took %v", took)
		}
		for _, r := range got.List {
			if r.Trouble == NoAnswer {
				asked++
			}
		}
		if asked != 100 {
			t.Errorf("%d names without an answer, want 100", asked)
		}
	})
}

func TestLocalConnections(t *testing.T) {
	for want, list := range map[bool][][]netip.Addr{
		true:  {addr("127.0.0.1"), addr("::1", "127.0.0.2")},
		false: {nil, addr("192.0.2.1"), addr("127.0.0.1", "192.0.2.1")},
	} {
		for _, found := range list {
			if got := (Requirement{Addresses: found}).Local(); got != want {
				t.Errorf("%v: %v, want %v", found, got, want)
			}
		}
	}
}

func TestTroubleOfLookups(t *testing.T) {
	for name, c := range map[string]struct {
		found []netip.Addr
		err   error
		want  LookupTrouble
	}{
		"found":         {addr("192.0.2.1"), nil, ""},
		"none":          {nil, nil, NoSuchName},
		"unknown":       {nil, &net.DNSError{IsNotFound: true}, NoSuchName},
		"time is over":  {nil, context.DeadlineExceeded, NoAnswer},
		"DNS is broken": {nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}, NoAnswer},
		"anything else": {nil, errors.New("out of sockets"), NoAnswer},
		"link-local":    {addr("fe80::1"), nil, LinkLocal},
		"one of them":   {addr("192.0.2.1", "169.254.169.254"), nil, LinkLocal},
	} {
		if got := troubleOf(c.found, c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
