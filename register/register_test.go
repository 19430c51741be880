package register

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/seal"
	"heliograph/store"
)

// desk is the service on a real database, with a clock that stands still.
type desk struct {
	*testing.T
	store    *store.Store
	devices  *mailbox.Registrations
	handler  http.Handler
	key      string
	now      time.Time
	log      *strings.Builder
	dir      string // of the database
	location string // of the last answer
	retry    string
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, now: time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC), log: new(strings.Builder), dir: t.TempDir()}
	clock := func() time.Time { return d.now }
	var err error
	if d.store, err = store.Open(t.Context(), filepath.Join(d.dir, "heliograph.db"), store.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.store.Close)
	d.must(d.store.Migrate(t.Context()))
	d.must(d.store.UseKeys(t.Context(), seal.New()))
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.devices = mailbox.NewRegistrations(d.store, mailbox.NewConfig(d.store, clock), providers{}, mailbox.Options{
		Logger: log, Now: clock,
		Registration: func() string { return "https://register.example.com" },
		Listener:     func() string { return "https://listener.example.com" },
		ServerOf:     func(mailbox.Source, string) string { return "exchange.example.com" },
	})
	d.handler = New(d.devices, Options{Logger: log, Now: clock})
	d.key, _, err = d.store.CreateAppKey(t.Context(), mailbox.AppKey{Name: "phones"}, nil)
	d.must(err)
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// providers know one app on each platform, of which APNs has production alone.
type providers struct{}

func (providers) Servers(_ context.Context, kinds ...string) ([]channel.Server, error) {
	route := channel.Route{App: app}
	if kinds[0] == "apns" {
		route.Environment = "production"
	}
	return []channel.Server{{Kind: kinds[0], Route: route, Settings: settings{}}}, nil
}

// settings would call every host but one.
type settings struct{ channel.Settings }

func (settings) Admits(host string) error {
	if host == "10.0.0.1" {
		return channel.AddressError("it does not have a public address")
	}
	return nil
}

const (
	app  = "org.example.mail"
	good = `{"platform": "ios", "token": "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0", "app": "org.example.mail"}`
)

// ask sends a request and reads the answer.
func (d *desk) ask(method, path, secret, body string) (status int, answer map[string]any) {
	d.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	d.location, d.retry = w.Header().Get("Location"), w.Header().Get("Retry-After")
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			d.Fatalf("%s %s answered %d with %q", method, path, w.Code, w.Body)
		}
	}
	if kind := w.Header().Get("Content-Type"); w.Code >= 400 && (kind != "application/problem+json" || int(answer["status"].(float64)) != w.Code) {
		d.Errorf("a problem is %s: %v", kind, answer)
	}
	return w.Code, answer
}

func (d *desk) want(status int, method, path, secret, body string) map[string]any {
	d.Helper()
	got, answer := d.ask(method, path, secret, body)
	if got != status {
		d.Fatalf("%s %s: %d %v, want %d", method, path, got, answer, status)
	}
	return answer
}

// register registers a device and gives its address and secret.
func (d *desk) register(body string) (path, secret string, answer map[string]any) {
	d.Helper()
	answer = d.want(201, "POST", "/v1/registrations", d.key, body)
	return "/v1/registrations/" + answer["id"].(string), answer["secret"].(string), answer
}

func pointers(answer map[string]any) string {
	var list []string
	for _, fault := range answer["errors"].([]any) {
		list = append(list, fault.(map[string]any)["pointer"].(string))
	}
	return strings.Join(list, " ")
}

// TestALife is what a device goes through, from its first call to its last.
func TestALife(t *testing.T) {
	d := newDesk(t)
	path, secret, made := d.register(`{"platform": "ios", "token": "00fc13ad", "app": "org.example.mail", "environment": "production", "wake": "rich", "folders": ["inbox", "calendar"]}`)
	if d.location != "https://register.example.com"+path {
		t.Errorf("Location is %q", d.location)
	}
	urls := made["listener_urls"].(map[string]any)
	inbox := urls["inbox"].(string)
	capability, ok := mailbox.ParseCapability(strings.TrimPrefix(inbox, "https://listener.example.com/ews/"))
	if !ok || urls["calendar"] != inbox+"/calendar" || urls["other"] != inbox+"/other" {
		t.Errorf("the addresses are %v", urls)
	}
	if code, ok := mailbox.ParseSupportCode(made["support_code"].(string)); !ok || len(made["support_code"].(string)) != 9 || code == "" {
		t.Errorf("the support code is %v", made["support_code"])
	}
	if s := made["subscribe"].(map[string]any); s["status_frequency_minutes"] != 30.0 || len(s["event_types"].([]any)) != 5 || made["region"] != "Americas" {
		t.Errorf("it should subscribe to %v in %v", s, made["region"])
	}

	now := d.want(200, "GET", path, secret, "")
	want := map[string]any{"id": made["id"], "state": "live", "last_heard_at": "2026-03-04T09:30:00Z", "last_event_at": nil, "last_wake": nil, "badge": nil,
		"subscriptions": []any{}, "resubscribe": false}
	if got, wanted := text(now), text(want); got != wanted {
		t.Errorf("it is\n%s, want\n%s", got, wanted)
	}

	d.want(204, "PUT", path+"/subscriptions/in_box-1", secret, `{"source": "ews", "subscription_id": "JgBleGNoYW5nZQ==", "folder": "inbox", "status_frequency_minutes": 30}`)
	d.want(204, "PUT", path+"/subscriptions/cal", secret, `{"source": "ews", "subscription_id": "other", "folder": "calendar"}`)
	now = d.want(200, "GET", path, secret, "")
	if got := text(now["subscriptions"]); got != `[{"handle":"in_box-1","last_heard_at":null,"state":"active"},{"handle":"cal","last_heard_at":null,"state":"unwatched"}]` {
		t.Errorf("subscriptions are %s", got)
	}
	d.want(204, "DELETE", path+"/subscriptions/cal", secret, "")
	d.want(404, "DELETE", path+"/subscriptions/cal", secret, "")

	if after := d.want(200, "PUT", path, secret, `{"token": "00FC13AE", "wake": "background"}`); after["state"] != "live" {
		t.Errorf("after a new token: %v", after)
	}
	found, err := d.store.RegistrationByCapability(t.Context(), capability.Hash())
	if err != nil || found.Token != "00FC13AE" || found.Wake != mailbox.WakeBackground || found.Environment != fleet.Production {
		t.Errorf("stored is %+v, %v", found, err)
	}

	d.want(204, "DELETE", path, secret, "")
	for _, method := range []string{"GET", "DELETE"} {
		d.want(410, method, path, secret, "")
	}
	d.want(410, "PUT", path, secret, `{"token": "00FC13AF"}`)
	d.now = d.now.Add(mailbox.TombstoneTime + time.Hour)
	d.must(d.devices.Janitor().Tidy(t.Context()))
	d.want(404, "GET", path, secret, "")
}

func text(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// TestAgain: a device that registers again has the new registration only.
func TestAgain(t *testing.T) {
	d := newDesk(t)
	path, secret, _ := d.register(good)
	again, secondSecret, _ := d.register(good)
	d.want(410, "GET", path, secret, "")
	d.want(200, "GET", again, secondSecret, "")
	if path == again || secret == secondSecret {
		t.Error("two registrations share an id or a secret")
	}
}

const (
	browser = `{"endpoint": "https://push.example.com/x", "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}`
	long    = `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`
)

func TestApplications(t *testing.T) {
	tests := []struct {
		name, body string
		want       int
		pointers   string
	}{
		{"android", `{"platform": "android", "token": "fcm:token_-1", "app": "org.example.mail", "wake": "badge"}`, 201, ""},
		{"web", `{"platform": "web", "token": ` + browser + `, "app": "org.example.mail"}`, 201, ""},
		{"nulls are absent", `{"platform": "ios", "token": "ab01", "app": "org.example.mail", "environment": null, "wake": null, "folders": null}`, 201, ""},
		{"nothing", `{}`, 422, "/platform"},
		{"no token", `{"platform": "ios", "app": "org.example.mail"}`, 422, "/token"},
		{"no app", `{"platform": "ios", "token": "ab01"}`, 422, "/app"},
		{"an app that nobody knows", `{"platform": "ios", "token": "ab01", "app": "org.example.other"}`, 422, "/app"},
		{"a platform that is none", `{"platform": "windows", "token": "ab01", "app": "org.example.mail"}`, 422, "/platform"},
		{"a token that is none", `{"platform": "ios", "token": "Zoe's token", "app": "org.example.mail"}`, 422, "/token"},
		{"a token with a line break", `{"platform": "android", "token": "a\nb", "app": "org.example.mail"}`, 422, "/token"},
		{"a token that is too long", `{"platform": "android", "token": "` + strings.Repeat("a", 5000) + `", "app": "org.example.mail"}`, 422, "/token"},
		{"an environment without a provider", `{"platform": "ios", "token": "ab01", "app": "org.example.mail", "environment": "sandbox"}`, 422, "/environment"},
		{"an environment of others", `{"platform": "android", "token": "ab01", "app": "org.example.mail", "environment": "sandbox"}`, 422, "/environment"},
		{"an environment that is none", `{"platform": "ios", "token": "ab01", "app": "org.example.mail", "environment": "staging"}`, 422, "/environment"},
		{"everything at once", `{"platform": "ios", "token": "xy", "app": "", "wake": "loud", "folders": ["inbox", "trash", 1]}`, 422, "/folders/2"},
		{"several", `{"platform": "ios", "token": "xy", "app": "org.example.mail", "wake": "loud", "folders": ["inbox", "trash"]}`, 422, "/wake /folders/1 /token"},
		{"a field that nobody knows", `{"platform": "ios", "token": "ab01", "app": "org.example.mail", "mail": "ana@example.com"}`, 422, "/mail"},
		{"wrong kinds", `{"platform": 1, "token": true, "app": [], "folders": "inbox"}`, 422, "/platform /app /folders /token"},
		{"a text for web", `{"platform": "web", "token": "https://push.example.com/x", "app": "org.example.mail"}`, 422, "/token"},
		{"an object for ios", `{"platform": "ios", "token": ` + browser + `, "app": "org.example.mail"}`, 422, "/token"},
		{"web with more and less", `{"platform": "web", "token": {"endpoint": "https://push.example.com/x", "auth": 1, "p256dh": "x", "mail": ""}, "app": "org.example.mail"}`, 422, "/token/mail /token/auth"},
		{"web over http", `{"platform": "web", "token": ` + strings.Replace(browser, "https", "http", 1) + `, "app": "org.example.mail"}`, 422, "/token"},
		{"web to a private address", `{"platform": "web", "token": ` + strings.Replace(browser, "push.example.com", "10.0.0.1", 1) + `, "app": "org.example.mail"}`, 422, "/token/endpoint"},
		{"a list", `[]`, 422, ""},
		{"a number", `1`, 422, ""},
		{"nothing at all", ``, 400, ""},
		{"half an object", `{"platform": "ios"`, 400, ""},
		{"two objects", good + good, 400, ""},
		{"not UTF-8", "{\"platform\": \"\xff\"}", 400, ""},
		{"too deep", strings.Repeat(`[`, 9) + strings.Repeat(`]`, 9), 400, ""},
		{"too large", `{"x": "` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
	}
	d := newDesk(t)
	for _, test := range tests {
		status, answer := d.ask("POST", "/v1/registrations", d.key, test.body)
		if status != test.want {
			t.Errorf("%s: %d %v, want %d", test.name, status, answer, test.want)
			continue
		}
		if status >= 400 {
			if got := pointers(answer); got != test.pointers {
				t.Errorf("%s: wrong are %q, want %q: %v", test.name, got, test.pointers, answer)
			}
			if strings.Contains(text(answer), "ana@") || strings.Contains(text(answer), "Zoe") {
				t.Errorf("%s: the answer repeats what was sent: %v", test.name, answer)
			}
		}
	}
}

func TestBindings(t *testing.T) {
	tests := []struct {
		name, handle, body string
		want               int
		pointers           string
	}{
		{"the longest handle", strings.Repeat("h", 32), `{"source": "ews", "subscription_id": "a", "folder": "other", "status_frequency_minutes": 1440}`, 204, ""},
		{"a longer handle", strings.Repeat("h", 33), `{"source": "ews", "subscription_id": "a", "folder": "inbox"}`, 422, "handle"},
		{"a handle with a dot", "a.b", `{"source": "ews", "subscription_id": "a", "folder": "inbox"}`, 422, "handle"},
		{"nothing", "h", `{}`, 422, "/source /folder /subscription_id"},
		{"a frequency that is too long", "h", `{"source": "ews", "subscription_id": "a", "folder": "inbox", "status_frequency_minutes": 1441}`, 422, "/status_frequency_minutes"},
		{"a frequency of nothing", "h", `{"source": "ews", "subscription_id": "a", "folder": "inbox", "status_frequency_minutes": 0}`, 422, "/status_frequency_minutes"},
		{"half a minute", "h", `{"source": "ews", "subscription_id": "a", "folder": "inbox", "status_frequency_minutes": 0.5}`, 422, "/status_frequency_minutes"},
		{"a text", "h", `{"source": "ews", "subscription_id": "a", "folder": "inbox", "status_frequency_minutes": "30"}`, 422, "/status_frequency_minutes"},
		{"another source", "h", `{"source": "imap", "subscription_id": "a", "folder": "drafts"}`, 422, "/source /folder"},
		{"a long id", "h", `{"source": "ews", "subscription_id": "` + strings.Repeat("a", 2049) + `", "folder": "inbox"}`, 422, "/subscription_id"},
		{"more than is known", "h", `{"source": "ews", "subscription_id": "a", "folder": "inbox", "name": "Ana"}`, 422, "/name"},
	}
	d := newDesk(t)
	path, secret, _ := d.register(good)
	for _, test := range tests {
		status, answer := d.ask("PUT", path+"/subscriptions/"+test.handle, secret, test.body)
		if status != test.want || status >= 400 && pointers(answer) != test.pointers {
			t.Errorf("%s: %d %v, want %d at %q", test.name, status, answer, test.want, test.pointers)
		}
	}
	bind := func(handle string, want int) {
		t.Helper()
		d.want(want, "PUT", path+"/subscriptions/"+handle, secret, `{"source": "ews", "subscription_id": "`+handle+`", "folder": "inbox"}`)
	}
	for i := range mailbox.MostSubscriptions - 1 {
		bind("n"+string(rune('A'+i%26))+string(rune('a'+i/26)), 204)
	}
	bind("one-more", 422)
	bind("nAa", 204)
}

// TestWhoMayDoWhat: an app key registers and nothing else, and a secret is for one registration.
func TestWhoMayDoWhat(t *testing.T) {
	d := newDesk(t)
	path, secret, _ := d.register(good)
	other, otherSecret, _ := d.register(strings.Replace(good, "00fc", "00fd", 1))
	revoked, key, err := d.store.CreateAppKey(t.Context(), mailbox.AppKey{Name: "old"}, nil)
	d.must(err)
	old, oldSecret := "", ""
	{
		answer := d.want(201, "POST", "/v1/registrations", revoked, strings.Replace(good, "00fc", "00fe", 1))
		old, oldSecret = "/v1/registrations/"+answer["id"].(string), answer["secret"].(string)
	}
	_, err = d.store.RevokeAppKey(t.Context(), key.ID)
	d.must(err)
	elsewhere, err := mailbox.NewAppKey{Name: "elsewhere", Networks: []string{"203.0.113.0/24"}}.Check()
	d.must(err)
	far, _, err := d.store.CreateAppKey(t.Context(), elsewhere, nil)
	d.must(err)
	near, err := mailbox.NewAppKey{Name: "here", Networks: []string{"192.0.2.0/24"}}.Check() // httptest's clients are there
	d.must(err)
	here, _, err := d.store.CreateAppKey(t.Context(), near, nil)
	d.must(err)

	tests := []struct {
		name, method, path, secret, body string
		want                             int
	}{
		{"no key", "POST", "/v1/registrations", "", good, 401},
		{"no key, and a bad body", "POST", "/v1/registrations", "", `{`, 401},
		{"a wrong key, and a bad body", "POST", "/v1/registrations", "hgk_wrong", `{`, 401},
		{"something else for a key", "POST", "/v1/registrations", secret, good, 401},
		{"a revoked key", "POST", "/v1/registrations", revoked, good, 401},
		{"what was registered with it stays", "GET", old, oldSecret, "", 200},
		{"a key for another network", "POST", "/v1/registrations", far, good, 403},
		{"a key for this network", "POST", "/v1/registrations", here, good, 201},
		{"no secret", "GET", other, "", "", 401},
		{"another's secret", "GET", other, secret, "", 401},
		{"another's secret to end it", "DELETE", other, secret, "", 401},
		{"an app key for a secret", "GET", other, d.key, "", 401},
		{"the right one", "GET", other, otherSecret, "", 200},
		{"never known", "GET", "/v1/registrations/AAAAAAAAAAAAAAAAAAAAAA", secret, "", 404},
		{"not an id", "GET", "/v1/registrations/1", secret, "", 404},
		{"another method", "PATCH", path, secret, "", 405},
		{"reading them all", "GET", "/v1/registrations", d.key, "", 405},
		{"reading a subscription", "GET", path + "/subscriptions/a", secret, "", 405},
		{"another address", "GET", "/", "", "", 404},
		{"the console's", "GET", "/api/v1/devices", d.key, "", 404},
	}
	for _, test := range tests {
		if status, answer := d.ask(test.method, test.path, test.secret, test.body); status != test.want {
			t.Errorf("%s: %d %v, want %d", test.name, status, answer, test.want)
		}
	}
}

// TestGuessing: who fails to prove themselves too often waits; whoever comes from the same address and can, does not.
func TestGuessing(t *testing.T) {
	d := newDesk(t)
	path, secret, _ := d.register(good)
	for range freeFailures {
		d.want(401, "GET", path, "guess", "")
	}
	d.want(429, "POST", "/v1/registrations", "hgk_guess", good)
	if d.retry != "1" {
		t.Errorf("Retry-After is %q", d.retry)
	}
	d.want(200, "GET", path, secret, "")
	d.want(201, "POST", "/v1/registrations", d.key, strings.Replace(good, "00fc", "00fd", 1))
	d.now = d.now.Add(2 * failurePause)
	d.want(401, "GET", path, "guess", "")
	d.want(401, "GET", path, "guess", "")
	d.want(429, "GET", path, "guess", "")
}

// TestRate: an app key is good for a hundred registrations a second, and each key has its own hundred.
func TestRate(t *testing.T) {
	d := newDesk(t)
	second, _, err := d.store.CreateAppKey(t.Context(), mailbox.AppKey{Name: "second"}, nil)
	d.must(err)
	for range 100 {
		d.want(422, "POST", "/v1/registrations", d.key, `{}`)
	}
	d.want(429, "POST", "/v1/registrations", d.key, good)
	if d.retry != "1" {
		t.Errorf("Retry-After is %q", d.retry)
	}
	d.want(201, "POST", "/v1/registrations", second, good)
	d.now = d.now.Add(10 * time.Millisecond)
	d.want(201, "POST", "/v1/registrations", d.key, good)
	d.want(429, "POST", "/v1/registrations", d.key, good)
}

// TestRejected: a token that the provider does not take is told, and a new one makes it live.
func TestRejected(t *testing.T) {
	d := newDesk(t)
	path, secret, made := d.register(good)
	id, _ := mailbox.ParseRegistrationID(made["id"].(string))
	of, _, err := d.store.Registration(t.Context(), id)
	d.must(err)
	verdict, unsubscribe, err := d.devices.Verdict(t.Context(), of, message.Fail(message.Failure{
		Reason: message.TokenMismatch, Scope: message.RecipientFinal, Answer: "400 BadDeviceToken"}))
	if verdict != mailbox.Rejected || unsubscribe || err != nil {
		t.Fatalf("the verdict is %d, %v, %v", verdict, unsubscribe, err)
	}
	if now := d.want(200, "GET", path, secret, ""); now["state"] != "token_rejected" {
		t.Errorf("state is %v", now["state"])
	}
	if now := d.want(200, "PUT", path, secret, `{"token": "ab01"}`); now["state"] != "live" {
		t.Errorf("state is %v after a new token", now["state"])
	}
	d.want(422, "PUT", path, secret, `{}`)
}

// TestTroubleOfOurs is told without details, and apps come again.
func TestTroubleOfOurs(t *testing.T) {
	d := newDesk(t)
	path, secret, _ := d.register(good)
	d.store.Close()
	answer := d.want(503, "GET", path, secret, "")
	if d.retry != "30" || strings.Contains(text(answer), "sql") || !strings.Contains(d.log.String(), "a request of a device failed") {
		t.Errorf("Retry-After %s, %v, log:\n%s", d.retry, answer, d.log)
	}
}
