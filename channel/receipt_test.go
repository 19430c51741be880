package channel

import (
	"slices"
	"testing"

	"heliograph/message"
)

func TestSettles(t *testing.T) {
	yes := map[message.State][]message.State{
		message.Delivered: {message.Queued, message.Sending, message.Sent, message.Unknown},
		message.Failed:    {message.Sending, message.Sent, message.Unknown, message.Delivered},
		0:                 {},
	}
	for told, settled := range yes {
		for _, from := range message.States {
			if got := (Receipt{State: told}).Settles(from); got != slices.Contains(settled, from) {
				t.Errorf("%d settles %s: %v", told, from, got)
			}
		}
	}
}
