package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

func TestDevice(t *testing.T) {
	h := newHouse(t)
	h.put("/users/ada", object{"mail": "ada@example.com", "groups": []string{"Sales"}}).is(201)
	full := object{
		"id": "d.1:x@y-z_", "name": "Ada's <phone> & co", "platform": "ipados", "os_version": "18.1", "model": "iPad14,1",
		"serial_number": "C39", "imei": "35693", "phone_number": "+33612345678", "carrier": "Orange", "ownership": "corporate",
		"managed": false, "compliant": false, "jailbroken": true, "last_seen": "2026-03-04T10:00:00+01:00", "user": "ada",
		"groups": []string{"Paris", "Board"}, "properties": object{"SITE": "Paris", "a.b": "é"},
		"push": object{"provider": "apns", "token": "ab12", "app": "com.example.app", "environment": "sandbox"},
	}
	made := h.put("/devices/d.1:x@y-z_", full).is(201)
	got := h.get("/devices/d.1:x@y-z_").is(200).has(
		"name", full["name"], "platform", "ipados", "os_version", "18.1", "model", "iPad14,1", "serial_number", "C39", "imei", "35693",
		"phone_number", "+33612345678", "carrier", "Orange", "ownership", "corporate", "managed", false, "compliant", false,
		"jailbroken", true, "last_seen", "2026-03-04T09:00:00Z", "user", "ada", "groups", "[Board Paris]", "properties.SITE", "Paris",
		"push.provider", "apns", "push.app", "com.example.app", "push.environment", "sandbox", "push.token_set", true, "push.state", "live")
	if made.raw != got.raw {
		t.Errorf("PUT answers\n%sand GET\n%s", made.raw, got.raw)
	}
	if strings.Contains(got.raw, "ab12") {
		t.Error("a push token is shown")
	}
	if again := h.put("/devices/d.1:x@y-z_", got.raw).is(200); again.raw != got.raw {
		t.Errorf("what GET showed came back as\n%s", again.raw)
	}

	// PUT replaces: what is absent takes its default. But for the token, which stays.
	h.put("/devices/d.1:x@y-z_", object{}).is(200).has("name", "", "platform", "other", "ownership", "unknown", "managed", true,
		"compliant", true, "jailbroken", false, "last_seen", nil, "user", nil, "groups", "[]", "properties", "map[]", "push.token_set", true)
	h.del("/devices/d.1:x@y-z_").is(204)
	h.get("/devices/d.1:x@y-z_").is(404)
	h.del("/devices/d.1:x@y-z_").is(404)
}

func TestPushToken(t *testing.T) {
	h := newHouse(t)
	h.put("/devices/d", object{"platform": "android"}).is(201).has("push", nil)
	push := object{"provider": "fcm", "token": "one", "app": "com.example.app"}
	token := func() string {
		h.Helper()
		found, err := h.store.DeviceToken(t.Context(), access.Everything, "d")
		if err != nil {
			return err.Error()
		}
		return found.Token
	}
	h.put("/devices/d/push-token", push).is(201).has("provider", "fcm", "app", "com.example.app", "environment", "production", "token_set", true, "state", "live")
	h.put("/devices/d/push-token", push).is(200)
	h.put("/devices/d/push-token", object{"provider": "fcm", "app": "a"}).refuses("/token")
	h.put("/devices/d/push-token", object{"provider": "apns", "app": "a", "token": "zz"}).refuses("/token")
	h.put("/devices/d/push-token", object{"provider": "pigeon", "app": "a", "token": "zz", "x": 1}).refuses("/provider", "/x")
	if token() != "one" {
		t.Errorf("token %q", token())
	}
	for _, c := range []struct {
		name string
		push any
		want string
	}{
		{"absent keeps", nil, "one"},
		{"a new one", object{"provider": "fcm", "app": "com.example.app", "token": "two"}, "two"},
		{"an absent token keeps", object{"provider": "fcm", "app": "com.example.other"}, "two"},
	} {
		body := object{}
		if c.push != nil {
			body["push"] = c.push
		}
		h.put("/devices/d", body).is(200).has("push.token_set", true)
		if got := token(); got != c.want {
			t.Errorf("%s: token %q, want %q", c.name, got, c.want)
		}
	}
	h.put("/devices/d", `{"push": {"provider": "fcm", "app": "a", "token": null}}`).is(200).has("push", nil)
	h.put("/devices/d", object{"push": push}).is(200).has("push.token_set", true)
	h.put("/devices/d", `{"push": null}`).is(200).has("push", nil)
	h.put("/devices/d/push-token", push).is(201)
	h.put("/devices/d/push-token", `{"provider": "fcm", "app": "a", "token": null}`).is(200).has("token_set", false)
	h.get("/devices/d").has("push", nil)
}

func TestUsersAndGroups(t *testing.T) {
	h := newHouse(t)
	full := object{"id": "ada", "username": "ada", "domain": "example.com", "display_name": "Ada Lovelace", "given_name": "Ada", "surname": "Lovelace",
		"mail": "ada@example.com", "mobile": "+33612345678", "language": "fr", "groups": []string{"Sales"}, "properties": object{"FLOOR": "3"}}
	made := h.put("/users/ada", full).is(201)
	got := h.get("/users/ada").is(200)
	if made.raw != got.raw {
		t.Errorf("PUT answers\n%sand GET\n%s", made.raw, got.raw)
	}
	var shown object
	h.must(json.Unmarshal([]byte(got.raw), &shown))
	if fmt.Sprint(shown) != fmt.Sprint(full) {
		t.Errorf("stored %v, shown %v", full, shown)
	}
	h.must(h.store.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO address_marks (channel, address, reason, detail, at) VALUES (2, 'ada@example.com', 'mailbox_unknown', 'No such user', 1767225600000)`)
		return err
	}))
	h.get("/users/ada").is(200).has("mail_refused.reason", "mailbox_unknown", "mail_refused.at", "2026-01-01T00:00:00Z")
	h.put("/users/ada", object{}).is(200).has("mail", "", "groups", "[]", "properties", "map[]", "mail_refused", nil)

	h.put("/devices/d", object{"groups": []string{"Sales"}}).is(201)
	id := h.get("/groups").is(200).has("items.0.name", "Sales", "items.0.devices", 1, "items.0.users", 0).at("items.0.id").(string)
	h.put("/groups/"+id, object{"name": "Field", "description": "Everybody who travels"}).is(200).has("id", id, "name", "Field", "devices", 1)
	h.get("/devices/d").has("groups", "[Field]")
	h.put("/groups/board", object{"name": "Board"}).is(201)
	h.put("/groups/board", object{"name": "Field"}).is(409).pointsAt("/name")
	h.put("/groups/board", object{"name": "Board", "devices": 17}).is(200).has("devices", 0)
	h.del("/groups/" + id).is(204)
	h.get("/devices/d").has("groups", "[]")
	h.del("/users/ada").is(204)
	h.get("/users/ada").is(404)
}

func (a *reply) ids() []string {
	a.h.Helper()
	var ids []string
	for _, item := range a.at("items").([]any) {
		ids = append(ids, item.(object)["id"].(string))
	}
	return ids
}

func TestPages(t *testing.T) {
	h := newHouse(t)
	h.people(7)
	for path, want := range map[string][]string{
		"/devices": {"d6", "d5", "d4", "d3", "d2", "d1", "d0"},
		"/users":   {"u6", "u5", "u4", "u3", "u2", "u1", "u0"},
	} {
		var got []string
		cursor := ""
		for range 10 {
			page := h.get(path + "?limit=3" + cursor).is(200)
			got = append(got, page.ids()...)
			next := page.at("next_cursor")
			if next == nil {
				break
			}
			cursor = "&cursor=" + next.(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for i := range 5 {
		h.clock.advance(time.Second)
		h.post("/api-tokens", object{"name": fmt.Sprint(i), "role": "administrator"}).is(201)
	}
	first := h.get("/api-tokens?limit=4").is(200).has("items.0.name", "4", "items.3.name", "1")
	h.get("/api-tokens?limit=4&cursor="+first.at("next_cursor").(string)).is(200).has("items.0.name", "0", "items.1.name", "tests", "next_cursor", nil)
}

func TestDeviceFilters(t *testing.T) {
	h := newHouse(t)
	put := func(id string, change func(*fleet.Device)) {
		d := fleet.NewDevice(fleet.DeviceID(id))
		change(&d)
		_, err := h.store.PutDevice(t.Context(), access.Everything, d)
		h.must(err)
	}
	put("a", func(d *fleet.Device) {
		d.Platform, d.OSVersion, d.Ownership, d.LastSeen = fleet.IOS, "16.2", fleet.Corporate, h.clock.Now()
	})
	put("b", func(d *fleet.Device) {
		d.Platform, d.OSVersion, d.Jailbroken, d.Groups = fleet.IPadOS, "16.10", true, []string{"Sales, North"}
	})
	put("c", func(d *fleet.Device) {
		d.Platform, d.Compliant, d.Properties = fleet.Android, false, map[string]string{"SITE": "Paris: North", "FLOOR": "10"}
	})
	put("d", func(d *fleet.Device) { d.Managed, d.Ownership, d.Name = false, fleet.BYOD, "Grüße" })
	for query, want := range map[string]string{
		"":                                         "dcba",
		"platform=ios":                             "a",
		"platform=ios,ipados":                      "ba",
		"platform=ios&platform=android":            "ca",
		"platform=ios%2Candroid":                   "ca",
		"ownership=corporate,byod":                 "da",
		"compliant=false":                          "c",
		"compliant=true":                           "dba",
		"jailbroken=true":                          "b",
		"managed=false":                            "d",
		"managed=0":                                "d",
		"inactive_days_min=0":                      "dcb",
		"group=Sales%2C%20North":                   "b",
		"os_version=16.2":                          "a",
		"os_version=16.3&os_version_op=ge":         "b",
		"os_version=16.3&os_version_op=lt":         "a",
		"os_version_op=missing":                    "dc",
		"property=SITE:eq:Paris:%20North":          "c",
		"property=FLOOR:gt:9":                      "c",
		"property=FLOOR:gt:11":                     "",
		"property=SITE:missing":                    "dba",
		"property=SITE:exists&property=FLOOR:lt:9": "",
		"search=gr%C3%BC":                          "d",
		"platform=ios&jailbroken=true":             "",
	} {
		if got := strings.Join(h.get("/devices?"+query).is(200).ids(), ""); got != want {
			t.Errorf("?%s finds %q, want %q", query, got, want)
		}
	}
	h.put("/users/u", object{"username": "grace", "groups": []string{"Navy"}}).is(201)
	h.get("/users?group=Navy&search=grac").has("items.0.id", "u")
	h.get("/users?search=nobody").has("items", "[]")
}

func TestImport(t *testing.T) {
	h := newHouse(t)
	send := func(query, kind, body string) *reply {
		h.Helper()
		return h.call("POST", prefix+"/import/devices"+query, body, "Content-Type", kind)
	}
	const csv = "\uFEFFid,name,platform,user.id,user.mail,groups,property.SITE\r\nd1,Phone,ios,u1,u1@example.com,A;B,Paris\r\nd2,,symbian,u2,,,\r\nd1,again,,,,,\r\n"
	send("?dry_run=true", "text/csv", csv).is(200).has("rows", 3, "created", 1, "rejected", 2)
	h.get("/devices").has("items", "[]")
	send("", "text/csv; charset=UTF-8", csv).is(200).has("rows", 3, "created", 1, "updated", 0, "unchanged", 0, "rejected", 2,
		"errors.0.line", 3, "errors.0.column", "platform", "errors.1.line", 4, "errors.1.column", "id")
	send("?dry_run=false", "text/csv", csv).is(200).has("created", 0, "unchanged", 1, "rejected", 2)
	h.get("/devices/d1").is(200).has("user", "u1", "groups", "[A B]", "properties.SITE", "Paris")
	send("", "application/x-ndjson", `{"id": "d9", "platform": "android"}`+"\n"+`{"nonsense": 1}`+"\n").is(200).has("created", 1, "rejected", 1)

	send("", "text/csv", "id,colour\nd3,red\n").is(422)
	send("", "text/csv", "name\nx\n").is(422)
	send("", "text/csv", "").is(422)
	send("?dry=true", "text/csv", csv).refuses("dry")
	send("?dry_run=perhaps", "text/csv", csv).refuses("dry_run")
	for _, kind := range []string{"", "application/json", "text/csv; charset=latin1", "text"} {
		send("", kind, csv).is(415).pointsAt("Content-Type")
	}
	h.get("/devices").has("items.0.id", "d9", "items.1.id", "d1")
}

// An import is not bound by the limit of bodies, and only a few run at once.
func TestImportIsStreamed(t *testing.T) {
	h := newHouse(t)
	var b strings.Builder
	b.WriteString("id,name\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "d%d,%s\n", i, strings.Repeat("n", 240))
	}
	b.WriteString("big," + strings.Repeat("n", 2<<20) + "\nlast,x\n")
	if b.Len() < 2*maxBody {
		t.Fatal("the file is too small to show anything")
	}
	h.call("POST", prefix+"/import/devices", b.String(), "Content-Type", "text/csv").is(200).
		has("rows", 3002, "created", 3001, "rejected", 1, "errors.0.line", 3002)

	for range importsAtOnce {
		h.server.imports <- struct{}{}
	}
	busy := h.call("POST", prefix+"/import/devices", "id\nx\n", "Content-Type", "text/csv").is(429)
	if busy.header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After %q", busy.header.Get("Retry-After"))
	}
	<-h.server.imports
	h.call("POST", prefix+"/import/devices", "id\nx\n", "Content-Type", "text/csv").is(200)
}

// A push token that does not work says since when, and why.
func TestPushTokenSays(t *testing.T) {
	at := time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		token fleet.PushToken
		want  string
	}{
		{fleet.PushToken{Provider: "apns", App: "a", Environment: "production", State: fleet.TokenLive},
			`{"provider":"apns","app":"a","environment":"production","token_set":true,"state":"live"}`},
		{fleet.PushToken{Provider: "apns", App: "a", Environment: "production", State: fleet.TokenSuspended, Reason: "Another app's.", Since: at.In(time.FixedZone("", 3600))},
			`{"provider":"apns","app":"a","environment":"production","token_set":true,"state":"suspended","reason":"Another app's.","since":"2026-03-04T09:30:00Z"}`},
	} {
		got, err := json.Marshal(showPush(c.token))
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v", got, err)
		}
	}
}
