package console

import (
	"net/http"
	"strings"
	"testing"
)

// A field within an object is a line of the form like any other, and so is its secret.
func TestFieldsWithinAnObject(t *testing.T) {
	f := signedIn(t)
	oauth := []string{"authentication", "true", "username", "it@example.com", "spa", "",
		"oauth.token_url", "https://login.example.com/token", "oauth.client_id", "app-1", "oauth.scope", "all"}
	page := f.post("/settings/servers/new?kind=smtp", http.StatusUnprocessableEntity, office(oauth...)...)
	if got := page.one(t, "[id=oauth.client_secret-problem]").words(); !strings.Contains(got, "Enter the client secret") {
		t.Errorf("beside the secret stands %q", got)
	}
	if link := page.one(t, ".problem-list a"); link.attr["href"] != "#oauth.client_secret" {
		t.Errorf("the summary leads to %s", link.attr["href"])
	}
	if _, open := page.one(t, "form details.more").attr["open"]; !open {
		t.Error("the advanced settings hide what is wrong")
	}
	f.post("/settings/servers/new?kind=smtp", http.StatusOK, office(append(oauth, "oauth.client_secret", "hush-hush")...)...)
	if got := f.smtp(0).OAuth; got.ClientSecret != "hush-hush" || got.ClientID != "app-1" || got.Scope != "all" {
		t.Errorf("stored: %+v", got)
	}
	path := "/settings/servers/" + f.servers.list[0].ID
	page = f.get(path, http.StatusOK)
	if got := page.one(t, "[id=oauth.client_id]").attr["value"]; got != "app-1" {
		t.Errorf("the client id shows %q", got)
	}
	if secret := page.one(t, "[id=oauth.client_secret]"); secret.attr["value"] != "" || secret.attr["type"] != "password" || strings.Contains(page.text.String(), "hush") {
		t.Error("the secret is shown")
	}
	page.one(t, "[name=clear_oauth.client_secret]")                                                   // it is there, and can be forgotten
	f.post(path, http.StatusOK, office(append([]string{"oauth.client_id", "app-2"}, oauth...)...)...) // the first of two counts
	if got := f.smtp(0).OAuth; got.ClientSecret != "hush-hush" || got.ClientID != "app-2" {
		t.Errorf("an empty secret does not keep what is set: %+v", got)
	}
	f.post(path, http.StatusOK, office("authentication", "true", "username", "it", "password", "x", "clear_oauth.client_secret", "true")...)
	if got := f.smtp(0).OAuth; got.ClientSecret != "" || got.TokenURL != "" {
		t.Errorf("not forgotten: %+v", got)
	}
}

// A switch that is not shown any more is off: nobody could find it.
func TestHiddenSwitchIsOff(t *testing.T) {
	f := signedIn(t)
	f.post("/settings/servers/new?kind=smtp", http.StatusOK, office("authentication", "true", "username", "it", "password", "x", "spa", "true")...)
	if !f.smtp(0).SPA {
		t.Error("SPA was not turned on")
	}
	f.post("/settings/servers/"+f.servers.list[0].ID, http.StatusOK, office("authentication", "", "username", "it", "spa", "true")...)
	if s := f.smtp(0); s.SPA || s.Authentication {
		t.Errorf("still on: %+v", s)
	}
}
