package smtp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestPeers(t *testing.T) {
	oauth := OAuth{TokenURL: "https://login.example.com/t/oauth2/v2.0/token", ClientID: "id"}
	mail := func(host string, port int, protocol string) channel.Peer {
		return channel.Peer{Purpose: channel.ForMail, Host: host, Port: port, Protocol: protocol}
	}
	for name, c := range map[string]struct {
		in   Settings
		want []channel.Peer
	}{
		"nothing filled in": {in: *defaults()},
		"plain":             {Settings{Host: "mail.example.com", Port: 25, Security: None}, []channel.Peer{mail("mail.example.com", 25, "SMTP")}},
		"STARTTLS":          {Settings{Host: "mail.example.com.", Port: 587, Security: TLS}, []channel.Peer{mail("mail.example.com", 587, "SMTP, STARTTLS")}},
		"TLS, by address":   {Settings{Host: "2001:db8::25", Port: 465, Security: SSL}, []channel.Peer{mail("2001:db8::25", 465, "SMTP, TLS")}},
		"OAuth 2.0": {Settings{Host: "smtp.example.com", Port: 587, Security: TLS, Authentication: true, OAuth: oauth}, []channel.Peer{
			mail("smtp.example.com", 587, "SMTP, STARTTLS"), {Purpose: channel.ForToken, Host: "login.example.com", Port: 443, Protocol: "HTTPS"},
		}},
		"OAuth 2.0, without authentication": {Settings{Host: "smtp.example.com", Port: 25, Security: None, OAuth: oauth}, []channel.Peer{mail("smtp.example.com", 25, "SMTP")}},
	} {
		if diff := cmp.Diff(c.want, c.in.Peers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSecretExpires: the client secret ends on the day that somebody noted, as long as it is used.
func TestSecretExpires(t *testing.T) {
	with := func(change func(s *Settings)) *Settings {
		s := &Settings{Authentication: true, OAuth: OAuth{TokenURL: "https://login.example.com/token", ClientID: "app-1", ClientSecret: "s", SecretExpires: "2040-03-31"}}
		change(s)
		return s
	}
	for name, c := range map[string]struct {
		s    *Settings
		want int
	}{
		"noted":             {with(func(*Settings) {}), 1},
		"not noted":         {with(func(s *Settings) { s.OAuth.SecretExpires = "" }), 0},
		"nobody signs in":   {with(func(s *Settings) { s.Authentication = false }), 0},
		"OAuth is not used": {with(func(s *Settings) { s.OAuth.TokenURL, s.OAuth.ClientID = "", "" }), 0},
		"no date":           {with(func(s *Settings) { s.OAuth.SecretExpires = "soon" }), 0},
	} {
		got := c.s.Expires()
		if len(got) != c.want || c.want == 1 && (got[0].Whose != "app-1" || got[0].At.Format(time.DateOnly) != "2040-03-31") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if problems := (OAuth{SecretExpires: "soon"}).check(); len(problems) != 1 || problems[0].Field != "oauth.secret_expires" {
		t.Errorf("%v", problems)
	}
}
