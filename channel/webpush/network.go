package webpush

import (
	"heliograph/channel"
	"heliograph/fleet"
)

// Peers are the push services of the browsers that most devices have. Others are known only by their subscriptions.
func (s *Settings) Peers() (peers []channel.Peer) {
	for _, host := range []string{
		"fcm.googleapis.com",                // Chrome and its kin
		"updates.push.services.mozilla.com", // Firefox
		"web.push.apple.com",                // Safari
	} {
		peers = append(peers, channel.Peer{Purpose: channel.ForPush, Host: host, Port: 443, Protocol: "HTTPS"})
	}
	return peers
}

// PeersOf is the push service that a subscription names.
func (s *Settings) PeersOf(token string) []channel.Peer {
	subscription, err := fleet.ParseSubscription(token)
	if err != nil {
		return nil
	}
	return channel.PeersAt(channel.ForPush, subscription.Origin())
}

// Expires is when the certificates of Trusted CA end. A VAPID key does not.
func (s *Settings) Expires() []channel.Expiry {
	return channel.CertificateExpiries("trusted_ca", s.TrustedCA)
}
