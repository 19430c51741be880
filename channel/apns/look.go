package apns

import (
	"context"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// nobody is a token that Apple gives to no device.
var nobody = strings.Repeat("0", 64)

// Look asks for a push to a token that nobody has: the answer says whether the credential and the bundle id are known.
func (s *Settings) Look(ctx context.Context, _ channel.Env) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, h2.Options{Most: 1}, time.Now)
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: err.Error()})
		return report
	}
	defer sender.Close()
	endpoint, _ := s.endpoint() // open has read it too
	dialer, _ := s.dialer()
	if report.Reach(ctx, dialer, endpoint) {
		report.Recognised(sender.one(ctx, message.Message{ID: 1, Channel: message.Push, Address: nobody, Text: "Heliograph"}))
	}
	return report
}
