package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/console/text"
)

func TestLanguageOf(t *testing.T) {
	c := &console{Options: Options{Languages: text.All}}
	for _, one := range []struct{ account, cookie, accept, want string }{
		{"", "", "", "en"},
		{"", "", "fr-CA,fr;q=0.9,en;q=0.8", "fr"},
		{"", "", "pt-BR", "pt"},
		{"", "", "de-DE,pt;q=0.5,en;q=0.3", "pt"},
		{"", "", "ja", "en"},
		{"", "", "\xff;;q=x", "en"},
		{"", "pt", "fr", "pt"},
		{"", "xx", "fr", "fr"},
		{"fr", "pt", "en", "fr"},
		{"xx", "pt", "en", "pt"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", one.accept)
		if one.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: one.cookie})
		}
		if got := c.languageOf(r, access.Account{Language: one.account}).Tag.String(); got != one.want {
			t.Errorf("%+v: %s", one, got)
		}
	}
}

// signInAs makes an account and signs in with it; the fixture’s own visitor shares one with others.
func (f *fixture) signInAs(name string) *access.Account {
	f.Helper()
	f.accounts.list = append(f.accounts.list, access.Account{ID: "of-" + name, Name: name, Role: access.Administrator})
	f.accounts.links[name+"-link"] = "of-" + name
	f.get("/welcome/"+name+"-link", http.StatusOK)
	f.post("/welcome", http.StatusOK, "password", "correct horse battery", "again", "correct horse battery")
	for i := range f.accounts.list {
		if f.accounts.list[i].Name == name {
			return &f.accounts.list[i]
		}
	}
	f.Fatal("nobody signed in")
	return nil
}

func (f *fixture) wantLanguage(page *element, want string) {
	f.Helper()
	if got := page.one(f.T, "html").attr["lang"]; got != want {
		f.Errorf("the page is in %q, want %q", got, want)
	}
}

func TestChooseALanguageBeforeSigningIn(t *testing.T) {
	f := newFixture(t)
	page := f.get("/sign-in?next=%2Fdevices", http.StatusOK)
	f.wantLanguage(page, "en")
	if n := len(page.find(".sheet-languages button")); n != len(text.All) {
		t.Errorf("%d languages to choose from", n)
	}
	page = f.post("/language", http.StatusOK, "language", "fr", "back", "/sign-in?next=%2Fdevices")
	f.wantLanguage(page, "fr")
	if got := page.one(t, "input[name=next]").attr["value"]; got != "/devices" {
		t.Errorf("leads to %q after signing in", got)
	}
	f.wantLanguage(f.get("/enter/let-me-in", http.StatusOK), "fr")
	f.wantLanguage(f.post("/language", http.StatusOK, "language", "", "back", "https://elsewhere.example/"), "en")
}

func TestChooseALanguageAndAZone(t *testing.T) {
	f := newFixture(t)
	account := f.signInAs("ada")
	page := f.post("/language", http.StatusOK, "language", "pt", "zone", "Asia/Tokyo", "back", "/language")
	f.wantLanguage(page, "pt")
	if account.Language != "pt" || account.Zone != "Asia/Tokyo" {
		t.Errorf("kept %q, %q", account.Language, account.Zone)
	}
	if got := page.one(t, ".flash").words(); got != text.Portuguese.T("language.saved") {
		t.Errorf("says %q", got)
	}
	if got := page.one(t, "#zone").attr["value"]; got != "Asia/Tokyo" {
		t.Errorf("the form shows %q", got)
	}

	page = f.post("/language", http.StatusUnprocessableEntity, "language", "fr", "zone", "Atlantis", "back", "/language")
	if got := page.one(t, "#zone-problem").words(); got != text.Portuguese.T("language.zone.bad") {
		t.Errorf("says %q", got)
	}
	if page.one(t, "#zone").attr["value"] != "Atlantis" || account.Zone != "Asia/Tokyo" {
		t.Error("what was typed is lost, or was kept")
	}

	f.post("/language", http.StatusOK, "language", "fr", "back", "/") // the menu of the account
	if account.Language != "fr" || account.Zone != "Asia/Tokyo" {
		t.Errorf("the menu left %q, %q", account.Language, account.Zone)
	}
	f.post("/sign-out", http.StatusOK)
	f.wantLanguage(f.get("/sign-in", http.StatusOK), "fr")
}

// Visitors of a demonstration share an account: what one chooses is not the others'.
func TestVisitorsChooseForTheirBrowser(t *testing.T) {
	f := signedIn(t)
	page := f.post("/language", http.StatusOK, "language", "fr", "back", "/language")
	f.wantLanguage(page, "fr")
	if len(page.find("#zone")) != 0 {
		t.Error("a visitor is asked for a zone")
	}
	for _, a := range f.accounts.list {
		if a.Language != "" {
			t.Errorf("%s keeps %q", a.Name, a.Language)
		}
	}
}

func TestZonesExist(t *testing.T) {
	for _, name := range zones {
		if zoneNamed(name) == nil {
			t.Errorf("there is no zone %s", name)
		}
	}
	for _, name := range []string{"", "Local", "../../etc/passwd", strings.Repeat("x", 65), "Europe/Atlantis"} {
		if zoneNamed(name) != nil {
			t.Errorf("%q is a zone", name)
		}
	}
}
