package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heliograph/template"
)

// TestCredentialsOfListeners: the certificate of a listener is told about as its file is now; one that cannot be read is
// not.
func TestCredentialsOfListeners(t *testing.T) {
	end := time.Date(2040, 6, 1, 0, 0, 0, 0, time.UTC)
	file := filepath.Join(t.TempDir(), "console.pem")
	if err := os.WriteFile(file, certificateUntil(t, "heliograph.example.com", end), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &App{options: Options{TLS: TLS{CertFile: file}, MailPush: MailPush{MailboxTLS: TLS{CertFile: file + ".gone"}}}}
	list := a.credentials()
	if len(list) != 1 || !list[0].Expires.Equal(end) || list[0].Kind != template.CredentialExpiration ||
		list[0].Name != "TLS certificate of the console (heliograph.example.com)" {
		t.Errorf("%+v", list)
	}
}

func certificateUntil(t *testing.T, name string, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
