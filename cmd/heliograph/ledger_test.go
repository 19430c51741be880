package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"heliograph/channel/all"
)

// ledger is what became of messages, by channel, by the word of those who received them.
type ledger struct{ push, smtp, sms fate }

// fate is what became of the messages of one channel.
type fate struct {
	messages  int // deliveries that came to their end
	lost      int // said to be sent, and never received
	repeated  int // received once more, under the same identity
	ambiguous int // text messages of which nobody can say whether they arrived; each is shown as unknown
	unended   int // in any other state than a final one that says what happened
}

func (f *fate) add(other fate) {
	f.messages += other.messages
	f.lost += other.lost
	f.repeated += other.repeated
	f.ambiguous += other.ambiguous
	f.unended += other.unended
}

func (l *ledger) add(other ledger) {
	l.push.add(other.push)
	l.smtp.add(other.smtp)
	l.sms.add(other.sms)
}

// account compares what a notification that is done says with what the simulators received.
func (s *scene) account(n object) (l ledger) {
	s.t.Helper()
	if n["recipients"] != float64(s.messages()) {
		s.t.Errorf("recipients %v, want %d", n["recipients"], s.messages())
	}
	unknown := s.unknown(text(n, "id"))
	l.push = s.fateOf(n, "push", nil, s.witnessed("apns", func(i object) (string, string) { return text(i, "token"), text(i, "headers", "apns-id") }),
		s.witnessed("fcm", func(i object) (string, string) { return text(i, "token"), text(i, "message", "data", "id") }))
	l.smtp = s.fateOf(n, "smtp", nil, s.witnessed("inbox", func(i object) (string, string) {
		to, _ := list(i["recipients"])[0].(string)
		return to, text(i, "headers", "message-id")
	}))
	l.sms = s.fateOf(n, "sms", unknown, s.witnessed("vonage", func(i object) (string, string) {
		return "+" + strings.TrimPrefix(text(i, "to"), "+"), text(i, "client_ref")
	}))
	return l
}

// unknown lists the numbers of the text messages that a notification says nobody knows about.
func (s *scene) unknown(id string) map[string]bool {
	numbers := map[string]bool{}
	for _, d := range s.api.allItems("/notifications/" + id + "/deliveries?limit=1000&state=unknown") {
		numbers[text(d, "address")] = true
	}
	return numbers
}

// witness is what one simulator received: how often each receiver got something.
type witness map[string]int

// witnessed reads a simulator's history. A receiver has one identity, and nobody else has it.
func (s *scene) witnessed(sim string, of func(object) (receiver, identity string)) witness {
	s.t.Helper()
	times, identities, owners := witness{}, map[string]string{}, map[string]string{}
	for _, item := range s.sim(sim).history() {
		receiver, identity := of(item)
		times[receiver]++
		if before, again := identities[receiver]; identity == "" || again && before != identity {
			s.t.Errorf("%s: %s received identity %q after %q", sim, receiver, identity, before)
		}
		if owner, known := owners[identity]; known && owner != receiver {
			s.t.Errorf("%s: %s and %s received the same identity %q", sim, owner, receiver, identity)
		}
		identities[receiver], owners[identity] = identity, receiver
	}
	return times
}

// fateOf sums one channel up. Every device has one message on each.
func (s *scene) fateOf(n object, channel string, unknown map[string]bool, witnesses ...witness) fate {
	counts, _ := n["counts"].(object)[channel].(object)
	states := func(name string) int { f, _ := counts[name].(float64); return int(f) }
	f := fate{messages: states("sent") + states("delivered") + states("unknown"), ambiguous: len(unknown)}
	f.unended = s.devices - f.messages
	received := 0
	for _, w := range witnesses {
		for receiver, times := range w {
			f.repeated += times - 1
			if !unknown[receiver] {
				received++
			}
		}
	}
	f.lost = s.devices - len(unknown) - received
	if len(unknown) != states("unknown") {
		s.t.Errorf("%s: %d deliveries are listed as unknown, %d counted", channel, len(unknown), states("unknown"))
	}
	return f
}

// mustBeWhole wants nothing lost, text messages never repeated, and no more repeats of others than could be on the wire
// when the process was killed.
func (l ledger) mustBeWhole(t *testing.T, kills int) {
	t.Helper()
	l.mustBeSent(t)
	if l.sms.repeated > 0 {
		t.Errorf("%d text messages were sent twice", l.sms.repeated)
	}
	for name, f := range map[string]fate{"push": l.push, "smtp": l.smtp} {
		if most := kills * inHand(name); f.repeated > most {
			t.Errorf("%s: %d repeats, more than the %d that %d kills can explain", name, f.repeated, most, kills)
		}
	}
}

// mustBeSent wants every message received, or unknown.
func (l ledger) mustBeSent(t *testing.T) {
	t.Helper()
	for name, f := range map[string]fate{"push": l.push, "smtp": l.smtp, "sms": l.sms} {
		if f.lost != 0 || f.unended != 0 {
			t.Errorf("%s: %d lost, %d without an end: %+v", name, f.lost, f.unended, f)
		}
	}
	if l.push.ambiguous+l.smtp.ambiguous > 0 {
		t.Errorf("only text messages may be unknown: %+v", l)
	}
}

// inHand is how many messages of a channel one process can have in batches at a time.
func inHand(channel string) (most int) {
	for _, p := range all.Providers {
		if p.Channel.String() == channel {
			most += p.Batch * max(p.Workers, 1)
		}
	}
	return most
}

// repeats is how many messages came more than once.
func (l ledger) repeats() int { return l.push.repeated + l.smtp.repeated + l.sms.repeated }

// reportEnv names a file that reports are added to, for whoever runs many tests.
const reportEnv = "HELIOGRAPH_REPORT"

// publish tells what became of everything.
func (l ledger) publish(t *testing.T, title string, blows int) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d blows\n%-8s %9s %6s %9s %10s\n", title, blows, "channel", "messages", "lost", "repeated", "ambiguous")
	for _, row := range []struct {
		name string
		fate
	}{{"push", l.push}, {"smtp", l.smtp}, {"sms", l.sms}} {
		fmt.Fprintf(&b, "%-8s %9d %6d %9d %10d\n", row.name, row.messages, row.lost, row.repeated, row.ambiguous)
	}
	t.Log("\n" + b.String())
	path := os.Getenv(reportEnv)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(b.String() + "\n"); err != nil {
		t.Fatal(err)
	}
}

// forget makes the simulators forget what they received.
func (s *scene) forget() {
	for _, name := range witnesses {
		s.sim(name).call(http.StatusOK, "POST", "/_sim/reset", nil)
	}
}
