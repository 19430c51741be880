package api

import (
	"testing"
	"time"

	"heliograph/web"
)

func TestATokenThatRunsWildIsTold(t *testing.T) {
	h := newHouse(t)
	h.server.rates = web.NewRates(1)
	calm := 0
	for h.call("GET", prefix+"/devices", nil).status == 200 {
		if calm++; calm > 100 {
			t.Fatal("it is never told to wait")
		}
	}
	told := h.call("GET", prefix+"/devices", nil).is(429)
	if got := told.header.Get("Retry-After"); got != "1" || told.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("Retry-After %q, %s", got, told.header.Get("Content-Type"))
	}
	h.clock.advance(time.Second)
	h.call("GET", prefix+"/devices", nil).is(200)
}
