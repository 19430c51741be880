package courier_test

import (
	"fmt"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/template"
)

func sms(text string) template.Content {
	return template.Content{SMS: &template.SMSText{Message: text}}
}

// numbers gives so many people a mobile number each, and no device.
func (h *house) numbers(n int, country string) {
	h.Helper()
	for i := range n {
		u := fleet.User{ID: fleet.UserID(fmt.Sprintf("n%s%03d", country[1:], i)), Mobile: fmt.Sprintf("%s612345%03d", country, i)}
		_, err := h.store.PutUser(h.Context(), access.Everything, u)
		h.must(err)
	}
}

// texted names all people of numbers.
func texted(n int, country string) (a fleet.Audience) {
	for i := range n {
		a.UserIDs = append(a.UserIDs, fleet.UserID(fmt.Sprintf("n%s%03d", country[1:], i)))
	}
	return a
}

func TestSMSGoesOutAndReceiptsSettleIt(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("sms", "Gateway")
		h.numbers(150, "+33")
		n := h.done(h.send(sms("Hello"), texted(150, "+33")))
		h.count(n, message.SMS, message.Sent, 150)
		list := h.deliveries(n)
		receipt := func(i int, s message.State, r message.Reason) {
			h.must(h.store.SaveReceipt(h.Context(), server.Key, channel.Receipt{Delivery: list[i].ID, State: s, Reason: r, Detail: "as the network says"}))
		}
		receipt(0, message.Delivered, "")
		receipt(1, message.Failed, message.NumberBarred)
		receipt(2, 0, "")
		receipt(0, message.Delivered, "") // of its second part
		n = h.until(n, "receipts are counted", func(message.Notification) bool { return true })
		h.count(n, message.SMS, message.Delivered, 1)
		h.count(n, message.SMS, message.Failed, 1)
		h.count(n, message.SMS, message.Sent, 148)
	})
}

// TestSharedNumberGetsOneSharedText: people with one telephone get one message, unless it speaks of them.
func TestSharedNumberGetsOneSharedText(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("sms", "Gateway")
		h.numbers(3, "+33")
		phone := fleet.NewDevice("phone") // its person is reached with the devices, and the others later
		phone.Name, phone.Platform, phone.User = "Phone", fleet.Android, "n33000"
		_, err := h.store.PutDevice(h.Context(), access.Everything, phone)
		h.must(err)
		a := texted(3, "+33")
		for i, mobile := range []string{"+33612345000", "+33612345001", "+33612345000", ""} {
			u := fleet.User{ID: fleet.UserID(fmt.Sprint("twin", i)), Mobile: mobile}
			_, err := h.store.PutUser(h.Context(), access.Everything, u)
			h.must(err)
			a.UserIDs = append(a.UserIDs, u.ID)
		}
		for _, recipient := range []string{"${user.mobile}", "${firstnotnull(device.TEL_NUMBER, user.mobile)}"} {
			shared := sms("Hello")
			shared.SMS.Recipient = recipient
			n := h.done(h.send(shared, a))
			h.count(n, message.SMS, message.Sent, 3)
			h.count(n, message.SMS, message.Skipped, 1) // who has no number is told about
			personal := sms("Hello ${user.username}")
			personal.SMS.Recipient = recipient
			h.count(h.done(h.send(personal, a)), message.SMS, message.Sent, 6)
		}
	})
}

func TestSMSWithALostAnswerIsUnknownUntilSomebodySettlesIt(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("sms", "Gateway")
		h.numbers(3, "+33")
		lost := failing(message.LostAnswer, message.LostAnswerReason, "No answer came")
		h.peers.answer("+33612345000", lost)
		h.peers.answer("+33612345001", lost, message.Accept("second"))
		n := h.done(h.send(sms("Hello"), texted(3, "+33")))
		h.count(n, message.SMS, message.Unknown, 2)
		if got := len(h.peers.received()); got != 3 {
			h.Errorf("%d messages on the wire, want 3: a second one costs money", got)
		}
		d := h.only(n, "+33612345000")
		h.must(h.store.SaveReceipt(h.Context(), server.Key, channel.Receipt{Delivery: d.ID, State: message.Delivered}))
		queued, err := h.door.Retry(h.Context(), admin, n.ID, []message.State{message.Unknown}, nil, nil)
		h.must(err)
		if queued != 1 {
			h.Errorf("%d unknown to be tried again, want 1", queued)
		}
		n = h.until(n, "the other was sent again", func(n message.Notification) bool { return n.Counts[message.SMS][message.Sent] == 2 })
		h.count(n, message.SMS, message.Delivered, 1)
	})
}

func TestSMSOnTheWireWhenTheProcessDiedIsUnknown(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("sms", "Gateway")
		h.numbers(4, "+33")
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Connection refused"))
		n := h.send(sms("Hello"), texted(4, "+33"))
		h.paused(server)
		n = h.until(n, "all wait", func(n message.Notification) bool { return n.Counts[message.SMS][message.Queued] == 4 })
		// What a process that is killed leaves behind: two were written down and handed over, no result was.
		list := h.deliveries(n)
		h.must(h.store.MarkSending(h.Context(), []message.Delivery{list[0].Delivery, list[1].Delivery}))
		h.peers.answer("*", message.Accept("ok"))
		_, err := h.door.ResumeServer(h.Context(), admin, server.ID)
		h.must(err)
		n = h.done(n)
		h.count(n, message.SMS, message.Sent, 2)
		h.count(n, message.SMS, message.Unknown, 2)
	})
}

func TestReserveSpreadsTurns(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("sms", "Gateway")
		turn := func(n int, rate float64) time.Duration {
			wait, err := h.store.Reserve(h.Context(), server.Key, n, rate, 2*time.Second)
			h.must(err)
			return wait
		}
		if got := turn(150, 30); got != 0 { // 0–5 s
			h.Errorf("the first waits %v", got)
		}
		if got := turn(1, 30); got < 4*time.Second || got > 5*time.Second {
			h.Errorf("the second waits %v, want nearly 5 s", got)
		}
		if got := turn(1, 1); got != 0 {
			h.Errorf("another rate waits %v", got)
		}
		h.clock.advance(4 * time.Second)
		if got := turn(1, 30); got != 0 {
			h.Errorf("the second waits %v when its turn is soon", got)
		}
	})
}

func TestCarrierGatewaysAsTheSettingSays(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		d := fleet.NewDevice("d1")
		d.Carrier, d.PhoneNumber, d.Platform = "Contoso Mobile", "+12025550123", fleet.Android
		_, err := h.store.PutDevice(h.Context(), access.Everything, d)
		h.must(err)
		_, err = h.store.PutCarrier(h.Context(), carrier.Gateway{ID: "v", Carrier: "contoso mobile", Domain: "vtext.example", Country: "+1", Prefix: "x"})
		h.must(err)
		closed := carrier.Gateway{ID: "c", Carrier: "Contoso Mobile", Domain: "closed.example", Country: "+1", EndsOn: h.clock.Now().AddDate(0, 0, -1)}
		_, err = h.store.PutCarrier(h.Context(), closed) // it stands first in the table
		h.must(err)
		use := func(u carrier.Use) { h.must(h.store.PutSetting(h.Context(), carrier.Setting, string(u))) }

		use(carrier.NoSMSGateway)
		n := h.done(h.send(sms("Hello"), everyone))
		if d := h.deliveries(n)[0]; d.State != message.Sent || d.Address != "x2025550123@vtext.example" || d.Server != "Mail" {
			h.Errorf("by carrier: %+v", d.Delivery)
		}
		if m := h.peers.received()[0]; m.Subject != "" || m.Text != "Hello" || m.Channel != message.SMS {
			h.Errorf("on the wire: %+v", m)
		}
		h.server("sms", "Gateway")
		n = h.done(h.send(sms("Hello"), everyone))
		if d := h.deliveries(n)[0]; d.Address != "+12025550123" || d.Server != "Gateway" {
			h.Errorf("with a gateway: %+v", d.Delivery)
		}
		use(carrier.Preferred)
		n = h.done(h.send(sms("Hello"), everyone))
		if d := h.deliveries(n)[0]; d.Server != "Mail" {
			h.Errorf("preferred: %+v", d.Delivery)
		}
		use(carrier.Never)
		n = h.done(h.send(sms("Hello"), everyone))
		if d := h.deliveries(n)[0]; d.Server != "Gateway" {
			h.Errorf("never: %+v", d.Delivery)
		}
	})
}
