package webpush

import (
	"errors"
	"net/netip"
	"testing"

	"heliograph/channel"
)

func TestGuard(t *testing.T) {
	own, err := parseNetworks("10.20.0.0/16, fd12:3456::/32\n127.0.0.1\t100.64.0.0/10 fd00::/8 168.63.129.16")
	if err != nil {
		t.Fatal(err)
	}
	const yes, ifAllowed, no = "yes", "if allowed", "no"
	for _, c := range []struct{ address, want string }{
		{"1.1.1.1", yes}, {"8.8.8.8", yes}, {"142.250.74.106", yes}, {"172.15.255.255", yes}, {"172.32.0.0", yes}, {"100.63.255.255", yes},
		{"2606:4700::1111", yes}, {"2a00:1450:4001::a", yes}, {"::ffff:8.8.8.8", yes}, {"64:ff9b::8.8.8.8", yes},

		{"10.20.30.40", ifAllowed}, {"::ffff:10.20.30.40", ifAllowed}, {"64:ff9b::10.20.30.40", ifAllowed}, {"127.0.0.1", ifAllowed},
		{"::ffff:127.0.0.1", ifAllowed}, {"100.64.0.1", ifAllowed}, {"100.127.255.254", ifAllowed}, {"fd12:3456::1", ifAllowed},

		{"0.0.0.0", no}, {"0.1.2.3", no}, {"10.21.0.1", no}, {"127.0.0.2", no}, {"172.16.0.1", no}, {"172.31.255.255", no},
		{"192.168.1.1", no}, {"198.18.0.1", no}, {"192.0.2.1", no}, {"198.51.100.7", no}, {"203.0.113.7", no}, {"192.0.0.8", no},
		{"192.88.99.1", no}, {"224.0.0.1", no}, {"239.255.255.250", no}, {"240.0.0.1", no}, {"255.255.255.255", no},
		{"::", no}, {"::1", no}, {"::127.0.0.1", no}, {"::ffff:192.168.1.1", no}, {"::ffff:0:10.0.0.1", no}, {"64:ff9b::192.168.1.1", no},
		{"64:ff9b:1::8.8.8.8", no}, {"100::1", no}, {"2001::1", no}, {"2001:db8::1", no}, {"2002:7f00:1::", no}, {"3fff::1", no},
		{"5f00::1", no}, {"fc00::1", no}, {"fe80::1", no}, {"fec0::1", no}, {"ff02::1", no},

		{"169.254.169.254", no}, {"::ffff:169.254.169.254", no}, {"64:ff9b::169.254.169.254", no}, {"100.100.100.200", no},
		{"168.63.129.16", no}, {"192.0.0.192", no}, {"fd00:ec2::254", no}, {"fd20:ce::254", no},
	} {
		address := netip.AddrPortFrom(netip.MustParseAddr(c.address), 443).String()
		closed, opened := guard{}.control("tcp", address, nil), guard{own}.control("tcp", address, nil)
		if (closed == nil) != (c.want == yes) || (opened == nil) != (c.want != no) {
			t.Errorf("%s: %v; with networks allowed %v; want %s", c.address, closed, opened, c.want)
		}
		var barred channel.AddressError
		if closed != nil && !errors.As(closed, &barred) {
			t.Errorf("%s: %v is not an AddressError", c.address, closed)
		}
	}
	for _, address := range []string{"[fe80::1%eth0]:443", "[fd99::1%eth0]:443", "push.example.net:443", ""} {
		if (guard{}).control("tcp", address, nil) == nil {
			t.Errorf("%q may be called", address)
		}
	}
}

// TestLinkLocalIsNeverAllowed: not even by an administrator who allows everything.
func TestLinkLocalIsNeverAllowed(t *testing.T) {
	all, err := parseNetworks("0.0.0.0/0 ::/0")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"169.254.169.254:443", "[fe80::1%1]:443", "[64:ff9b::169.254.169.254]:443", "[fd00:ec2::254]:443"} {
		if err := (guard{all}).control("tcp", address, nil); !errors.Is(err, metadata) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := (guard{all}).control("tcp", "192.168.1.1:443", nil); err != nil {
		t.Error(err)
	}
}

func TestParseNetworks(t *testing.T) {
	for text, want := range map[string]int{"": 0, " \r\n": 0, "10.0.0.1/8": 1, "10.0.0.0/8,::1": 2, "192.168.1.7\nfd00::/8": 2} {
		if list, err := parseNetworks(text); err != nil || len(list) != want {
			t.Errorf("%q: %v, %v", text, list, err)
		}
	}
	for _, text := range []string{"10.0.0.0/33", "10.0.0", "push.example.net", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10.0.0.0/8;x"} {
		if _, err := parseNetworks(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
