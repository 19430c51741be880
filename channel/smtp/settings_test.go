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
		{"SPA", func(s *Settings) { s.Authentication, s.Username, s.Password, s.SPA = true, `CORP\it`, "x", true }, ""},
		{"SPA without authentication", func(s *Settings) { s.SPA = true }, "spa"},
		{"OAuth", withOAuth, ""},
		{"OAuth and a password", func(s *Settings) { withOAuth(s); s.Password = "x" }, ""},
		{"OAuth without a scope", func(s *Settings) { withOAuth(s); s.OAuth.Scope = "" }, ""},
		{"OAuth on this machine", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "http://127.0.0.1:8080/token" }, ""},
		{"OAuth on this machine in IPv6", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "http://[::1]:8080/token" }, ""},
		{"OAuth with authentication off is kept", func(s *Settings) { withOAuth(s); s.Authentication = false }, ""},
		{"a client secret that is left", func(s *Settings) { s.OAuth.ClientSecret = "x" }, ""},
		{"OAuth and SPA", func(s *Settings) { withOAuth(s); s.SPA = true }, "spa"},
		{"OAuth without a user name", func(s *Settings) { withOAuth(s); s.Username = "" }, "username"},
		{"no endpoint", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "" }, "oauth.token_url"},
		{"no client id", func(s *Settings) { withOAuth(s); s.OAuth.ClientID = "" }, "oauth.client_id"},
		{"no client secret", func(s *Settings) { withOAuth(s); s.OAuth.ClientSecret = "" }, "oauth.client_secret"},
		{"endpoint without TLS", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "http://login.corp.test/token" }, "oauth.token_url"},
		{"endpoint is a name", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "login.corp.test" }, "oauth.token_url"},
		{"endpoint is a file", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "file:///etc/passwd" }, "oauth.token_url"},
		{"endpoint with a password", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "https://a:b@login.corp.test/token" }, "oauth.token_url"},
		{"endpoint is the metadata service", func(s *Settings) { withOAuth(s); s.OAuth.TokenURL = "https://169.254.169.254/token" }, "oauth.token_url"},
		{"scope of two lines", func(s *Settings) { withOAuth(s); s.OAuth.Scope = "a\nb" }, "oauth.scope"},
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

// withOAuth are settings as for Microsoft 365.
func withOAuth(s *Settings) {
	s.Authentication, s.Username = true, "it@corp.test"
	s.OAuth = OAuth{TokenURL: "https://login.corp.test/tenant/token", ClientID: "app-1", ClientSecret: "cl1ent+s3cret", Scope: "https://mail.corp.test/.default"}
}

// TestFields: the form has each of the settings, once, under the API's name.
func TestFields(t *testing.T) {
	want := map[string]bool{}
	for f := range reflect.TypeFor[Settings]().Fields() {
		want[f.Tag.Get("json")] = true
	}
	delete(want, "oauth")
	for f := range reflect.TypeFor[OAuth]().Fields() {
		want["oauth."+f.Tag.Get("json")] = true
	}
	got := map[string]bool{}
	for _, f := range Provider.Fields {
		if got[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		got[f.Name] = true
		if f.Secret != (f.Name == "password" || f.Name == "oauth.client_secret") {
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
