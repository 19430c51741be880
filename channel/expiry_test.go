package channel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 21, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// certificateUntil is one that signed itself, in PEM.
func certificateUntil(t *testing.T, name string, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-1000 * day), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificateExpiries(t *testing.T) {
	text := "bag attributes\n" + certificateUntil(t, "Old", now.Add(-day)) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})) +
		certificateUntil(t, "New", now.Add(day))
	want := []Expiry{{"trusted_ca", "Old", now.Add(-day)}, {"trusted_ca", "New", now.Add(day)}}
	if diff := cmp.Diff(want, CertificateExpiries("trusted_ca", text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, none := range []string{"", "no PEM", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"} {
		if got := CertificateExpiries("x", none); len(got) > 0 {
			t.Errorf("%q: %v", none, got)
		}
	}
}

// ending are settings that hold credentials.
type ending struct {
	Settings
	list []Expiry
}

func (e ending) Expires() []Expiry { return e.list }

func TestExpiries(t *testing.T) {
	at := func(field, whose string, days int) Expiry {
		return Expiry{field, whose, now.Add(time.Duration(days) * day)}
	}
	for name, c := range map[string]struct{ in, want []Expiry }{
		"none":                      {},
		"soonest first":             {[]Expiry{at("b", "", 9), at("a", "", 3)}, []Expiry{at("a", "", 3), at("b", "", 9)}},
		"the next of a field":       {[]Expiry{at("a", "far", 90), at("a", "next", 9), at("a", "later", 30)}, []Expiry{at("a", "next", 9)}},
		"one took over":             {[]Expiry{at("a", "old", -9), at("a", "new", 90)}, []Expiry{at("a", "new", 90)}},
		"one took over, other way":  {[]Expiry{at("a", "new", 90), at("a", "old", -9)}, []Expiry{at("a", "new", 90)}},
		"all are over: the last":    {[]Expiry{at("a", "first", -90), at("a", "last", -9)}, []Expiry{at("a", "last", -9)}},
		"over at this very moment":  {[]Expiry{at("a", "now", 0), at("a", "new", 1)}, []Expiry{at("a", "new", 1)}},
		"fields do not replace one": {[]Expiry{at("a", "", -9), at("b", "", 90)}, []Expiry{at("a", "", -9), at("b", "", 90)}},
	} {
		if diff := cmp.Diff(c.want, Expiries(ending{list: c.in}, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := Expiries(nil, now); got != nil {
		t.Errorf("settings that say nothing: %v", got)
	}
}

func TestExpirySoon(t *testing.T) {
	for days, want := range map[int][2]bool{-1: {true, true}, 0: {true, true}, 1: {true, false}, 60: {true, false}, 61: {false, false}} {
		e := Expiry{At: now.Add(time.Duration(days) * day)}
		if got := [2]bool{e.Soon(now), e.Over(now)}; got != want {
			t.Errorf("in %d days: soon, over = %v, want %v", days, got, want)
		}
	}
}
