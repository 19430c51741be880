package courier_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
)

func failing(s message.Scope, r message.Reason, detail string) message.Outcome {
	return message.Fail(message.Failure{Scope: s, Reason: r, Detail: detail, Answer: "answer"})
}

// paused waits until a server is paused.
func (h *house) paused(s channel.Server) channel.Pause {
	h.Helper()
	var p *channel.Pause
	h.eventually("the server is paused", func() bool {
		now, err := h.store.Server(h.Context(), s.ID)
		h.must(err)
		p = now.Pause
		return p != nil
	})
	return *p
}

// only picks the one delivery to an address.
func (h *house) only(n message.Notification, address string) message.DeliveryView {
	h.Helper()
	for _, d := range h.deliveries(n) {
		if d.Address == address || string(d.DeviceID) == address {
			return d
		}
	}
	h.Fatalf("no delivery to %s", address)
	return message.DeliveryView{}
}

func TestRefusedRecipientFailsAlone(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(6)
		h.peers.answer("u003@example.com", failing(message.RecipientFinal, message.MailboxUnknown, "The server said: no such user"))
		n := h.done(h.send(mail("Hello", "Text"), everyone))
		h.count(n, message.SMTP, message.Sent, 5)
		h.count(n, message.SMTP, message.Failed, 1)
		d := h.only(n, "u003@example.com")
		if d.State != message.Failed || d.Reason != message.MailboxUnknown || d.Detail != "The server said: no such user" {
			h.Errorf("delivery: %v %v %q", d.State, d.Reason, d.Detail)
		}
		_, attempts, err := h.store.Delivery(h.Context(), access.Everything, d.ID)
		h.must(err)
		if len(attempts) != 1 || attempts[0].Server != "Mail" || attempts[0].Answer != "answer" {
			h.Errorf("attempts: %+v", attempts)
		}
	})
}

// TestRefusedAddressIsRemembered: what a mail server said for good of an address is known until it takes a message there,
// or for as long as anything is kept.
func TestRefusedAddressIsRemembered(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(2)
		u, err := h.store.User(h.Context(), access.Everything, "u001")
		h.must(err)
		u.Mail = "U001@example.com" // as whoever feeds the fleet writes it
		_, err = h.store.PutUser(h.Context(), access.Everything, u)
		h.must(err)
		refused := func() message.Mark {
			h.Helper()
			marks, err := h.store.Refused(h.Context(), u)
			h.must(err)
			if len(marks) > 1 || len(marks) == 1 && marks[message.SMTP].Reason == "" {
				h.Fatalf("%+v", marks)
			}
			return marks[message.SMTP]
		}
		said := failing(message.RecipientFinal, message.MailboxUnknown, "No such user")
		h.peers.answer(u.Mail, said, message.Accept("it came back"), said)
		h.done(h.send(mail("Hello", "Text"), everyone))
		if m := refused(); m.Reason != message.MailboxUnknown || m.Detail != "No such user" || m.At.IsZero() {
			h.Errorf("%+v", m)
		}
		h.clock.advance(time.Minute)
		h.done(h.send(mail("Hello", "Text"), everyone))
		if m := refused(); m.Reason != "" {
			h.Errorf("it took a message, and still %+v", m)
		}
		h.clock.advance(time.Minute)
		h.done(h.send(mail("Hello", "Text"), everyone))
		if m := refused(); m.Reason == "" {
			h.Error("the second refusal is not known")
		}
		_, err = h.store.CleanUp(h.Context(), h.clock.Now().Add(time.Minute), 1000)
		h.must(err)
		if m := refused(); m.Reason != "" {
			h.Errorf("kept after its time: %+v", m)
		}
	})
}

func TestDeferredGoesAgainUntilItsTriesAreUsedUp(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(2)
		later := failing(message.RecipientForNow, message.Deferred, "Mailbox busy")
		h.peers.answer("u000@example.com", later, message.Accept("second time"))
		h.peers.answer("u001@example.com", later)
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		waiting := h.until(n, "both were tried", func(n message.Notification) bool {
			return n.Counts[message.SMTP][message.Queued] == 2 && len(h.peers.received()) == 2
		})
		h.count(waiting, message.SMTP, message.Queued, 2)
		d := h.only(n, "u000@example.com")
		if d.Attempts != 1 || d.DueAt.IsZero() || d.Reason != message.Deferred {
			h.Errorf("between attempts: %+v", d.Delivery)
		}
		h.clock.advance(31 * time.Second)
		h.until(n, "the first was accepted", func(n message.Notification) bool { return n.Counts[message.SMTP][message.Sent] == 1 })
		h.clock.advance(61 * time.Second)
		n = h.done(n)
		h.count(n, message.SMTP, message.Failed, 1)
		if d := h.only(n, "u001@example.com"); d.Attempts != 3 || !strings.HasPrefix(d.Detail, "Given up after 3 attempts.") {
			h.Errorf("given up: %+v", d.Delivery)
		}
		repeats := map[message.DeliveryID]int{}
		for _, m := range h.peers.received() {
			repeats[m.ID]++
		}
		if len(repeats) != 2 {
			h.Errorf("a repeat has another identity: %v", repeats)
		}
	})
}

func TestServerInTroublePausesItselfAndNobodyElse(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.server("apns", "Push")
		h.people(5)
		h.peers.answer("*", failing(message.WholeServer, message.Credentials, "The password was refused"))
		for i := range 5 {
			h.peers.answer(strings.Repeat("0", 63)+string(rune('1'+i)), message.Accept("push"))
		}
		c := mail("Hello", "Text")
		c.Push = push("Hello").Push
		n := h.send(c, everyone)
		n = h.until(n, "push is out and mail paused", func(n message.Notification) bool {
			s, err := h.store.Server(h.Context(), server.ID)
			h.must(err)
			return n.Counts[message.Push][message.Sent] == 5 && n.Counts[message.SMTP][message.Queued] == 5 && s.Pause != nil
		})
		h.count(n, message.SMTP, message.Queued, 5)
		paused, err := h.store.Server(h.Context(), server.ID)
		h.must(err)
		if p := paused.Pause; p.Reason != message.Credentials || p.Detail != "The password was refused" || p.Until.Sub(p.Since) != 15*time.Minute {
			h.Errorf("pause: %+v", p)
		}
		tried := len(h.peers.received())

		h.peers.answer("*", message.Accept("well again"))
		_, err = h.door.ResumeServer(h.Context(), admin, server.ID) // "Retry now"
		h.must(err)
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 5)
		for _, d := range h.deliveries(n) {
			if d.Channel == message.SMTP && d.Attempts != 1 {
				h.Errorf("the server's trouble was counted: %+v", d.Delivery)
			}
		}
		if got := len(h.peers.received()); got != tried+5 {
			h.Errorf("%d messages after the pause, want 5", got-tried)
		}
	})
}

func TestPauseGoesOnWhenTheProbeFails(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(3)
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Connection refused"))
		n := h.send(mail("Hello", "Text"), everyone)
		step := func(want int) {
			h.until(n, "the pause is prolonged", func(message.Notification) bool {
				s, err := h.store.Server(h.Context(), server.ID)
				h.must(err)
				return s.Pause != nil && s.Pause.Step == want
			})
		}
		step(1)
		h.clock.advance(31 * time.Second)
		step(2)
		before := len(h.peers.received())
		h.clock.advance(61 * time.Second)
		step(3)
		if got := len(h.peers.received()) - before; got != 1 {
			h.Errorf("%d messages probed, want 1", got)
		}
		h.peers.answer("*", message.Accept("well"))
		h.clock.advance(3 * time.Minute)
		h.count(h.done(n), message.SMTP, message.Sent, 3)
	})
}

func TestThreeTroublesInARowPauseTheServer(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(40)
		h.peers.answer("*", failing(message.Trouble, message.ServerError, "500"))
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		h.until(n, "the server is paused", func(message.Notification) bool {
			s, err := h.store.Server(h.Context(), server.ID)
			h.must(err)
			return s.Pause != nil
		})
		if got := len(h.peers.received()); got > 8 { // 3, and what was on the wire beside them
			h.Errorf("%d messages were handed over to a server in trouble", got)
		}
		h.peers.answer("*", message.Accept("well"))
		h.clock.advance(10 * time.Minute)
		h.count(h.done(n), message.SMTP, message.Sent, 40)
	})
}

// TestTroubleAtTheProbeKeepsThePause: three troubles began the pause, and one is enough to prolong it; whoever wishes has
// the server tried at once, also when the time of no message has come.
func TestTroubleAtTheProbeKeepsThePause(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(6)
		h.peers.answer("*", failing(message.Trouble, message.ServerError, "500"))
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		h.paused(server)
		h.eventually("all that was on the wire is answered", func() bool { return h.deliveries(n)[5].State == message.Queued })
		step := func(want int, length time.Duration) {
			h.Helper()
			before := len(h.peers.received())
			_, err := h.door.ResumeServer(h.Context(), admin, server.ID)
			h.must(err)
			var p *channel.Pause
			h.eventually("the pause is prolonged", func() bool {
				s, err := h.store.Server(h.Context(), server.ID)
				h.must(err)
				p = s.Pause
				return p != nil && p.Step == want
			})
			if left := p.Until.Sub(h.clock.Now()); left > length || left < length-20*time.Second {
				h.Errorf("step %d lasts %v more, want %v", want, left, length)
			}
			if got := len(h.peers.received()) - before; got != 1 {
				h.Errorf("%d messages probed, want 1", got)
			}
		}
		step(2, time.Minute)
		step(3, 2*time.Minute)
		h.peers.answer("*", message.Accept("well"))
		_, err := h.door.ResumeServer(h.Context(), admin, server.ID)
		h.must(err)
		h.until(n, "one went out", func(n message.Notification) bool { return n.Counts[message.SMTP][message.Sent] > 0 })
		h.clock.advance(10 * time.Minute)
		n = h.done(n)
		if sent, failed := n.Counts[message.SMTP][message.Sent], n.Counts[message.SMTP][message.Failed]; sent+failed != 6 || failed > 1 {
			h.Errorf("%d sent, %d failed", sent, failed)
		}
	})
}

// TestMessagesThatAServerChokesOnKeepNobodyWaiting: they paused it, and are not all that it is tried with.
func TestMessagesThatAServerChokesOnKeepNobodyWaiting(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(8)
		h.dice.Store(true)
		var poisonous []fleet.UserID
		for i := range 3 {
			id := fleet.UserID(fmt.Sprintf("u%03d", i))
			poisonous = append(poisonous, id)
			h.peers.answer(string(id)+"@example.com", failing(message.Trouble, message.ServerError, "500"))
		}
		h.send(mail("Hello ${user.mail}", "Text"), fleet.Audience{UserIDs: poisonous})
		h.paused(server)
		n := h.send(mail("Hello ${user.mail}", "Text"), fleet.Audience{UserIDs: []fleet.UserID{"u003", "u004", "u005", "u006", "u007"}})
		h.until(n, "the others are sent", func(n message.Notification) bool {
			h.clock.advance(time.Second)
			return n.Counts[message.SMTP][message.Sent] == 5
		})
	})
}

func TestPoisonousMessageStopsNobody(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(10)
		h.peers.answer("u005@example.com", failing(message.Trouble, message.ServerError, "500"))
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		h.until(n, "nine are sent", func(n message.Notification) bool { return n.Counts[message.SMTP][message.Sent] == 9 })
		for try := 1; try < 3; try++ {
			h.eventually("it was tried again", func() bool { return h.only(n, "u005@example.com").Attempts == try })
			h.clock.advance(5 * time.Minute)
		}
		h.count(h.done(n), message.SMTP, message.Failed, 1)
		s, err := h.store.Server(h.Context(), server.ID)
		h.must(err)
		if s.Pause != nil {
			h.Errorf("one message paused its server: %+v", s.Pause)
		}
	})
}

func TestTextRefusedOnceIsRefusedForAll(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(20)
		h.peers.answer("*", failing(message.WholeMessage, message.TooLarge, "Message too large"))
		n := h.done(h.send(mail("Hello", "The same for all"), everyone))
		h.count(n, message.SMTP, message.Failed, 20)
		for _, d := range h.deliveries(n) {
			if d.Reason != message.TooLarge {
				h.Errorf("%s: %v", d.Address, d.Reason)
			}
		}
	})
}

func TestDeadTokenIsMarkedAndSkippedNextTime(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("apns", "Push")
		h.people(2)
		h.peers.answer(strings.Repeat("0", 63)+"1", failing(message.RecipientFinal, message.TokenDead, "Unregistered"))
		n := h.done(h.send(push("Hello"), everyone))
		h.count(n, message.Push, message.Failed, 1)
		d, err := h.store.Device(h.Context(), access.Everything, "d000")
		h.must(err)
		if d.Push == nil || d.Push.State != fleet.TokenDead || d.Push.Reason != "Unregistered" || d.Push.Since.IsZero() {
			h.Errorf("token: %+v", d.Push)
		}
		n = h.done(h.send(push("Again"), everyone))
		h.count(n, message.Push, message.Sent, 1)
		h.count(n, message.Push, message.Skipped, 1)
		if d := h.only(n, "d000"); d.Reason != message.TokenDead {
			h.Errorf("skipped for %v", d.Reason)
		}
	})
}

func TestSuspendedTokenComesBackWithTheProvidersSettings(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("apns", "Push")
		h.people(1)
		h.peers.answer("*", failing(message.RecipientFinal, message.TokenMismatch, "BadDeviceToken"))
		h.done(h.send(push("Hello"), everyone))
		d, err := h.store.Device(h.Context(), access.Everything, "d000")
		h.must(err)
		if d.Push.State != fleet.TokenSuspended {
			h.Errorf("token is %v", d.Push.State)
		}
		_, err = h.door.UpdateServer(h.Context(), admin, server.ID, intake.ServerInput{Name: "Push"})
		h.must(err)
		h.peers.answer("*", message.Accept("ok"))
		h.count(h.done(h.send(push("Again"), everyone)), message.Push, message.Sent, 1)
	})
}

// TestCancelKeepsWhatWasSent: what is on the wire stays sending until its answer came, and nothing more is handed over.
func TestCancelKeepsWhatWasSent(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(30)
		h.peers.handed, h.peers.waitFor = make(chan struct{}, 100), make(chan struct{})
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		for range atOnce { // are on the wire
			<-h.peers.handed
		}
		sending := h.until(n, "it shows as sending", func(n message.Notification) bool { return n.Counts[message.SMTP][message.Sending] > 0 })
		h.count(sending, message.SMTP, message.Sending, 30)
		h.must(h.door.Cancel(h.Context(), admin, n.ID))
		h.eventually("the batch was told to stop", func() bool { return h.peers.stopped.Load() })
		now, err := h.store.Notification(h.Context(), access.Everything, n.ID)
		h.must(err)
		h.count(now, message.SMTP, message.Cancelled, 0) // nothing is final that may still be sent
		close(h.peers.waitFor)
		n = h.until(n, "the truth is written", func(n message.Notification) bool { return n.Counts.Open() == 0 })
		h.count(n, message.SMTP, message.Sent, atOnce)
		h.count(n, message.SMTP, message.Cancelled, 30-atOnce)
		if got := len(h.peers.received()); got != atOnce || n.State != message.CancelledByRequest || n.FinishedAt.IsZero() {
			h.Errorf("%d messages arrived; state %v, end %v", got, n.State, n.FinishedAt)
		}
	})
}

func TestRetryByHand(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(3)
		h.peers.answer("u001@example.com", failing(message.RecipientFinal, message.RefusedPolicy, "Blocked"), message.Accept("ok"))
		n := h.done(h.send(mail("Hello", "Text"), everyone))
		h.clock.advance(100 * time.Hour) // longer than its lifetime: a retry begins a new one
		once := &intake.Idempotency{TokenID: "t", Key: "k", BodyHash: []byte("hash"), Retried: func(queued int64) (int, string, []byte) {
			return 200, "", []byte(fmt.Sprint(queued))
		}}
		queued, err := h.door.Retry(h.Context(), admin, n.ID, []message.State{message.Failed}, nil, once)
		h.must(err)
		if queued != 1 {
			h.Errorf("%d to be tried again, want 1", queued)
		}
		if a, ok, err := h.store.KeptAnswer(h.Context(), "t", "k", []byte("hash")); !ok || err != nil || string(a.Body) != "1" {
			h.Errorf("kept with what it did: %q, %v, %v", a.Body, ok, err)
		}
		if _, err := h.door.Retry(h.Context(), admin, n.ID, []message.State{message.Failed}, nil, once); !errors.Is(err, store.ErrConflict) {
			h.Errorf("a second time under its key: %v", err)
		}
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 3)
	})
}

func TestLifetimeEnds(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("apns", "Push")
		h.people(2)
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Connection refused"))
		n := h.send(push("Hello"), everyone)
		h.until(n, "it was tried", func(message.Notification) bool { return len(h.peers.received()) > 0 })
		h.clock.advance(message.PushLifetime + time.Minute)
		n = h.done(n)
		h.count(n, message.Push, message.Failed, 2)
		for _, d := range h.deliveries(n) {
			if d.Reason != message.Expired {
				h.Errorf("%s: %v", d.DeviceID, d.Reason)
			}
		}
	})
}

func TestScheduledWaitsForItsTime(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(1)
		n, _, err := h.door.Send(h.Context(), admin, intake.Request{
			Audience: everyone, Content: mail("Hello", "Text"), SendAt: h.clock.Now().Add(2 * time.Second),
		}, nil)
		h.must(err)
		if n.State != message.Scheduled || len(h.peers.received()) != 0 {
			h.Errorf("state %v before its time", n.State)
		}
		if n = h.done(n); n.StartedAt.Before(n.SendAt) {
			h.Errorf("started %v, before %v", n.StartedAt, n.SendAt)
		}
	})
}

func TestDeliveriesFollowTheActiveServer(t *testing.T) {
	onBoth(t, func(h *house) {
		first := h.server("smtp", "First")
		h.people(4)
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Connection refused"))
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		h.paused(first)
		h.peers.answer("*", message.Accept("ok"))
		h.must(h.door.DeleteServer(h.Context(), admin, first.ID))
		h.server("smtp", "Second")
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 4)
		for _, d := range h.deliveries(n) {
			if d.Server != "Second" {
				h.Errorf("went by %q", d.Server)
			}
		}
	})
}

// TestAnotherServerTakesOverFromAPausedOne: nobody waits for the end of the pause.
func TestAnotherServerTakesOverFromAPausedOne(t *testing.T) {
	onBoth(t, func(h *house) {
		first := h.server("smtp", "First")
		h.people(4)
		h.peers.answer("*", failing(message.WholeServer, message.Credentials, "Wrong password"))
		n := h.send(mail("Hello ${user.mail}", "Text"), everyone)
		h.paused(first)
		h.peers.answer("*", message.Accept("ok"))
		second := h.server("smtp", "Second")
		_, err := h.door.ActivateServer(h.Context(), admin, second.ID)
		h.must(err)
		n = h.done(n)
		for _, d := range h.deliveries(n) {
			if d.State != message.Sent || d.Server != "Second" {
				h.Errorf("%v by %q", d.State, d.Server)
			}
		}
		now, err := h.store.Server(h.Context(), first.ID)
		h.must(err)
		if now.Pause != nil || now.Active {
			h.Errorf("the first one is active: %v, paused: %+v", now.Active, now.Pause)
		}
	})
}

// TestHostsThatAreLeftAlone: the console hears of hosts behind a server that are left alone, and whoever wishes so has
// them tried at once, with all that waits for them.
func TestHostsThatAreLeftAlone(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("apns", "Browsers")
		h.people(3)
		said := func() []channel.Resting {
			now, err := h.door.Server(h.Context(), server.ID)
			h.must(err)
			return now.Resting
		}
		since := time.Now().Add(-time.Hour).UTC()
		away := channel.Resting{Host: "push.example.net", Pause: channel.Pause{
			Since: since, Until: since.Add(2 * time.Hour), Step: 4, Reason: message.Unreachable, Detail: "It is away.",
		}}
		h.peers.rest(away)
		n := h.send(push("Hello"), everyone)
		h.eventually("it is said", func() bool { return len(said()) == 1 && said()[0] == away })
		waiting := h.until(n, "all wait", func(n message.Notification) bool { return len(h.deliveries(n)) == 3 && h.deliveries(n)[2].Reason != "" })
		h.count(waiting, message.Push, message.Queued, 3)

		// Of other nodes: the one that says it for longest counts, and what a dead one said is forgotten.
		dead, longer := away, away
		dead.Host, dead.Until = "dead.example.net", since.Add(time.Minute)
		longer.Since = since.Add(-time.Hour)
		h.must(h.store.KeepResting(h.Context(), server.ID, "another", []channel.Resting{longer, dead}))
		if got := said(); len(got) != 1 || got[0] != longer {
			h.Errorf("%+v", got)
		}

		_, err := h.door.ResumeServer(h.Context(), admin, server.ID)
		h.must(err)
		h.count(h.done(n), message.Push, message.Sent, 3)
		h.eventually("nobody is left alone", func() bool { return len(said()) == 0 })
	})
}

func TestLeftAudience(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("smtp", "Mail")
		h.people(3)
		h.peers.answer("*", failing(message.WholeServer, message.Unreachable, "Connection refused"))
		n := h.send(mail("About ${device.name}", "Text"), everyone)
		h.paused(server)
		h.must(h.store.DeleteDevice(h.Context(), access.Everything, "d001"))
		h.peers.answer("*", message.Accept("ok"))
		_, err := h.door.ResumeServer(h.Context(), admin, server.ID)
		h.must(err)
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 2)
		h.count(n, message.SMTP, message.Skipped, 1)
	})
}

func TestEqualAddressesGetOneSharedMail(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(3)
		_, err := h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: "twin", Mail: "u001@example.com"})
		h.must(err)
		_, err = h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: "nobody"})
		h.must(err)
		a := fleet.Audience{UserIDs: []fleet.UserID{"u000", "u001", "u002", "twin", "nobody"}, Addresses: &fleet.Addresses{Mail: []string{"typed@example.com"}}}
		n := h.done(h.send(mail("The same", "for all"), a))
		h.count(n, message.SMTP, message.Sent, 4)
		h.count(n, message.SMTP, message.Skipped, 1)
		n = h.done(h.send(mail("Hello ${user.username}", "Text"), a))
		h.count(n, message.SMTP, message.Sent, 5) // a personal text goes to each
		if d := h.only(n, "typed@example.com"); d.UserID != "" {
			h.Errorf("a typed address belongs to %s", d.UserID)
		}
	})
}

func TestTwoDevicesOneMailUnlessTheTextNamesTheDevice(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(2)
		tablet := fleet.NewDevice("tablet")
		tablet.Name, tablet.Platform, tablet.User = "Tablet", fleet.IPadOS, "u000"
		_, err := h.store.PutDevice(h.Context(), access.Everything, tablet)
		h.must(err)
		for _, test := range []struct {
			text string
			want int64
		}{{"Hello", 2}, {"Hello ${user.displayname}", 2}, {"Your ${device.name}", 3}} {
			n := h.done(h.send(mail(test.text, "Text"), everyone))
			if got := n.Counts.Total(); got != test.want {
				h.Errorf("%q: %d mails, want %d", test.text, got, test.want)
			}
		}
		c := mail("Hello ${user.displayname}", "Text")
		c.SMTP.Recipient = "${device.OWNER_MAIL 'owner@example.com'}; ${user.mail}"
		n := h.done(h.send(c, everyone)) // u000: owner, u000; u001: owner, u001. The tablet adds nothing
		h.count(n, message.SMTP, message.Sent, 4)
	})
}

func TestLargeAudiencePagesThrough(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("apns", "Push")
		h.server("smtp", "Mail")
		h.people(30)
		a := fleet.Audience{Addresses: &fleet.Addresses{}}
		for i := range 2345 {
			a.Addresses.Mail = append(a.Addresses.Mail, "x"+strings.Repeat("y", i%20)+"."+string(rune('a'+i%26))+"@example.com")
		}
		n := h.done(h.send(mail("Hello", "Text"), a))
		h.count(n, message.SMTP, message.Sent, 2345)
		if n.Lane != courier.Normal {
			h.Errorf("lane %d", n.Lane)
		}
		if got := int64(len(h.peers.received())); got != 2345 {
			h.Errorf("%d on the wire", got)
		}
		_, _, err := h.store.ListDeliveries(h.Context(), access.Everything, "unknown", store.DeliveryFilter{}, store.Page{})
		if err == nil {
			h.Error("the deliveries of an unknown notification")
		}
	})
}

func TestCleanUpDeletesWhatIsOld(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(3)
		h.peers.answer("u001@example.com", failing(message.RecipientFinal, message.MailboxUnknown, "No such user"))
		old := h.done(h.send(mail("Old", "Text"), everyone))
		h.clock.advance(91 * 24 * time.Hour)
		young := h.done(h.send(mail("Young", "Text"), everyone))
		h.must(h.store.Enqueue(h.Context(), courier.Job{Args: courier.CleanUpArgs{}, Queue: courier.Control, Lane: courier.Urgent}))
		h.eventually("the old deliveries are gone", func() bool { return len(h.deliveries(old)) == 0 })
		if got := len(h.deliveries(young)); got != 3 {
			h.Errorf("%d young deliveries left, want 3", got)
		}
		h.count(old, message.SMTP, message.Sent, 2) // the counts stay
	})
}

func TestMessageThatLooksLikeTheServersTroubleDoesNotKeepItPaused(t *testing.T) {
	onBoth(t, func(h *house) {
		server := h.server("apns", "Push")
		h.people(9)
		h.dice.Store(true)
		poison := strings.Repeat("0", 63) + "1"
		h.peers.answer("*", failing(message.WholeServer, message.Throttled, "Too many"))
		n := h.send(push("Hello ${device.name}"), everyone)
		h.paused(server)
		h.peers.answer("*", message.Accept("ok"))
		h.peers.answer(poison, failing(message.WholeServer, message.Throttled, "Too many"))
		n = h.until(n, "the others are sent", func(n message.Notification) bool {
			h.clock.advance(time.Second)
			return n.Counts[message.Push][message.Sent] == 8
		})
		if open := n.Counts.Open(); open != 1 { // the poison waits, or is being tried once more
			h.Errorf("%d open, want 1: %v", open, n.Counts)
		}
	})
}

// TestQueueThatStandsStillGoesOn: a worker that missed the end of a pause is told again.
func TestQueueThatStandsStillGoesOn(t *testing.T) {
	onBoth(t, func(h *house) {
		server, queue := h.server("smtp", "Mail"), ""
		h.people(2)
		queue = courier.QueueOf(server.ID)
		h.done(h.send(mail("First", "Text"), everyone)) // the queue is worked
		h.must(h.store.Write(h.Context(), func(tx store.Tx) error { return h.engine.PauseQueue(h.Context(), tx, queue) }))
		var n message.Notification
		h.eventually("the queue stands still", func() bool { // the worker hears of the pause a little later
			n = h.send(mail("Second", "Text"), everyone)
			h.eventually("its batch waits, or was sent", func() bool {
				now, err := h.store.Notification(h.Context(), access.Everything, n.ID)
				h.must(err)
				return now.Counts.In(message.Queued) == 2 || now.State == message.Done
			})
			woken, err := h.store.WakeQueues(h.Context(), time.Minute)
			h.must(err)
			if len(woken) > 0 {
				h.Fatalf("%v was woken after less than a minute", woken)
			}
			woken, err = h.store.WakeQueues(h.Context(), 0)
			h.must(err)
			return slices.Contains(woken, queue)
		})
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 2)
	})
}
