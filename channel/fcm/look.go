package fcm

import (
	"context"

	"heliograph/channel"
	"heliograph/message"
)

// nobody is a token that Google gives to no device.
const nobody = "nobody-has-this-token"

// Look gets an access token and asks for a push to a token that nobody has: the answer says whether the service account
// may send.
func (s *Settings) Look(ctx context.Context, _ channel.Env) channel.Report {
	m := message.Message{ID: 1, Channel: message.Push, Address: nobody, Text: "Heliograph"}
	return s.try(ctx, m, (*channel.Report).Recognised)
}
