package console

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"heliograph/access"
	"heliograph/channel/all"
	"heliograph/store"
	"heliograph/web"
)

// fixture is a console over fakes, and a browser without script.
type fixture struct {
	*testing.T
	url      string
	client   *http.Client
	accounts *fakeAccounts
	servers  *fakeServers
	network  *fakeNetwork
	figures  *fakeFigures
	carriers *fakeCarriers
	openID   *fakeOpenID
	access   *fakeAccess
	routes   []web.Route
}

var testTime = time.Date(2026, 3, 21, 14, 5, 0, 0, time.UTC)

// passwords are quick: 64 KiB a hash.
var passwords = access.NewPasswordsOf(2, 64)

func newFixture(t *testing.T, change ...func(*Options)) *fixture {
	f := &fixture{
		T:        t,
		accounts: &fakeAccounts{links: map[string]string{}},
		servers:  &fakeServers{},
		network:  &fakeNetwork{},
		figures:  &fakeFigures{now: testTime},
		carriers: &fakeCarriers{},
		openID:   &fakeOpenID{},
		access:   &fakeAccess{days: store.DefaultAuditDays},
	}
	f.access.accounts = f.accounts
	o := Options{
		Accounts: f.accounts, Sessions: memstore.NewWithCleanupInterval(0), Servers: f.servers, Network: f.network, Carriers: f.carriers, Templates: &fakeTemplates{}, Figures: f.figures, Devices: f.figures,
		OpenID: f.openID, Administration: f.access, Registry: f.access, Link: func(secret string) string { return "https://here/welcome/" + secret },
		Providers: all.Providers, Passwords: passwords, DemoEntry: "let-me-in", Version: "1.2.3",
		Now: func() time.Time { return testTime },
	}
	for _, c := range change {
		c(&o)
	}
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.routes = handler.Routes
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.url, f.client = server.URL, &http.Client{Jar: jar}
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// signedIn is a fixture whose visitor is in already.
func signedIn(t *testing.T, change ...func(*Options)) *fixture {
	f := newFixture(t, change...)
	f.get("/enter/let-me-in", http.StatusOK)
	return f
}

// get follows redirects, and wants a status at their end.
func (f *fixture) get(path string, status int) *element {
	f.Helper()
	response, err := f.client.Get(f.url + path)
	if err != nil {
		f.Fatal(err)
	}
	return f.page(response, status)
}

// post sends a form, as name, value, name, value …
func (f *fixture) post(path string, status int, form ...string) *element {
	f.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	response, err := f.client.PostForm(f.url+path, values)
	if err != nil {
		f.Fatal(err)
	}
	return f.page(response, status)
}

func (f *fixture) page(response *http.Response, status int) *element {
	f.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		f.Fatal(err)
	}
	if response.StatusCode != status {
		f.Fatalf("%s answered %d, want %d", response.Request.URL.Path, response.StatusCode, status)
	}
	return parse(f.T, string(body))
}

// title is where the visitor is.
func (f *fixture) wantTitle(page *element, want string) {
	f.Helper()
	title := page.one(f.T, "head title").words()
	if got := strings.TrimSuffix(title, " · Heliograph"); got != want {
		f.Fatalf("the page is %q, want %q", got, want)
	}
}

func (f *fixture) header(path string, request ...string) http.Header {
	f.Helper()
	r, err := http.NewRequest(http.MethodGet, f.url+path, nil)
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(request); i += 2 {
		r.Header.Set(request[i], request[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		f.Fatal(err)
	}
	response.Body.Close()
	return response.Header
}
