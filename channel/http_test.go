package channel

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"0":                             0,
		"-5":                            0,
		"soon":                          0,
		"1.5":                           0,
		"99999999":                      24 * time.Hour,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Sun, 01 Mar 2099 11:00:00 GMT": 24 * time.Hour,
	}
	for value, want := range cases {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	cases := map[string]Endpoint{
		"https://push.example.com":       {"https://push.example.com", "push.example.com", "push.example.com", "push.example.com:443"},
		"https://push.example.com/":      {"https://push.example.com", "push.example.com", "push.example.com", "push.example.com:443"},
		"https://push.example.com:2197":  {"https://push.example.com:2197", "push.example.com:2197", "push.example.com", "push.example.com:2197"},
		"https://[2001:db8::1]:8443":     {"https://[2001:db8::1]:8443", "[2001:db8::1]:8443", "2001:db8::1", "[2001:db8::1]:8443"},
		"":                               {},
		"push.example.com":               {},
		"http://push.example.com":        {},
		"https://":                       {},
		"https://user:pw@push.example":   {},
		"https://push.example.com/3":     {},
		"https://push.example.com?x=y":   {},
		"https://push.example.com#x":     {},
		"https://push.example.com:https": {},
	}
	for origin, want := range cases {
		got, err := ParseEndpoint(origin)
		if got != want || (err != nil) != (want == Endpoint{}) {
			t.Errorf("%q: %+v, %v", origin, got, err)
		}
	}
}

func TestRefuseLinkLocal(t *testing.T) {
	cases := map[string]bool{
		"169.254.169.254:80": false, "[fe80::1%eth0]:443": false, "[::ffff:169.254.0.1]:443": false, "not an address": false,
		"10.0.0.1:443": true, "127.0.0.1:443": true, "[2001:db8::1]:443": true, "[fd00::1]:443": true,
	}
	for address, want := range cases {
		if err := RefuseLinkLocal("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTLSConfig(t *testing.T) {
	if c, err := TLSConfig(" \n"); err != nil || c.RootCAs != nil {
		t.Errorf("without a CA: %v, %v", c, err)
	}
	if _, err := TLSConfig("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"); err == nil {
		t.Error("a damaged certificate is taken")
	}
}
