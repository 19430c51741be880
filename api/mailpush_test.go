package api

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store"
)

// mail is the registration service of the house's devices.
func (h *house) mail() *mailbox.Registrations {
	return mailbox.NewRegistrations(h.store, mailbox.NewConfig(h.store, h.clock.Now), h.store, mailbox.Options{
		Now: h.clock.Now, Listener: func() string { return "https://listener.example.com" },
	})
}

// phone registers a device with an app key.
func (h *house) phone(service *mailbox.Registrations, key, token string) mailbox.Created {
	h.Helper()
	k, err := service.Enter(h.Context(), key, netip.Addr{})
	h.must(err)
	made, err := service.Create(h.Context(), k, mailbox.Application{Platform: "ios", Token: token, App: "org.example.mail"})
	h.must(err)
	return made
}

func (h *house) apns(name string) string {
	h.Helper()
	return h.post(providersPath, object{"kind": "apns", "name": name, "app": "org.example.mail", "environment": "production",
		"key_p8": testKey(h.T), "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}).is(201).at("id").(string)
}

func TestMailPushSettings(t *testing.T) {
	h := newHouse(t)
	h.get("/mail-push/settings").is(200).has("enabled", true, "region", "Americas", "regions.1", "EMEA", "wake", "badge",
		"status_frequency_minutes", 30, "coalesce_ms", 1000, "app_key_rate", 100, "effective.listener_url", "")
	h.put("/mail-push/settings", object{"region": " Nord ", "regions": []string{"Nord", "Süd", "Nord"}, "listener_url": "https://listener.example.com/", "wake": "rich", "enabled": false}).
		is(200).has("region", "Nord", "regions.1", "Süd", "wake", "rich", "enabled", false, "coalesce_ms", 1000, "effective.listener_url", "https://listener.example.com")
	h.get("/mail-push").is(200).has("region", "Nord", "listener_url", "https://listener.example.com")
	h.put("/mail-push", object{}).is(200).has("region", "Americas", "enabled", true, "listener_url", "")

	h.put("/mail-push/settings", object{"region": "Nowhere"}).refuses("/region")
	h.put("/mail-push/settings", object{"regions": []string{}, "listener_url": "listener.example.com", "registration_url": "https://a.example.com/path", "ews_host": "https://ews"}).
		refuses("/regions", "/registration_url", "/listener_url", "/ews_host")
	h.put("/mail-push/settings", object{"wake": "loud", "coalesce_ms": 5000, "colour": "red"}).refuses("/coalesce_ms", "/colour", "/wake")
}

func TestAppKeys(t *testing.T) {
	h := newHouse(t)
	h.apns("APNs")
	made := h.post(appKeysPath, object{"name": "Phones", "networks": []string{"203.0.113.0/24"}, "mail_networks": []string{"192.0.2.7"}}).is(201).
		has("name", "Phones", "networks.0", "203.0.113.0/24", "mail_networks.0", "192.0.2.7/32", "revoked_at", nil, "last_used_at", nil)
	id, secret := made.at("id").(string), made.at("app_key").(string)
	if !strings.HasPrefix(secret, "hgk_") || made.header.Get("Location") != prefix+appKeysPath+"/"+id {
		t.Errorf("a key like %q at %q", secret, made.header.Get("Location"))
	}
	if shown := h.get(appKeysPath).is(200).has("items.0.id", id).raw + h.get(appKeysPath+"/"+id).is(200).raw; strings.Contains(shown, secret) {
		t.Error("the key is shown again")
	}
	h.clock.advance(time.Second) // ids are in the order of time
	second := h.post(appKeysPath, object{"name": "Next"}).is(201)
	h.get(appKeysPath+"?limit=1").is(200).has("items.0.name", "Next", "next_cursor", second.at("id"))
	h.get(appKeysPath+"?limit=1&cursor="+second.at("id").(string)).is(200).has("items.0.name", "Phones", "next_cursor", nil)
	service := h.mail()
	h.phone(service, second.at("app_key").(string), "ab01")
	h.get(appKeysPath+"/"+second.at("id").(string)).is(200).has("last_used_at", "2026-03-04T09:30:01Z")
	h.del(appKeysPath + "/" + second.at("id").(string)).is(204)
	h.del(appKeysPath + "/" + second.at("id").(string)).is(204)
	h.get(appKeysPath+"/"+second.at("id").(string)).is(200).has("revoked_at", "2026-03-04T09:30:01Z")
	if _, err := service.Enter(t.Context(), second.at("app_key").(string), netip.Addr{}); err != mailbox.ErrAppKey { //nolint:errorlint // it is given as it is
		t.Errorf("a revoked key gives %v", err)
	}
	h.del(appKeysPath + "/nothing").is(404)
	h.post(appKeysPath, object{"name": "", "networks": []string{"ten"}}).refuses("/name")
	h.post(appKeysPath, object{"name": "x", "networks": []string{"10.0.0.0/8", "ten"}, "mail_networks": []string{"::ffff:10.0.0.1"}}).refuses("/networks/1", "/mail_networks/0")
}

func TestAppConfiguration(t *testing.T) {
	h := newHouse(t)
	h.apns("APNs")
	h.put("/mail-push/settings", object{"registration_url": "https://register.example.com", "listener_url": "https://listener.example.com", "ews_host": "ews.example.com"}).is(200)
	h.get("/mail-push/app-configuration").is(200).has("values.push_app_key", mailbox.AppKeyPlaceholder, "values.ews_host", "ews.example.com",
		"values.push_registration_url", "https://register.example.com", "documents.0.format", "plist", "documents.3.platform", "android")
	made := h.post("/mail-push/app-configuration", object{"app_key": "hgk_known", "android_app": "org.example.droid"}).is(200)
	for _, want := range []string{"<bundleId>org.example.mail</bundleId>", "<string>hgk_known</string>"} {
		if all := made.at("documents.0.content").(string) + made.at("documents.1.content").(string); !strings.Contains(all, want) {
			t.Errorf("the documents of iOS lack %s:\n%s", want, all)
		}
	}
	if android := made.at("documents.3.content").(string); !strings.Contains(android, `"packageName": "org.example.droid"`) {
		t.Errorf("the document of Android is %s", android)
	}
}

func TestMailNetwork(t *testing.T) {
	h := newHouse(t)
	h.apns("APNs")
	h.clock.advance(time.Nanosecond)
	h.put("/mail-push/settings", object{"registration_url": "http://127.0.0.1:8081", "listener_url": "http://127.0.0.2:8082", "ews_host": "ews.example.com"}).is(200)
	n := h.get("/mail-push/network-requirements").is(200).has(
		"connections.0.purpose", "push", "connections.0.from", "heliograph", "connections.0.host", "api.push.apple.com", "connections.0.needed_by.0", "APNs",
		"connections.1.purpose", "registration", "connections.1.from", "devices", "connections.1.port", 8081, "connections.1.addresses.0", "127.0.0.1",
		"connections.2.purpose", "mailbox", "connections.2.from", "mail_servers", "connections.2.direction", "inbound", "connections.2.host", "127.0.0.2",
		"gateway_rules.0.host", "127.0.0.1", "gateway_rules.2.rule", "traffic_policy_ews", "gateway_rules.2.host", "ews.example.com")
	inUTC(t, n.at("looked_up_at").(string))
	if snippet := n.at("exchange_proxy.snippet").(string); !strings.Contains(snippet, "<bypasslist>") || !strings.Contains(snippet, `127\.0\.0\.2:8082`) {
		t.Errorf("the snippet is\n%s", snippet)
	}
}

func TestNetworkRequirements(t *testing.T) {
	h := newHouse(t)
	h.clock.advance(time.Nanosecond)
	h.apns("APNs")
	h.post(serversPath, object{"kind": "smtp", "name": "Mail", "host": "127.0.0.3", "from_email": "it@example.com"}).is(201)
	h.post(serversPath, object{"kind": "smtp", "name": "Spare", "host": "127.0.0.4", "security": "ssl", "from_email": "it@example.com"}).is(201)
	n := h.get("/network-requirements").is(200).has(
		"connections.0.purpose", "mail", "connections.0.host", "127.0.0.3", "connections.0.port", 25, "connections.0.addresses.0", "127.0.0.3", "connections.0.in_use", true,
		"connections.1.host", "127.0.0.4", "connections.1.port", 465, "connections.1.needed_by.0", "Spare", "connections.1.in_use", false,
		"connections.2.purpose", "push", "connections.2.direction", "outbound", "connections.2.also_ports.0", 2197)
	inUTC(t, n.at("looked_up_at").(string))
}

// inUTC wants a time as the whole API writes it: in UTC, to the millisecond.
func inUTC(t *testing.T, text string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !strings.HasSuffix(text, "Z") || !at.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%q is no time in UTC to the millisecond (%v)", text, err)
	}
}

func TestDiagnosis(t *testing.T) {
	h := newHouse(t)
	h.apns("APNs")
	key := h.post(appKeysPath, object{"name": "Phones"}).is(201).at("app_key").(string)
	service := h.mail()
	made := h.phone(service, key, "ab01")
	h.clock.advance(time.Minute)
	h.must(service.Bind(t.Context(), made.Registration, "ana_inbox", mailbox.Bind{Source: "ews", SubscriptionID: "planted-subscription", Folder: "inbox", FrequencyMinutes: 30}))
	code := mailbox.ShowSupportCode(made.SupportCode)
	shown := h.get("/mail-push/diagnosis/"+strings.ToLower(code)).is(200).has(
		"support_code", code, "platform", "ios", "app", "org.example.mail", "app_key", "Phones", "state", "live", "registered_at", "2026-03-04T09:30:00Z",
		"last_event_at", nil, "last_wake", nil, "badge", nil, "subscriptions.0.folder", "inbox", "subscriptions.0.state", "active", "subscriptions.0.bound", true,
		"subscriptions.0.status_frequency_minutes", 30, "timeline.0.what", "registered", "timeline.2.what", "subscribed", "timeline.2.detail", "inbox", "timeline.2.at", "2026-03-04T09:31:00Z")
	for _, secret := range []string{"ab01", "planted", "ana_inbox", made.Secret, made.Capability.String(), made.ID.String()} {
		if strings.Contains(shown.raw, secret) {
			t.Errorf("the diagnosis shows %q: %s", secret, shown.raw)
		}
	}
	h.get("/mail-push/diagnosis/" + made.SupportCode).is(200)
	h.get("/mail-push/diagnosis/2222-2222").is(404)
	h.get("/mail-push/diagnosis/nothing").is(404)
}

// TestBrakes: a mass of deaths holds Unsubscribe back, and an administrator's word ends it one way or the other.
func TestBrakes(t *testing.T) {
	h := newHouse(t)
	provider := h.apns("APNs")
	key := h.post(appKeysPath, object{"name": "Phones"}).is(201).at("app_key").(string)
	service := h.mail()
	var phones []mailbox.Created
	for i := range 60 {
		phones = append(phones, h.phone(service, key, "ab"+string("0123456789"[i/10])+string("0123456789"[i%10])))
	}
	gone := message.Fail(message.Failure{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "410 Unregistered"})
	told := 0
	for _, one := range phones[:30] {
		_, unsubscribe, err := service.Verdict(t.Context(), one.Registration, gone)
		h.must(err)
		if unsubscribe {
			told++
		}
	}
	if told != 19 {
		t.Errorf("%d mail servers were told, want 19: the twentieth death is too many of 60", told)
	}
	if may, err := service.MayUnsubscribe(t.Context(), mailbox.Registration{App: "org.example.mail", State: mailbox.Tombstone}); may || err != nil {
		t.Errorf("a tombstone of a braked app: %v, %v", may, err)
	}
	h.get("/mail-push/brakes").is(200).has("items.0.app", "org.example.mail", "items.0.deaths", 20, "items.0.registrations", 60, "items.0.held", 30)
	h.get("/mail-push/health").is(200).has("brakes.0.held", 30, "registrations.0.state", "live", "registrations.0.count", 30, "registrations.1.state", "token_rejected")
	h.post("/mail-push/brakes/dismiss", object{"app": "org.example.other"}).is(404)
	h.post("/mail-push/brakes/dismiss", object{"app": "org.example.mail"}).is(200).has("held", 30)
	h.get("/mail-push/brakes").is(200).has("items", "[]")
	for i, one := range phones {
		if _, err := service.Of(t.Context(), one.ID.String(), one.Secret); err != nil {
			t.Fatalf("phone %d after the brake was dismissed: %v", i, err)
		}
	}
	for _, one := range phones[:20] {
		_, _, err := service.Verdict(t.Context(), one.Registration, gone)
		h.must(err)
	}
	h.post("/mail-push/brakes/confirm", object{"app": "org.example.mail"}).is(200).has("held", 20)
	if _, err := service.Of(t.Context(), phones[0].ID.String(), phones[0].Secret); err != mailbox.ErrGone { //nolint:errorlint // it is given as it is
		t.Errorf("a phone that is gone indeed: %v", err)
	}
	if _, unsubscribe, err := service.Verdict(t.Context(), phones[40].Registration, gone); !unsubscribe || err != nil {
		t.Errorf("the next death after that: %v, %v", unsubscribe, err)
	}

	rejected := message.Fail(message.Failure{Scope: message.RecipientFinal, Reason: message.TokenMismatch, Answer: "400 BadDeviceToken"})
	_, _, err := service.Verdict(t.Context(), phones[50].Registration, rejected)
	h.must(err)
	state := func() string {
		of, err := service.Of(t.Context(), phones[50].ID.String(), phones[50].Secret)
		h.must(err)
		return of.State.String()
	}
	if state() != "token_rejected" {
		t.Errorf("state is %s", state())
	}
	h.put(providersPath+"/"+provider, object{"kind": "apns", "name": "APNs", "app": "org.example.mail", "environment": "production", "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}).is(200)
	if state() != "live" {
		t.Errorf("state is %s after the provider's settings changed", state())
	}
}

// TestMailPushIsAudited: what was decided stands in the audit log, and no key does.
func TestMailPushIsAudited(t *testing.T) {
	h := newHouse(t)
	made := h.post(appKeysPath, object{"name": "Phones"}).is(201)
	h.del(appKeysPath + "/" + made.at("id").(string)).is(204)
	h.put("/mail-push/settings", object{"wake": "rich"}).is(200)
	entries, _, err := h.store.ListAudit(t.Context(), store.AuditFilter{}, store.Page{})
	h.must(err)
	var found []string
	for _, e := range entries {
		found = append(found, string(e.Action)+" "+string(e.Object.Kind)+" "+e.Object.Name)
		if strings.Contains(string(e.Before)+string(e.After), "hgk_") {
			t.Errorf("the audit log holds a key: %s", e.After)
		}
	}
	for _, want := range []string{"create app_key Phones", "revoke app_key Phones", "update setting mail_push"} {
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("the audit log lacks %q:\n%s", want, strings.Join(found, "\n"))
		}
	}
}
