package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/console"
	"heliograph/internal/pebbletest"
	"heliograph/internal/pgtest"
)

func TestCertificatesByACMEOnSQLite(t *testing.T) { testACME(t, "") }

func TestCertificatesByACMEOnPostgreSQL(t *testing.T) { testACME(t, pgtest.Database(t)) }

// acmeHouse is an installation whose listeners have certificates by ACME.
type acmeHouse struct {
	*testing.T
	ca      *pebbletest.CA
	log     *syncBuffer
	options Options
}

// testACME: every listener has its certificate with the first handshake; who comes after, or starts again, uses it, and
// what is kept opens with the key file alone.
func testACME(t *testing.T, database string) {
	port := pebbletest.FreePort(t)
	h := &acmeHouse{T: t, ca: pebbletest.Start(t, pebbletest.Config{TLSPort: port}), log: &syncBuffer{}, options: options(t)}
	h.options.URL, h.options.Logger = database, slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.options.Listen, h.options.ListenRedirect = fmt.Sprintf("127.0.0.1:%d", port), "127.0.0.1:0"
	h.options.TLS = TLS{ACME: []string{"notify.example.com"}}
	h.options.MailPush = MailPush{
		ListenRegistration: "127.0.0.1:0", RegistrationTLS: TLS{ACME: []string{"register.example.com"}},
		ListenMailbox: "127.0.0.1:0", MailboxTLS: TLS{ACME: []string{"listener.example.com"}, Least: "1.0"},
	}
	h.options.ACME = ACME{Directory: h.ca.Directory, CAFile: h.ca.CAFile, Terms: true, Email: "it@example.com"}
	a := running(t, h.options)
	if want := fmt.Sprintf("https://notify.example.com:%d", port); a.Addr().Console != want || a.Ready().Console != want {
		t.Errorf("the console is at %s, want %s", a.Addr().Console, want)
	}
	first := h.serials(a)
	h.oldPeers(a)
	h.told(a)
	h.led(a)
	issued, asked := h.ca.Issued(), h.ca.Asked()
	if issued < 3 || strings.Contains(h.ca.Said(), "There are now 2 accounts") {
		t.Errorf("%d certificates were issued, and not by one account:\n%s", issued, h.ca.Said())
	}
	if database == "" {
		if err := a.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	} else { // another node beside it
		h.options.KeyFile, h.options.DataDir = filepath.Join(h.options.DataDir, "heliograph.key"), t.TempDir()
		h.options.Listen, h.options.ReadyFile = "127.0.0.1:0", ""
	}
	again := running(t, h.options)
	for name, serial := range h.serials(again) {
		if first[name] != serial {
			t.Errorf("%s has another certificate after a restart, or at another node", name)
		}
	}
	if now := h.ca.Asked(); now != asked {
		t.Errorf("the authority was asked %d times more", now-asked)
	}
	if strings.Contains(h.log.String(), "PRIVATE KEY") {
		t.Error("a private key is in the log")
	}
	counts, err := again.Store().SealedCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Place == "acme_values.value" && (c.Rows < 4 || c.Unopened > 0) { // three certificates and the account
			t.Errorf("%d values are kept, of which %d do not open", c.Rows, c.Unopened)
		}
	}
}

// serials shakes hands with each listener for each name: it serves its own, and no other.
func (h *acmeHouse) serials(a *App) map[string]string {
	h.Helper()
	serials := map[string]string{}
	for mine, origin := range map[string]string{
		"notify.example.com": a.Addr().Console, "register.example.com": a.Addr().Registration, "listener.example.com": a.Addr().Listener,
	} {
		for _, name := range []string{"notify.example.com", "register.example.com", "listener.example.com", "example.com"} {
			state, err := h.shake(origin, &tls.Config{ServerName: name, RootCAs: h.ca.Roots()})
			switch {
			case name != mine && err == nil:
				h.Errorf("%s serves %s", origin, name)
			case name == mine && err != nil:
				h.Fatalf("%s: %v\n%s", origin, err, h.log)
			case name == mine:
				serials[name] = state.PeerCertificates[0].SerialNumber.String()
			}
		}
	}
	return serials
}

// shake connects to a listener of this machine, whatever its name.
func (h *acmeHouse) shake(origin string, config *tls.Config) (tls.ConnectionState, error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", here(origin))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

// here is the port of an origin on this machine.
func here(origin string) string {
	return "127.0.0.1" + origin[strings.LastIndex(origin, ":"):]
}

// oldPeers: the mailbox listener speaks with old mail servers as it does with certificates of files.
func (h *acmeHouse) oldPeers(a *App) {
	h.Helper()
	old := &tls.Config{ServerName: "listener.example.com", RootCAs: h.ca.Roots(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10} //nolint:gosec // that is what is asked
	if state, err := h.shake(a.Addr().Listener, old); err != nil || state.Version != tls.VersionTLS10 {
		h.Errorf("TLS 1.0 at the mailbox listener: %v", err)
	}
	old.ServerName = "notify.example.com"
	if _, err := h.shake(a.Addr().Console, old); err == nil {
		h.Error("the console speaks TLS 1.0")
	}
}

// told: the certificates are known wherever certificates are told of, and while all is well nobody is alarmed.
func (h *acmeHouse) told(a *App) {
	h.Helper()
	served := map[string]console.Certificate{}
	for _, c := range a.certificatesServed() {
		served[c.Listener+" "+c.Name] = c
	}
	for _, what := range []string{"console notify.example.com", "registration register.example.com", "mailbox listener.example.com"} {
		if c := served[what]; !c.Automatic || c.Failing() || time.Until(c.Ends) < 24*time.Hour {
			h.Errorf("of %s the console knows %+v", what, c)
		}
	}
	if list := a.ending(); len(list) != 0 {
		h.Errorf("administrators are told of %v", list)
	}
	own := a.own(h.Context())
	wantPeer := func(list []channel.Peer, host string, port int) {
		h.Helper()
		for _, p := range list {
			if p.Purpose == channel.ForCertificates && p.Host == host && (port == 0 || p.Port == port) {
				return
			}
		}
		h.Errorf("the network's requirements lack %s %d: %+v", host, port, list)
	}
	wantPeer(own.Called, "127.0.0.1", 0)
	wantPeer(own.Open, "listener.example.com", 443)
	wantPeer(own.Open, "notify.example.com", 80)
	if _, text := get(h.T, a.Addr().Metrics+"/metrics"); !strings.Contains(text, `heliograph_credential_expiry_timestamp_seconds{credential="certificate",kind="acme"}`) {
		h.Error("no figure says when the first certificate ends")
	}
	if err := a.Store().CertificateFailed(h.Context(), "listener.example.com", "rateLimited: too many"); err != nil {
		h.Fatal(err)
	}
	if list := a.ending(); len(list) != 0 {
		h.Errorf("the first failure is told at once: %v", list)
	}
	if list := a.acmeCredentials(time.Now().Add(renewalBears + time.Minute)); len(list) != 1 || list[0].ID != "acme/listener.example.com" || !strings.Contains(list[0].Name, "rateLimited: too many") {
		h.Errorf("after an hour administrators are told of %v", list)
	}
}

// led: plain http leads to https, and answers challenges.
func (h *acmeHouse) led(a *App) {
	h.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for path, want := range map[string]int{"/page": http.StatusPermanentRedirect, "/.well-known/acme-challenge/no-such-token": http.StatusNotFound} {
		r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, a.Addr().Redirect+path, http.NoBody)
		if err != nil {
			h.Fatal(err)
		}
		r.Host = "notify.example.com"
		answer, err := client.Do(r)
		if err != nil {
			h.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want || want == http.StatusPermanentRedirect && answer.Header.Get("Location") != a.Addr().Console+path {
			h.Errorf("%s answers %d %s %s", path, answer.StatusCode, answer.Header.Get("Location"), text)
		}
	}
}

// A node that is nothing but the mailbox listener answers challenges by plain http too, and leads nobody anywhere.
func TestPlainHTTPWithoutConsole(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real ACME authority is left out")
	}
	plain := pebbletest.FreePort(t)
	ca := pebbletest.Start(t, pebbletest.Config{TLSPort: pebbletest.FreePort(t), HTTPPort: plain})
	o := options(t)
	o.Roles = []Role{Listener}
	o.ListenRedirect = net.JoinHostPort("127.0.0.1", fmt.Sprint(plain))
	o.MailPush = MailPush{ListenMailbox: "127.0.0.1:0", MailboxTLS: TLS{ACME: []string{"listener.example.com"}}}
	o.ACME = ACME{Directory: ca.Directory, CAFile: ca.CAFile, Terms: true}
	a := running(t, o)
	h := &acmeHouse{T: t, ca: ca, log: &syncBuffer{}}
	if _, err := h.shake(a.Addr().Listener, &tls.Config{ServerName: "listener.example.com", RootCAs: ca.Roots()}); err != nil {
		t.Error(err)
	}
	if status, _ := get(t, a.Addr().Redirect+"/"); status != http.StatusNotFound {
		t.Errorf("plain http answers %d", status)
	}
	if status, _ := get(t, a.Addr().Redirect+"/livez"); status != http.StatusOK {
		t.Errorf("/livez answers %d", status)
	}
}

// What cannot be read ends the start, in words, and quotes no key.
func TestACMEFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, acme := range map[string]ACME{
		"agrees to the authority's terms":   {},
		"no certificate in PEM form":        {Terms: true, CAFile: file("ca.pem", "nothing")},
		"whom to trust":                     {Terms: true, CAFile: filepath.Join(dir, "none.pem")},
		"is base64url":                      {Terms: true, BindingID: "id", BindingKeyFile: file("key", "secret-key!")},
		"the key of the external account: ": {Terms: true, BindingID: "id", BindingKeyFile: filepath.Join(dir, "none")},
	} {
		o := options(t)
		o.TLS, o.ACME = TLS{ACME: []string{"notify.example.com"}}, acme
		_, err := New(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-key") {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
