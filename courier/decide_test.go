package courier

import (
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func uncounted(after time.Duration) message.Outcome {
	return message.Fail(message.Failure{Scope: message.RecipientForNow, Reason: message.Timeout, RetryAfter: after, Uncounted: true, Detail: "It is away"})
}

func TestDecide(t *testing.T) {
	fail := func(s message.Scope, r message.Reason, after time.Duration) message.Outcome {
		return message.Fail(message.Failure{Scope: s, Reason: r, RetryAfter: after, Detail: "The server said so", Answer: "550"})
	}
	tests := []struct {
		name     string
		channel  message.Channel
		attempts int
		outcome  message.Outcome
		state    message.State
		counted  int
		due      time.Duration // after noon; 0 = with its batch
		mark     message.Reason
	}{
		{"accepted", message.SMTP, 0, message.Accept("x"), message.Sent, 1, 0, ""},
		{"accepted at last", message.SMTP, 3, message.Accept("x"), message.Sent, 4, 0, ""},
		{"mailbox unknown", message.SMTP, 0, fail(message.RecipientFinal, message.MailboxUnknown, 0), message.Failed, 1, 0, message.MailboxUnknown},
		{"refused by policy", message.SMTP, 0, fail(message.RecipientFinal, message.RefusedPolicy, 0), message.Failed, 1, 0, ""},
		{"token dead", message.Push, 0, fail(message.RecipientFinal, message.TokenDead, 0), message.Failed, 1, 0, message.TokenDead},
		{"token dead, but older than the token", message.Push, 0, fail(message.RecipientForNow, message.TokenDead, 0), message.Queued, 1, 30 * time.Second, ""},
		{"too large for all", message.SMTP, 0, fail(message.WholeMessage, message.TooLarge, 0), message.Failed, 1, 0, ""},
		{"first deferral", message.SMTP, 0, fail(message.RecipientForNow, message.Deferred, 0), message.Queued, 1, 30 * time.Second, ""},
		{"second deferral", message.SMTP, 1, fail(message.RecipientForNow, message.Deferred, 0), message.Queued, 2, time.Minute, ""},
		{"deferral with a longer Retry-After", message.SMTP, 0, fail(message.RecipientForNow, message.Throttled, 5*time.Minute), message.Queued, 1, 5 * time.Minute, ""},
		{"deferral with a shorter Retry-After", message.SMTP, 0, fail(message.RecipientForNow, message.Throttled, time.Second), message.Queued, 1, 30 * time.Second, ""},
		{"fifth deferral", message.SMTP, 4, fail(message.RecipientForNow, message.Deferred, 0), message.Queued, 5, 8 * time.Minute, ""},
		{"sixth deferral is the last", message.SMTP, 5, fail(message.RecipientForNow, message.Deferred, 0), message.Failed, 6, 0, ""},
		{"trouble", message.Push, 0, fail(message.Trouble, message.ServerError, 0), message.Queued, 1, 30 * time.Second, ""},
		{"lost answer of a mail goes again", message.SMTP, 0, fail(message.LostAnswer, message.LostAnswerReason, 0), message.Queued, 1, 30 * time.Second, ""},
		{"lost answer of an SMS would cost money", message.SMS, 0, fail(message.LostAnswer, message.LostAnswerReason, 0), message.Unknown, 1, 0, ""},
		{"the server of one address counts nothing", message.Push, 5, uncounted(15 * time.Minute), message.Queued, 5, 15 * time.Minute, ""},
		{"the server of one address, soon well", message.Push, 5, uncounted(time.Second), message.Queued, 5, 30 * time.Second, ""},
		{"server in trouble counts nothing", message.SMTP, 2, fail(message.WholeServer, message.Credentials, 0), message.Queued, 2, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := decision{now: noon, retries: 5, random: 0.5, server: "Mail"}
			r := d.decide(message.Delivery{ID: 7, Channel: test.channel, State: message.Queued, Attempts: test.attempts}, test.outcome)
			if r.State != test.state || r.Attempts != test.counted || r.Mark != test.mark {
				t.Errorf("state %v, attempts %d, mark %q; want %v, %d, %q", r.State, r.Attempts, r.Mark, test.state, test.counted, test.mark)
			}
			want := time.Time{}
			if test.due > 0 {
				want = noon.Add(test.due)
			}
			if !r.DueAt.Equal(want) {
				t.Errorf("due at %v, want %v", r.DueAt, want)
			}
			if failed := test.outcome.Failure != nil; failed != (r.Attempt != nil) {
				t.Errorf("attempt recorded: %v, want %v", r.Attempt != nil, failed)
			}
		})
	}
}

func TestGivenUpSaysAfterHowMany(t *testing.T) {
	for attempts, want := range map[int]string{1: "Given up after one attempt. later", 6: "Given up after 6 attempts. later"} {
		o := message.Fail(message.Failure{Scope: message.RecipientForNow, Reason: message.Deferred, Detail: "later"})
		r := decision{now: noon, retries: attempts - 1}.decide(message.Delivery{Channel: message.SMTP, Attempts: attempts - 1}, o)
		if r.Detail != want {
			t.Errorf("%q, want %q", r.Detail, want)
		}
	}
}

func TestBackOffIsSpreadAndBounded(t *testing.T) {
	for _, test := range []struct {
		random   float64
		attempts int
		want     time.Duration
	}{{0, 1, 24 * time.Second}, {0.999999, 1, 36 * time.Second}, {0.5, 3, 2 * time.Minute}, {0.5, 50, time.Hour}} {
		got := decision{random: test.random}.backOff(test.attempts).Round(time.Second)
		if got != test.want {
			t.Errorf("after %d attempts, random %v: %v, want %v", test.attempts, test.random, got, test.want)
		}
	}
}

func TestPause(t *testing.T) {
	tests := []struct {
		name   string
		reason message.Reason
		after  time.Duration
		before int // step of the pause that there was
		want   time.Duration
	}{
		{"first", message.Unreachable, 0, 0, 30 * time.Second},
		{"second", message.Unreachable, 0, 1, time.Minute},
		{"fifth", message.Unreachable, 0, 4, 8 * time.Minute},
		{"never longer than", message.Unreachable, 0, 40, 15 * time.Minute},
		{"credentials", message.Credentials, 0, 0, 15 * time.Minute},
		{"as the provider asked", message.Throttled, 90 * time.Second, 3, 90 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var before *channel.Pause
			if test.before > 0 {
				before = &channel.Pause{Since: noon.Add(-time.Hour), Step: test.before}
			}
			p := pauseFor(message.Failure{Reason: test.reason, RetryAfter: test.after}, before, noon)
			if got := p.Until.Sub(noon); got != test.want {
				t.Errorf("paused for %v, want %v", got, test.want)
			}
			if before != nil && !p.Since.Equal(before.Since) {
				t.Errorf("paused since %v, want since the first failure", p.Since)
			}
		})
	}
}

// TestTroubleOfABatch: what says that the server is in trouble is judged in the order in which the answers came, and one
// event counts once.
func TestTroubleOfABatch(t *testing.T) {
	trouble := message.Fail(message.Failure{Scope: message.Trouble, Reason: message.ServerError, Detail: "500"})
	well, untouched := message.Accept(""), message.Outcome{}
	broken := message.Fail(message.Failure{Scope: message.LostAnswer, Reason: message.LostAnswerReason, Event: new(message.Event)})
	at := func(turn int64, o message.Outcome) message.Outcome {
		o.Turn = turn
		return o
	}
	tests := []struct {
		name     string
		outcomes []message.Outcome
		cut      bool
		want     message.Reason
	}{
		{"all is well", []message.Outcome{well, well}, false, ""},
		{"three in a row", []message.Outcome{well, trouble, trouble, trouble, well}, false, message.ServerError},
		{"two and two", []message.Outcome{trouble, trouble, well, trouble, trouble}, false, ""},
		{"side by side, with successes between", []message.Outcome{at(1, trouble), at(3, trouble), at(5, trouble), at(2, well), at(4, well)}, false, ""},
		{"apart, and in a row", []message.Outcome{at(2, trouble), at(1, well), at(3, trouble), at(5, well), at(4, trouble)}, false, message.ServerError},
		{"a broken connection", []message.Outcome{broken, broken, broken, broken, broken}, false, ""},
		{"a broken connection and two more", []message.Outcome{broken, broken, trouble, broken, trouble}, false, message.ServerError},
		{"a sender that stopped", []message.Outcome{broken, broken, untouched}, false, message.LostAnswerReason},
		{"a sender that was stopped", []message.Outcome{broken, broken, untouched}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := sentBatch{outcomes: test.outcomes, cut: test.cut, parcels: make([]Parcel, len(test.outcomes))}
			for i := range b.parcels {
				b.parcels[i].ID = message.DeliveryID(i + 1)
			}
			got := message.Reason("")
			if f := b.trouble(new(channel.Streak)); f != nil {
				got = f.Reason
			}
			if got != test.want {
				t.Errorf("the server's trouble is %q, want %q", got, test.want)
			}
		})
	}
}
