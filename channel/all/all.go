// Package all lists the providers.
package all

import (
	"heliograph/channel"
	"heliograph/channel/apns"
	"heliograph/channel/fcm"
	"heliograph/channel/smtp"
	"heliograph/channel/vonage"
	"heliograph/channel/webpush"
)

// Providers are every kind of service that Heliograph can use, in the order in which people read them.
var Providers = []channel.Provider{
	smtp.Provider,
	vonage.Provider,
	apns.Provider,
	fcm.Provider,
	webpush.Provider,
}

// Find is the provider of a kind.
func Find(kind string) (channel.Provider, bool) {
	for _, p := range Providers {
		if p.Kind == kind {
			return p, true
		}
	}
	return channel.Provider{}, false
}
