package apns

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestPeers(t *testing.T) {
	peer := func(host string, port int, also ...int) []channel.Peer {
		return []channel.Peer{{Purpose: channel.ForPush, Host: host, Port: port, Protocol: "HTTP/2, TLS", Also: also}}
	}
	for name, c := range map[string]struct {
		in   Settings
		want []channel.Peer
	}{
		"production":               {Settings{Environment: Production}, peer("api.push.apple.com", 443, 2197)},
		"sandbox":                  {Settings{Environment: Sandbox}, peer("api.sandbox.push.apple.com", 443, 2197)},
		"the other port":           {Settings{Environment: Production, Endpoint: "https://api.push.apple.com:2197"}, peer("api.push.apple.com", 2197)},
		"an endpoint of one's own": {Settings{Environment: Production, Endpoint: "https://push.example.com"}, peer("push.example.com", 443)},
		"no environment":           {Settings{}, nil},
	} {
		if diff := cmp.Diff(c.want, c.in.Peers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestExpires: the key that a certificate comes with, and authorities sent along with it, are not spoken of.
func TestExpires(t *testing.T) {
	until := time.Date(2027, 3, 21, 0, 0, 0, 0, time.UTC)
	mine := certificate(testKey, until.Add(-time.Hour), until)
	authority := certificate(testKey, until.Add(-time.Hour), until.Add(time.Hour))
	whose := channel.CertificateExpiries("", mine)[0].Whose
	for name, c := range map[string]struct {
		in   Settings
		want []channel.Expiry
	}{
		"a key":         {in: Settings{KeyP8: "key"}},
		"a certificate": {Settings{Certificate: mine}, []channel.Expiry{{Field: "certificate", Whose: whose, At: until}}},
		"with its authority": {Settings{Certificate: mine + authority, TrustedCA: authority}, []channel.Expiry{
			{Field: "certificate", Whose: whose, At: until}, {Field: "trusted_ca", Whose: whose, At: until.Add(time.Hour)},
		}},
	} {
		if diff := cmp.Diff(c.want, c.in.Expires()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
