package bench

import (
	"os"
	"testing"
	"time"
)

func TestMiddle(t *testing.T) {
	runs := []Result{{CPU: 9, Rate: 1}, {CPU: 3, Rate: 2}, {CPU: 5, Rate: 3}}
	if got := middle(runs); got.CPU != 5 || got.Rate != 3 {
		t.Errorf("%+v: the median run is one whole run", got)
	}
	if got := middle([]Result{{CPU: 2}, {CPU: 1}}); got.CPU != 2 {
		t.Errorf("of two runs %v", got.CPU)
	}
}

// A bench whose messages fail must not report how fast they failed.
func TestCheck(t *testing.T) {
	n := notification{Recipients: 3, Counts: map[string]map[string]int{"push": {"sent": 2, "failed": 1}, "sms": {}}}
	if n.check(3, false) == nil {
		t.Error("one failed, and nobody noticed")
	}
	n.Counts["push"] = map[string]int{"sent": 2, "delivered": 1}
	if err := n.check(3, false); err != nil {
		t.Error(err)
	}
	if n.check(4, false) == nil || n.check(3, true) == nil {
		t.Error("one is missing, or nothing was sent when nothing should be")
	}
}

func TestPortOf(t *testing.T) {
	for address, want := range map[string]uint16{"https://127.0.0.1:4711": 4711, "127.0.0.1:25": 25, "nowhere": 0} {
		if got := portOf(address); got != want {
			t.Errorf("%s: %d", address, got)
		}
	}
}

func TestFamilyTime(t *testing.T) {
	self, ok := readStat(os.Getpid())
	if !ok || self.parent != os.Getppid() || self.name == "" {
		t.Fatalf("%+v", self)
	}
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; { // to have used something
	}
	if used := familyTime(os.Getpid()); used <= 0 || used > time.Hour {
		t.Errorf("used %v", used)
	}
}

func TestSpreadStopsAtTheFirstError(t *testing.T) {
	done := make(chan int, 1000)
	err := spread(1000, 3, func() (func(int) error, func(), error) {
		return func(i int) error {
			done <- i
			if i == 5 {
				return os.ErrInvalid
			}
			return nil
		}, func() {}, nil
	})
	if err != os.ErrInvalid || len(done) == 1000 {
		t.Errorf("%v after %d", err, len(done))
	}
}
