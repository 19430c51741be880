package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/intake"
)

func TestOwnNetwork(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	at := func(why channel.Purpose, host string, port int, protocol string) channel.Peer {
		return channel.Peer{Purpose: why, Host: host, Port: port, Protocol: protocol}
	}
	metrics := at(channel.ForMetrics, "127.0.0.1", 9464, "HTTP")
	for what, c := range map[string]struct {
		options Options
		addr    Addresses
		want    intake.Own
	}{
		"loopback": {Options{}, Addresses{Console: "http://127.0.0.1:8080"}, intake.Own{
			Open:     []channel.Peer{at(channel.ForConsole, "127.0.0.1", 8080, "HTTP"), metrics},
			Receipts: []channel.Peer{at(channel.ForReceipts, "127.0.0.1", 8080, "HTTP")},
		}},
		"every address": {Options{Listen: ":8080"}, Addresses{Console: "http://127.0.0.1:8080"}, intake.Own{
			Open:     []channel.Peer{at(channel.ForConsole, name, 8080, "HTTP"), metrics},
			Receipts: []channel.Peer{at(channel.ForReceipts, "127.0.0.1", 8080, "HTTP")},
		}},
		"behind a proxy, with PostgreSQL": {
			Options{Listen: "0.0.0.0:8080", PublicURL: "https://notify.example.com", Database: Database{URL: "postgres://u:p@db.example.com/x"}},
			Addresses{Console: "http://127.0.0.1:8080"}, intake.Own{
				Called: []channel.Peer{at(channel.ForDatabase, "db.example.com", 5432, "PostgreSQL")},
				Open: []channel.Peer{
					at(channel.ForConsole, "notify.example.com", 443, "HTTPS"), at(channel.ForProxy, name, 8080, "HTTP"), metrics,
				},
				Receipts: []channel.Peer{at(channel.ForReceipts, "notify.example.com", 443, "HTTPS")},
			}},
		"a worker": {Options{ListenMetrics: "[::]:9464"}, Addresses{}, intake.Own{
			Open: []channel.Peer{at(channel.ForMetrics, name, 9464, "HTTP")},
		}},
	} {
		c.addr.Metrics = "http://127.0.0.1:9464"
		a := &App{options: c.options, addr: c.addr}
		if diff := cmp.Diff(c.want, a.started()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// TestOwnNetworkOfSigningIn: the OpenID provider is called from here too, while people may sign in there.
func TestOwnNetworkOfSigningIn(t *testing.T) {
	a := running(t, options(t))
	p := access.DefaultProvider
	p.Name, p.Issuer, p.ClientID = "Corp", "https://login.example.com/tenant", "heliograph"
	for _, p.Active = range []bool{false, true} {
		if err := a.store.PutIdentityProvider(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		var called []channel.Peer
		if p.Active {
			called = []channel.Peer{{Purpose: channel.ForSignIn, Host: "login.example.com", Port: 443, Protocol: "HTTPS"}}
		}
		if diff := cmp.Diff(called, a.own(t.Context()).Called); diff != "" {
			t.Errorf("active %v (-want +got):\n%s", p.Active, diff)
		}
	}
}

// TestExpiryIsMeasured: of the servers that messages leave by, and by the setting that holds what ends.
func TestExpiryIsMeasured(t *testing.T) {
	a := running(t, options(t))
	soon, late := time.Now().Add(20*24*time.Hour).Truncate(time.Second), time.Now().Add(900*24*time.Hour).Truncate(time.Second)
	add := func(name, ca string) {
		settings := map[string]json.RawMessage{"host": json.RawMessage(`"mail.example.com"`), "from_email": json.RawMessage(`"it@example.com"`)}
		settings["trusted_ca"], _ = json.Marshal(ca)
		_, err := a.door.CreateServer(t.Context(), access.Actor{Name: "admin", Scope: access.Everything}, intake.ServerInput{Kind: "smtp", Name: name, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("active", authorityUntil(t, late)+authorityUntil(t, soon))
	add("kept", authorityUntil(t, soon.Add(-time.Hour)))
	_, body := get(t, a.Addr().Metrics+"/metrics")
	want := fmt.Sprintf(`heliograph_credential_expiry_timestamp_seconds{credential="trusted_ca",kind="smtp"} %v`, float64(soon.Unix()))
	if !strings.Contains(body, want) {
		t.Errorf("/metrics does not say %s", want)
	}
	if n := strings.Count(body, "\nheliograph_credential_expiry_timestamp_seconds{"); n != 1 {
		t.Errorf("%d figures, want 1", n)
	}
}

// authorityUntil is a certificate that ends at a moment, in PEM.
func authorityUntil(t *testing.T, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, NotBefore: until.Add(-1000 * 24 * time.Hour), NotAfter: until, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
