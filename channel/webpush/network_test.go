package webpush

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

// TestPeersOf: who is called is named by the subscription, and nothing else of it is told.
func TestPeersOf(t *testing.T) {
	device := newApp(t)
	for token, want := range map[string][]channel.Peer{
		device.token("https://updates.push.services.mozilla.com"): {{Purpose: channel.ForPush, Host: "updates.push.services.mozilla.com", Port: 443, Protocol: "HTTPS"}},
		device.token("https://push.example.com:8443"):             {{Purpose: channel.ForPush, Host: "push.example.com", Port: 8443, Protocol: "HTTPS"}},
		"no subscription":                        nil,
		device.token("http://clear.example.com"): nil,
	} {
		if diff := cmp.Diff(want, new(Settings).PeersOf(token)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
