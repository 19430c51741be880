package fcm

import (
	"context"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// nobody is a token that Google gives to no device.
const nobody = "nobody-has-this-token"

// Look gets an access token and asks for a push to a token that nobody has: the answer says whether the service account
// may send.
func (s *Settings) Look(ctx context.Context, _ channel.Env) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, h2.Options{Most: 1})
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: err.Error()})
		return report
	}
	defer sender.Close()
	endpoint, _ := s.endpoint()                 // open has read it too
	config, _ := channel.TLSConfig(s.TrustedCA) // and this
	if !report.Reach(ctx, channel.Dialer{TLS: config}, endpoint) {
		return report
	}
	if _, failure := sender.tokens.get(ctx); failure != nil {
		report.Failed("authenticate", *failure)
		return report
	}
	report.Recognised(sender.one(ctx, message.Message{ID: 1, Channel: message.Push, Address: nobody, Text: "Heliograph"}))
	return report
}
