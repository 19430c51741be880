package smtp

import (
	"testing"

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
