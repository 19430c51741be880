package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"heliograph/channel/smtp"
)

func (h *house) password(id string) string {
	h.Helper()
	v, err := h.store.Server(h.Context(), id)
	h.must(err)
	return v.Settings.(*smtp.Settings).Password
}

func TestServers(t *testing.T) {
	h := newHouse(t)
	body := object{"kind": "smtp", "name": "mail", "description": "in the cellar", "host": "mail.example.com", "port": 587, "security": "tls",
		"authentication": true, "username": "it", "password": "geheim-4711", "from_name": "IT", "from_email": "it@example.com", "retries": 2}
	made := h.post(serversPath, body).is(201).has("kind", "smtp", "name", "mail", "description", "in the cellar", "host", "mail.example.com", "port", 587,
		"security", "tls", "username", "it", "password_set", true, "active", true, "retries", 2, "timeout_seconds", 30, "max_recipients", 100,
		"paused", false, "created_at", "2026-03-04T09:30:00Z")
	id := made.at("id").(string)
	if where := made.header.Get("Location"); where != "/api/v1/notification-servers/"+id {
		t.Errorf("Location %q", where)
	}
	got := h.get(serversPath + "/" + id).is(200)
	if got.raw != made.raw {
		t.Errorf("POST answers\n%sand GET\n%s", made.raw, got.raw)
	}
	if list := h.get(serversPath).is(200).has("items.0.id", id, "next_cursor", nil); strings.Contains(made.raw+list.raw, "geheim") {
		t.Error("a password is shown")
	}
	if again := h.put(serversPath+"/"+id, got.raw).is(200); again.at("password_set") != true || h.password(id) != "geheim-4711" {
		t.Errorf("what GET showed came back as %s", again.raw)
	}
	body["password"], body["host"] = "neu", "mx.example.com"
	h.put(serversPath+"/"+id, body).is(200).has("host", "mx.example.com")
	if h.password(id) != "neu" {
		t.Error("the password is not the new one")
	}
	body["password"] = nil
	h.put(serversPath+"/"+id, body).refuses("/password") // authentication needs one
	body["authentication"] = false
	h.put(serversPath+"/"+id, body).is(200).has("password_set", false)
	if h.password(id) != "" {
		t.Error("null does not clear")
	}
	delete(body, "retries")
	h.put(serversPath+"/"+id, body).is(200).has("retries", 5)

	for security, port := range map[string]int{"none": 25, "tls": 25, "ssl": 465} {
		v := h.post(serversPath, object{"kind": "smtp", "name": security, "host": "h", "from_email": "a@example.com", "security": security}).is(201).has("port", port)
		h.del(serversPath + "/" + v.at("id").(string)).is(204)
	}
	typed := h.post(serversPath, object{"kind": "smtp", "name": "typed", "host": "h", "from_email": "a@example.com", "security": "ssl", "port": 25}).is(201).has("port", 25)
	h.del(serversPath + "/" + typed.at("id").(string)).is(204)

	h.post(serversPath, body).is(409).pointsAt("/name").has("detail", "A server with this name exists already.")
	second := h.post(serversPath, object{"kind": "smtp", "name": "spare", "host": "h", "from_email": "a@example.com"}).is(201).has("active", false, "port", 25).at("id").(string)
	h.post(serversPath+"/"+second+"/activate", "{}").is(200).has("active", true)
	h.get(serversPath+"/"+id).has("active", false)
	h.post(serversPath+"/"+second+"/resume", nil).is(200).has("paused", false)
	page := h.get(serversPath + "?limit=1").is(200)
	if rest := h.get(serversPath+"?limit=1&cursor="+page.at("next_cursor").(string)).is(200).has("next_cursor", nil); page.ids()[0] == rest.ids()[0] {
		t.Error("the second page is the first")
	}
	h.get(providersPath + "/" + id).is(404)
	h.del(providersPath + "/" + id).is(404)
	h.post(providersPath+"/"+id+"/activate", "{}").is(404)
	h.del(serversPath + "/" + id).is(204)
	h.get(serversPath + "/" + id).is(404)
}

func TestRefusedServers(t *testing.T) {
	h := newHouse(t)
	h.post(serversPath, object{}).refuses("/kind")
	h.post(serversPath, object{"kind": "smtp"}).refuses("/name", "/host", "/from_email")
	h.post(serversPath, object{"kind": "apns", "name": "x"}).refuses("/kind")
	h.post(serversPath, object{"kind": "sms", "name": "x"}).refuses("/key")
	h.post(serversPath, object{"kind": "pigeon", "name": "x"}).refuses("/kind")
	h.post(serversPath, object{"kind": 1}).refuses("/kind")
	h.post(serversPath, `[]`).refuses("")
	h.post(serversPath, `{`).is(400)
	ok := func(change ...any) object {
		body := object{"kind": "smtp", "name": "x", "host": "h", "from_email": "a@example.com"}
		for i := 0; i < len(change); i += 2 {
			body[change[i].(string)] = change[i+1]
		}
		return body
	}
	for _, c := range []struct {
		field string
		value any
	}{
		{"bcc", "x"}, {"port", "25"}, {"port", 70000}, {"port", 25.5}, {"security", "starttls"}, {"authentication", "on"}, {"host", "a b"},
		{"from_email", "nobody"}, {"trusted_ca", "x"}, {"retries", 21}, {"timeout_seconds", 0}, {"max_recipients", 1001}, {"name", "  "},
		{"active", "yes"}, {"description", 5},
	} {
		if c.field == "name" {
			h.post(serversPath, ok(c.field, c.value)).is(422).pointsAt("/name")
			continue
		}
		h.post(serversPath, ok(c.field, c.value)).refuses("/" + c.field)
	}
	id := h.post(serversPath, ok()).is(201).at("id").(string)
	h.put(serversPath+"/"+id, ok("kind", "apns")).refuses("/kind")
	h.get(serversPath).has("items.0.id", id)
}

// testKey is a private key as Apple gives it out.
func testKey(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func TestPushProviders(t *testing.T) {
	h := newHouse(t)
	apns := object{"kind": "apns", "name": "Apple", "app": "com.example.app", "environment": "sandbox", "key_p8": testKey(t), "key_id": "ABC1234567", "team_id": "DEF1234567"}
	made := h.post(providersPath, apns).is(201).has("kind", "apns", "app", "com.example.app", "environment", "sandbox", "key_p8_set", true, "active", true)
	if strings.Contains(made.raw, "PRIVATE") {
		t.Error("a key is shown")
	}
	h.put(providersPath+"/"+made.at("id").(string), made.raw).is(200).has("key_p8_set", true)
	h.post(providersPath, object{"kind": "apns", "name": "x", "app": "a", "key_p8": "nonsense", "key_id": "ABC1234567", "team_id": "DEF1234567"}).is(422).pointsAt("/key_p8")
	h.post(providersPath, object{"name": "x"}).refuses("/kind")
	h.post(providersPath, object{"kind": "fcm", "name": "x", "app": "a", "service_account": "{"}).refuses("/service_account")
	h.post(providersPath, object{"kind": "fcm", "name": "x", "app": "a", "service_account": object{"type": "service_account"}}).refuses("/service_account")
	h.post(providersPath, object{"kind": "smtp", "name": "x"}).refuses("/kind")
	h.get(serversPath).has("items", "[]")
	h.get(serversPath + "/" + made.at("id").(string)).is(404)
}

// A test of settings really tries, and says at which step it ended.
// TestKeyMadeHere: a Web Push provider needs no key. It is made once, stays when it is not mentioned, and null makes
// another; what is said of the public key counts for nothing.
func TestKeyMadeHere(t *testing.T) {
	h := newHouse(t)
	body := object{"kind": "webpush", "name": "web", "app": "https://app.example.com", "subject": "mailto:push@example.com"}
	made := h.post(providersPath, body).is(201).has("kind", "webpush", "active", true, "vapid_private_key_set", true, "vapid_private_key", nil, "allowed_networks", "")
	key, id := made.at("vapid_public_key"), made.at("id").(string)
	if text, _ := key.(string); len(text) != 87 {
		t.Errorf("public key %q", key)
	}
	h.put(providersPath+"/"+id, h.get(providersPath+"/"+id).is(200).raw).is(200).has("vapid_public_key", key)
	body["vapid_public_key"] = "BCVx"
	h.put(providersPath+"/"+id, body).is(200).has("vapid_public_key", key)
	body["vapid_private_key"] = nil
	if other := h.put(providersPath+"/"+id, body).is(200).has("vapid_private_key_set", true).at("vapid_public_key"); other == key || other == "BCVx" {
		t.Errorf("public key %q after a new key was asked for", other)
	}
	body["subject"], body["allowed_networks"], body["vapid_private_key"] = "push@example.com", "intranet", "geheim"
	if said := h.put(providersPath+"/"+id, body).refuses("/subject", "/vapid_private_key", "/allowed_networks"); strings.Contains(said.raw, "geheim") {
		t.Errorf("a key is shown: %s", said.raw)
	}
}

func TestTestingServers(t *testing.T) {
	h := newHouse(t)
	id := h.smtp()
	failed := func(r *reply) {
		h.Helper()
		r.is(200).has("ok", false, "reason", "unreachable")
		steps := r.at("steps").([]any)
		if last := steps[len(steps)-1].(object); last["ok"] != false || last["detail"] == "" {
			t.Errorf("steps %v", steps)
		}
		if _, isList := r.at("dialogue").([]any); !isList {
			t.Errorf("dialogue is no list: %s", r.raw)
		}
	}
	failed(h.post(serversPath+"/"+id+"/test", object{"to": "me@example.com"}))
	unsaved := object{"kind": "smtp", "host": "127.0.0.1", "port": 2, "from_email": "a@example.com", "timeout_seconds": 1, "to": "me@example.com"}
	failed(h.post(serversPath+"/test", unsaved))
	failed(h.post(serversPath+"/"+id+"/test", unsaved))
	failed(h.post(serversPath+"/"+id+"/test", object{"to": "me@example.com", "port": 2})) // the other fields are the stored ones
	h.post(serversPath+"/"+id+"/test", object{"to": "me@example.com", "port": 0, "oauth": object{"scope": "x"}, "nonsense": 1}).refuses("/nonsense")
	h.post(serversPath+"/"+id+"/test", object{"to": "me@example.com", "port": 0}).refuses("/port")
	h.get(serversPath+"/"+id).has("port", 1) // nothing was stored
	h.post(serversPath+"/"+id+"/test", object{}).refuses("/to")
	h.post(serversPath+"/"+id+"/test", object{"to": "nobody"}).refuses("/to")
	h.post(serversPath+"/test", object{"to": "me@example.com"}).refuses("/kind")
	h.post(serversPath+"/test", object{"to": "me@example.com", "kind": "smtp"}).refuses("/host", "/from_email")
	h.post(serversPath+"/nobody/test", object{"to": "me@example.com"}).is(404)
	h.post(providersPath+"/test", object{"to": "d", "kind": "apns", "app": "a", "key_p8": testKey(t), "key_id": "ABC1234567", "team_id": "DEF1234567"}).refuses("/to")
}

func (h *house) clientSecret(id string) string {
	h.Helper()
	v, err := h.store.Server(h.Context(), id)
	h.must(err)
	return v.Settings.(*smtp.Settings).OAuth.ClientSecret
}

// TestFieldsWithinAnObject: the secret among them is as write-only as any other.
func TestFieldsWithinAnObject(t *testing.T) {
	h := newHouse(t)
	oauth := object{"token_url": "https://login.example.com/token", "client_id": "app-1", "client_secret": "geheim-0815", "scope": "all"}
	body := object{"kind": "smtp", "name": "365", "host": "smtp.example.com", "from_email": "it@example.com", "authentication": true,
		"username": "it@example.com", "oauth": oauth}
	made := h.post(serversPath, body).is(201).has("oauth.token_url", "https://login.example.com/token", "oauth.client_id", "app-1",
		"oauth.scope", "all", "oauth.client_secret_set", true, "password_set", false, "spa", false)
	id := made.at("id").(string)
	path := serversPath + "/" + id
	if list := h.get(serversPath); strings.Contains(made.raw+list.raw, "geheim") || strings.Contains(made.raw, `"client_secret"`) {
		t.Error("the client secret is shown")
	}
	stays := func(what string, body any, want string) {
		t.Helper()
		h.put(path, body).is(200).has("oauth.client_secret_set", want != "")
		if got := h.clientSecret(id); got != want {
			t.Errorf("%s: the secret is %q, want %q", what, got, want)
		}
	}
	stays("what GET showed", made.raw, "geheim-0815")
	delete(oauth, "client_secret")
	stays("absent", body, "geheim-0815")
	oauth["client_secret"] = "neu"
	stays("another", body, "neu")
	h.post(path+"/test", object{"to": "me@example.com", "oauth": object{"token_url": "https://elsewhere.example.com/token"}}).refuses("/oauth/client_secret")
	oauth["client_secret"] = nil
	h.put(path, body).refuses("/oauth/client_secret")
	oauth["client_secret"], oauth["token_url"] = "neu", "http://login.example.com/token"
	h.put(path, body).refuses("/oauth/token_url")
	oauth["token_url"] = 5
	h.put(path, body).refuses("/oauth/token_url")
	oauth["token_url"], oauth["colour"] = "https://login.example.com/token", "red"
	h.put(path, body).refuses("/oauth/colour")
	body["oauth"] = "red"
	h.put(path, body).refuses("/oauth")
	body["oauth"], body["password"] = nil, "plain"
	stays("all of it is null", body, "")
	h.get(path).has("oauth.token_url", "", "oauth.client_id", "", "password_set", true)
	h.post(path+"/test", object{"to": "me@example.com", "host": "elsewhere.example.com"}).refuses("/password")
	delete(body, "oauth")
	body["spa"] = true
	h.put(path, body).is(200).has("spa", true)
	body["authentication"] = false
	h.put(path, body).refuses("/spa")
	body["oauth.token_url"] = "https://login.example.com/token"
	h.put(path, body).refuses("/oauth.token_url")
}

// What ends by itself is told with its day: here the client secret of an SMTP server, as somebody said when it ends.
func TestServerTellsWhatEnds(t *testing.T) {
	h := newHouse(t)
	body := object{
		"kind": "smtp", "name": "Cloud", "host": "smtp.example.com", "from_email": "it@example.com", "authentication": true, "username": "it@example.com",
		"oauth": object{"token_url": "https://login.example.com/token", "client_id": "app-1", "client_secret": "planted", "secret_expires": "2027-03-31"},
	}
	made := h.post(serversPath, body).is(201).has("expiries.0.field", "oauth.client_secret", "expiries.0.name", "app-1", "expiries.0.at", "2027-03-31T00:00:00Z")
	path := serversPath + "/" + made.at("id").(string)
	h.put(path, made.json()).is(200).has("expiries.0.at", "2027-03-31T00:00:00Z") // what was read may be written back
	body["oauth"] = nil
	body["password"] = "planted"
	if list := h.put(path, body).is(200).at("expiries").([]any); len(list) != 0 {
		t.Errorf("it tells %v", list)
	}
}
