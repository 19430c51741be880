package vonage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestPeers(t *testing.T) {
	for name, c := range map[string]struct {
		in   Settings
		want channel.Peer
	}{
		"the real one":          {Settings{HTTPS: true}, channel.Peer{Host: "rest.nexmo.com", Port: 443, Protocol: "HTTPS"}},
		"the real one in clear": {Settings{}, channel.Peer{Host: "rest.nexmo.com", Port: 80, Protocol: "HTTP"}},
		"another":               {Settings{HTTPS: true, Endpoint: "https://sms.example.com:8443"}, channel.Peer{Host: "sms.example.com", Port: 8443, Protocol: "HTTPS"}},
		"another in clear":      {Settings{Endpoint: "http://sms.example.com"}, channel.Peer{Host: "sms.example.com", Port: 80, Protocol: "HTTP"}},
	} {
		c.want.Purpose = channel.ForText
		if diff := cmp.Diff([]channel.Peer{c.want}, c.in.Peers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := (&Settings{Endpoint: "ftp://sms.example.com"}).Peers(); got != nil {
		t.Errorf("settings that cannot be used: %v", got)
	}
}
