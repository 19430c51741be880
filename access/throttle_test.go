package access

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(nil)
		guess := Attempt{Account: "Admin", Network: "192.0.2.1"}
		for range freePair + 1 {
			if wait := th.Begin(guess); wait != 0 {
				t.Fatalf("waits %s within the free tries", wait)
			}
		}
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			if wait := th.Begin(Attempt{Account: " admin ", Network: "192.0.2.1"}); wait != want {
				t.Errorf("waits %s, want %s", wait, want)
			}
			time.Sleep(want)
			if wait := th.Begin(guess); wait != 0 {
				t.Errorf("still %s after waiting", wait)
			}
		}
		for name, other := range map[string]Attempt{
			"network": {Account: "admin", Network: "192.0.2.2"}, "account": {Account: "other", Network: "192.0.2.1"},
		} {
			if wait := th.Begin(other); wait != 0 {
				t.Errorf("another %s waits %s", name, wait)
			}
		}
		for range 40 {
			time.Sleep(longestWait)
			th.Begin(guess)
		}
		if wait := th.Begin(guess); wait != longestWait {
			t.Errorf("waits %s, want the longest", wait)
		}
		time.Sleep(longestWait)
		if wait := th.Begin(guess); wait != 0 {
			t.Errorf("waits %s after the longest wait", wait)
		}
		th.Succeeded(guess)
		for range freePair {
			if wait := th.counts["admin @ 192.0.2.1"]; wait != nil {
				t.Error("a success left what was counted before")
			}
		}
	})
}

// A crowd of guesses at the same moment gets as many tries as one after the other.
func TestThrottleCountsFromTheBeginning(t *testing.T) {
	th := NewThrottle(nil)
	let := 0
	for range 100 {
		if th.Begin(Attempt{Account: "admin", Network: "192.0.2.1"}) == 0 {
			let++
		}
	}
	if let != freePair+1 {
		t.Errorf("%d guesses at once were let through", let)
	}
}

func TestThrottleLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(nil)
		for i := range 200 { // guesses from everywhere, and from the office
			th.Begin(Attempt{Account: "admin", Network: "bot " + strconv.Itoa(i)})
			th.Begin(Attempt{Account: "admin", Network: "office"})
		}
		if wait := th.Begin(Attempt{Account: "admin", Network: "elsewhere"}); wait <= 0 {
			t.Error("guesses from everywhere are not slowed down")
		}
		if wait := th.Begin(Attempt{Account: "admin", Network: "office", Browser: "known"}); wait > 0 {
			t.Errorf("the administrator's own browser waits %s", wait)
		}
		for range 50 {
			th.Begin(Attempt{Account: "admin", Network: "office", Browser: "known"})
		}
		if wait := th.Begin(Attempt{Account: "admin", Network: "office", Browser: "known"}); wait <= 0 {
			t.Error("a browser that was stolen may guess for ever")
		}
	})
}

// A right password that leads to the question for a code frees nobody of the codes that were guessed.
func TestThrottleOfTwoSteps(t *testing.T) {
	th := NewThrottle(nil)
	a := Attempt{Account: "admin", Network: "192.0.2.1"}
	for i := range 20 {
		if th.Begin(a) > 0 {
			return
		}
		th.Withdraw(a)       // the password was right
		if th.Begin(a) > 0 { // the code was wrong
			if i < freePair {
				t.Errorf("only %d tries", i)
			}
			return
		}
	}
	t.Error("codes can be guessed for ever")
}

func TestThrottleForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(nil)
		for i := range throttleLimit {
			th.counts["x"+string(rune(i))] = &tries{n: 1, last: time.Now()}
		}
		time.Sleep(time.Hour)
		th.Begin(Attempt{Account: "admin", Network: "office"})
		if n := len(th.counts); n > throttleLimit {
			t.Errorf("%d entries", n)
		}
	})
}
