package console

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/message"
)

func TestNotificationsEmpty(t *testing.T) {
	h := newHouse(t)
	page := h.get("/notifications", http.StatusOK)
	if link := page.one(t, ".nothing a"); link.attr["href"] != notifyPath {
		t.Errorf("the empty page leads to %q", link.attr["href"])
	}
	h.get("/notifications?state=running", http.StatusOK).one(t, ".nothing")
	h.get("/notifications?state=lost", http.StatusNotFound)
	h.get("/notifications/none", http.StatusNotFound)
}

func TestNotificationsList(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.done(h.send("smtp_subject", script))
	h.send("when", whenLater, "at", time.Now().UTC().Add(48*time.Hour).Format(localTime), "smtp_subject", "Later")
	for state, want := range map[string]string{"": "Later, " + script, "running": "Later", "scheduled": "Later", "done": script, "cancelled": ""} {
		var titles []string
		for _, link := range h.get("/notifications?state="+state, http.StatusOK).find(".notifications a.table-name") {
			titles = append(titles, link.words())
		}
		if got := strings.Join(titles, ", "); got != want {
			t.Errorf("%s lists %q, want %q", state, got, want)
		}
	}
	list := h.get("/notifications/list?state=done", http.StatusOK)
	if len(list.find("html"))+len(list.find("[hx-get]")) > 0 {
		t.Error("a list of what is done fetches itself, or is a whole page")
	}
}

// While it runs the page looks again by itself; when it is done it stops.
func TestNotificationProgressIsLive(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.peers.wait = make(chan struct{})
	id := h.send()
	page := h.get(notificationPath(id), http.StatusOK)
	progress := page.one(t, "#progress")
	if progress.attr["hx-get"] != notificationPath(id)+"/progress" || page.one(t, "#deliveries").attr["hx-get"] == "" {
		t.Error("a running notification does not look again")
	}
	if when := page.one(t, "#deliveries").attr["hx-trigger"]; !strings.Contains(when, deliveriesOver+" from:body") {
		t.Errorf("the list of deliveries looks again %q", when)
	}
	if page.one(t, "#do-cancel").attr["popovertarget"] != page.one(t, "#cancel").attr["id"] {
		t.Error("Cancel asks nothing")
	}
	close(h.peers.wait)
	h.done(id)
	part := h.get(notificationPath(id)+"/progress", http.StatusOK)
	if answer, err := h.client.Get(h.url + notificationPath(id) + "/progress"); err != nil || answer.Header.Get("HX-Trigger") != deliveriesOver {
		t.Errorf("the list of deliveries is not told: %v", err)
	} else {
		answer.Body.Close()
	}
	if part.one(t, "#progress").attr["hx-get"] != "" || len(part.find("html")) > 0 {
		t.Error("what is done looks again")
	}
	if words := part.one(t, ".advance-words").words(); words != "All 2 deliveries accepted" {
		t.Errorf("it says %q", words)
	}
	if len(part.find("#do-cancel")) > 0 {
		t.Error("what is done can be cancelled")
	}
}

func TestCancelTooLate(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	id := h.send()
	h.done(id)
	page := h.post(notificationPath(id)+"/cancel", http.StatusOK)
	if words := page.one(t, ".flash").words(); !strings.Contains(words, "Too late") {
		t.Errorf("the page says %q", words)
	}
}

func TestFailuresAreExplainedAndTriedAgain(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.device("b")
	h.peers.answer("a@example.com", message.Fail(message.Failure{
		Reason: message.RefusedPolicy, Scope: message.RecipientFinal, Detail: "The server refused it: " + script, Answer: "550 5.7.1 <script>",
	}))
	id := h.send("smtp_message", "Hi "+script+" ${user.givenname} ${custom.SITE}")
	h.done(id)
	page := h.get(notificationPath(id)+"?channel=smtp&state=failed", http.StatusOK)
	rows := page.find("#deliveries tbody tr")
	if len(rows) != 1 || !strings.Contains(rows[0].words(), "Refused by policy") {
		t.Fatalf("%d failed deliveries", len(rows))
	}
	detail := h.get(rows[0].one(t, "a.table-name").attr["href"], http.StatusOK)
	for _, want := range []string{
		"Person a", "The server refused it: " + script, "550 5.7.1 <script>", why(t.Context(), message.RefusedPolicy), "Hi " + script + " Given a", "custom.SITE",
	} {
		if !strings.Contains(detail.words(), want) {
			t.Errorf("the delivery's page does not show %q", want)
		}
	}
	h.peers.answer("a@example.com", message.Accept("second"))
	question := page.one(t, "#retry-failed form")
	page = h.post(question.attr["action"], http.StatusOK)
	if words := page.one(t, ".flash").words(); words != "1 delivery is queued again." {
		t.Errorf("after Retry the page says %q", words)
	}
	n := h.until(id, func(n message.Notification) bool { return n.State == message.Done && n.Counts.In(message.Sent) == 4 })
	if n.Counts.In(message.Failed) != 0 {
		t.Errorf("counts %v", n.Counts)
	}
	page = h.post(question.attr["action"], http.StatusOK)
	page.one(t, ".flash.alert-danger")
	h.post(notificationPath(id)+"/retry/sent", http.StatusBadRequest)
}

func TestDeliveriesFilterAndExport(t *testing.T) {
	h := newHouse(t)
	h.servers()
	for _, id := range []string{"a", "b", "c"} {
		h.device(id)
	}
	id := h.send()
	h.done(id)
	for query, want := range map[string]int{"": 6, "?channel=push": 3, "?state=sent": 6, "?state=failed": 0, "?search=b@example": 1, "?channel=smtp&search=person": 3} {
		if got := len(h.get(notificationPath(id)+query, http.StatusOK).find("#deliveries tbody tr")); got != want {
			t.Errorf("%s lists %d, want %d", query, got, want)
		}
	}
	h.get(notificationPath(id)+"?channel=fax", http.StatusBadRequest)
	h.get(notificationPath(id)+"?state=lost", http.StatusBadRequest)
	response, err := h.client.Get(h.url + notificationPath(id) + "/deliveries.csv?channel=smtp")
	h.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	h.must(err)
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	h.must(err)
	if len(rows) != 4 || rows[0][7] != "address" || rows[1][7] != "c@example.com" {
		t.Errorf("exported %v", rows)
	}
}

// A delivery is found below its own notification only.
func TestDeliveryOfAnotherNotification(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	first, second := h.send(), h.send()
	h.done(first)
	link := h.get(notificationPath(first), http.StatusOK).find("#deliveries a.table-name")[0].attr["href"]
	h.get(link, http.StatusOK)
	h.get(strings.Replace(link, string(first), string(second), 1), http.StatusNotFound)
	h.get(notificationPath(first)+"/deliveries/none", http.StatusNotFound)
}

// Every one of these pages is safe under the console's policy, and every field of it has a name.
func TestManagePagesKeepThePolicy(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	id := h.send()
	h.done(id)
	delivery := h.get(notificationPath(id), http.StatusOK).find("#deliveries a.table-name")[0].attr["href"]
	for _, path := range []string{
		"/devices", "/devices?platform=ios", "/devices?search=none", "/devices/a", "/notify", "/notify?device=a", "/notify?platform=ios&property=SITE:eq:Paris",
		"/notifications", notificationPath(id), delivery,
	} {
		page := h.get(path, http.StatusOK)
		for _, attr := range []string{"style", "onclick", "onsubmit", "onload", "onchange"} {
			if n := len(page.find("[" + attr + "]")); n > 0 {
				t.Errorf("%s: %d elements with %s", path, n, attr)
			}
		}
		for _, s := range page.find("script") {
			if !strings.HasPrefix(s.attr["src"], "/assets/") || s.words() != "" {
				t.Errorf("%s: inline or foreign script %q", path, s.attr["src"])
			}
		}
		if n := len(page.find("h1")); n != 1 {
			t.Errorf("%s: %d h1", path, n)
		}
		wantLabels(t, path, page)
	}
}
