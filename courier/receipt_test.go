package courier_test

import (
	"testing"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/message"
)

// TestReceiptsThatComeBeforeTheAnswer: a network is often quicker than the rest of a batch.
func TestReceiptsThatComeBeforeTheAnswer(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("sms", "Gateway")
		h.numbers(4, "+33")
		hangs, answers := h.peers.hang(message.SMS)
		h.peers.answer("+33612345002", failing(message.LostAnswer, message.LostAnswerReason, "No answer came"))
		n := h.send(sms("Hello"), texted(4, "+33"))
		for range 4 {
			<-hangs.taken
		}
		receipt := func(number string, s message.State, r message.Reason) {
			d := h.only(n, number)
			h.must(h.store.SaveReceipt(h.Context(), server.Key, channel.Receipt{Delivery: d.ID, State: s, Reason: r, Detail: "As the network says", Answer: "failed 4"}))
		}
		receipt("+33612345000", message.Delivered, "")
		receipt("+33612345001", message.Failed, message.NumberBarred)
		receipt("+33612345002", message.Delivered, "")
		answers()
		n = h.until(n, "the last is sent", func(n message.Notification) bool { return n.Counts[message.SMS][message.Sent] == 1 })
		h.count(n, message.SMS, message.Delivered, 2)
		h.count(n, message.SMS, message.Failed, 1)
		if d := h.only(n, "+33612345001"); d.Reason != message.NumberBarred || d.ProviderID == "" || d.Attempts != 1 {
			h.Errorf("failed: %+v", d.Delivery)
		}
		_, attempts, err := h.store.Delivery(h.Context(), access.Everything, h.only(n, "+33612345001").ID)
		h.must(err)
		if len(attempts) != 1 || attempts[0].Answer != "failed 4" || attempts[0].Server != "Gateway" || attempts[0].Reason != message.NumberBarred {
			h.Errorf("its attempts: %+v", attempts)
		}
		if n.Counts.Total() != 4 {
			h.Errorf("counts %v", n.Counts)
		}
	})
}
