package smtp

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, tt := range []struct {
		name   string
		change func(*Settings)
		field  string // the only one that is wrong; empty = none
	}{
		{"as they are", func(*Settings) {}, ""},
		{"IPv4", func(s *Settings) { s.Host = "192.0.2.1" }, ""},
		{"IPv6", func(s *Settings) { s.Host = "2001:db8::1" }, ""},
		{"single label", func(s *Settings) { s.Host = "mailhost" }, ""},
		{"trailing dot", func(s *Settings) { s.Host = "mail.corp.test." }, ""},
		{"no host", func(s *Settings) { s.Host = "" }, "host"},
		{"host with a port", func(s *Settings) { s.Host = "mail.corp.test:25" }, "host"},
		{"URL", func(s *Settings) { s.Host = "https://mail.corp.test" }, "host"},
		{"host with a space", func(s *Settings) { s.Host = "mail corp" }, "host"},
		{"host with an injection", func(s *Settings) { s.Host = "mail\r\nx" }, "host"},
		{"mistyped address", func(s *Settings) { s.Host = "192.0.2.400" }, "host"},
		{"long label", func(s *Settings) { s.Host = long + ".test" }, "host"},
		{"metadata service", func(s *Settings) { s.Host = "169.254.169.254" }, "host"},
		{"metadata service in IPv6", func(s *Settings) { s.Host = "::ffff:169.254.169.254" }, "host"},
		{"link-local", func(s *Settings) { s.Host = "fe80::1%eth0" }, "host"},
		{"port 0", func(s *Settings) { s.Port = 0 }, "port"},
		{"port 65536", func(s *Settings) { s.Port = 65536 }, "port"},
		{"security", func(s *Settings) { s.Security = "starttls" }, "security"},
		{"no user name", func(s *Settings) { s.Authentication, s.Password = true, "x" }, "username"},
		{"no password", func(s *Settings) { s.Authentication, s.Username = true, "x" }, "password"},
		{"password of two lines", func(s *Settings) { s.Password = "a\nb" }, "password"},
		{"name of two lines", func(s *Settings) { s.FromName = "a\r\nBcc: b" }, "from_name"},
		{"no sender", func(s *Settings) { s.FromEmail = "" }, "from_email"},
		{"sender with a name", func(s *Settings) { s.FromEmail = "IT <it@corp.test>" }, "from_email"},
		{"sender without domain", func(s *Settings) { s.FromEmail = "it" }, "from_email"},
		{"CA is no PEM", func(s *Settings) { s.TrustedCA = "hello" }, "trusted_ca"},
		{"CA is a key", func(s *Settings) { s.TrustedCA = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" }, "trusted_ca"},
		{"CA is broken", func(s *Settings) { s.TrustedCA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, "trusted_ca"},
		{"21 retries", func(s *Settings) { s.MaxRetries = 21 }, "retries"},
		{"no retries", func(s *Settings) { s.MaxRetries = 0 }, ""},
		{"no timeout", func(s *Settings) { s.TimeoutSeconds = 0 }, "timeout_seconds"},
		{"601 seconds", func(s *Settings) { s.TimeoutSeconds = 601 }, "timeout_seconds"},
		{"no recipients", func(s *Settings) { s.MaxRecipients = 0 }, "max_recipients"},
		{"1001 recipients", func(s *Settings) { s.MaxRecipients = 1001 }, "max_recipients"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settings(tt.change)
			var fields []string
			for _, p := range s.Check() {
				fields = append(fields, p.Field)
				if !strings.HasSuffix(p.Detail, ".") {
					t.Errorf("not a sentence: %q", p.Detail)
				}
			}
			if got := strings.Join(fields, " "); got != tt.field {
				t.Errorf("wrong: %q, want %q", got, tt.field)
			}
		})
	}
}

// TestFields: the form has each of the settings, once, under the API's name.
func TestFields(t *testing.T) {
	want := map[string]bool{}
	for f := range reflect.TypeFor[Settings]().Fields() {
		want[f.Tag.Get("json")] = true
	}
	got := map[string]bool{}
	for _, f := range Provider.Fields {
		if got[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		got[f.Name] = true
		if f.Secret != (f.Name == "password") {
			t.Errorf("%s: secret is %v", f.Name, f.Secret)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecode(t *testing.T) {
	s := Provider.Default()
	raw := json.RawMessage(`{"host": "mail.corp.test", "port": 587, "security": "tls", "from_email": "it@corp.test", "retries": 3}`)
	if err := channel.Decode(s, raw); err != nil {
		t.Fatal(err)
	}
	want := &Settings{Host: "mail.corp.test", Port: 587, Security: TLS, FromEmail: "it@corp.test", MaxRetries: 3, TimeoutSeconds: 30, MaxRecipients: 100}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if s.Retries() != 3 || s.Route() != (channel.Route{Host: "mail.corp.test"}) || len(s.Check()) > 0 {
		t.Errorf("retries %d, route %v, problems %v", s.Retries(), s.Route(), s.Check())
	}
	if err := channel.Decode(s, json.RawMessage(`{"hots": "x"}`)); err == nil {
		t.Error("an unknown setting was taken")
	}
}
