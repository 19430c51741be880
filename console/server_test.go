package console

import (
	"net/http"
	"strings"
	"testing"

	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/channel/smtp"
	"heliograph/message"
)

func (f *fixture) smtp(i int) *smtp.Settings {
	f.Helper()
	if i >= len(f.servers.list) {
		f.Fatalf("there are %d servers", len(f.servers.list))
	}
	return f.servers.list[i].Settings.(*smtp.Settings)
}

// office is a form that has all that is required.
func office(more ...string) []string {
	return append([]string{
		"name", "Office", "host", "mail.example.com", "security", "none", "port", "25", "from_email", "it@example.com",
		"retries", "5", "timeout_seconds", "30", "max_recipients", "100",
	}, more...)
}

func TestServerIsAddedShownChangedAndDeleted(t *testing.T) {
	f := signedIn(t)
	page := f.get("/settings/servers", http.StatusOK)
	f.wantTitle(page, "Notification Server")
	if links := page.find(".nothing a"); len(links) != 2 || links[0].attr["href"] != "/settings/servers/new?kind=smtp" || links[1].words() != "Add SMS Gateway" {
		t.Errorf("the empty page leads to %d places", len(links))
	}
	page = f.post("/settings/servers/new?kind=smtp", http.StatusOK, office("authentication", "true", "username", "mailer", "password", " two words ")...)
	f.wantTitle(page, "Notification Server")
	if got := page.one(t, ".flash").words(); got != "“Office” was added." {
		t.Errorf("it says %q", got)
	}
	if got := f.smtp(0); got.Host != "mail.example.com" || got.Password != " two words " || !got.Authentication || got.Port != 25 {
		t.Errorf("stored %+v", got)
	}
	if row := page.one(t, "tbody tr").words(); !strings.Contains(row, "Office") || !strings.Contains(row, "mail.example.com") || !strings.Contains(row, "Active") {
		t.Errorf("the list shows %q", row)
	}

	page = f.get("/settings/servers/server-0", http.StatusOK)
	if strings.Contains(page.text.String(), "two words") || page.one(t, "#password").attr["value"] != "" {
		t.Error("the password is shown")
	}
	page.one(t, ".kept")
	f.post("/settings/servers/server-0", http.StatusOK, office("host", "mx.example.com", "authentication", "true", "username", "mailer", "password", "")...)
	if got := f.smtp(0); got.Password != " two words " {
		t.Error("an empty password did not keep the one that was set")
	}

	f.post("/settings/servers/server-0/delete", http.StatusOK)
	if len(f.servers.list) != 0 {
		t.Error("it was not deleted")
	}
}

func TestServerFormComesBackWithWhatIsWrong(t *testing.T) {
	f := signedIn(t)
	page := f.post("/settings/servers/new?kind=smtp", http.StatusUnprocessableEntity,
		office("name", "", "host", "not a host", "port", "many", "description", "kept", "password", "do-not-echo")[2:]...)
	for id, value := range map[string]string{"description": "kept", "from_email": "it@example.com"} {
		if got := page.one(t, "#"+id).attr["value"]; got != value {
			t.Errorf("%s holds %q, want what was typed", id, got)
		}
	}
	if strings.Contains(page.text.String(), "do-not-echo") || page.one(t, "#password").attr["value"] != "" {
		t.Error("the secret came back")
	}
	if len(f.servers.list) != 0 {
		t.Error("something was stored")
	}
}

func TestServerFormPlacesProblems(t *testing.T) {
	f := signedIn(t)
	for _, c := range []struct {
		name         string
		form         []string
		field, words string
		status       int
	}{
		{"no host", []string{"host", ""}, "host", "Enter the name", 422},
		{"a word as port", []string{"port", "smtp"}, "port", "whole number", 422},
		{"a port too high", []string{"port", "70000"}, "port", "between 1 and 65535", 422},
		{"advanced", []string{"retries", "99"}, "retries", "between 0 and 20", 422},
		{"no name", []string{"name", ""}, "name", "Name is required.", 422},
	} {
		form := map[string]string{}
		for i, all := 0, office(c.form...); i < len(all); i += 2 {
			form[all[i]] = all[i+1]
		}
		var list []string
		for name, value := range form {
			list = append(list, name, value)
		}
		page := f.post("/settings/servers/new?kind=smtp", c.status, list...)
		if got := page.one(t, "#"+c.field+"-problem").words(); !strings.Contains(got, c.words) {
			t.Errorf("%s: beside the field stands %q", c.name, got)
		}
		if input := page.one(t, "#"+c.field); input.attr["aria-describedby"] != c.field+"-problem" {
			t.Errorf("%s: the field does not name its problem", c.name)
		}
		if link := page.one(t, ".problem-list a"); link.attr["href"] != "#"+c.field {
			t.Errorf("%s: the summary leads to %s", c.name, link.attr["href"])
		}
		if _, open := page.one(t, "form details.more").attr["open"]; open != (c.name == "advanced") {
			t.Errorf("%s: advanced settings open: %v", c.name, open)
		}
	}
}

func TestServerNameTaken(t *testing.T) {
	f := signedIn(t)
	f.post("/settings/servers/new?kind=smtp", http.StatusOK, office()...)
	page := f.post("/settings/servers/new?kind=smtp", http.StatusConflict, office()...)
	if got := page.one(t, "#name-problem").words(); !strings.Contains(got, "already") {
		t.Errorf("beside the name stands %q", got)
	}
}

// Without script the port follows the protocol on the server, unless it was typed.
func TestPortFollowsProtocol(t *testing.T) {
	for _, c := range []struct{ was, security, wasPort, port, want string }{
		{"none", "ssl", "25", "25", "465"},
		{"ssl", "tls", "465", "465", "25"},
		{"none", "ssl", "25", "2525", "2525"},
		{"none", "ssl", "2525", "2525", "2525"},
		{"none", "none", "25", "25", "25"},
		{"", "ssl", "", "25", "25"}, // script ran, and somebody typed 25
	} {
		provider, _ := all.Find("smtp")
		form, err := newServerForm(serverFamilies[0], provider)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequest(http.MethodPost, "/", nil)
		r.PostForm = map[string][]string{"security": {c.security}, "port": {c.port}}
		if c.was != "" {
			r.PostForm["was_security"], r.PostForm["was_port"] = []string{c.was}, []string{c.wasPort}
		}
		if got := form.read(r).Values["port"]; got != c.want {
			t.Errorf("%+v: port %s", c, got)
		}
	}
}

func TestServerIsTestedUnsaved(t *testing.T) {
	f := signedIn(t)
	f.servers.report = channel.Report{
		Steps:    []channel.Step{{Name: "connect", OK: true, Detail: "192.0.2.1:25"}, {Name: "auth", Detail: "535"}},
		Dialogue: []string{"C: AUTH PLAIN ***"}, Reason: message.Credentials, Detail: "The server refused the password.",
	}
	page := f.post("/settings/servers/new/test?kind=smtp", http.StatusOK, office("to", " ada@example.com ")...)
	f.wantTitle(page, "Add SMTP Server")
	for field, want := range map[string]string{"name": "Office", "host": "mail.example.com", "password": "", "to": "ada@example.com"} { // the form is kept, but for secrets
		if got := page.one(t, "input[name="+field+"]").attr["value"]; got != want {
			t.Errorf("the field %s holds %q", field, got)
		}
	}
	if f.servers.to != "ada@example.com" || len(f.servers.list) != 0 {
		t.Errorf("sent to %q, %d servers stored", f.servers.to, len(f.servers.list))
	}
	if got := page.one(t, ".alert-danger").words(); !strings.Contains(got, "The server refused the password.") {
		t.Errorf("it says %q", got)
	}
	if got := len(page.find(".steps-list li")); got != 2 {
		t.Errorf("%d steps", got)
	}
	if got := page.one(t, ".step-bad").words(); got != "Sign in" {
		t.Errorf("the failing step is %q", got)
	}
	if got := page.one(t, ".dialogue").words(); got != "C: AUTH PLAIN ***" {
		t.Errorf("the dialogue is %q", got)
	}

	page = f.post("/settings/servers/new/test?kind=smtp", http.StatusOK, office("to", "")...)
	if got := page.one(t, ".problem-list").words(); got != "Enter the address to send to." {
		t.Errorf("without an address it says %q", got)
	}
	page = f.post("/settings/servers/new/test?kind=smtp", http.StatusOK, office("to", "ada@example.com", "from_email", "")[2:]...)
	if len(page.find(".problem-list")) != 0 {
		t.Error("a name is not needed to test")
	}
}

func TestServerButtons(t *testing.T) {
	f := signedIn(t)
	furnishServers(f)
	page := f.get("/settings/servers", http.StatusOK)
	page.one(t, "form[action=/settings/servers/s0/resume]")
	if row := page.find("tbody tr")[0].words(); !strings.Contains(row, "Paused") || !strings.Contains(row, "it refused the connection") {
		t.Errorf("the paused server shows %q", row)
	}
	page = f.post("/settings/servers/s0/resume", http.StatusOK, "back", "/")
	f.wantTitle(page, "Dashboard")
	if len(f.servers.probed) != 1 || f.servers.probed[0] != "s0" {
		t.Errorf("tried %v", f.servers.probed)
	}
	f.post("/settings/servers/s0/resume", http.StatusOK, "back", "//elsewhere.example.com")
	f.post("/settings/servers/s1/activate", http.StatusOK)
	if !f.servers.list[1].Active || f.servers.list[0].Active {
		t.Error("the other one is not active")
	}
	f.get("/settings/servers/s2", http.StatusNotFound) // a push provider
	f.get("/settings/push-providers/s2", http.StatusOK)
	f.get("/settings/servers/nobody", http.StatusNotFound)
	f.get("/settings/servers/new?kind=apns", http.StatusNotFound)
}

// Every provider in the list has a form that can be filled in from what it says about itself.
func TestFormsOfAllProviders(t *testing.T) {
	f := signedIn(t)
	for _, p := range all.Providers {
		family := serverFamilies[0]
		if p.Channel == message.Push {
			family = serverFamilies[1]
		}
		page := f.get(newServerPath(family, p.Kind), http.StatusOK)
		for _, field := range p.Fields {
			if len(page.find("[name="+field.Name+"]")) == 0 {
				t.Errorf("%s: %s is not on the form", p.Kind, field.Name)
			}
			for _, input := range page.find("[id=" + field.Name + "]") {
				if field.Secret && input.name == "input" && input.attr["type"] != "password" {
					t.Errorf("%s: %s is a secret and shown", p.Kind, field.Name)
				}
			}
		}
	}
}

// TestFieldsMadeFromOthers: what a provider makes itself is shown, and cannot be typed over.
func TestFieldsMadeFromOthers(t *testing.T) {
	form := signedIn(t).get("/settings/push-providers/new?kind=webpush", http.StatusOK)
	if _, only := form.one(t, "#vapid_public_key").attr["readonly"]; !only {
		t.Error("the public key can be typed over")
	}
	if _, only := form.one(t, "#subject").attr["readonly"]; only {
		t.Error("the contact cannot be typed")
	}
}

func TestRoleWithoutSessionGetsNowhere(t *testing.T) {
	f := newFixture(t)
	furnishServers(f)
	for _, path := range []string{"/", "/settings", "/settings/servers", "/settings/servers/s0", "/settings/about", "/live/dashboard"} {
		page := f.get(path, http.StatusOK)
		f.wantTitle(page, "Sign in")
	}
	for _, path := range []string{"/settings/servers/s0/delete", "/settings/servers/s0/activate", "/settings/servers/s0"} {
		f.wantTitle(f.post(path, http.StatusOK), "Sign in")
	}
	if len(f.servers.list) != 4 || f.servers.list[0].Name != "Head office" {
		t.Error("a visitor changed something")
	}
}
