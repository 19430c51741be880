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
	ca, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := mailserver.Start(mailserver.Options{Authority: ca, RequireAuth: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	endpoint := httptest.NewServer(mailserver.TokenEndpoint())
	t.Cleanup(endpoint.Close)
	host, text, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct{ name, user, client, secret, fails, detail string }{
		{name: "taken", user: "alerts@corp.test", client: "app", secret: "cl1ent+s3cret"},
		{name: "wrong secret", user: "alerts@corp.test", client: "app", secret: "sim-wrong-secret", fails: "token", detail: "401 invalid_client"},
		{name: "token refused", user: "alerts@corp.test", client: "sim-expired-token", secret: "cl1ent+s3cret", fails: "auth", detail: `"status":"401"`},
		{name: "user refused", user: "sim-wrong-token", client: "app", secret: "cl1ent+s3cret", fails: "auth", detail: "535 5.7.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settings(withOAuth, func(s *Settings) {
				s.Host, s.Port, s.Security, s.TrustedCA = host, port, TLS, string(ca.PEM())
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
