package courier_test

import (
	"slices"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/template"
)

// mailAndText is a text for each of two channels whose servers have trouble.
func mailAndText(subject string) template.Content {
	c := mail(subject, "Text")
	c.SMS = sms("Text").SMS
	return c
}

// reachable gives so many people a mail address, a device with a token, and a number.
func (h *house) reachable(n int) {
	h.Helper()
	h.people(n)
	h.numbers(n, "+33")
}

// pushed sends a push to every device and waits until all are out.
func (h *house) pushed(devices int64) {
	h.Helper()
	n := h.done(h.send(push("Hello"), everyone))
	h.count(n, message.Push, message.Sent, devices)
}

// TestHangingServerDelaysNoOther: servers that take messages and never answer keep their own queues busy, and nothing
// else: other servers send, audiences are expanded, notifications are cancelled.
func TestHangingServerDelaysNoOther(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.server("sms", "Gateway")
		h.server("apns", "Push")
		h.reachable(20)
		mailHangs, mailAnswers := h.peers.hang(message.SMTP)
		defer mailAnswers()
		textHangs, textAnswers := h.peers.hang(message.SMS)
		defer textAnswers()

		all := fleet.Audience{All: true, Addresses: &fleet.Addresses{Mobile: []string{"+33612345000"}}}
		var stuck []message.Notification
		for range 3 { // more batches than a server has workers
			stuck = append(stuck, h.send(mailAndText("Hello"), all))
		}
		<-mailHangs.taken
		<-textHangs.taken

		h.pushed(20)
		waits := -1 // the one whose batch no worker has
		h.eventually("two of three batches are on the wire", func() bool {
			if len(mailHangs.taken) < 2*atOnce-1 { // one was read above
				return false
			}
			waits = slices.IndexFunc(stuck, func(n message.Notification) bool {
				now, err := h.store.Notification(h.Context(), access.Everything, n.ID)
				h.must(err)
				return now.State == message.InDelivery && now.Counts[message.SMTP][message.Queued] == 20
			})
			return waits >= 0
		})
		h.must(h.door.Cancel(h.Context(), admin, stuck[waits].ID))
		h.until(stuck[waits], "what has not left is cancelled", func(n message.Notification) bool {
			return n.Counts[message.SMTP][message.Cancelled] == 20
		})
		stuck = slices.Delete(stuck, waits, waits+1)
		mailAnswers()
		textAnswers()
		for _, n := range stuck {
			n = h.done(n)
			h.count(n, message.SMTP, message.Sent, 20)
			h.count(n, message.SMS, message.Sent, 1)
		}
	})
}

// TestHangingProbesDelayNobody: what paused servers are tried with hangs too, in more of them than the control queue has
// workers.
func TestHangingProbesDelayNobody(t *testing.T) {
	onBoth(t, func(h *house) {
		mailServer, gateway := h.server("smtp", "Mail"), h.server("sms", "Gateway")
		h.server("apns", "Push")
		h.reachable(5)
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Nobody answers"))
		for i := range 5 {
			h.peers.answer(h.token(i), message.Accept("push"))
		}
		waiting := h.send(mailAndText("Hello"), fleet.Audience{All: true, Addresses: &fleet.Addresses{Mobile: []string{"+33612345000"}}})
		h.paused(mailServer)
		h.paused(gateway)
		h.pushed(5)

		mailHangs, mailAnswers := h.peers.hang(message.SMTP)
		defer mailAnswers()
		textHangs, textAnswers := h.peers.hang(message.SMS)
		defer textAnswers()
		h.peers.answer("*", message.Accept("well again"))
		h.clock.advance(31 * time.Second) // both pauses are over
		<-mailHangs.taken
		<-textHangs.taken
		h.pushed(5)
		if s, err := h.store.Server(h.Context(), mailServer.ID); err != nil || s.Pause == nil {
			h.Errorf("paused until its probe is answered: %+v, %v", s.Pause, err)
		}
		mailAnswers()
		textAnswers()
		n := h.done(waiting)
		h.count(n, message.SMTP, message.Sent, 5)
		h.count(n, message.SMS, message.Sent, 1)
	})
}

// token is the push token of a device of people.
func (h *house) token(i int) string {
	h.Helper()
	d := fleet.DeviceID([]string{"d000", "d001", "d002", "d003", "d004"}[i])
	push, err := h.store.DeviceToken(h.Context(), access.Everything, d)
	h.must(err)
	return push.Token
}
