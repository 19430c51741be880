package courier

import (
	"fmt"
	"math"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// Back-off of a delivery (docs/flow.md): 30 s, doubling, at most an hour, ±20 %.
const (
	firstBackOff = 30 * time.Second
	longestWait  = time.Hour
	jitter       = 0.2
)

// Back-off of a server: 30 s doubling to 15 min; 15 min at once when its credentials were refused.
const (
	firstPause   = 30 * time.Second
	longestPause = 15 * time.Minute
)

// decision is what the outcome of a message means for its delivery. It is pure: everything it depends on is in it.
type decision struct {
	now     time.Time
	retries int     // tries after the first
	random  float64 // 0 ≤ random < 1, for the jitter
	server  string  // name, for the record of the attempt
}

// decide turns an outcome into a result. A message that was not handed over has none.
func (d decision) decide(delivery message.Delivery, o message.Outcome) Result {
	r := Result{Delivery: delivery, State: delivery.State, Attempts: delivery.Attempts, DueAt: delivery.DueAt}
	if o.Accepted {
		r.State, r.ProviderID, r.Attempts = message.Sent, o.ProviderID, delivery.Attempts+1
		return r
	}
	f := o.Failure
	r.Reason, r.Detail = f.Reason, f.Detail
	r.Attempt = &message.Attempt{At: d.now, Server: d.server, Reason: f.Reason, Answer: f.Answer, Detail: f.Detail}
	switch f.Scope {
	case message.WholeServer: // nothing counted: it waits for its server
		return r
	case message.RecipientFinal, message.WholeMessage:
		r.State, r.Attempts, r.Mark = message.Failed, delivery.Attempts+1, markOf(*f)
		return r
	}
	if f.Uncounted {
		r.State, r.DueAt = message.Queued, d.now.Add(max(d.backOff(1), f.RetryAfter))
		return r
	}
	return d.again(r, f.RetryAfter)
}

// again queues a delivery for its next attempt, or fails it when it had all its tries. An SMS whose answer was lost is
// unknown: a second one would cost money.
func (d decision) again(r Result, retryAfter time.Duration) Result {
	r.Attempts = r.Delivery.Attempts + 1
	switch {
	case r.Delivery.Channel == message.SMS && r.Reason == message.LostAnswerReason:
		r.State = message.Unknown
	case r.Attempts > d.retries:
		r.State = message.Failed
		r.Detail = givenUp(r.Attempts) + " " + r.Detail
	default:
		r.State = message.Queued
		r.DueAt = d.now.Add(max(d.backOff(r.Attempts), retryAfter))
	}
	return r
}

func givenUp(attempts int) string {
	if attempts == 1 {
		return "Given up after one attempt."
	}
	return fmt.Sprintf("Given up after %d attempts.", attempts)
}

// backOff is how long to wait after so many counted attempts.
func (d decision) backOff(attempts int) time.Duration {
	wait := float64(firstBackOff) * math.Pow(2, float64(attempts-1))
	wait *= 1 - jitter + 2*jitter*d.random
	return time.Duration(min(wait, float64(longestWait)))
}

// markOf says what a final failure means for the address itself.
func markOf(f message.Failure) message.Reason {
	switch f.Reason {
	case message.TokenDead, message.TokenMismatch, message.MailboxUnknown, message.NumberBarred:
		return f.Reason
	}
	return ""
}

// pauseFor is the pause that a failure of the whole server begins, or prolongs when it is paused already.
func pauseFor(f message.Failure, before *channel.Pause, now time.Time) *channel.Pause {
	p := &channel.Pause{Since: now, Step: 1, Reason: f.Reason, Detail: f.Detail}
	if before != nil {
		p.Since, p.Step = before.Since, before.Step+1
	}
	p.Until = now.Add(pauseLength(f, p.Step))
	return p
}

func pauseLength(f message.Failure, step int) time.Duration {
	switch {
	case f.RetryAfter > 0:
		return f.RetryAfter
	case f.Reason == message.Credentials:
		return longestPause
	}
	return min(firstPause<<min(step-1, 10), longestPause)
}
