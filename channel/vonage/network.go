package vonage

import "heliograph/channel"

// Peers are the service's API. Who reports receipts calls us, so it is not among them.
func (s *Settings) Peers() []channel.Peer {
	e, err := s.endpoint()
	if err != nil {
		return nil
	}
	if e.plain {
		return e.Peers(channel.ForText, "HTTP")
	}
	return e.Peers(channel.ForText, "HTTPS")
}

// Expires is when the certificates of Trusted CA end.
func (s *Settings) Expires() []channel.Expiry {
	return channel.CertificateExpiries("trusted_ca", s.TrustedCA)
}
