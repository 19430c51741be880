package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/web"
)

// loopbackFiles are a certificate for this machine with its key, in files, and who trusts it.
func loopbackFiles(t *testing.T) (o TLS, client *http.Client) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // it has one
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	o = TLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
	for path, block := range map[string]*pem.Block{
		o.CertFile: {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, o.KeyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return o, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Over TLS, by itself or behind a proxy that is trusted, cookies are marked and browsers are told to come by TLS again.
func TestSecureByItself(t *testing.T) {
	files, client := loopbackFiles(t)
	o := options(t)
	o.TLS = files
	o.TLS.Least = "1.3"
	a := running(t, o)
	if !strings.HasPrefix(a.Addr().Console, "https://") || !strings.HasPrefix(a.FirstLink(), "https://") {
		t.Errorf("it says that it listens at %s", a.Addr().Console)
	}
	givePassword(t, a)
	wantSecure(t, client, a.Addr().Console, nil)
	if status, _ := get(t, strings.Replace(a.Addr().Console, "https", "http", 1)); status != http.StatusBadRequest {
		t.Errorf("in the open it answered %d", status)
	}
	old := &http.Transport{TLSClientConfig: &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true}}
	if answer, err := (&http.Client{Transport: old}).Get(a.Addr().Console + "/livez"); err == nil {
		answer.Body.Close()
		t.Error("it speaks an older TLS than it was told")
	}
	old.CloseIdleConnections()
}

func TestSecureBehindAProxy(t *testing.T) {
	_, client := loopbackFiles(t)
	o := options(t)
	var err error
	if o.Proxies, err = web.ParseProxies([]string{"127.0.0.1"}, ""); err != nil {
		t.Fatal(err)
	}
	a := running(t, o)
	admin := givePassword(t, a)
	wantSecure(t, client, a.Addr().Console, http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-For": {"203.0.113.9"}})
	list, err := a.Store().ListSessions(t.Context(), admin.ID)
	if err != nil || len(list) != 1 || list[0].Address != "203.0.113.9" {
		t.Errorf("the session is said to be at %+v, %v", list, err)
	}
}

func TestCertificateThatCannotServe(t *testing.T) {
	o := options(t)
	o.TLS = TLS{CertFile: filepath.Join(t.TempDir(), "none.pem"), KeyFile: filepath.Join(t.TempDir(), "none.key")}
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "TLS certificate") {
		t.Errorf("it started: %v", err)
	}
}

// wantSecure signs in, and looks at what the browser is told.
func wantSecure(t *testing.T, client *http.Client, console string, header http.Header) {
	t.Helper()
	form := url.Values{"name": {FirstAdministrator}, "password": {firstSecret}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, console+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) == 0 {
		t.Fatalf("signing in answered %s with %d cookies", answer.Status, len(answer.Cookies()))
	}
	if answer.Header.Get("Strict-Transport-Security") == "" {
		t.Error("nothing is said about coming by TLS again")
	}
	for _, cookie := range answer.Cookies() {
		if !cookie.Secure || !cookie.HttpOnly || !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Errorf("cookie %v", cookie)
		}
	}
}

// What comes in the open is led to https, at our own name whatever a client says; secrets that came so are not passed on.
func TestWayToTLS(t *testing.T) {
	files, _ := loopbackFiles(t)
	o := options(t)
	o.TLS, o.ListenRedirect, o.PublicURL = files, "127.0.0.1:0", "https://notify.example.com"
	a := &attacker{T: t, app: running(t, o)}
	a.address = strings.TrimPrefix(a.app.Addr().Redirect, "http://")
	for path, want := range map[string]string{
		"/": "/", "/devices?search=a%26b": "/devices?search=a%26b",
		"http://evil.example.com/x": "/x", "/%0d%0aPlanted:1": "/%0d%0aPlanted:1", "/sign-in": "/sign-in",
	} {
		status, header, _ := a.says("GET " + path + " HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n\r\n")
		if status != http.StatusPermanentRedirect || header.Get("Location") != o.PublicURL+want || header.Get("Planted") != "" {
			t.Errorf("%s: answered %d %v", path, status, header)
		}
	}
	for name, request := range map[string]string{
		"a form":  "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"a token": "GET /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n",
	} {
		if status, header, body := a.says(request); status != http.StatusForbidden || header.Get("Location") != "" || !strings.Contains(body, "not encrypted") {
			t.Errorf("%s: answered %d %q", name, status, body)
		}
	}
	if status, _, _ := a.asks("GET", "/livez"); status != http.StatusOK {
		t.Errorf("/livez answered %d", status)
	}
}
