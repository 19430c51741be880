package channel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPeersAt(t *testing.T) {
	for address, want := range map[string][]Peer{
		"https://oauth2.googleapis.com/token":    {{Purpose: ForToken, Host: "oauth2.googleapis.com", Port: 443, Protocol: "HTTPS"}},
		"http://127.0.0.1:8099/token":            {{Purpose: ForToken, Host: "127.0.0.1", Port: 8099, Protocol: "HTTP"}},
		"http://login.example.com":               {{Purpose: ForToken, Host: "login.example.com", Port: 80, Protocol: "HTTP"}},
		"https://[2001:db8::1]:8443/token?a=b#c": {{Purpose: ForToken, Host: "2001:db8::1", Port: 8443, Protocol: "HTTPS"}},
		"":                                       nil,
		"login.example.com":                      nil,
		"ftp://login.example.com":                nil,
		"https://":                               nil,
		"https://login.example.com:x/":           nil,
	} {
		if diff := cmp.Diff(want, PeersAt(ForToken, address)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", address, diff)
		}
	}
}

func TestPeersOfAnEndpoint(t *testing.T) {
	e, err := ParseEndpoint("https://[2001:db8::1]")
	if err != nil {
		t.Fatal(err)
	}
	want := []Peer{{Purpose: ForPush, Host: "2001:db8::1", Port: 443, Protocol: "HTTPS", Also: []int{2197}}}
	if diff := cmp.Diff(want, e.Peers(ForPush, "HTTPS", 2197)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (Endpoint{}).Peers(ForPush, "HTTPS"); got != nil {
		t.Errorf("nobody is at no endpoint: %v", got)
	}
}
