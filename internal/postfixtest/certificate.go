package postfixtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

// authority is a private one, as a company's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := certificate("Test Authority")
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &authority{ca, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// issueCertificates lets one private authority sign the certificates of all ports.
// They are good for 127.0.0.1, localhost and mail.example.test, from an hour ago to
// an hour from now, unless the options say otherwise.
func (i *instance) issueCertificates() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	for n, s := range i.ports {
		s.CAPEM, s.CAPool = ca.pem, x509.NewCertPool()
		s.CAPool.AppendCertsFromPEM(ca.pem)
		chain, err := ca.issue(i.wanted[n].Certificate)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.certificateFile(), chain, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) certificateFile() string { return s.path("etc/" + s.name + ".pem") }

// issue signs a certificate and returns it with its key, PEM.
func (a *authority) issue(change func(*x509.Certificate)) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	server := certificate("mail.example.test")
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.DNSNames = []string{"localhost", "mail.example.test"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	if change != nil {
		change(server)
	}
	der, err := x509.CreateCertificate(rand.Reader, server, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	// Postfix wants the key before its certificate.
	chain := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}
