package web

import (
	"fmt"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	r, now := NewRates(10), time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	for i := range 10 * burstTime {
		if wait := r.Wait("a", now); wait != 0 {
			t.Fatalf("request %d waits %s", i, wait)
		}
	}
	for range 3 { // those who are sent away do not push the others back
		if wait := r.Wait("a", now); wait != 100*time.Millisecond {
			t.Errorf("one too many waits %s", wait)
		}
	}
	if wait := r.Wait("b", now); wait != 0 {
		t.Errorf("another caller waits %s", wait)
	}
	if wait := r.Wait("a", now.Add(100*time.Millisecond)); wait != 0 {
		t.Errorf("after the wait: %s more", wait)
	}
	for i := range 2 * mostCallers {
		r.Wait(fmt.Sprint(i), now.Add(time.Minute))
	}
	if n := len(r.callers); n > mostCallers {
		t.Errorf("%d callers are remembered", n)
	}
	if wait := NewRates(0).Wait("a", now); wait != 0 {
		t.Errorf("without a limit it waits %s", wait)
	}
}
