package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestMessageAllTheWay is a script against the demo, written from the contract alone: a fleet goes in, one message goes
// out to a part of it, and what the simulators received is exactly that.
func TestMessageAllTheWay(t *testing.T) {
	t.Parallel()
	demo := start(t, temp(t, "ready.json"), "demo", "--devices", "50")
	var r readyFile
	demo.read(&r)
	j := journey{
		t: t, ready: r, api: newCaller(t, r.API, r.Token, trusting(t, r.CAFile)),
		people: map[string]person{},
	}
	t.Run("import", func(t *testing.T) { j.on(t).importFleet() })
	t.Run("preview", func(t *testing.T) { j.on(t).preview() })
	t.Run("send", func(t *testing.T) { j.on(t).send() })
	t.Run("histories", func(t *testing.T) { j.on(t).histories() })
	t.Run("again under the same key", func(t *testing.T) { j.on(t).again() })
	t.Run("nobody", func(t *testing.T) { j.on(t).nobody() })
	t.Run("the visitor", func(t *testing.T) { j.on(t).visit() })
	demo.stop()
}

const (
	fleetSize = 300
	badRow    = 123 // whose platform is none
	floors    = 5
	floor     = 4
)

// person is a device with its user, as imported.
type person struct{ token, mail, name, device string }

type journey struct {
	t      *testing.T
	ready  readyFile
	api    caller
	people map[string]person // of the floor, by token
	body   object
	id     string
}

func (j *journey) on(t *testing.T) *journey {
	j.t, j.api.t = t, t
	return j
}

func (j *journey) importFleet() {
	var csv strings.Builder
	csv.WriteString("id,name,platform,property.STOREY,user.id,user.display_name,user.mail,push.provider,push.token,push.app,push.environment\r\n")
	for i := range fleetSize {
		platform, provider, token := "ios", "apns", fmt.Sprintf("%064x", i+1)
		if i%2 == 1 {
			platform, provider, token = "android", "fcm", fmt.Sprintf("fcm-token-%d", i)
		}
		p := person{token: token, mail: fmt.Sprintf("person%d@example.org", i), name: fmt.Sprintf("Zoë Müller-Ångström %d", i), device: fmt.Sprintf("Телефон %d", i)}
		if i == badRow {
			platform = "pigeon"
		} else if i%floors == floor {
			j.people[token] = p
		}
		fmt.Fprintf(&csv, "j%d,%s,%s,%d,u%d,%s,%s,%s,%s,%s,production\r\n",
			i, p.device, platform, i%floors, i, p.name, p.mail, provider, token, j.ready.Apps[provider])
	}
	report := j.api.call(http.StatusOK, "POST", "/import/devices", []byte(csv.String()), "Content-Type", "text/csv").body
	want := object{"rows": 300.0, "created": 299.0, "updated": 0.0, "unchanged": 0.0, "rejected": 1.0}
	for field, value := range want {
		if report[field] != value {
			j.t.Errorf("%s = %v, want %v", field, report[field], value)
		}
	}
	problems := list(report["errors"])
	if len(problems) != 1 {
		j.t.Fatalf("errors = %v, want one", problems)
	}
	if e := problems[0].(object); e["line"] != float64(badRow+2) || e["column"] != "platform" || e["detail"] == "" {
		j.t.Errorf("error = %v, want line %d, column platform and a detail", e, badRow+2)
	}
	again := j.api.call(http.StatusOK, "POST", "/import/devices", []byte(csv.String()), "Content-Type", "text/csv").body
	if again["unchanged"] != 299.0 || again["created"] != 0.0 || again["updated"] != 0.0 {
		j.t.Errorf("the same file again = %v, want nothing changed", again)
	}
}

func (j *journey) audience() object {
	return object{"filter": object{"property": []object{{"name": "STOREY", "op": "eq", "value": fmt.Sprint(floor)}}, "platform": []string{"ios", "android"}}}
}

func (j *journey) preview() {
	got := j.api.call(http.StatusOK, "POST", "/audience/preview", object{"audience": j.audience()}).body
	n := float64(len(j.people))
	for field, want := range (object{"devices": n, "users": n, "push": n, "smtp": n, "sms": 0.0, "without_address": 0.0}) {
		if got[field] != want {
			j.t.Errorf("%s = %v, want %v", field, got[field], want)
		}
	}
	if sample := list(got["sample"]); len(sample) != 10 {
		j.t.Errorf("a sample of %d, want 10", len(sample))
	}
}

func (j *journey) send() {
	j.body = object{"audience": j.audience(), "ad_hoc": object{
		"push": object{"message": "Grüß Gott, ${user.displayname} – ${device.name} ✓", "badge": 3},
		"smtp": object{"subject": "Für ${user.displayname}: 重要", "message": "Hallo ${user.displayname},\nStock ${custom.STOREY} schließt. 日本語"},
	}}
	a := j.api.call(http.StatusAccepted, "POST", "/notifications", j.body, "Idempotency-Key", "journey-1")
	j.id, _ = a.body["id"].(string)
	if j.id == "" || !strings.HasSuffix(a.header.Get("Location"), "/notifications/"+j.id) {
		j.t.Fatalf("id %q, Location %q", j.id, a.header.Get("Location"))
	}
	n := j.api.waitDone(j.id)
	if want := 2 * len(j.people); n["recipients"] != float64(want) || count(n, "sent") != want {
		j.t.Errorf("recipients %v, sent %d; want %d of both", n["recipients"], count(n, "sent"), want)
	}
	deliveries := j.api.allItems("/notifications/" + j.id + "/deliveries?limit=7")
	if len(deliveries) != 2*len(j.people) {
		j.t.Errorf("%d deliveries, want %d", len(deliveries), 2*len(j.people))
	}
	seen := map[string]bool{}
	for _, d := range deliveries {
		if d["state"] != "sent" || d["reason"] != nil || d["attempts"] != 1.0 {
			j.t.Errorf("delivery = %v, want sent by its first attempt", d)
		}
		seen[text(d, "id")] = true
	}
	if len(seen) != len(deliveries) {
		j.t.Errorf("%d deliveries have %d ids", len(deliveries), len(seen))
	}
}

func (j *journey) sim(name string) caller {
	return newCaller(j.t, j.ready.Sims[name], "", j.api.http)
}

// histories checks that the simulators received exactly the messages that were sent, each once.
func (j *journey) histories() {
	left := map[string]person{}
	mails := map[string]person{}
	for token, p := range j.people {
		left[token], mails[p.mail] = p, p
	}
	for _, item := range slices.Concat(j.sim("apns").history(), j.sim("fcm").history()) {
		token := text(item, "token")
		p, known := left[token]
		delete(left, token)
		if want := fmt.Sprintf("Grüß Gott, %s – %s ✓", p.name, p.device); !known || !strings.Contains(flat(j.t, item), want) {
			j.t.Fatalf("push to %q (expected: %v) does not say %q: %v", token, known, want, item)
		}
	}
	for _, item := range j.sim("inbox").history() {
		to := list(item["recipients"])
		if len(to) != 1 {
			j.t.Errorf("a personal mail went to %v", to)
			continue
		}
		mail, _ := to[0].(string)
		p, known := mails[mail]
		delete(mails, mail)
		if want := fmt.Sprintf("Für %s: 重要", p.name); !known || item["subject"] != want {
			j.t.Fatalf("mail to %s (expected: %v) has subject %v, want %q", mail, known, item["subject"], want)
		}
		if want := fmt.Sprintf("Hallo %s,\nStock %d schließt. 日本語", p.name, floor); strings.TrimSpace(text(item, "text")) != want {
			j.t.Fatalf("mail to %s says %q, want %q", mail, item["text"], want)
		}
	}
	if len(left)+len(mails) > 0 {
		j.t.Errorf("not received: %v %v", left, mails)
	}
}

// again sends the same under the same key, which is the same notification, and other things under it, which is refused.
func (j *journey) again() {
	a := j.api.call(http.StatusAccepted, "POST", "/notifications", j.body, "Idempotency-Key", "journey-1")
	if a.body["id"] != j.id || a.header.Get("Idempotency-Replayed") != "true" {
		j.t.Errorf("id %v, Idempotency-Replayed %q; want the first answer", a.body["id"], a.header.Get("Idempotency-Replayed"))
	}
	other := object{"audience": j.audience(), "ad_hoc": object{"push": object{"message": "other"}}}
	j.api.call(http.StatusConflict, "POST", "/notifications", other, "Idempotency-Key", "journey-1")
	if all := j.api.allItems("/notifications?limit=100"); len(all) != 1 {
		j.t.Errorf("%d notifications, want one", len(all))
	}
	for sim, want := range map[string]int{"apns": len(j.people) / 2, "fcm": len(j.people) / 2, "inbox": len(j.people)} {
		if got := len(j.sim(sim).history()); got != want {
			j.t.Errorf("%s received %d, want %d", sim, got, want)
		}
	}
}

func (j *journey) nobody() {
	body := object{"audience": object{"filter": object{"property": []object{{"name": "STOREY", "op": "eq", "value": "99"}}}}, "ad_hoc": object{"push": object{"message": "x"}}}
	a := j.api.call(http.StatusUnprocessableEntity, "POST", "/notifications", body)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
		j.t.Errorf("Content-Type = %q", got)
	}
	if all := j.api.allItems("/notifications?limit=100"); len(all) != 1 {
		j.t.Errorf("%d notifications, want the one before", len(all))
	}
}

// visit follows the one link that the demo prints.
func (j *journey) visit() {
	client := *j.api.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Get(j.ready.SignIn)
	if err != nil {
		j.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSeeOther || len(response.Cookies()) == 0 {
		j.t.Errorf("sign_in answered %s with %d cookies, want 303 with a session", response.Status, len(response.Cookies()))
	}
}
