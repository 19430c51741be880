package webpush

import "testing"

func TestAdmits(t *testing.T) {
	tests := []struct {
		host, allowed string
		want          bool
	}{
		{"push.example.com", "", true},
		{"web.push.apple.com.", "", true},
		{"8.8.8.8", "", true},
		{"2606:4700::1111", "", true},
		{"127.0.0.1", "", false},
		{"::1", "", false},
		{"10.1.2.3", "", false},
		{"10.1.2.3", "10.0.0.0/8", true},
		{"192.168.1.1", "10.0.0.0/8", false},
		{"::ffff:127.0.0.1", "", false},
		{"64:ff9b::7f00:1", "", false},
		{"169.254.169.254", "0.0.0.0/0", false},
		{"fe80::1", "::/0", false},
		{"localhost", "", false},
		{"intranet", "", false},
		{"push.corp.internal", "", false},
		{"push.corp.internal", "10.0.0.0/8", true},
		{"printer.LOCAL", "", false},
		{"nas.home.arpa", "", false},
	}
	for _, test := range tests {
		s := Settings{AllowedNetworks: test.allowed}
		if err := s.Admits(test.host); (err == nil) != test.want {
			t.Errorf("%s with %q allowed: %v", test.host, test.allowed, err)
		}
	}
}
