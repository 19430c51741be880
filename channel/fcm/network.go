package fcm

import "heliograph/channel"

// Peers are Firebase, and the endpoint that the service account gets its access tokens from.
func (s *Settings) Peers() (peers []channel.Peer) {
	if endpoint, err := s.endpoint(); err == nil {
		peers = endpoint.Peers(channel.ForPush, "HTTP/2, TLS")
	}
	if a, err := parseAccount(s.ServiceAccount); err == nil {
		peers = append(peers, channel.PeersAt(channel.ForToken, a.TokenURI)...)
	}
	return peers
}

// Expires is when the certificates of Trusted CA end. The file of a service account does not say when its key does.
func (s *Settings) Expires() []channel.Expiry {
	return channel.CertificateExpiries("trusted_ca", s.TrustedCA)
}
