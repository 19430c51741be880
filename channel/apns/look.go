package apns

import (
	"context"
	"strings"

	"heliograph/channel"
	"heliograph/message"
)

// nobody is a token that Apple gives to no device.
var nobody = strings.Repeat("0", 64)

// Look asks for a push to a token that nobody has: the answer says whether the credential and the bundle id are known.
func (s *Settings) Look(ctx context.Context, _ channel.Env) channel.Report {
	m := message.Message{ID: 1, Channel: message.Push, Address: nobody, Text: "Heliograph"}
	return s.try(ctx, m, (*channel.Report).Recognised)
}
