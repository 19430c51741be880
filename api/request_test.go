package api

import (
	"strings"
	"testing"
	"time"
)

// What is wrong with a request, at which place, with which status.
func TestBadRequests(t *testing.T) {
	h := newHouse(t)
	deep := func(n int) string {
		return `{"id":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	padded := func(size int) string { // a body of so many bytes, right but for its name
		head, tail := `{"nonsense":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		pointers                 []string
	}{
		{"no body", "PUT", "/devices/d", "", 400, nil},
		{"not JSON", "PUT", "/devices/d", "hello", 400, []string{""}},
		{"breaks off", "PUT", "/devices/d", `{"name": "x"`, 400, []string{""}},
		{"goes on", "PUT", "/devices/d", `{} {}`, 400, []string{""}},
		{"bad UTF-8", "PUT", "/devices/d", "{\"name\": \"\xff\"}", 400, []string{""}},
		{"byte order mark", "PUT", "/devices/d", "\uFEFF{}", 400, []string{""}},
		{"deep", "PUT", "/devices/d", deep(40), 400, []string{""}},
		{"very deep", "PUT", "/devices/d", deep(500_000), 400, []string{""}},
		{"open brackets only", "PUT", "/devices/d", strings.Repeat("[", 1<<19), 400, []string{""}},
		{"brackets in a text are no depth", "PUT", "/devices/d", `{"name": "` + strings.Repeat("[", 100) + `", "x": 1}`, 422, []string{"/x"}},
		{"largest body", "PUT", "/devices/d", padded(1 << 20), 422, []string{"/nonsense"}},
		{"too large a body", "PUT", "/devices/d", padded(1<<20 + 1), 413, []string{}},
		{"far too large a body", "POST", "/notifications", padded(1 << 22), 413, []string{}},
		{"not an object", "PUT", "/devices/d", `[]`, 422, []string{""}},
		{"null", "PUT", "/devices/d", `null`, 422, []string{""}},
		{"a text", "POST", "/api-tokens", `"x"`, 422, []string{""}},

		{"unknown fields", "PUT", "/devices/d", `{"b": 1, "a": 2}`, 422, []string{"/a", "/b"}},
		{"another case", "PUT", "/devices/d", `{"Name": "x"}`, 422, []string{"/Name"}},
		{"pointers are escaped", "PUT", "/devices/d", `{"a/b~c": 1}`, 422, []string{"/a~1b~0c"}},
		{"a property with dots", "PUT", "/devices/d", `{"properties": {"a.b": 1, "c.d": "fine", "e": null}}`, 422, []string{"/properties/a.b"}},
		{"wrong kinds", "PUT", "/devices/d", `{"name": 1, "managed": "yes", "groups": "Sales", "properties": [], "last_seen": 5, "push": "x"}`, 422,
			[]string{"/groups", "/last_seen", "/managed", "/name", "/properties", "/push"}},
		{"null in a list", "PUT", "/devices/d", `{"groups": ["a", null]}`, 422, []string{"/groups/1"}},
		{"closed lists", "PUT", "/devices/d", `{"platform": "symbian", "ownership": "mine"}`, 422, []string{"/ownership", "/platform"}},
		{"times", "PUT", "/devices/d", `{"last_seen": "yesterday"}`, 422, []string{"/last_seen"}},
		{"content", "PUT", "/devices/d", `{"phone_number": "0612", "name": "` + strings.Repeat("n", 300) + `"}`, 422, []string{"/name", "/phone_number"}},
		{"another id", "PUT", "/devices/d", `{"id": "e"}`, 422, []string{"/id"}},
		{"bad id", "PUT", "/devices/a%20b", `{}`, 422, []string{"id"}},
		{"long id", "PUT", "/devices/" + strings.Repeat("i", 129), `{}`, 422, []string{"id"}},
		{"unknown user", "PUT", "/devices/d", `{"user": "nobody"}`, 422, []string{"/user"}},
		{"push", "PUT", "/devices/d", `{"push": {}}`, 422, []string{"/push/provider", "/push/app"}},
		{"push of nothing", "PUT", "/devices/d", `{"push": {"provider": "apns", "app": "a"}}`, 422, []string{"/push/token"}},
		{"push token", "PUT", "/devices/d", `{"push": {"provider": "apns", "app": "a", "token": "zz"}}`, 422, []string{"/push/token"}},
		{"user's mail", "PUT", "/users/u", `{"mail": "a@", "mobile": "12", "language": "!!"}`, 422, []string{"/mail", "/mobile", "/language"}},
		{"a group without a name", "PUT", "/groups/g", `{}`, 422, []string{"/name"}},

		{"limit 0", "GET", "/devices?limit=0", "", 422, []string{"limit"}},
		{"limit 1001", "GET", "/devices?limit=1001", "", 422, []string{"limit"}},
		{"limit many", "GET", "/devices?limit=many", "", 422, []string{"limit"}},
		{"cursor", "GET", "/devices?cursor=nonsense", "", 422, []string{"cursor"}},
		{"cursor of tokens", "GET", "/api-tokens?cursor=e30", "", 422, []string{"cursor"}},
		{"unknown parameter", "GET", "/devices?platfrom=ios", "", 422, []string{"platfrom"}},
		{"platform", "GET", "/devices?platform=ios&platform=symbian", "", 422, []string{"platform"}},
		{"boolean", "GET", "/devices?compliant=perhaps", "", 422, []string{"compliant"}},
		{"property", "GET", "/devices?property=SITE", "", 422, []string{"property"}},
		{"operator", "GET", "/devices?os_version=1&os_version_op=like", "", 422, []string{"os_version_op"}},
		{"days", "GET", "/devices?inactive_days_min=-1", "", 422, []string{"inactive_days_min"}},

		{"no such device", "GET", "/devices/nobody", "", 404, []string{}},
		{"no such user", "DELETE", "/users/nobody", "", 404, []string{}},
		{"no such group", "GET", "/groups/nobody", "", 404, []string{}},
		{"no such notification", "GET", "/notifications/nobody", "", 404, []string{}},
		{"no such deliveries", "GET", "/notifications/nobody/deliveries", "", 404, []string{}},
		{"no such server", "GET", "/notification-servers/nobody", "", 404, []string{}},
		{"no such address", "GET", "/nowhere", "", 404, []string{}},
		{"push token of nobody", "PUT", "/devices/nobody/push-token", `{"provider": "fcm", "app": "a", "token": "t"}`, 404, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			began := time.Now()
			var body any
			if c.body != "" {
				body = c.body
			}
			r := h.call(c.method, prefix+c.path, body).is(c.status)
			if c.pointers != nil {
				r.pointsAt(c.pointers...)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	h.get("/devices").is(200).has("items", "[]")
	if h.log.Len() > 0 {
		t.Errorf("what callers do wrong is no error of ours:\n%s", h.log)
	}
}

func (h *house) in(t *testing.T) *house {
	copied := *h
	copied.T = t
	return &copied
}

func TestWrongMethod(t *testing.T) {
	h := newHouse(t)
	for path, allow := range map[string]string{
		"/devices/d": "DELETE, GET, HEAD, PUT", "/notifications": "GET, HEAD, POST", "/import/devices": "POST",
	} {
		if got := h.call("PATCH", prefix+path, nil).is(405).header.Get("Allow"); got != allow {
			t.Errorf("%s allows %q, want %q", path, got, allow)
		}
	}
}

// Whatever is wrong, and wherever: the answer never repeats what came in.
func TestNoValueIsEchoed(t *testing.T) {
	h := newHouse(t)
	h.smtp()
	const marker = "Xyzzy-4711"
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/devices/d", marker},
		{"PUT", "/devices/d", `{"name": "` + marker},
		{"PUT", "/devices/d", `{"platform": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"nonsense": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"managed": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"last_seen": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"user": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"phone_number": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"id": "` + marker + `"}`},
		{"PUT", "/devices/d", `{"push": {"provider": "apns", "app": "a", "token": "` + marker + `"}}`},
		{"PUT", "/users/u", `{"mail": "` + marker + `", "language": "` + marker + `"}`},
		{"GET", "/devices?limit=" + marker, ""},
		{"GET", "/devices?platform=" + marker, ""},
		{"GET", "/devices?compliant=" + marker, ""},
		{"GET", "/devices?cursor=" + marker, ""},
		{"GET", "/devices?property=" + marker, ""},
		{"GET", "/devices/" + marker, ""},
		{"GET", "/" + marker, ""},
		{"POST", "/audience/preview", `{"audience": {"addresses": {"mail": ["` + marker + `"]}}}`},
		{"POST", "/notifications", `{"audience": {"all": true}, "ad_hoc": {"smtp": {"subject": "` + marker + ` ${user.mail|upper(1)}", "message": "` + marker + ` ${"}}}`},
		{"POST", "/notifications", `{"audience": {"all": true}, "template": "` + marker + `"}`},
		{"POST", "/notification-servers", `{"kind": "` + marker + `"}`},
		{"POST", "/notification-servers", `{"kind": "smtp", "name": "n", "host": "` + marker + `/", "port": "` + marker + `", "security": "` + marker + `", "from_email": "` + marker + `"}`},
		{"POST", "/notification-servers", `{"kind": "smtp", "name": "n", "host": "h", "from_email": "` + marker + `", "password": ["` + marker + `"]}`},
		{"POST", "/push-providers", `{"kind": "apns", "name": "n", "app": "a", "key_p8": "` + marker + `", "key_id": "` + marker + `", "team_id": "` + marker + `"}`},
		{"POST", "/push-providers", `{"kind": "fcm", "name": "n", "app": "a", "service_account": {"private_key": "` + marker + `"}}`},
		{"POST", "/api-tokens", `{"name": "n", "role": "` + marker + `"}`},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		r := h.call(c.method, prefix+c.path, body)
		if r.status < 400 || r.status >= 500 {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, r.status, r.raw)
		}
		if strings.Contains(strings.ToLower(r.raw), strings.ToLower(marker)) {
			t.Errorf("%s %s %s repeats a value: %s", c.method, c.path, c.body, r.raw)
		}
	}
}

// Bodies and parameters are refused in the same words, and what is not JSON is told where.
func TestFaultsInWords(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct{ method, path, body, want string }{
		{"PUT", "/devices/d", `{"name":`, "is not JSON: it breaks off after byte 8"},
		{"PUT", "/devices/d", `{"name" 5}`, "is not JSON: it goes wrong at byte 9"},
		{"POST", "/notifications", `{"audience": {"all": true}, "ad_hoc": {"push": {"message": "x", "badge": 99999999}}}`, "must be at most 1000000"},
		{"POST", "/api-tokens", `{"name": "", "role": "auditor"}`, "must not be empty"},
		{"POST", "/notifications/n/retry", `{"states": []}`, "must have at least 1 of them"},
		{"GET", "/devices?limit=5000", "", "must be at most 1000"},
		{"GET", "/devices?limit=0", "", "must be at least 1"},
		{"GET", "/devices?limit=many", "", "must be a whole number"},
		{"GET", "/devices?compliant=maybe", "", "must be true or false"},
		{"GET", "/devices?platform=symbian", "", "must be one of ios, ipados, macos, android, windows, other"},
		{"GET", "/devices?limt=5", "", "is not a parameter that is known here"},
		{"GET", "/audit?from=&since=yesterday", "", "is not a time as RFC 3339 writes it, such as 2026-01-31T08:00:00Z"},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		h.call(c.method, prefix+c.path, body).has("errors.0.detail", c.want)
	}
}
