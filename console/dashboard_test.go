package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/message"
	"heliograph/store"
)

func TestDashboard(t *testing.T) {
	f := newFixture(t)
	furnish(f)
	page := f.get("/enter/let-me-in", http.StatusOK)
	for i, want := range []string{"Devices 1,204 94% compliant", "Accepted 10,996 in the last 24 hours", "Failed 202 1.8% in the last 24 hours", "Waiting 12,664 queued or being sent now"} {
		if got := page.find(".stat")[i].words(); got != want {
			t.Errorf("figure %q, want %q", got, want)
		}
	}
	banner := page.one(t, "[role=alert]")
	if words := banner.words(); !strings.Contains(words, "“Head office” is paused.") || !strings.Contains(words, "next try 14:06") || !strings.Contains(words, "for 7 minutes") {
		t.Errorf("the banner says %q", words)
	}
	banner.one(t, "form[action=/settings/servers/s0/resume] button")
	if n := len(page.find(".setup")); n != 0 {
		t.Error("the checklist is there after the first message")
	}
	if got := page.one(t, "#dashboard-recent").find("li")[0].words(); got != "Update to iOS 26.3 before Friday Sending 741 of 1,204 accepted · 3 failed 40 seconds ago" {
		t.Errorf("the newest notification shows %q", got)
	}
	if got := page.one(t, "#dashboard-fleet").find("li")[0].words(); got != "iOS 484 40%" {
		t.Errorf("the first platform shows %q", got)
	}
}

func TestDashboardLeadsToTheFirstMessage(t *testing.T) {
	f := signedIn(t)
	page := f.get("/", http.StatusOK)
	steps := page.find(".setup-steps li")
	if len(steps) != 4 || len(page.find(".setup-done")) != 0 {
		t.Fatalf("%d steps, %d done", len(steps), len(page.find(".setup-done")))
	}
	furnishServers(f)
	page = f.get("/", http.StatusOK)
	if n := len(page.find(".setup-done")); n != 2 {
		t.Errorf("%d steps done with servers of both kinds", n)
	}
	for i := range f.servers.list {
		f.servers.list[i].Active = false
	}
	if n := len(f.get("/", http.StatusOK).find(".setup-done")); n != 0 {
		t.Errorf("%d steps done with servers that nothing leaves by", n)
	}
	f.figures.accepted = true
	if n := len(f.get("/", http.StatusOK).find(".setup")); n != 0 {
		t.Error("the checklist stays after the first message")
	}
}

func TestDashboardRefreshesItself(t *testing.T) {
	f := signedIn(t)
	top := f.get("/", http.StatusOK).one(t, "#dashboard-top")
	if top.attr["hx-get"] != "/live/dashboard" {
		t.Errorf("it asks %q", top.attr["hx-get"])
	}
	part := f.get("/live/dashboard", http.StatusOK)
	if len(part.find("html")) != 0 {
		t.Error("the part is a whole page")
	}
	part.one(t, "#dashboard-top")
	part.one(t, "#dashboard-recent[hx-swap-oob]")
	part.one(t, "#dashboard-fleet[hx-swap-oob]")
}

// A dashboard left open is not somebody at work: what it fetches by itself gives the session no more time.
func TestLiveRequestsDoNotKeepTheSession(t *testing.T) {
	f := signedIn(t)
	for header, want := range map[string]bool{"": true, "1": false} {
		r, _ := http.NewRequest(http.MethodGet, f.url+"/live/dashboard", nil)
		if header != "" {
			r.Header.Set("Heliograph-Live", header)
		}
		response, err := f.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Set-Cookie") != ""; got != want || response.StatusCode != http.StatusOK {
			t.Errorf("with header %q: status %d, session written: %v", header, response.StatusCode, got)
		}
	}
}

func TestDayOf(t *testing.T) {
	now := time.Date(2026, 3, 21, 14, 59, 0, 0, time.UTC)
	hour := func(n int) time.Time { return time.Date(2026, 3, 21, n, 0, 0, 0, time.UTC) }
	d := dayOf([]store.HourCount{
		{Hour: hour(14), Channel: message.Push, State: message.Sent, N: 3},
		{Hour: hour(14), Channel: message.SMTP, State: message.Sent, N: 4},
		{Hour: hour(13), Channel: message.SMTP, State: message.Failed, N: 1},
		{Hour: hour(14).Add(-24 * time.Hour), Channel: message.SMTP, State: message.Failed, N: 100}, // a day ago
	}, now)
	if len(d.Hours) != 24 || !d.Hours[23].Equal(hour(14)) {
		t.Fatalf("hours end at %v", d.Hours[len(d.Hours)-1])
	}
	if d.In(message.Sent) != 7 || d.In(message.Failed) != 1 || d.At(message.SMTP, message.Failed, 22) != 1 || d.At(message.Push, message.Failed, 22) != 0 {
		t.Errorf("sent %d, failed %d", d.In(message.Sent), d.In(message.Failed))
	}
	text, err := d.plot(t.Context())
	if err != nil || !strings.Contains(text, `"all":[[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,7],[0,`) {
		t.Errorf("plot %s, %v", text, err)
	}
}

func TestPlacedSegmentsAreSeen(t *testing.T) {
	for _, c := range []struct {
		parts []segment
		want  string
	}{
		{nil, "[]"},
		{[]segment{{"a", "", 0}}, "[]"},
		{[]segment{{"a", "", 1}, {"b", "", 3}}, "[{a 0.00% 25.00%} {b 25.00% 75.00%}]"},
		{[]segment{{"a", "", 1_000_000}, {"b", "", 1}}, "[{a 0.00% 99.50%} {b 99.50% 0.50%}]"},
	} {
		if got := fmt.Sprint(placed(c.parts)); got != c.want {
			t.Errorf("%v: %s, want %s", c.parts, got, c.want)
		}
	}
}
