package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/intake"
	"heliograph/mailbox"
)

// TestRegistrationService: a node that is nothing else registers devices for a listener that another one is.
func TestRegistrationService(t *testing.T) {
	o := options(t)
	o.Roles = []Role{Registration}
	o.MailPush = MailPush{ListenRegistration: "127.0.0.1:0", RegistrationURL: "https://register.example.com", MailboxURL: "https://listener.example.com"}
	a := running(t, o)
	if a.Addr().Console != "" || a.Addr().Listener != "" {
		t.Errorf("it listens at %+v", a.Addr())
	}
	origin := a.Addr().Registration
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/": 404, "/api/v1/devices": 404, "/metrics": 404, "/v1/registrations": 405} {
		if status, body := get(t, origin+path); status != want {
			t.Errorf("%s answers %d %s, want %d", path, status, body, want)
		}
	}
	ctx := t.Context()
	_, err := a.Door().CreateServer(ctx, access.System, intake.ServerInput{Kind: "webpush", Name: "Browsers", Settings: map[string]json.RawMessage{
		"app": json.RawMessage(`"mail"`), "subject": json.RawMessage(`"mailto:it@example.com"`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := a.Door().CreateAppKey(ctx, access.System, mailbox.NewAppKey{Name: "phones"})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"platform": "web", "app": "mail", "token": {"endpoint": "https://HOST/x", "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}`
	for host, want := range map[string]int{"push.example.com": 201, "127.0.0.1": 422, "169.254.169.254": 422, "[::1]": 422, "localhost": 422} {
		status, answer := registerDevice(t, origin, key, strings.Replace(body, "HOST", host, 1))
		if status != want {
			t.Errorf("a push service at %s: %d %v, want %d", host, status, answer, want)
		}
		if status == http.StatusCreated && !strings.HasPrefix(answer["listener_urls"].(map[string]any)["inbox"].(string), "https://listener.example.com/ews/") {
			t.Errorf("it answers %v", answer)
		}
	}
}

func registerDevice(t *testing.T, origin, key, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/v1/registrations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, answer
}
