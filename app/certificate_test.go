package app

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/console"
)

// What the console says of certificates is what is served now, and a listener without TLS has none.
func TestServedCertificates(t *testing.T) {
	ends := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	leaf := &x509.Certificate{DNSNames: []string{"listener.example.com", "other.example.com"}, NotAfter: ends}
	config := func() *tls.Config {
		return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &tls.Certificate{Leaf: leaf}, nil }} //nolint:gosec // nobody speaks it
	}
	var s served
	s.add("registration", nil)
	s.add("mailbox", config())
	s.add("mailbox", config())
	want := []console.Certificate{{Listener: "mailbox", Name: "listener.example.com", Ends: ends}}
	if diff := cmp.Diff(want, s.list()); diff != "" {
		t.Error(diff)
	}
	leaf = &x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, NotAfter: ends.AddDate(1, 0, 0)}
	if got := s.list()[0]; got.Name != "192.0.2.1" || !got.Ends.Equal(ends.AddDate(1, 0, 0)) {
		t.Errorf("after a renewal: %+v", got)
	}
	leaf = &x509.Certificate{Subject: pkix.Name{CommonName: "old"}}
	if got := s.list()[0].Name; got != "old" {
		t.Errorf("without names: %q", got)
	}
}
