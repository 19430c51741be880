package fcm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestPeers(t *testing.T) {
	push := func(host string, port int) channel.Peer {
		return channel.Peer{Purpose: channel.ForPush, Host: host, Port: port, Protocol: "HTTP/2, TLS"}
	}
	token := channel.Peer{Purpose: channel.ForToken, Host: "oauth2.googleapis.com", Port: 443, Protocol: "HTTPS"}
	account := file("https://oauth2.googleapis.com/token", nil)
	for name, c := range map[string]struct {
		in   Settings
		want []channel.Peer
	}{
		"Google's":                 {Settings{ServiceAccount: account}, []channel.Peer{push("fcm.googleapis.com", 443), token}},
		"an endpoint of one's own": {Settings{ServiceAccount: account, Endpoint: "https://push.example.com:8443"}, []channel.Peer{push("push.example.com", 8443), token}},
		"nothing filled in":        {Settings{}, []channel.Peer{push("fcm.googleapis.com", 443)}},
	} {
		if diff := cmp.Diff(c.want, c.in.Peers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
