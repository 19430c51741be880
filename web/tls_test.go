package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pemPair is a certificate for 127.0.0.1 that signs itself.
func pemPair(t *testing.T, name string, until time.Time) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-1000 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
		chain, key := pemPair(t, "first", time.Now().Add(time.Hour))
		write(t, certFile, chain)
		write(t, keyFile, key)
		var log bytes.Buffer
		c, err := LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		served := func() string {
			time.Sleep(lookEvery)
			pair, err := c.Config(tls.VersionTLS12).GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return pair.Leaf.Subject.CommonName
		}
		newChain, newKey := pemPair(t, "second", time.Now().Add(2*time.Hour))
		write(t, certFile, newChain)
		if got := served(); got != "first" || strings.Count(log.String(), "not used") != 1 {
			t.Errorf("half renewed, it serves %q; log %s", got, log.String())
		}
		if served(); strings.Count(log.String(), "not used") != 1 {
			t.Errorf("it repeats itself: %s", log.String())
		}
		write(t, keyFile, newKey)
		if got := served(); got != "second" {
			t.Errorf("renewed, it serves %q", got)
		}
		if until := c.Expires(); !until.After(time.Now().Add(time.Hour)) {
			t.Errorf("it expires at %s", until)
		}
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		if got := served(); got != "second" {
			t.Errorf("without its file, it serves %q", got)
		}
		if strings.Contains(log.String(), "PRIVATE") {
			t.Error("the log holds a key")
		}
	})
}

func TestLoadCertificateRefuses(t *testing.T) {
	dir := t.TempDir()
	chain, key := pemPair(t, "fine", time.Now().Add(time.Hour))
	old, oldKey := pemPair(t, "old", time.Now().Add(-time.Hour))
	for name, c := range map[string]struct{ chain, key []byte }{
		"swapped": {key, chain}, "another key": {chain, oldKey}, "ended": {old, oldKey}, "no PEM": {[]byte("x"), key}, "no key": {chain, nil},
	} {
		write(t, filepath.Join(dir, "c"), c.chain)
		write(t, filepath.Join(dir, "k"), c.key)
		if _, err := LoadCertificate(filepath.Join(dir, "c"), filepath.Join(dir, "k"), nil); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := LoadCertificate(filepath.Join(dir, "none"), filepath.Join(dir, "k"), nil); err == nil {
		t.Error("a file that is not there was taken")
	}
}

func TestServeOverTLS(t *testing.T) {
	dir := t.TempDir()
	chain, key := pemPair(t, "here", time.Now().Add(time.Hour))
	write(t, filepath.Join(dir, "c"), chain)
	write(t, filepath.Join(dir, "k"), key)
	c, err := LoadCertificate(filepath.Join(dir, "c"), filepath.Join(dir, "k"), nil)
	if err != nil {
		t.Fatal(err)
	}
	url := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Secure(r) {
			t.Error("the handler does not know that it speaks TLS")
		}
	}), c.Config(tls.VersionTLS12))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	for _, test := range []struct {
		name   string
		config *tls.Config
		want   bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"an old suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
	} {
		test.config.RootCAs = roots
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: test.config, ForceAttemptHTTP2: true}}
		answer, err := client.Get(url)
		if (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil {
			answer.Body.Close()
			if answer.ProtoMajor != 2 {
				t.Errorf("%s: %s", test.name, answer.Proto)
			}
		}
		client.CloseIdleConnections()
	}
}

// serving is where a handler answers until the test ends.
func serving(t *testing.T, h http.Handler, config *tls.Config) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(Proxies{}.Recognise(h), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- Serve(server, listener, config) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; err != nil {
			t.Error("Serve:", err)
		}
	})
	if config != nil {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

func TestParseTLSVersion(t *testing.T) {
	for text, want := range map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13, "1.1": 0, "ssl3": 0} {
		if got, err := ParseTLSVersion(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
