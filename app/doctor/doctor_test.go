package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/jobs"
	"heliograph/seal"
	"heliograph/store"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func sign(t *testing.T, template *x509.Certificate, by *authority) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func newAuthority(t *testing.T) *authority {
	der, key := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) certificate(t *testing.T, until time.Time, ips ...string) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2000 * time.Hour), NotAfter: until, DNSNames: []string{"other.example.com"}}
	for _, ip := range ips {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, key := sign(t, template, a)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// wellListener answers as a listener for mail servers does.
func wellListener(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/livez":
		fmt.Fprintln(w, "alive")
	case !strings.HasPrefix(r.URL.Path, "/ews/"):
		w.WriteHeader(http.StatusNotFound)
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// answering replaces what a well listener says to some requests.
func answering(method, path string, status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method || !strings.HasPrefix(r.URL.Path, path) {
			wellListener(w, r)
			return
		}
		w.Header().Set("Server", "Gateway/1.0")
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}
}

func TestWayToTheListener(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(900 * time.Hour)
	good := ca.certificate(t, later, "127.0.0.1")
	tests := []struct {
		name    string
		cert    tls.Certificate
		most    uint16
		least   uint16
		handler http.HandlerFunc
		plain   bool
		foreign bool // the authority is not trusted
		ok      bool
		want    []string // "verdict check: part of the detail"
	}{
		{name: "well", cert: good, ok: true, want: []string{
			"ok listener connection: answers in", "ok listener certificate: by Test authority", "ok listener TLS: TLS 1.3, TLS 1.2",
			"ok listener answer: Heliograph", "ok listener events: arrived"}},
		{name: "without TLS", plain: true, ok: true, want: []string{"warning listener TLS: not used", "ok listener events: arrived"}},
		{name: "old TLS", cert: good, least: tls.VersionTLS10, ok: true, want: []string{"warning listener TLS: TLS 1.0"}},
		{name: "certificate of others", cert: ca.certificate(t, later, "127.0.0.9"), want: []string{"failed listener TLS: other names"}},
		{name: "expired", cert: ca.certificate(t, time.Now().Add(-time.Hour), "127.0.0.1"), want: []string{"failed listener TLS: valid from"}},
		{name: "soon expired", cert: ca.certificate(t, time.Now().Add(100*time.Hour), "127.0.0.1"), ok: true, want: []string{"warning listener certificate: in 4 days"}},
		{name: "unknown authority", cert: good, foreign: true, want: []string{"failed listener TLS: does not trust"}},
		{name: "another site", cert: good, handler: answering("GET", "/livez", 200, "<html>Welcome"), want: []string{"failed listener answer: it is not Heliograph"}},
		{name: "a gateway refuses", cert: good, handler: answering("GET", "/livez", 403, ""), want: []string{"failed listener answer: 403 from a server that calls itself Gateway/1.0"}},
		{name: "a firewall for applications", cert: good, handler: answering("POST", "/ews/", 403, ""), want: []string{"ok listener answer: Heliograph", "failed listener events: answered with 403"}},
		{name: "another listener", cert: good, handler: answering("GET", "/ews/", 404, ""), want: []string{"failed listener events: another listener"}},
		{name: "another clock", cert: good, ok: true, handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(-2*time.Minute).UTC().Format(http.TimeFormat))
			wellListener(w, r)
		}, want: []string{"warning listener clock: 2m"}},
		{name: "a clock far off", cert: good, handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			wellListener(w, r)
		}, want: []string{"failed listener clock: apart"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.handler == nil {
				tt.handler = wellListener
			}
			server := httptest.NewUnstartedServer(tt.handler)
			server.Config.ErrorLog = log.New(&bytes.Buffer{}, "", 0)
			if tt.plain {
				server.Start()
			} else {
				server.TLS = &tls.Config{Certificates: []tls.Certificate{tt.cert}, MinVersion: tt.least} //nolint:gosec // old versions are what is tried
				server.StartTLS()
			}
			defer server.Close()
			place := Place{Name: "listener", URL: server.URL, Listener: true, CA: ca.pem}
			if tt.foreign {
				place.CA = nil
			}
			var told []Finding
			r := Reach(t.Context(), []Place{place}, func(f Finding) { told = append(told, f) })
			if r.OK != tt.ok || len(told) != len(r.Findings) {
				t.Errorf("ok %v, told %d of %d", r.OK, len(told), len(r.Findings))
			}
			wantFindings(t, r, tt.want)
		})
	}
}

func wantFindings(t *testing.T, r Report, want []string) {
	t.Helper()
	for _, w := range want {
		head, part, _ := strings.Cut(w, ": ")
		verdict, check, _ := strings.Cut(head, " ")
		found := false
		for _, f := range r.Findings {
			found = found || string(f.Verdict) == verdict && f.Check == check && strings.Contains(f.Detail, part)
		}
		if !found {
			t.Errorf("no finding %q among %+v", w, r.Findings)
		}
	}
	for _, f := range r.Findings {
		if f.Verdict != OK && f.Advice == "" {
			t.Errorf("%s: %s: nothing says what to change", f.Check, f.Detail)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + free.Addr().String()
	free.Close()
	r := Reach(t.Context(), []Place{{Name: "listener", URL: url}}, nil)
	wantFindings(t, r, []string{"failed listener connection: refused"})
	r = Reach(t.Context(), []Place{{Name: "console", URL: "https://no-such-host.invalid"}}, nil)
	if r.OK || !strings.HasPrefix(r.Findings[0].Check, "console DNS") {
		t.Errorf("%+v", r)
	}
}

// The address of a proxy in the environment is used, and told.
func TestProxy(t *testing.T) {
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		fmt.Fprintln(w, "alive")
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := Reach(t.Context(), []Place{{Name: "console", URL: "http://console.example.com", proxy: http.ProxyURL(address)}}, nil)
	select {
	case address := <-asked:
		if address != "http://console.example.com/livez" || !r.OK {
			t.Errorf("the proxy was asked for %s: %+v", address, r)
		}
		wantFindings(t, r, []string{"warning console proxy: 127.0.0.1"})
	default:
		t.Errorf("the proxy was not asked: %+v", r)
	}
}

// house is an installation in a directory.
func house(t *testing.T) (dir string, keys *seal.Keys, h House) {
	dir, keys = t.TempDir(), seal.New()
	file := filepath.Join(dir, "heliograph.db")
	s, err := store.Open(t.Context(), file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(s.Migrate(t.Context()), jobs.Migrate(t.Context(), s), s.UseKeys(t.Context(), keys)); err != nil {
		t.Fatal(err)
	}
	return dir, keys, House{DataDir: dir, Open: opener(file, keys)}
}

func opener(file string, keys *seal.Keys) func(context.Context) (*store.Store, error) {
	return func(ctx context.Context) (*store.Store, error) {
		s, err := store.Open(ctx, file, store.Options{})
		if err != nil {
			return nil, err
		}
		if err := errors.Join(s.CheckSchema(ctx), s.UseKeys(ctx, keys)); err != nil {
			s.Close()
			return nil, err
		}
		return s, nil
	}
}

func TestHouseInOrder(t *testing.T) {
	_, _, h := house(t)
	r := Examine(t.Context(), h)
	if !r.OK {
		t.Errorf("%+v", r)
	}
	wantFindings(t, r, []string{"ok database: SQLite", "ok key file: opens all 0", "ok schema: this version", "warning servers: there are none", "ok work: nothing"})
}

func TestHouseInDisorder(t *testing.T) {
	dir, keys, h := house(t)
	file := filepath.Join(dir, "heliograph.db")
	t.Run("another key file", func(t *testing.T) {
		h.Open = opener(file, seal.New())
		wantFindings(t, Examine(t.Context(), h), []string{"failed key file: does not belong"})
	})
	t.Run("values that do not open", func(t *testing.T) {
		s, err := opener(file, keys)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), `
				INSERT INTO servers (id, kind, name, settings, active, created_at, updated_at) VALUES ('s1', 'smtp', 'mail', $1, TRUE, 1, 1)`,
				seal.New().Seal(seal.Server, "server:s1", []byte("{}")))
			return err
		})
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		h.Open = opener(file, keys)
		wantFindings(t, Examine(t.Context(), h), []string{"failed sealed values: 1 of 1 values of servers.settings do not open, the first at s1", "failed servers: "})
	})
	t.Run("no schema", func(t *testing.T) {
		h.Open = opener(filepath.Join(t.TempDir(), "empty.db"), keys)
		wantFindings(t, Examine(t.Context(), h), []string{"failed schema: not up to date"})
	})
}
