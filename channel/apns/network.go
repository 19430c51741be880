package apns

import "heliograph/channel"

// otherPort is where Apple answers too, should 443 be closed ("Sending notification requests to APNs"). The endpoint
// setting chooses it.
const otherPort = 2197

// Peers are Apple's servers of the environment, or those of an endpoint of one's own.
func (s *Settings) Peers() []channel.Peer {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil
	}
	peers := endpoint.Peers(channel.ForPush, "HTTP/2, TLS")
	for i := range peers {
		if s.Endpoint == "" {
			peers[i].Also = []int{otherPort}
		}
	}
	return peers
}

// Expires is when the certificate ends that says who we are, and those that say who Apple is. Keys do not end.
func (s *Settings) Expires() []channel.Expiry {
	mine := channel.CertificateExpiries("certificate", s.Certificate)
	return append(mine[:min(1, len(mine))], channel.CertificateExpiries("trusted_ca", s.TrustedCA)...) // the first is the leaf
}
