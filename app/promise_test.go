package app

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/internal/pgtest"
	"heliograph/mailbox"
)

// TestNothingPersonalIsStoredOrLogged is the first promise of mail push: a token, a SubscriptionId and what it holds (the
// mail server's name, the mailbox's GUID), folder ids, watermarks and an address of a person are found nowhere, whether
// what was posted is well-formed or not.
func TestNothingPersonalIsStoredOrLogged(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { nothingPersonal(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { nothingPersonal(t, pgtest.Database(t)) })
}

func nothingPersonal(t *testing.T, database string) {
	g := newGarden(t, database)
	g.plantServers()
	g.plantAccount()
	clear(g.planted) // these have a test of their own
	phone := g.plantPhone()
	g.plantMail(phone)
	seen := g.everythingSeen()
	seen["diagnosis"] = g.page(g.app.Addr().Console + "/mail-push/diagnosis?code=" + phone.code)
	for name, secret := range g.planted {
		for _, form := range forms(secret) {
			for where, text := range seen {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("the %s is in %s, after %q", name, where, text[max(0, at-60):at])
				}
			}
		}
	}
	if !strings.Contains(seen["log"], "a post was refused") || !strings.Contains(seen["metrics"], `heliograph_mail_push_total{reason="",what="event"}`) {
		t.Error("the search does not look where something is")
	}
}

// plantedPhone is a device with what only it and its mail server know.
type plantedPhone struct {
	code, secret, resource, listener string
}

func (g *garden) plantPhone() plantedPhone {
	key, _, err := g.app.Door().CreateAppKey(g.Context(), access.System, mailbox.NewAppKey{Name: "planted"})
	if err != nil {
		g.Fatal(err)
	}
	status, made := registerDevice(g.T, g.app.Addr().Registration, g.plant("app key", key), fmt.Sprintf(
		`{"platform": "ios", "app": %q, "environment": "production", "token": %q}`, plantedApp, g.plant("device token", strings.Repeat("ca5e0f", 12))))
	if status != http.StatusCreated {
		g.Fatalf("registering: %d %v", status, made)
	}
	p := plantedPhone{
		code: made["support_code"].(string), secret: g.plant("secret of a registration", made["secret"].(string)),
		resource: g.app.Addr().Registration + "/v1/registrations/" + made["id"].(string),
		listener: made["listener_urls"].(map[string]any)["inbox"].(string),
	}
	g.plant("capability", p.listener[strings.LastIndex(p.listener, "/")+1:])
	return p
}

// plantMail lets the phone bind its subscription and its mail server post everything that it may post, and waits until what
// was learned is written.
func (g *garden) plantMail(p plantedPhone) {
	id := g.plant("SubscriptionId", plantedSubscription(g.plant("mail server", "ex01.planted-corp.example"), g.plant("GUID of the mailbox", "GUID-of-mailbox1")))
	address, folder := g.plant("address of a person", "ana.planted@corp.example"), g.plant("folder", "AAMkAGplantedfolder0123456789")
	mark := g.plant("watermark", "AQAAAplantedwatermark0123")
	g.device(http.MethodPut, p, "/subscriptions/inbox", fmt.Sprintf(`{"source": "ews", "subscription_id": %q, "folder": "inbox", "status_frequency_minutes": 30}`, id))
	g.device(http.MethodPut, p, "/subscriptions/inbox", fmt.Sprintf(`{"source": "ews", "subscription_id": %q, "folder": %q}`, id, address)) // refused
	item := `<t:ItemId Id="` + folder + `" ChangeKey="CQ"/><t:ParentFolderId Id="` + folder + `" ChangeKey="AQ"/>`
	event := strings.NewReplacer("<t:SubscriptionId>ID", "<t:SubscriptionId>"+id, "MARK", mark).Replace(plantedEvent)
	event = strings.Replace(event, "</t:NewMailEvent>", item+"</t:NewMailEvent>", 1)
	failure := strings.NewReplacer(`"Success"`, `"Error"`, "NoError", "ErrorReadEventsFailed</m:ResponseCode><m:MessageText>"+address+"</m:MessageText><m:ResponseCode>ErrorReadEventsFailed").Replace(event)
	bodies := []string{
		event, failure, event[:len(event)/2], "<!DOCTYPE x>" + event, strings.ReplaceAll(event, "SendNotification", address),
		strings.Repeat("<a>", 100) + id, event + strings.Repeat(address, 20_000), "", id,
	}
	for _, folder := range []string{"", "/calendar", "/other", "/" + address, "/../" + address} {
		for _, body := range bodies {
			g.post(p.listener+folder, body)
		}
	}
	g.post(g.app.Addr().Listener+"/ews/"+g.plant("capability that nobody has", mailbox.NewCapability().String()), event)
	for end := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		if text := g.device(http.MethodGet, p, "", ""); strings.Contains(text, `"last_event_at":"`) {
			break
		}
		if time.Now().After(end) {
			g.Fatal("nothing was learned of the events")
		}
	}
	g.device(http.MethodGet, plantedPhone{resource: p.resource, secret: address}, "", "")
}

// post is a mail server's, with its address where nothing looks.
func (g *garden) post(url, body string) {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("User-Agent", g.planted["mail server"])
	answer, err := g.client.Do(r)
	if err != nil {
		return // it refused the body before it was all sent
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for name, secret := range g.planted {
		if strings.Contains(string(text), secret) {
			g.Errorf("the %s is in the answer %s", name, text)
		}
	}
}

// device asks the registration service as a device.
func (g *garden) device(method string, p plantedPhone, path, body string) string {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), method, p.resource+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.secret)
	answer, err := g.client.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.Fatal(err)
	}
	return string(text)
}

// plantedSubscription is an id as Exchange makes it.
func plantedSubscription(server, guid string) string {
	raw := binary.LittleEndian.AppendUint16(nil, uint16(len(server))) //nolint:gosec // short
	raw = append(raw, server...)
	raw = append(binary.LittleEndian.AppendUint32(raw, 16), "of-subscription1"...)
	raw = append(raw, 1, 2, 3, 4, 5, 6, 7, 8)
	raw = append(binary.LittleEndian.AppendUint32(raw, 16), guid...)
	return base64.StdEncoding.EncodeToString(raw)
}
