package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/courier"
	"heliograph/message"
	"heliograph/store"
)

var hello = object{"smtp": object{"subject": "Hello ${user.displayname}", "message": "Grüße an ${device.name}"}}

func TestPreview(t *testing.T) {
	h := newHouse(t)
	h.people(12)
	h.put("/users/lonely", object{"display_name": "Lonely"}).is(201)
	h.post("/audience/preview", object{"audience": object{"all": true}}).is(200).
		has("devices", 12, "users", 12, "push", 0, "smtp", 12, "sms", 0)
	r := h.post("/audience/preview", object{"audience": object{"user_ids": []string{"u3", "lonely"}}}).is(200).
		has("devices", 1, "users", 2, "smtp", 1, "without_address", 1)
	if n := len(r.at("sample").([]any)); n == 0 || n > 10 {
		t.Errorf("a sample of %d", n)
	}
	h.post("/audience/preview", object{"audience": object{"filter": object{"platform": []string{"android"}}}}).is(200).has("devices", 0, "sample", "[]")
	h.post("/audience/preview", object{"audience": object{"filter": object{
		"platform": []string{"ios"}, "ownership": []string{"unknown"}, "compliant": true, "jailbroken": false, "managed": true, "inactive_days_min": 3,
		"os_version": object{"op": "missing"}, "property": []object{{"name": "SITE", "op": "missing"}},
	}}}).is(200).has("devices", 12)

	h.post("/audience/preview", object{}).refuses("/audience")
	h.post("/audience/preview", object{"audience": object{"al": true}}).refuses("/audience/al")
	h.post("/audience/preview", object{"audience": object{"all": true, "groups": []string{"x"}}}).refuses("/audience/all")
	h.post("/audience/preview", object{"audience": object{"filter": object{
		"platform": []string{"ios", "symbian"}, "inactive_days_min": -1, "os_version": object{"op": "like"}, "property": []object{{"name": "x"}}, "colour": "red",
	}}}).refuses("/audience/filter/colour", "/audience/filter/inactive_days_min", "/audience/filter/os_version/op", "/audience/filter/platform/1", "/audience/filter/property/0/op")
	h.post("/audience/preview", object{"audience": object{"addresses": object{"mail": []string{"a@example.com", "b"}, "mobile": []string{"12"}}}}).
		refuses("/audience/addresses/mail/1", "/audience/addresses/mobile/0")
}

func TestSend(t *testing.T) {
	h := newHouse(t)
	h.people(3)
	h.smtp()
	r := h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": hello, "expires_in_seconds": 3600}).is(202).
		has("state", "expanding", "requested_by", "tests", "content.smtp.subject", "Hello ${user.displayname}", "audience.all", true,
			"template", nil, "send_at", nil, "finished_at", nil, "expires_in_seconds", 3600, "created_at", "2026-03-04T09:30:00Z")
	id := r.at("id").(string)
	if where := r.header.Get("Location"); where != "/api/v1/notifications/"+id {
		t.Errorf("Location %q", where)
	}
	if again := r.header.Get("Idempotency-Replayed"); again != "" {
		t.Errorf("a first answer is replayed: %q", again)
	}
	got := h.get("/notifications/" + id).is(200)
	for _, c := range []string{"push", "smtp", "sms"} {
		for _, s := range message.States {
			got.has("counts."+c+"."+s.String(), 0)
		}
	}
	if h.jobs.count() != 1 {
		t.Errorf("%d jobs", h.jobs.count())
	}
	h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": hello, "send_at": "2026-03-05T10:00:00+01:00"}).is(202).
		has("state", "scheduled", "send_at", "2026-03-05T09:00:00Z")
	h.get("/notifications").is(200).has("items.0.state", "scheduled", "items.1.state", "expanding")
	h.get("/notifications?state=expanding").is(200).has("items.0.id", id, "next_cursor", nil)
	h.get("/notifications?state=done,cancelled").is(200).has("items", "[]")
	h.get("/notifications?state=half").refuses("state")
}

func TestRefusedToSend(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": hello}).refuses("/ad_hoc/smtp")
	h.smtp()
	all := object{"all": true}
	for _, c := range []struct {
		name     string
		body     object
		pointers []string
	}{
		{"nothing to say", object{"audience": all}, []string{"/ad_hoc"}},
		{"null to say", object{"audience": all, "ad_hoc": nil}, []string{"/ad_hoc"}},
		{"no channel", object{"audience": all, "ad_hoc": object{}}, []string{"/ad_hoc"}},
		{"nobody", object{"audience": object{"groups": []string{"nowhere"}}, "ad_hoc": hello}, []string{"/audience"}},
		{"no audience", object{"ad_hoc": hello}, []string{"/audience"}},
		{"unknown field", object{"audience": all, "ad_hoc": object{"smtp": object{"subject": "s", "message": "m", "bcc": "x"}}}, []string{"/ad_hoc/smtp/bcc"}},
		{"unknown channel", object{"audience": all, "ad_hoc": object{"fax": object{}}}, []string{"/ad_hoc/fax"}},
		{"empty texts", object{"audience": all, "ad_hoc": object{"smtp": object{}}}, []string{"/ad_hoc/smtp/subject", "/ad_hoc/smtp/message"}},
		{"broken macros", object{"audience": all, "ad_hoc": object{"smtp": object{"subject": "${user.", "message": "${nonsense.x}"}}}, []string{"/ad_hoc/smtp/subject", "/ad_hoc/smtp/message"}},
		{"sms", object{"audience": all, "ad_hoc": object{"sms": object{"message": "m"}}}, []string{"/ad_hoc/sms"}},
		{"push", object{"audience": all, "ad_hoc": object{"push": object{"message": "m"}}}, []string{"/ad_hoc/push"}},
		{"badge", object{"audience": all, "ad_hoc": object{"push": object{"message": "m", "badge": -1}}}, []string{"/ad_hoc/push/badge"}},
		{"template", object{"audience": all, "template": "Welcome"}, []string{"/template"}},
		{"both", object{"audience": all, "template": "Welcome", "ad_hoc": hello}, []string{"/template"}},
		{"channels of nothing", object{"audience": all, "ad_hoc": hello, "channels": []string{"smtp"}}, []string{"/channels"}},
		{"times", object{"audience": all, "ad_hoc": hello, "send_at": "soon", "expires_in_seconds": 0}, []string{"/expires_in_seconds", "/send_at"}},
		{"far away", object{"audience": all, "ad_hoc": hello, "send_at": "2036-01-01T00:00:00Z"}, []string{"/send_at"}},
	} {
		t.Run(c.name, func(t *testing.T) { h.in(t).post("/notifications", c.body).refuses(c.pointers...) })
	}
	h.get("/notifications").has("items", "[]")
	if h.jobs.count() != 0 {
		t.Error("something was begun")
	}
}

func TestIdempotency(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.smtp()
	body := object{"audience": object{"all": true}, "ad_hoc": hello}
	send := func(key string, body any) *reply {
		h.Helper()
		return h.call("POST", prefix+"/notifications", body, "Idempotency-Key", key)
	}
	send("k", object{"audience": object{"all": true}}).is(422) // not kept
	first := send("k", body).is(202)
	h.del("/devices/d0").is(204)
	h.del("/users/u0").is(204)
	again := send("k", body).is(202) // though the audience is gone
	if again.raw != first.raw || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("Content-Type") != "application/json" {
		t.Errorf("the answers differ:\n%s%s", first.raw, again.raw)
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replayed: %q and %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
	send("k", object{"audience": object{"all": true}, "ad_hoc": object{"smtp": object{"subject": "x", "message": "y"}}}).is(409).pointsAt("Idempotency-Key")
	h.people(1)
	send(strings.Repeat("k", 255), body).is(202)
	send(strings.Repeat("k", 256), body).refuses("Idempotency-Key")
	send("", body).refuses("Idempotency-Key")

	// Keys belong to their token.
	made := h.post("/api-tokens", object{"name": "other", "role": "administrator"}).is(201)
	other := h.with(made.at("token").(string)).call("POST", prefix+"/notifications", body, "Idempotency-Key", "k").is(202)
	if other.at("id") == first.at("id") {
		t.Error("another token got the first one's answer")
	}
	h.clock.advance(24*time.Hour - time.Second)
	send("k", body).is(202).has("id", first.at("id"))
	h.clock.advance(time.Second)
	if late := send("k", body).is(202); late.at("id") == first.at("id") || late.header.Get("Idempotency-Replayed") != "" {
		t.Error("a day later the first answer comes again")
	}
	h.clock.advance(25 * time.Hour)
	if n, err := h.store.ForgetAnswers(t.Context(), 2); n != 2 || err != nil {
		t.Errorf("forgets %d, %v", n, err)
	}
	if n, err := h.store.ForgetAnswers(t.Context(), 100); n != 1 || err != nil {
		t.Errorf("forgets %d more, %v", n, err)
	}
}

// Many equal requests at the same moment make one notification.
func TestIdempotencyAtOnce(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.smtp()
	body := object{"audience": object{"all": true}, "ad_hoc": hello}
	replies := make([]*reply, 12)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { replies[i] = h.call("POST", prefix+"/notifications", body, "Idempotency-Key", "k") })
	}
	wg.Wait()
	fresh := 0
	for _, r := range replies {
		switch {
		case r.status == http.StatusAccepted && r.header.Get("Idempotency-Replayed") == "":
			fresh++
		case r.status != http.StatusAccepted && r.status != http.StatusConflict:
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
	if n := len(h.get("/notifications").ids()); n != 1 || fresh != 1 {
		t.Errorf("%d notifications, %d first answers", n, fresh)
	}
}

func TestStillRunning(t *testing.T) {
	h := newHouse(t)
	tokens, _, err := h.store.ListTokens(t.Context(), store.Page{})
	h.must(err)
	end, ok := h.server.running.begin(tokens[0].ID, "k")
	if !ok {
		t.Fatal("nothing runs yet")
	}
	h.call("POST", prefix+"/notifications", "{}", "Idempotency-Key", "k").is(409).pointsAt("Idempotency-Key")
	end()
	h.call("POST", prefix+"/notifications", "{}", "Idempotency-Key", "k").is(422)
}

// expanded is a notification with one delivery in each of some states.
func (h *house) expanded(states ...message.State) (id string, first message.DeliveryID) {
	h.Helper()
	id = h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": hello}).is(202).at("id").(string)
	n, err := h.store.Notification(h.Context(), access.Everything, message.NotificationID(id))
	h.must(err)
	servers, err := h.store.Servers(h.Context())
	h.must(err)
	first, err = h.store.DeliveryKeys(h.Context(), len(states))
	h.must(err)
	_, _, _, err = h.store.Begin(h.Context(), n.Key)
	h.must(err)
	page := courier.Page{Notification: n.Key, Last: true}
	for i, state := range states {
		name := fmt.Sprintf("Person %d", i)
		d := message.Delivery{
			ID: first + message.DeliveryID(i), Notification: n.Key, Channel: message.SMTP, State: state, Server: servers[0].ID,
			Address: fmt.Sprintf("u%d@example.com", i), Values: []*string{nil, &name},
		}
		if state == message.Failed {
			d.Reason, d.Detail = message.MailboxUnknown, "550 5.1.1 No such user"
		}
		page.Deliveries = append(page.Deliveries, d)
	}
	h.must(h.store.SavePage(h.Context(), page))
	return id, first
}

func TestDeliveries(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.smtp()
	id, first := h.expanded(message.Queued, message.Failed, message.Sent, message.Skipped)
	h.get("/notifications/"+id).is(200).has("state", "sending", "recipients", 4, "counts.smtp.queued", 1, "counts.smtp.failed", 1,
		"counts.smtp.sent", 1, "counts.smtp.skipped", 1, "counts.push.queued", 0)
	path := "/notifications/" + id + "/deliveries"
	all := h.get(path).is(200)
	if n := len(all.ids()); n != 4 {
		t.Errorf("%d deliveries", n)
	}
	h.get(path+"?state=failed&channel=smtp").is(200).has("items.0.id", (first + 1).String(), "items.0.state", "failed", "items.0.channel", "smtp",
		"items.0.address", "u1@example.com", "items.0.reason", "mailbox_unknown", "items.0.detail", "550 5.1.1 No such user",
		"items.0.device_id", nil, "items.0.attempts", 0, "items.0.next_attempt_at", nil, "items.0.provider_id", nil,
		"items.0.missing_macros", "[device.name]", "next_cursor", nil)
	if n := len(h.get(path + "?state=failed,skipped").is(200).ids()); n != 2 {
		t.Errorf("%d failed or skipped", n)
	}
	h.get(path+"?channel=push").is(200).has("items", "[]")
	h.get(path + "?channel=fax").refuses("channel")
	h.get(path + "?state=lost").refuses("state")
	page := h.get(path + "?limit=3").is(200)
	h.get(path+"?limit=3&cursor="+page.at("next_cursor").(string)).is(200).has("items.0.id", first.String(), "next_cursor", nil)
}

func TestCancelAndRetry(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.smtp()
	id, _ := h.expanded(message.Failed, message.Failed, message.Sent)
	path := "/notifications/" + id
	h.get(path).has("state", "done")
	h.post(path+"/cancel", "{}").is(409)
	retry := object{"states": []string{"failed"}}
	first := h.call("POST", prefix+path+"/retry", retry, "Idempotency-Key", "r").is(200).has("queued", 2)
	again := h.call("POST", prefix+path+"/retry", retry, "Idempotency-Key", "r").is(200)
	if again.raw != first.raw || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the second answer is %s", again.raw)
	}
	h.call("POST", prefix+path+"/retry", object{"states": []string{"unknown"}}, "Idempotency-Key", "r").is(409)
	h.call("POST", prefix+"/notifications", object{"audience": object{"all": true}, "ad_hoc": hello}, "Idempotency-Key", "r").is(409)
	h.post(path+"/retry", object{"states": []string{"unknown"}, "channel": "smtp"}).is(200).has("queued", 0)
	h.post(path+"/retry", object{}).refuses("/states")
	h.post(path+"/retry", object{"states": []string{}}).refuses("/states")
	h.post(path+"/retry", object{"states": []string{"sent"}, "channel": "fax"}).refuses("/channel", "/states/0")
	h.post("/notifications/nobody/retry", retry).is(404)
	h.post("/notifications/nobody/cancel", "{}").is(404)

	waiting := h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": hello, "send_at": "2026-03-05T00:00:00Z"}).is(202).at("id").(string)
	h.post("/notifications/"+waiting+"/cancel", object{"why": "x"}).refuses("/why")
	h.call("POST", prefix+"/notifications/"+waiting+"/cancel", nil).is(200).has("state", "cancelled")
	h.post("/notifications/"+waiting+"/cancel", "{}").is(200).has("state", "cancelled")
}

func TestMacros(t *testing.T) {
	h := newHouse(t)
	h.put("/users/ada", object{"given_name": "Ada", "mail": "ada@example.com"}).is(201)
	h.put("/devices/d", object{"name": "Phone", "user": "ada", "properties": object{"SITE": "Paris"}}).is(201)
	render := func(text, device, user string) *reply {
		h.Helper()
		return h.post("/macros/render", object{"text": text, "device_id": device, "user_id": user})
	}
	render("${user.givenname|upper} <${device.name}> ${SITE} ${user.sn 'x'}", "d", "").is(200).
		has("text", "ADA <Phone> Paris x", "errors", "[]")
	render("${user.givenname}", "", "ada").is(200).has("text", "Ada", "missing", "[]")
	render("${user.mobile}", "d", "").is(200).has("text", "", "missing.0", "user.mobile")
	render("Ada ${nonsense.x}", "d", "").is(200).has("text", "", "errors.0.position", 7)
	render("x", "nobody", "").is(404)
	h.post("/macros/render", object{"txt": "x"}).refuses("/text", "/txt")
	table := h.get("/macros").is(200).has("next_cursor", nil)
	for _, word := range []string{"${user.mail}", "SYSTEM_OS_VERSION", "firstnotnull", "outofcompliance"} {
		if !strings.Contains(table.raw, word) {
			t.Errorf("the table has no %s", word)
		}
	}
}
