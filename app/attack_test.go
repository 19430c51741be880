package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/access"
)

// attacker sits outside of a real listener, with no more than a network gives them.
type attacker struct {
	*testing.T
	app     *App
	address string // host:port of the console
	token   string // of an administrator, for attacks by somebody who has one
}

func newAttacker(t *testing.T) *attacker {
	a := running(t, options(t))
	token, _, err := a.Store().CreateToken(t.Context(), "attacker", access.Administrator, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return &attacker{t, a, strings.TrimPrefix(a.Addr().Console, "http://"), token}
}

// says writes bytes to a connection of its own, and reads the answer as it came.
func (a *attacker) says(request string) (status int, header http.Header, body string) {
	a.Helper()
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	go func() { _, _ = io.WriteString(conn, request) }() // the server may stop reading
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		a.Fatalf("%.80q: %v", request, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		a.Fatalf("%.80q: %v", request, err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// asks sends a request without a body.
func (a *attacker) asks(method, path string, headers ...string) (int, http.Header, string) {
	a.Helper()
	var request strings.Builder
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, a.address)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&request, "%s: %s\r\n", headers[i], headers[i+1])
	}
	return a.says(request.String() + "\r\n")
}

func TestPathsLeadNowhereElse(t *testing.T) {
	a := newAttacker(t)
	for _, path := range []string{
		"/assets/../../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/....//etc/passwd",
		"/assets//etc/passwd", "/assets/", "/assets/app.css%00.png", `/assets/..\..\go.mod`, "/assets/vendor/tabler/tabler.min.css", "/api/docs/../../etc/passwd",
		"/api/docs/..%2f..%2fgo.mod", "/../etc/passwd", "//etc/passwd", "/api/v1/openapi.json/../../../data/heliograph.key", "/%2e%2e%2fheliograph.key",
		"/welcome/..%2f..%2fheliograph.db", "/hooks/vonage/..%2f..%2f", "http://127.0.0.1/etc/passwd", "/heliograph.key", "/.git/config",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			status, header, body := a.asks(method, path)
			if status == http.StatusOK || strings.Contains(body, "root:") || strings.Contains(body, "sealing") || strings.Contains(body, "module heliograph") {
				t.Errorf("%s %s answered %d: %.80q", method, path, status, body)
			}
			if to := header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
				t.Errorf("%s %s leads to %s", method, path, to)
			}
		}
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	a := newAttacker(t)
	planted := "%0d%0aPlanted:%201%0d%0a%0d%0a<planted>"
	for _, path := range []string{
		"/sign-in?next=/" + planted, "/sign-in?next=//evil.example.com", "/sign-in?next=https://evil.example.com", "/sign-in/openid?next=/" + planted,
		"/welcome/" + planted, "/enter/" + planted, "/devices" + planted, "/" + planted, "/api/v1/devices?cursor=" + planted, "/api/v1/users/" + planted,
	} {
		for _, headers := range [][]string{
			nil, {"Accept-Language", "fr\x0bPlanted: 1"}, {"Cookie", "language=x%0d%0aPlanted:1; theme=x"}, {"X-Forwarded-For", "<planted>"}, {"HX-Request", "true"},
			{"Authorization", "Bearer " + a.token},
		} {
			status, header, body := a.asks("GET", path, headers...)
			if header.Get("Planted") != "" || strings.Contains(body, "<planted>") || strings.Contains(header.Get("Location"), "evil") {
				t.Errorf("GET %s with %q answered %d %v", path, headers, status, header)
			}
		}
	}
	if _, header, body := a.says("GET /devices HTTP/1.1\r\nHost: evil.example.com\r\nX-Forwarded-Host: evil.example.com\r\nConnection: close\r\n\r\n"); strings.Contains(header.Get("Location")+body, "evil") {
		t.Errorf("the name that a client gives comes back: %v", header)
	}
}

// A request whose length is said in two ways could be read in two ways, by a proxy and by us.
func TestRequestsAreNotSmuggled(t *testing.T) {
	a := newAttacker(t)
	for name, headers := range map[string]string{
		"two lengths":        "Content-Length: 5\r\nContent-Length: 6\r\n",
		"unknown coding":     "Transfer-Encoding: xchunked\r\n",
		"space before colon": "Content-Length : 5\r\n",
		"folded":             "X: y\r\n Content-Length: 5\r\n",
		"a second host":      "Host: evil.example.com\r\n",
		"a bare line feed":   "X: y\nContent-Length: 5\r\n",
	} {
		status, _, _ := a.says("POST /sign-in HTTP/1.1\r\nHost: " + a.address + "\r\n" + headers + "Connection: close\r\n\r\nname=x")
		if name == "a bare line feed" || name == "folded" { // read as one more header, or refused: never as another request
			continue
		}
		if status < 400 || status == http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d", name, status)
		}
	}
}

func TestManyHeaderLinesAreRefused(t *testing.T) {
	a := newAttacker(t)
	request := "GET / HTTP/1.1\r\nHost: " + a.address + "\r\n" + strings.Repeat("X: 1\r\n", 100_000) + "\r\n"
	for _, one := range []string{request, "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n"} {
		if status, _, _ := a.says(one); status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusRequestURITooLong {
			t.Errorf("%d bytes of header: answered %d", len(one), status)
		}
	}
}

// endless is a body of a gigabyte, and counts how much of it anybody wanted.
type endless struct {
	prefix string
	sent   atomic.Int64 // it may still be read when the answer is there
}

func (e *endless) Read(p []byte) (int, error) {
	const gigabyte = 1 << 30
	if e.sent.Load() >= gigabyte {
		return 0, io.EOF
	}
	n := copy(p, e.prefix)
	e.prefix = e.prefix[n:]
	for i := range p[n:] {
		p[n+i] = 'x'
	}
	e.sent.Add(int64(len(p)))
	return len(p), nil
}

func TestEndlessBodiesAreRefused(t *testing.T) {
	a := newAttacker(t)
	const most = 32 << 20 // what the network buffers on its way is not ours
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range []struct{ method, path, kind, prefix, token string }{
		{"POST", "/sign-in", "application/x-www-form-urlencoded", "name=admin&password=", ""},
		{"POST", "/sign-in", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n", ""},
		{"POST", "/sign-in/code", "application/x-www-form-urlencoded", "code=", ""},
		{"POST", "/welcome", "application/x-www-form-urlencoded", "password=", ""},
		{"POST", "/settings/import", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n", ""},
		{"POST", "/hooks/vonage/guess", "application/json", `{"a":"`, ""},
		{"POST", "/api/v1/notifications", "application/json", `{"a":"`, ""},
		{"POST", "/api/v1/notifications", "application/json", `{"a":"`, a.token},
		{"PUT", "/api/v1/devices/x", "application/json", `{"name":"`, a.token},
		{"POST", "/api/v1/import/devices", "text/csv", "id\n", ""},
		{"GET", "/", "text/plain", "", ""},
		{"POST", "/nowhere", "text/plain", "", ""},
		{"POST", "/livez", "text/plain", "", ""},
	} {
		body := &endless{prefix: c.prefix}
		r, err := http.NewRequestWithContext(t.Context(), c.method, a.app.Addr().Console+c.path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.kind)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		transport := &http.Transport{}
		answer, err := transport.RoundTrip(r)
		if err == nil { // else the connection was cut, which is an answer too
			answer.Body.Close()
			if answer.StatusCode < 300 && c.method != "GET" {
				t.Errorf("%s %s: a gigabyte was answered with %s", c.method, c.path, answer.Status)
			}
		}
		transport.CloseIdleConnections()
		if sent := body.sent.Load(); sent > most {
			t.Errorf("%s %s (%s): %d MiB were read", c.method, c.path, c.kind, sent>>20)
		}
	}
	a.imports("id," + strings.Repeat("x", 64<<20)) // one line; an import may be of any size, and is read piece by piece
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapInuse) - int64(before.HeapInuse); used > 256<<20 {
		t.Errorf("%d MiB are in use afterwards", used>>20)
	}
}

func (a *attacker) imports(csv string) {
	a.Helper()
	if status, text := a.calls("/api/v1/import/devices", "text/csv", csv); status != http.StatusUnprocessableEntity && status != http.StatusOK {
		a.Errorf("an import of one endless line: answered %d %.200s", status, text)
	}
}

func TestDepthBombsAreRefused(t *testing.T) {
	a := newAttacker(t)
	for name, bomb := range map[string]string{
		"lists":      strings.Repeat("[", 500_000),
		"objects":    strings.Repeat(`{"a":`, 150_000),
		"in a field": `{"audience":{"filter":` + strings.Repeat(`{"property":[`, 50_000),
		"closed":     strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
	} {
		for _, path := range []string{"/api/v1/notifications", "/api/v1/audience/preview", "/api/v1/notification-servers", "/api/v1/templates"} {
			if status, text := a.calls(path, "application/json", bomb); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
				t.Errorf("%s at %s: answered %d %.100s", name, path, status, text)
			}
		}
		status, text := a.calls("/api/v1/import/devices", "application/x-ndjson", `{"id":"x","platform":"ios","properties":`+bomb+"\n")
		if status != http.StatusOK || !strings.Contains(text, `"rejected":1`) {
			t.Errorf("%s in an import: answered %d %.200s", name, status, text)
		}
	}
}

// calls posts to the API with a token.
func (a *attacker) calls(path, kind, body string) (int, string) {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), http.MethodPost, a.app.Addr().Console+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "Bearer "+a.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// A token belongs in a header: in an address it would be in logs, histories and proxies.
func TestTokensInAddressesOpenNothing(t *testing.T) {
	a := newAttacker(t)
	for _, query := range []string{"token=", "access_token=", "api_key=", "authorization=Bearer%20"} {
		if status, _, _ := a.asks("GET", "/api/v1/devices?"+query+url.QueryEscape(a.token)); status != http.StatusUnauthorized {
			t.Errorf("%s opened with %d", query, status)
		}
	}
	if status, _, _ := a.asks("GET", "/api/v1/devices", "Cookie", "heliograph_session="+a.token); status != http.StatusUnauthorized {
		t.Errorf("a cookie opened with %d", status)
	}
	if status, _, _ := a.asks("GET", "/devices", "Authorization", "Bearer "+a.token); status != http.StatusSeeOther {
		t.Errorf("a token opened a page with %d", status)
	}
}

// victim is an administrator's browser, signed in.
func (a *attacker) victim() *http.Client {
	a.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	transport := &http.Transport{}
	a.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Jar: jar, Transport: transport}
	link, err := url.Parse(a.app.FirstLink())
	if err != nil {
		a.Fatal(err)
	}
	for _, step := range []func() (*http.Response, error){
		func() (*http.Response, error) { return client.Get(link.String()) },
		func() (*http.Response, error) {
			return client.PostForm(a.app.Addr().Console+"/welcome", url.Values{"password": {firstSecret}, "again": {firstSecret}})
		},
	} {
		answer, err := step()
		if err != nil {
			a.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			a.Fatalf("signing in: %s", answer.Status)
		}
	}
	return client
}

// A page of somebody else's cannot make a victim's browser change anything: no form of the console takes what comes from
// another origin, whatever it is called.
func TestCrossSitePostsAreRefused(t *testing.T) {
	a := newAttacker(t)
	victim := a.victim()
	victim.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	face, err := a.app.face()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, route := range face.Routes {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if method != http.MethodPost || strings.HasPrefix(path, "/api/") {
			continue
		}
		tried++
		path = strings.NewReplacer("{", "", "}", "", "$", "").Replace(path)
		for _, headers := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}, {"Origin", "null"}} {
			r, err := http.NewRequestWithContext(t.Context(), method, a.app.Addr().Console+path, strings.NewReader("x=y"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(headers[0], headers[1])
			answer, err := victim.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %s: %s answered %s", path, headers[0], headers[1], answer.Status)
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d forms were tried", tried)
	}
	if answer, err := victim.Get(a.app.Addr().Console + "/profile"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the victim is no longer signed in: %v", err)
	} else {
		answer.Body.Close()
	}
}

// Whoever plants a session's token in a victim's browser does not share the session that the victim begins with it.
func TestSessionsCannotBeFixed(t *testing.T) {
	a := newAttacker(t)
	console, err := url.Parse(a.app.Addr().Console)
	if err != nil {
		t.Fatal(err)
	}
	_, header, _ := a.says("POST /language HTTP/1.1\r\nHost: " + a.address + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	planted := []string{"0123456789012345678901234567890123456789012"}
	for _, cookie := range (&http.Response{Header: header}).Cookies() {
		planted = append(planted, cookie.Value)
	}
	for _, token := range planted {
		victim := a.victimWith(console, token)
		for _, cookie := range victim.Jar.Cookies(console) {
			if cookie.Name == "heliograph_session" && cookie.Value == token {
				t.Error("the victim signed in with the planted token")
			}
		}
		status, _, _ := a.asks("GET", "/profile", "Cookie", "heliograph_session="+token)
		if status != http.StatusSeeOther {
			t.Errorf("the attacker sees the victim's profile: %d", status)
		}
	}
}

// givePassword gives the first administrator a password.
func givePassword(t *testing.T, a *App) access.Account {
	t.Helper()
	admin, err := a.Store().AccountByName(t.Context(), FirstAdministrator)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := access.NewPasswordsOf(1, 64).Hash(t.Context(), firstSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Store().SetPassword(t.Context(), admin.ID, hash, ""); err != nil {
		t.Fatal(err)
	}
	return admin
}

// victimWith signs in in a browser in which a session's cookie was planted.
func (a *attacker) victimWith(console *url.URL, token string) *http.Client {
	a.Helper()
	givePassword(a.T, a.app)
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	jar.SetCookies(console, []*http.Cookie{{Name: "heliograph_session", Value: token, Path: "/"}})
	transport := &http.Transport{}
	a.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Jar: jar, Transport: transport}
	answer, err := client.PostForm(console.String()+"/sign-in", url.Values{"name": {FirstAdministrator}, "password": {firstSecret}})
	if err != nil {
		a.Fatal(err)
	}
	answer.Body.Close()
	if answer.Request.URL.Path != "/" {
		a.Fatalf("signing in led to %s", answer.Request.URL.Path)
	}
	return client
}

// Private pages are in no cache, and what a browser may do with them is said on each of them.
func TestPrivatePagesAreNotKept(t *testing.T) {
	a := newAttacker(t)
	victim := a.victim()
	for _, path := range []string{"/", "/devices", "/devices.csv", "/profile", "/settings", "/settings/sign-in", "/nowhere", "/sign-in", "/api/docs", "/api/v1/devices", "/livez", "/readyz", "/hooks/vonage/x"} {
		answer, err := victim.Get(a.app.Addr().Console + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		h := answer.Header
		if path != "/api/docs" && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", path, h.Get("Cache-Control"))
		}
		policy := h.Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: policy %q", path, policy)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s asks for TLS in the open, where it counts for nothing", path)
		}
	}
}

// Nothing that any listener answers is kept, framed, or taken for what it is not.
func TestEveryListenerSaysWhatItIs(t *testing.T) {
	a := newAttacker(t)
	at := a.app.Addr()
	for _, address := range []string{at.Console + "/readyz", at.Metrics + "/metrics", at.Metrics + "/livez", at.Registration + "/livez", at.Registration + "/v1/registrations", at.Listener + "/livez"} {
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if h := answer.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", address, h)
		}
	}
}
