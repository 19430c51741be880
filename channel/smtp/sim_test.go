package smtp

import (
	"context"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"heliograph/channel"
	"heliograph/message"
	"heliograph/sim/authority"
	mailserver "heliograph/sim/smtp"
)

// TestTokensAtSimulator: an access token from the endpoint opens the mail server, and who is refused reads why.
func TestTokensAtSimulator(t *testing.T) {
	server, reached := simulator(t, mailserver.Options{RequireAuth: true})
	endpoint := httptest.NewServer(mailserver.TokenEndpoint())
	t.Cleanup(endpoint.Close)

	for _, tt := range []struct{ name, user, client, secret, fails, detail string }{
		{name: "taken", user: "alerts@corp.test", client: "app", secret: "cl1ent+s3cret"},
		{name: "wrong secret", user: "alerts@corp.test", client: "app", secret: "sim-wrong-secret", fails: "token", detail: "401 invalid_client"},
		{name: "token refused", user: "alerts@corp.test", client: "sim-expired-token", secret: "cl1ent+s3cret", fails: "auth", detail: `"status":"401"`},
		{name: "user refused", user: "sim-wrong-token", client: "app", secret: "cl1ent+s3cret", fails: "auth", detail: "535 5.7.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settings(withOAuth, reached, func(s *Settings) {
				s.Username, s.OAuth.ClientID, s.OAuth.ClientSecret, s.OAuth.TokenURL = tt.user, tt.client, tt.secret, endpoint.URL
			})
			report := s.Test(t.Context(), channel.Env{}, message.Message{Address: "ana@corp.test"})
			last := report.Steps[len(report.Steps)-1]
			if report.OK != (tt.fails == "") || !report.OK && (last.Name != tt.fails || report.Reason != message.Credentials || !strings.Contains(report.Detail, tt.detail)) {
				t.Errorf("%+v", report)
			}
			if said := strings.Join(report.Dialogue, "\n"); strings.Contains(said, "sim-access-") || strings.Contains(said, "sim-expired-") {
				t.Errorf("the token is shown: %s", said)
			}
		})
	}
	if items := server.History(); len(items) != 1 || items[0].User != "alerts@corp.test" {
		t.Errorf("%+v", items)
	}
}

// simulator starts a mail server, and gives what settings need to reach it.
func simulator(t *testing.T, o mailserver.Options) (server *mailserver.Server, reached func(*Settings)) {
	t.Helper()
	var err error
	if o.Authority, err = authority.New(); err != nil {
		t.Fatal(err)
	}
	if server, err = mailserver.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	host, text, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return server, func(s *Settings) {
		s.Host, s.Port, s.Security, s.TrustedCA = host, port, TLS, string(o.Authority.PEM())
	}
}

// TestStepThatFails: the report names the step at which the server let us down, also where several were asked at once.
func TestStepThatFails(t *testing.T) {
	_, reached := simulator(t, mailserver.Options{})
	for _, tt := range []struct{ name, user, from, to, fails, detail string }{
		{name: "sender", from: "sim-sender@corp.test", to: "ana@corp.test", fails: "mail", detail: "refused the sender's address"},
		{name: "recipient", to: "sim-bounce@corp.test", fails: "rcpt", detail: "does not know this address"},
		{name: "recipient, and then gone", to: "sim-shutdown@corp.test", fails: "rcpt", detail: "closes connections"},
		{name: "DATA", to: "sim-silent@corp.test", fails: "data", detail: "did not answer DATA within 2s"},
		{name: "the mail", to: "sim-hang@corp.test", fails: "data", detail: "did not answer within 2s after the mail"},
		{name: "TLS first", user: "sim-no-auth", to: "ana@corp.test", fails: "auth", detail: "wants another way to sign in, or TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // some wait
			s := settings(reached, func(s *Settings) {
				if strings.Contains(tt.detail, "within 2s") {
					s.TimeoutSeconds = 2
				}
				s.Authentication, s.Username, s.Password = tt.user != "", tt.user, "pa55word"
				if tt.from != "" {
					s.FromEmail = tt.from
				}
			})
			report := s.Test(t.Context(), channel.Env{}, message.Message{Address: tt.to})
			last := report.Steps[len(report.Steps)-1]
			if report.OK || last.Name != tt.fails || !strings.Contains(report.Detail, tt.detail) {
				t.Errorf("%+v", report)
			}
		})
	}
}
