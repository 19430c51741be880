package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

// limited is a house asked by a token of a role that is limited to some groups.
func (h *house) limited(role access.Role, groups ...string) *house {
	h.Helper()
	made := h.post("/api-tokens", object{"name": string(role) + " of " + strings.Join(groups, " "), "role": role, "groups": groups}).is(201)
	return h.with(made.at("token").(string))
}

// divided is a fleet in two groups that share nothing: "in" and "out", with a person, a device and a notification each.
func divided(t *testing.T) (h *house, sent map[string]string) {
	h = newHouse(t)
	h.smtp()
	sent = map[string]string{}
	for _, side := range []string{"in", "out"} {
		h.put("/users/u-"+side, object{"display_name": "Person " + side, "mail": side + "@example.com", "mobile": "+33612345678", "groups": []string{side}}).is(201)
		h.put("/devices/d-"+side, object{"name": "Phone " + side, "user": "u-" + side, "groups": []string{side}}).is(201)
		operator := h.limited(access.Operator, side)
		sent[side] = operator.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": object{"smtp": object{"subject": "To " + side, "message": "x"}}}).is(202).at("id").(string)
	}
	return h, sent
}

// Ids of the other group, tried at every address that takes one: they look like ids that never were.
func TestNothingOutsideOfTheGroups(t *testing.T) {
	h, sent := divided(t)
	groups := map[string]string{}
	for _, g := range h.get("/groups").is(200).json()["items"].([]any) {
		groups[g.(object)["name"].(string)] = g.(object)["id"].(string)
	}
	ids := map[string][2]string{ // there, and nowhere
		"/devices": {"d-out", "d-nowhere"}, "/users": {"u-out", "u-nowhere"}, "/groups": {groups["out"], "nowhere"},
		"/notifications": {sent["out"], "01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"},
	}
	bodies := map[string]string{"retry-notification": `{"states": ["failed"]}`}
	for _, role := range []access.Role{access.Operator, access.Support, access.Auditor} {
		guest := h.limited(role, "in")
		tried := 0
		for path, item := range h.server.huma.OpenAPI().Paths {
			root := "/" + strings.Split(path, "/")[1]
			if !strings.Contains(path, "{id}") || ids[root] == [2]string{} {
				continue
			}
			for method, o := range methodsOf(item) {
				body := bodies[o.OperationID]
				if body == "" {
					body = "{}"
				}
				var answers [2]*reply
				for i, id := range ids[root] {
					answers[i] = guest.call(method, prefix+strings.ReplaceAll(path, "{id}", id), body)
				}
				there, nowhere := answers[0], answers[1]
				if there.status != nowhere.status || there.raw != nowhere.raw || there.status != http.StatusNotFound && there.status != http.StatusForbidden {
					t.Errorf("%s %s %s: %d for what is there, %d for what is not: %s", role, method, path, there.status, nowhere.status, there.raw)
				}
				tried++
			}
		}
		if tried < 12 {
			t.Errorf("only %d addresses were tried", tried)
		}
	}
	for path, id := range map[string]string{"/devices/d-in": "d-in", "/users/u-in": "u-in", "/notifications/" + sent["in"]: sent["in"]} {
		h.limited(access.Support, "in").get(path).is(200).has("id", id)
	}
}

// Lists, counts, filters, previews and renderings say nothing of the other group either, and one group is not enough for
// what was sent to two.
func TestListsStayWithinTheGroups(t *testing.T) {
	h, sent := divided(t)
	both := h.limited(access.Operator, "in", "out").post("/notifications", object{"audience": object{"all": true}, "ad_hoc": object{"smtp": object{"subject": "To both", "message": "x"}}}).is(202).at("id").(string)
	all := h.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": object{"smtp": object{"subject": "To all", "message": "x"}}}).is(202).at("id").(string)
	guest := h.limited(access.Operator, "in")
	for _, path := range []string{
		"/devices", "/users", "/groups", "/devices?search=out", "/devices?group=out", "/users?search=out", "/users?group=out", "/notifications",
	} {
		if text := guest.get(path).is(200).raw; strings.Contains(text, "out") || strings.Contains(text, sent["out"]) || strings.Contains(text, both) || strings.Contains(text, all) {
			t.Errorf("%s tells of the other group: %s", path, text)
		}
	}
	guest.get("/notifications").is(200).has("items.0.id", sent["in"], "next_cursor", nil)
	if n := len(h.limited(access.Support, "in", "out").get("/notifications").is(200).json()["items"].([]any)); n != 3 {
		t.Errorf("who sees both groups sees %d notifications, want 3", n)
	}
	if n := len(h.get("/notifications").is(200).json()["items"].([]any)); n != 4 {
		t.Errorf("who sees everything sees %d notifications, want 4", n)
	}
	guest.post("/audience/preview", object{"audience": object{"all": true}}).is(200).has("devices", 1, "users", 1)
	for _, audience := range []object{
		{"user_ids": []string{"u-out"}}, {"device_ids": []string{"d-out"}}, {"groups": []string{"out"}}, {"filter": object{"group": []string{"out"}}},
	} {
		guest.post("/audience/preview", object{"audience": audience}).is(200).has("devices", 0, "users", 0)
		guest.post("/notifications", object{"audience": audience, "ad_hoc": object{"smtp": object{"subject": "x", "message": "x"}}}).refuses("/audience")
	}
	guest.post("/audience/preview", object{"audience": object{"addresses": object{"mail": []string{"boss@example.com"}}}}).refuses("/audience/addresses")
	guest.post("/notifications", object{"audience": object{"all": true, "addresses": object{"mail": []string{"boss@example.com"}}}, "ad_hoc": object{"smtp": object{"subject": "x", "message": "x"}}}).
		refuses("/audience/addresses")
	guest.post("/notifications", object{"audience": object{"all": true}, "ad_hoc": object{"smtp": object{"subject": "x", "message": "x", "recipient": "${user.mail}; boss@example.com"}}}).
		refuses("/ad_hoc/smtp/recipient")
	guest.post("/macros/render", object{"text": "${user.mail}", "user_id": "u-out"}).is(404)
	guest.post("/macros/render", object{"text": "${device.name}", "device_id": "d-out"}).is(404)
}

// A device within the groups whose person is not: nothing of the person comes with it.
func TestPersonOutsideOfADevice(t *testing.T) {
	h, _ := divided(t)
	h.put("/devices/d-mixed", object{"name": "Shared", "user": "u-out", "groups": []string{"in"}}).is(201)
	guest := h.limited(access.Operator, "in")
	guest.get("/devices/d-mixed").is(200).has("user", nil)
	for _, path := range []string{"/devices", "/devices?search=" + "Person%20out"} {
		if text := guest.get(path).is(200).raw; strings.Contains(text, "u-out") || strings.Contains(path, "search") && strings.Contains(text, "d-mixed") {
			t.Errorf("%s tells of the person: %s", path, text)
		}
	}
	if text := guest.post("/macros/render", object{"text": "<${user.mail}>", "device_id": "d-mixed"}).is(200).raw; strings.Contains(text, "out@") {
		t.Errorf("rendered for them: %s", text)
	}
	guest.post("/audience/preview", object{"audience": object{"device_ids": []string{"d-mixed"}}}).is(200).has("devices", 1, "users", 0, "smtp", 0)
}

// No token makes another that may more, or lives longer.
func TestTokensDoNotClimb(t *testing.T) {
	h := newHouse(t)
	h.put("/groups/sales", object{"name": "Sales"}).is(201)
	for _, role := range []access.Role{access.Operator, access.Support, access.Auditor} {
		lesser := h.with(h.post("/api-tokens", object{"name": "x", "role": role}).is(201).at("token").(string))
		for _, wanted := range access.Roles {
			lesser.post("/api-tokens", object{"name": "more", "role": wanted}).is(403)
			lesser.post("/administrators", object{"name": "me", "role": wanted}).is(403)
		}
	}
	short := h.with(h.post("/api-tokens", object{"name": "short", "role": "administrator", "expires_at": "2026-03-05T00:00:00Z"}).is(201).at("token").(string))
	for _, until := range []any{nil, "2026-03-05T00:00:01Z"} {
		short.post("/api-tokens", object{"name": "long", "role": "auditor", "expires_at": until}).refuses("/expires_at")
	}
	short.post("/api-tokens", object{"name": "as long", "role": "auditor", "expires_at": "2026-03-05T00:00:00Z"}).is(201).has("made_by", "short")
	h.post("/api-tokens", object{"name": "x", "role": "administrator", "groups": []string{"Sales"}}).refuses("/groups")
	h.post("/administrators", object{"name": "x", "role": "administrator", "groups": []string{"Sales"}}).refuses("/groups")
}

// Fields that are not a caller's to set: unknown ones are refused, and those that are only shown have no effect.
func TestMassAssignment(t *testing.T) {
	h := newHouse(t)
	made := h.post("/administrators", object{"name": "maria", "role": "support", "id": "mine", "created_at": "2001-01-01T00:00:00Z", "last_sign_in_at": "2001-01-01T00:00:00Z"}).is(201)
	id := made.at("id").(string)
	if id == "mine" {
		t.Error("the caller chose the id")
	}
	h.get("/administrators/"+id).is(200).has("last_sign_in_at", nil, "created_at", "2026-03-04T09:30:00Z")
	for _, field := range []string{"password", "password_hash", "limited", "scope", "maker", "secret", "is_admin", "__proto__"} {
		h.post("/administrators", object{"name": "x", "role": "support", field: "1"}).refuses("/" + field)
		h.put("/administrators/"+id, object{"role": "support", field: "1"}).refuses("/" + field)
		h.post("/api-tokens", object{"name": "x", "role": "support", field: "1"}).refuses("/" + field)
	}
	h.put("/administrators/"+id, object{"name": "other", "role": "support"}).refuses("/name")
}

func TestAdministrators(t *testing.T) {
	h := newHouse(t)
	h.put("/groups/sales", object{"name": "Sales"}).is(201)
	made := h.post("/administrators", object{
		"name": " Maria ", "role": "support", "groups": []string{"sales"}, "mail": "maria@example.com", "mobile": "+33612345678", "receives_alerts": true,
	}).is(201).has("name", "maria", "role", "support", "groups", "[Sales]", "mail", "maria@example.com", "receives_alerts", true, "last_sign_in_at", nil)
	id := made.at("id").(string)
	if where := made.header.Get("Location"); where != "/api/v1/administrators/"+id {
		t.Errorf("Location %q", where)
	}
	link := made.at("link").(string)
	if a, err := h.store.AccountByLink(t.Context(), link); err != nil || a.ID != id {
		t.Errorf("the link belongs to %+v, %v", a, err)
	}
	again := h.post("/administrators/"+id+"/link", object{}).is(200).at("link").(string)
	if _, err := h.store.AccountByLink(t.Context(), link); err == nil || again == link {
		t.Error("the older link still works")
	}
	if text := h.get("/administrators").is(200).raw; strings.Contains(text, again) {
		t.Error("a list shows a link")
	}
	h.post("/administrators", object{"name": "MARIA", "role": "auditor"}).is(409).pointsAt("/name")
	h.put("/administrators/"+id, object{"role": "operator", "groups": nil}).is(200).has("role", "operator", "groups", nil, "mail", "", "receives_alerts", false)
	h.post("/administrators", object{"name": "a b", "role": "auditor", "groups": []string{}, "mail": "x", "mobile": "0612", "receives_alerts": true}).
		refuses("/name", "/groups", "/mail", "/mobile")
	h.post("/administrators", object{"name": "x", "role": "auditor", "receives_alerts": true}).refuses("/receives_alerts")
	h.post("/administrators", object{"name": "", "role": ""}).refuses("/role")
	h.put("/administrators/nobody", object{"role": "auditor"}).is(404)
	h.del("/administrators/" + id).is(204)
	h.get("/administrators/" + id).is(404)

	last := h.post("/administrators", object{"name": "ada", "role": "administrator"}).is(201).at("id").(string)
	h.put("/administrators/"+last, object{"role": "auditor"}).is(409)
	h.del("/administrators/" + last).is(409)
}

// Everything that changes something, sends or ends something is in the log, once, with who and from where.
func TestAuditLog(t *testing.T) {
	h := newHouse(t)
	h.smtp()
	h.put("/devices/d", object{"name": "Phone", "user": nil, "groups": []string{"Sales"}}).is(201)
	h.put("/devices/d", object{"name": "Phone", "groups": []string{"Sales"}}).is(200) // as it was: no news
	h.put("/devices/d", object{"name": "Tablet", "groups": []string{"Sales"}}).is(200)
	h.put("/devices/d/push-token", object{"provider": "apns", "app": "com.example.app", "token": "abcdef0123"}).is(201)
	h.put("/users/u", object{"display_name": "Ada", "mail": "ada@example.com"}).is(201)
	id := h.post("/notifications", object{"audience": object{"user_ids": []string{"u"}}, "ad_hoc": object{"smtp": object{"subject": "Hello", "message": "x"}}}).is(202).at("id").(string)
	h.post("/notifications/"+id+"/cancel", object{}).is(200)
	h.call("POST", prefix+"/import/devices", "id\nd2\nd3\n", "Content-Type", "text/csv").is(200)
	h.call("POST", prefix+"/import/devices?dry_run=true", "id\nd4\n", "Content-Type", "text/csv").is(200)
	h.post("/notifications", object{"audience": object{"user_ids": []string{"nobody"}}, "ad_hoc": object{"smtp": object{"subject": "x", "message": "x"}}}).is(422)
	h.del("/devices/d").is(204)
	h.del("/devices/d").is(404)

	var got []string
	items := h.get("/audit?limit=100").is(200).json()["items"].([]any)
	for _, item := range items {
		e := item.(object)
		who, what := e["actor"].(object), e["object"].(object)
		if who["name"] != "tests" || who["kind"] != "token" || who["role"] != "administrator" || e["from"] != "192.0.2.1" {
			t.Errorf("done by %v from %v", who, e["from"])
		}
		got = append(got, fmt.Sprintf("%s %s %s", e["action"], what["kind"], what["name"]))
	}
	slices.Reverse(got)
	want := []string{
		"create server mail", "create device Phone", "update device Tablet", "create push_token Tablet", "create user Ada",
		"send notification Hello", "cancel notification Hello", "import device ", "delete device Tablet",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log says\n%q, want\n%q", got, want)
	}
	h.get("/audit?kind=device&action=update").is(200).has("items.0.before.name", "Phone", "items.0.after.name", "Tablet")
	h.get("/audit?action=import").is(200).has("items.0.after.created", 2)
	h.get("/audit?object="+id+"&action=send").is(200).has("items.0.after.users", 1, "items.0.after.audience.user_ids.0", "u")
	h.get("/audit?action=create,delete&kind=device").is(200).has("items.0.action", "delete", "items.1.action", "create", "items.1.before", nil)
	h.get("/audit?actor=nobody").is(200).has("items", "[]")
	h.get("/audit?action=conquer").refuses("action")
	h.get("/audit?kind=planet").refuses("kind")
	h.get("/audit?since=yesterday").is(422)
	first := h.get("/audit?limit=4").is(200)
	if rest := h.get("/audit?limit=100&cursor=" + first.at("next_cursor").(string)).is(200).json()["items"].([]any); len(rest) != len(want)-4 {
		t.Errorf("the second page has %d entries", len(rest))
	}
	one := items[0].(object)["id"].(string)
	h.get("/audit/"+one).is(200).has("id", one)
	h.get("/audit/999999").is(404)
	h.get("/audit/x").is(404)
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH"} {
		h.call(method, prefix+"/audit/"+one, "{}").is(405)
	}
	if strings.Contains(h.get("/audit?limit=100").raw, "abcdef0123") {
		t.Error("the log holds a push token")
	}
}

// An account that may less from now on takes its tokens along, at their next request.
func TestTokensFollowTheirMaker(t *testing.T) {
	h := newHouse(t)
	h.must(func() error {
		_, err := h.store.PutGroup(t.Context(), access.Everything, fleet.Group{ID: "sales", Name: "Sales"})
		return err
	}())
	maker := access.Account{ID: "bea", Name: "bea", Role: access.Administrator, Scope: access.Everything}
	_, err := h.store.AddAccount(t.Context(), maker)
	h.must(err)
	ada, err := h.store.AddAccount(t.Context(), access.Account{ID: "ada", Name: "ada", Role: access.Administrator, Scope: access.Everything})
	h.must(err)
	link, err := h.store.NewLink(t.Context(), ada.ID)
	h.must(err)
	_, err = h.store.SetPasswordByLink(t.Context(), link, "hash")
	h.must(err)
	secret, _, err := h.store.AddToken(t.Context(), access.Token{Name: "hers", Role: access.Administrator, Scope: access.Everything, Maker: "bea", ExpiresAt: h.clock.Now().Add(time.Hour)})
	h.must(err)
	script := h.with(secret)
	script.get("/audit").is(200)
	h.put("/administrators/bea", object{"role": "support", "groups": []string{"Sales"}}).is(200)
	script.get("/audit").is(403)
	script.get("/devices").is(200)
	h.del("/administrators/bea").is(204)
	script.get("/devices").is(401)
}
