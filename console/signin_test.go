package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"heliograph/access"
)

// withAdmin adds an account with a password.
func withAdmin(f *fixture, password string) {
	a, _ := f.accounts.CreateAccount(f.Context(), "admin", access.Administrator)
	hash, err := passwords.Hash(f.Context(), password)
	if err != nil {
		f.Fatal(err)
	}
	f.accounts.setPassword(a.ID, hash)
}

func TestSignInAndOut(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, "correct horse battery")
	page := f.get("/settings?x=1", http.StatusOK)
	f.wantTitle(page, "Sign in")
	next := page.one(t, "[name=next]").attr["value"]
	if next != "/settings?x=1" {
		t.Errorf("it leads back to %q", next)
	}
	page = f.post("/sign-in", http.StatusUnprocessableEntity, "name", "admin", "password", "wrong", "next", next)
	if got := page.one(t, "[role=alert]").words(); got != "Name or password is wrong." {
		t.Errorf("it says %q", got)
	}
	if page.one(t, "#name").attr["value"] != "admin" || page.one(t, "#password").attr["value"] != "" {
		t.Error("the name is lost, or the password came back")
	}
	before := f.cookie("heliograph_session")
	page = f.post("/sign-in", http.StatusOK, "name", " Admin ", "password", "correct horse battery", "next", next)
	f.wantTitle(page, "Settings")
	signedIn := f.cookie("heliograph_session")
	if signedIn == "" || signedIn == before {
		t.Error("the session's token did not change with signing in")
	}
	f.wantTitle(f.get("/sign-in?next=/settings/about", http.StatusOK), "About")
	f.wantTitle(f.post("/sign-out", http.StatusOK), "Sign in")
	f.setCookie("heliograph_session", signedIn)
	f.wantTitle(f.get("/settings", http.StatusOK), "Sign in")
	if did := strings.Join(f.accounts.did(), ", "); did != "sign_in_failed admin, sign_in admin, sign_out admin" {
		t.Errorf("the audit log has %s", did)
	}
}

// Whoever guesses from the same office does not keep the owner of an account out of a browser that it used before.
func TestGuessesLockNobodyOut(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, "correct horse battery")
	f.post("/sign-in", http.StatusOK, "name", "admin", "password", "correct horse battery")
	f.post("/sign-out", http.StatusOK)
	guess := func() int {
		response, err := http.PostForm(f.url+"/sign-in", url.Values{"name": {"admin"}, "password": {"guess"}})
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for i := range 50 {
		if guess() == http.StatusTooManyRequests {
			break
		}
		if i == 49 {
			t.Fatal("guesses are not slowed down")
		}
	}
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", "correct horse battery"), "Dashboard")
	f.post("/sign-out", http.StatusOK)
	f.setCookie("heliograph_browser", "made.up")
	f.post("/sign-in", http.StatusTooManyRequests, "name", "admin", "password", "correct horse battery")
}

func (f *fixture) cookie(name string) string {
	f.Helper()
	u, _ := url.Parse(f.url)
	for _, c := range f.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (f *fixture) setCookie(name, value string) {
	u, _ := url.Parse(f.url)
	f.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

func TestSignInIsSlowedDown(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, "correct horse battery")
	for range 6 {
		f.post("/sign-in", http.StatusUnprocessableEntity, "name", "admin", "password", "guess")
	}
	page := f.post("/sign-in", http.StatusTooManyRequests, "name", "admin", "password", "correct horse battery")
	if got := page.one(t, "[role=alert]").words(); !strings.HasPrefix(got, "Too many tries. Wait ") {
		t.Errorf("it says %q", got)
	}
	f.post("/sign-in", http.StatusUnprocessableEntity, "name", "somebody else", "password", "x")
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	for path, want := range map[string]string{
		"/devices?x=1": "/devices?x=1", "": "/", "//evil.example.com": "/", "https://evil.example.com/": "/", `/\evil.example.com`: "/",
		"javascript:alert(1)": "/", "/a\r\nSet-Cookie: x": "/", "devices": "/",
	} {
		if got := localPath(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestWelcomeSetsThePasswordOnce(t *testing.T) {
	f := newFixture(t)
	a, _ := f.accounts.CreateAccount(t.Context(), "admin", access.Administrator)
	f.accounts.links["one-time"] = a.ID
	page := f.get("/welcome/one-time", http.StatusOK)
	f.wantTitle(page, "Choose your password")
	if strings.Contains(page.text.String(), "one-time") {
		t.Error("the secret is on the page")
	}
	if got := page.one(t, "[autocomplete=username]").attr["value"]; got != "admin" {
		t.Errorf("it is for %q", got)
	}
	for _, c := range []struct{ password, again, want string }{
		{"short", "short", "Use at least 10 characters."},
		{"correct horse battery", "correct horse", "The two entries differ."},
	} {
		page = f.post("/welcome", http.StatusUnprocessableEntity, "password", c.password, "again", c.again)
		if got := page.one(t, "#password-problem").words(); got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
	page = f.post("/welcome", http.StatusOK, "password", "correct horse battery", "again", "correct horse battery")
	f.wantTitle(page, "Dashboard")
	f.wantTitle(f.get("/welcome/one-time", http.StatusNotFound), "This link no longer works")
	f.wantTitle(f.post("/welcome", http.StatusNotFound, "password", "another password", "again", "another password"), "This link no longer works")
	f.post("/sign-out", http.StatusOK)
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", "correct horse battery"), "Dashboard")
}

func TestNewPasswordEndsSessions(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, "correct horse battery")
	f.post("/sign-in", http.StatusOK, "name", "admin", "password", "correct horse battery")
	f.wantTitle(f.get("/settings", http.StatusOK), "Settings")
	_ = f.accounts.SetPassword(t.Context(), f.accounts.list[0].ID, "another hash", "")
	f.wantTitle(f.get("/settings", http.StatusOK), "Sign in")
}

func TestDemoEntry(t *testing.T) {
	f := newFixture(t)
	f.get("/enter/guess", http.StatusNotFound)
	f.wantTitle(f.get("/enter/let-me-in", http.StatusOK), "Dashboard")
	f.wantTitle(f.get("/enter/let-me-in?next=//evil.example.com", http.StatusOK), "Dashboard")
	if len(f.accounts.list) != 1 {
		t.Errorf("%d accounts", len(f.accounts.list))
	}
	closed := newFixture(t, func(o *Options) { o.DemoEntry = "" })
	closed.get("/enter/", http.StatusNotFound)
	closed.get("/enter/let-me-in", http.StatusNotFound)
}

func TestThemeWithoutScript(t *testing.T) {
	f := signedIn(t)
	if got := f.get("/settings", http.StatusOK).one(t, "html").attr["data-bs-theme"]; got != "light" {
		t.Errorf("theme %q", got)
	}
	page := f.post("/theme", http.StatusOK, "back", "/settings")
	f.wantTitle(page, "Settings")
	if got := page.one(t, "html").attr["data-bs-theme"]; got != "dark" {
		t.Errorf("theme %q after the switch", got)
	}
	f.setCookie("theme", "purple")
	if got := f.get("/settings", http.StatusOK).one(t, "html").attr["data-bs-theme"]; got != "light" {
		t.Errorf("theme %q of a cookie that is none", got)
	}
}
