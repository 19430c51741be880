package authority

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCertificateIsTrustedByItsOwnPoolOnly(t *testing.T) {
	mine, other := open(t, ""), open(t, "")
	pair, err := mine.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"127.0.0.1", "::1", "localhost"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: mine.Pool(), DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: other.Pool(), DNSName: "localhost"}); err == nil {
		t.Error("another authority trusts the certificate")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: mine.Pool(), DNSName: "example.com"}); err == nil {
		t.Error("the certificate is good for a foreign name")
	}
}

func TestKeptAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, second := open(t, dir), open(t, dir)
	if !bytes.Equal(first.PEM(), second.PEM()) {
		t.Error("a second start has another authority")
	}
	info, err := os.Stat(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file has mode %v", info.Mode())
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := second.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(public, first.PEM()) || bytes.Contains(public, []byte("PRIVATE")) {
		t.Error("the public file is not the certificate alone")
	}
}

func TestBrokenStateNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error = %v, want one that names %s", err, path)
	}
}

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
