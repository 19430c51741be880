package inbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/exchange"
	"heliograph/sim/phone"
)

// mailWorld is a page with an Exchange server behind it, and a registration service whose listener wakes everybody.
func mailWorld(t *testing.T) (b *bench, service string) {
	t.Helper()
	push := pushes{control.NewHistory[phone.Push](0)}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	mux.HandleFunc("POST /v1/registrations", func(w http.ResponseWriter, r *http.Request) {
		control.JSON(w, http.StatusCreated, map[string]any{
			"id": "r1", "secret": "s", "support_code": "K7-44Q", "listener_urls": map[string]string{"inbox": server.URL + "/ews/1"},
			"subscribe": map[string]any{"event_types": []string{"NewMailEvent", "ModifiedEvent"}, "status_frequency_minutes": 30},
		})
	})
	mux.HandleFunc("/v1/registrations/r1/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("DELETE /v1/registrations/r1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /ews/1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "NewMailEvent") {
			push.add(phone.Push{Token: strings.Repeat("a1", 32), Platform: phone.IOS, Silent: true, Wakes: true, Data: `{"kind":"new"}`, Badge: new(1)})
		}
		fmt.Fprint(w, `<Envelope><Body><SendNotificationResult><SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></Body></Envelope>`)
	})
	mail, err := exchange.Start(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mailers := phone.NewMailers(phone.MailersOptions{Sources: []phone.Source{push}, Exchange: mail.URL(), Scale: 100})
	b = &bench{push: push, http: &http.Client{Transport: &http.Transport{}}}
	if b.Server, err = Start(Options{Phones: []phone.Source{push}, Mailers: mailers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		if err := b.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		mailers.Stop()
		if err := mail.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return b, server.URL
}

// send does something to a phone, and gives the status and the answer.
func (b *bench) send(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequest(method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// until asks for the phones until they are as they should be.
func (b *bench) until(t *testing.T, what string, done func(phonesPage) bool) phonesPage {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		changed := b.changed()
		var page phonesPage
		b.get(t, "/_sim/phones", &page)
		if done(page) {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in a minute: %+v", what, page)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		wait(ctx, changed)
		cancel()
	}
}

func TestMailPhones(t *testing.T) {
	b, service := mailWorld(t)
	b.push.add(phone.Push{Token: "another", Platform: phone.Android, Title: "Hello"})
	ana := fmt.Sprintf(`{"name": "Ana's iPhone", "mailbox": "ana@example.com", "app": "com.example.mail", "app_key": "k", "registration": %q, "token": %q}`, service, strings.Repeat("a1", 32))
	if status, answer := b.send(t, "POST", "/_sim/phones", ana); status != http.StatusCreated || !strings.Contains(answer, "K7-44Q") {
		t.Fatalf("%d %s", status, answer)
	}
	page := b.until(t, "both", func(p phonesPage) bool { return len(p.Items) == 2 })
	if first := page.Items[0]; first.Mail == nil || first.Mail.ID != "ana-s-iphone" || first.Name != "Ana's iPhone" || page.Count != 2 || page.Items[1].Mail != nil {
		t.Errorf("%+v", page)
	}
	if status, answer := b.send(t, "POST", "/_sim/phones/ana-s-iphone/mail", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	page = b.until(t, "the mail", func(p phonesPage) bool { return len(p.Items[0].Cards) == 1 })
	if first := page.Items[0]; first.Badge != 1 || first.Received != 1 || first.Cards[0].Body == "" || page.Count != 2 || len(page.Items) != 2 {
		t.Errorf("%+v", page)
	}
	if status, answer := b.send(t, "POST", "/_sim/phones/ana-s-iphone/settings", `{"background_refresh": false}`); status != 200 || !strings.Contains(answer, `"background_refresh":false`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := b.send(t, "POST", "/_sim/phones/ana-s-iphone/mail", `{"count": 2}`); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	b.until(t, "the badge alone", func(p phonesPage) bool {
		return strings.Contains(p.Items[0].Mail.State, "background refresh") && len(p.Items[0].Cards) == 1
	})
	if status, _ := b.send(t, "POST", "/_sim/phones/ana-s-iphone/open", ""); status != 200 {
		t.Errorf("status %d", status)
	}
	b.until(t, "all seen", func(p phonesPage) bool { return len(p.Items[0].Cards) == 0 && p.Items[0].Badge == 3 })
	for query, want := range map[string]int{"ANA@": 1, "k7": 1, "hello": 1, "nobody": 0} {
		b.get(t, "/_sim/phones?q="+query, &page)
		if len(page.Items) != want {
			t.Errorf("%q finds %d", query, len(page.Items))
		}
	}
	if status, _ := b.send(t, "DELETE", "/_sim/phones/ana-s-iphone", ""); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	b.until(t, "gone", func(p phonesPage) bool { return len(p.Items) == 2 && p.Items[0].Mail == nil })
}

func TestMailPhonesThatAreRefused(t *testing.T) {
	b, _ := mailWorld(t)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/_sim/phones", `{}`, 422},
		{"POST", "/_sim/phones", `{"wings": 2}`, 422},
		{"POST", "/_sim/phones", strings.Repeat(" ", 1<<17), 413},
		{"POST", "/_sim/phones/nobody/mail", ``, 404},
		{"POST", "/_sim/phones/nobody/settings", `{}`, 404},
		{"POST", "/_sim/phones/nobody/open", ``, 404},
		{"POST", "/_sim/phones/nobody/read", `{"count": -1}`, 422},
		{"DELETE", "/_sim/phones/nobody", ``, 404},
	} {
		if status, answer := b.send(t, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, answer, c.want)
		}
	}
	alone := start(t)
	if status, answer := alone.send(t, "POST", "/_sim/phones", `{}`); status != http.StatusConflict || !strings.Contains(answer, "Exchange") {
		t.Errorf("without Exchange: %d %s", status, answer)
	}
}
