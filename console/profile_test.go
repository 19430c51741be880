package console

import (
	"encoding/base64"
	"image/png"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"heliograph/access"
)

const horse = "correct horse battery"

// asAdmin is a fixture whose visitor signed in with a password.
func asAdmin(t *testing.T, change ...func(*Options)) *fixture {
	f := newFixture(t, change...)
	withAdmin(f, horse)
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Dashboard")
	return f
}

// elsewhere is another browser of the same console.
func (f *fixture) elsewhere() *fixture {
	other := *f
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	other.client = &http.Client{Jar: jar}
	f.Cleanup(other.client.CloseIdleConnections)
	return &other
}

func TestChangePassword(t *testing.T) {
	f := asAdmin(t)
	other := f.elsewhere()
	other.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	for _, c := range []struct{ current, password, again, field string }{
		{"wrong", "another good password", "another good password", "current"},
		{horse, "short", "short", "password"},
		{horse, "another good password", "another one", "again"},
	} {
		page := f.post("/profile/password", http.StatusUnprocessableEntity, "current", c.current, "password", c.password, "again", c.again)
		if page.one(t, "#"+c.field+"-problem").words() == "" || page.one(t, "#"+c.field).attr["aria-invalid"] != "true" {
			t.Errorf("nothing is said beside %s", c.field)
		}
		if page.one(t, "#current").attr["value"] != "" {
			t.Error("the password came back")
		}
	}
	other.wantTitle(other.get("/profile", http.StatusOK), "Profile")
	page := f.post("/profile/password", http.StatusOK, "current", horse, "password", "another good password", "again", "another good password")
	f.wantTitle(page, "Profile")
	other.wantTitle(other.get("/profile", http.StatusOK), "Sign in")
	other.post("/sign-in", http.StatusUnprocessableEntity, "name", "admin", "password", horse)
	other.wantTitle(other.post("/sign-in", http.StatusOK, "name", "admin", "password", "another good password"), "Dashboard")
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	f := asAdmin(t)
	others := []*fixture{f.elsewhere(), f.elsewhere(), f.elsewhere()}
	for _, other := range others {
		other.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	}
	page := f.get("/profile", http.StatusOK)
	if rows := page.find(".profile-sessions tbody tr"); len(rows) != 4 {
		t.Fatalf("%d sessions are listed", len(rows))
	}
	if here := page.find(".profile-sessions .pill"); len(here) != 1 || here[0].words() != "This browser" {
		t.Errorf("%d are this browser", len(here))
	}
	forms := page.find(".profile-sessions tbody form")
	if len(forms) != 3 {
		t.Fatalf("%d sessions can be ended", len(forms))
	}
	f.post(forms[0].attr["action"], http.StatusOK)
	f.post(forms[0].attr["action"], http.StatusOK) // again, from a page that is old
	in := 0
	for _, other := range others {
		if title := other.get("/profile", http.StatusOK).one(t, "head title").words(); strings.HasPrefix(title, "Profile") {
			in++
		}
	}
	if in != 2 {
		t.Errorf("%d of 3 others are signed in after one was ended", in)
	}
	f.post("/profile/sessions/end", http.StatusOK)
	for _, other := range others {
		other.wantTitle(other.get("/profile", http.StatusOK), "Sign in")
	}
	f.wantTitle(f.get("/profile", http.StatusOK), "Profile")
}

// Signing in again in the same browser leaves no session behind that nobody sees.
func TestSigningInAgainEndsTheSessionBefore(t *testing.T) {
	f := asAdmin(t)
	before := f.cookie("heliograph_session")
	f.get("/enter/let-me-in", http.StatusOK)
	if len(f.accounts.sessions) != 1 || f.cookie("heliograph_session") == before {
		t.Errorf("%d sessions, token changed: %v", len(f.accounts.sessions), f.cookie("heliograph_session") != before)
	}
}

func TestAgentWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36":                     "Chrome Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0":           "Edge Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":           "Safari macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile Safari/604.1": "Chrome iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36":    "Samsung Internet Android",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                          "Firefox Linux",
		"curl/8": " ",
	} {
		if browser, system := agentWords(agent); browser+" "+system != want {
			t.Errorf("%s is %s %s", agent, browser, system)
		}
	}
}

// setUp sets a second factor up, and gives it with its recovery codes.
func setUp(f *fixture) (access.SecondFactor, []string) {
	f.Helper()
	page := f.get("/profile/two-factor", http.StatusOK)
	factor := access.SecondFactor{Secret: strings.ReplaceAll(page.one(f.T, "#secret").words(), " ", "")}
	raw, isPNG := strings.CutPrefix(page.one(f.T, "main img").attr["src"], "data:image/png;base64,")
	if _, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(raw))); err != nil || !isPNG {
		f.Errorf("the picture is none: %v", err)
	}
	page = f.post("/profile/two-factor", http.StatusUnprocessableEntity, "code", "000000x")
	if again := strings.ReplaceAll(page.one(f.T, "#secret").words(), " ", ""); again != factor.Secret || page.one(f.T, "#code-problem").words() == "" {
		f.Errorf("after a wrong code the secret is another one, or nothing is said")
	}
	page = f.post("/profile/two-factor", http.StatusOK, "code", factor.Code(testTime))
	f.wantTitle(page, "Recovery codes")
	var codes []string
	for _, one := range page.find(".recovery-codes code") {
		codes = append(codes, one.words())
	}
	return factor, codes
}

func TestSecondFactor(t *testing.T) {
	f := asAdmin(t)
	factor, codes := setUp(f)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	f.wantTitle(f.get("/profile/two-factor", http.StatusOK), "Profile") // it is set up
	other := f.elsewhere()
	before := other.cookie("heliograph_session")
	page := other.post("/sign-in", http.StatusOK, "name", "admin", "password", horse, "next", "/settings")
	other.wantTitle(page, "One more step")
	other.wantTitle(other.get("/settings", http.StatusOK), "Sign in")
	half := other.cookie("heliograph_session")
	page = other.post("/sign-in/code", http.StatusUnprocessableEntity, "code", factor.Code(testTime)) // it was used to set up
	if page.one(t, "#code-problem").words() == "" {
		t.Error("nothing is said about a code that was used")
	}
	other.wantTitle(other.post("/sign-in/code", http.StatusOK, "code", codes[3]), "Settings")
	if full := other.cookie("heliograph_session"); full == half || half == before {
		t.Error("the session's token did not change with each step")
	}
	third := f.elsewhere()
	third.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	third.post("/sign-in/code", http.StatusUnprocessableEntity, "code", codes[3])
	third.wantTitle(third.post("/sign-in/code", http.StatusOK, "code", factor.Code(testTime.Add(30e9))), "Dashboard")
	page = f.get("/profile", http.StatusOK)
	if !strings.Contains(page.words(), "9 recovery codes are left") {
		t.Error("the codes that are left are not counted")
	}
	testNewRecoveryCodes(t, f, codes)
	f.post("/profile/two-factor/remove", http.StatusUnprocessableEntity, "remove-password", "wrong")
	f.post("/profile/two-factor/remove", http.StatusOK, "remove-password", horse)
	fourth := f.elsewhere()
	fourth.wantTitle(fourth.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Dashboard")
}

func testNewRecoveryCodes(t *testing.T, f *fixture, old []string) {
	t.Helper()
	f.post("/profile/two-factor/codes", http.StatusUnprocessableEntity, "codes-password", "wrong")
	f.wantTitle(f.post("/profile/two-factor/codes", http.StatusOK, "codes-password", horse), "Recovery codes")
	other := f.elsewhere()
	other.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	other.post("/sign-in/code", http.StatusUnprocessableEntity, "code", old[5])
}

func TestCodesAreSlowedDown(t *testing.T) {
	f := asAdmin(t)
	setUp(f)
	other := f.elsewhere()
	for i := range 20 {
		// The right password frees nobody of the codes that were wrong.
		password := other.status("/sign-in", url.Values{"name": {"admin"}, "password": {horse}})
		code := other.status("/sign-in/code", url.Values{"code": {"000000"}})
		if password == http.StatusTooManyRequests || code == http.StatusTooManyRequests {
			return
		}
		if i == 19 {
			t.Error("codes can be guessed for ever")
		}
	}
}

// status is what a form is answered with.
func (f *fixture) status(path string, form url.Values) int {
	f.Helper()
	response, err := f.client.PostForm(f.url+path, form)
	if err != nil {
		f.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestCodesNeedAPassword(t *testing.T) {
	f := asAdmin(t)
	factor, _ := setUp(f)
	other := f.elsewhere()
	other.wantTitle(other.get("/sign-in/code", http.StatusOK), "Sign in")
	other.wantTitle(other.post("/sign-in/code", http.StatusOK, "code", factor.Code(testTime.Add(30e9))), "Sign in")
	other.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	f.post("/profile/password", http.StatusOK, "current", horse, "password", "another good password", "again", "another good password")
	other.wantTitle(other.post("/sign-in/code", http.StatusOK, "code", factor.Code(testTime.Add(30e9))), "Sign in")
}

// A one-time link sets a password, and does not take the phone's place.
func TestLinksDoNotGoRoundTheSecondFactor(t *testing.T) {
	f := asAdmin(t)
	factor, _ := setUp(f)
	f.accounts.links["one-time"] = f.accounts.list[0].ID
	other := f.elsewhere()
	other.get("/welcome/one-time", http.StatusOK)
	page := other.post("/welcome", http.StatusOK, "password", "another good password", "again", "another good password")
	other.wantTitle(page, "One more step")
	f.wantTitle(f.get("/profile", http.StatusOK), "Sign in")
	other.wantTitle(other.post("/sign-in/code", http.StatusOK, "code", factor.Code(testTime.Add(30e9))), "Dashboard")
}

func TestSecondFactorIsAskedFor(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, horse)
	f.accounts.policy = access.Policy{SecondFactor: access.SecondFactorAdministrators}
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Two-factor sign-in")
	for _, path := range []string{"/", "/settings", "/profile", "/devices.csv"} {
		f.wantTitle(f.get(path, http.StatusOK), "Two-factor sign-in")
	}
	f.wantTitle(f.post("/profile/password", http.StatusOK, "current", horse), "Two-factor sign-in")
	setUp(f)
	f.wantTitle(f.get("/settings", http.StatusOK), "Settings")
	f.wantTitle(f.post("/sign-out", http.StatusOK), "Sign in")
}

func TestTheDemoHasNothingOfItsOwn(t *testing.T) {
	f := signedIn(t)
	page := f.get("/profile", http.StatusOK)
	if len(page.find("main form")) != 0 {
		t.Error("everybody's account can be changed")
	}
	f.get("/profile/two-factor", http.StatusForbidden)
	f.post("/profile/password", http.StatusForbidden, "password", "another good password", "again", "another good password")
}

func TestAdministratorsHelpOthers(t *testing.T) {
	f := asAdmin(t)
	setUp(f)
	boss := f.elsewhere()
	boss.get("/enter/let-me-in", http.StatusOK)
	id := f.accounts.list[0].ID
	client := *boss.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, what := range []string{"second-factor/reset", "sessions/end"} {
		response, err := client.PostForm(f.url+"/settings/administrators/"+id+"/"+what, nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s", what, response.Status)
		}
	}
	f.wantTitle(f.get("/profile", http.StatusOK), "Sign in")
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Dashboard")
	boss.post("/settings/administrators/nobody/sessions/end", http.StatusNotFound)
}
