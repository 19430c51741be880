package courier_test

import (
	"testing"

	"heliograph/message"
	"heliograph/template"
)

func TestMessageReachesEveryone(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.server("apns", "Push")
		h.people(12)
		c := template.Content{
			Push: &template.PushText{Message: "Hallo ${user.displayname}, ${device.name} ✓"},
			SMTP: &template.MailText{Subject: "For ${user.displayname}", Message: "Ünïcode"},
		}
		n := h.done(h.send(c, everyone))
		h.count(n, message.Push, message.Sent, 12)
		h.count(n, message.SMTP, message.Sent, 12)
		if got := len(h.peers.received()); got != 24 {
			h.Errorf("%d messages on the wire, want 24", got)
		}
		for _, d := range h.deliveries(n) {
			if d.ProviderID != "id-"+d.ID.String() || d.Attempts != 1 || d.FinishedAt.IsZero() {
				h.Errorf("delivery %+v", d)
			}
		}
	})
}
