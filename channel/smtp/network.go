package smtp

import (
	"strings"

	"heliograph/channel"
)

var protocols = map[string]string{None: "SMTP", TLS: "SMTP, STARTTLS", SSL: "SMTP, TLS"}

// Peers are the mail server, and the endpoint that access tokens come from.
func (s *Settings) Peers() (peers []channel.Peer) {
	if s.Host != "" {
		peers = append(peers, channel.Peer{
			Purpose: channel.ForMail, Host: strings.TrimSuffix(s.Host, "."), Port: s.Port, Protocol: protocols[s.Security],
		})
	}
	if s.Authentication && s.OAuth.used() {
		peers = append(peers, channel.PeersAt(channel.ForToken, s.OAuth.TokenURL)...)
	}
	return peers
}

// Expires is when the certificates of Trusted CA end, and the client secret of OAuth 2.0 when somebody said so.
func (s *Settings) Expires() []channel.Expiry {
	list := channel.CertificateExpiries("trusted_ca", s.TrustedCA)
	if end, known := s.OAuth.expires(); known && s.Authentication && s.OAuth.used() {
		list = append(list, channel.Expiry{Field: "oauth.client_secret", Whose: s.OAuth.ClientID, At: end})
	}
	return list
}
