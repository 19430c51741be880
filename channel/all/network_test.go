package all

import (
	"slices"
	"testing"

	"heliograph/channel"
)

// TestProvidersTellTheirPeers: firewalls are opened for what the settings say, so every provider must say it.
func TestProvidersTellTheirPeers(t *testing.T) {
	for _, p := range Providers {
		settings := p.Default()
		reaching, ok := settings.(channel.Reaching)
		if !ok {
			t.Errorf("%s does not say whom it calls", p.Kind)
			continue
		}
		for _, peer := range reaching.Peers() {
			if !slices.Contains(channel.Purposes, peer.Purpose) || peer.Host == "" || peer.Port == 0 || peer.Protocol == "" {
				t.Errorf("%s calls somebody unknown: %+v", p.Kind, peer)
			}
		}
	}
}

// TestExpiriesNameFields: what ends is shown by the label of its field.
func TestExpiriesNameFields(t *testing.T) {
	for _, p := range Providers {
		expiring, ok := p.Default().(channel.Expiring)
		hasAuthorities := slices.ContainsFunc(p.Fields, func(f channel.Field) bool { return f.Name == "trusted_ca" })
		if hasAuthorities && !ok {
			t.Errorf("%s does not say when its authorities end", p.Kind)
		}
		if !ok {
			continue
		}
		if list := expiring.Expires(); len(list) > 0 {
			t.Errorf("%s: nothing can end before anything was filled in: %v", p.Kind, list)
		}
	}
}
