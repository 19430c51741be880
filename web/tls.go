package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is a chain with its key in two PEM files, which may be replaced at any time: whoever renews them needs to
// tell nobody. Files that do not fit together, as in the middle of a renewal, leave the certificate as it was.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	seen    [2]([sha256.Size]byte) // hashes of the files when they were last looked at
	looked  time.Time
	current *tls.Certificate
}

// lookEvery is how old what we know of the files may be; a handshake costs more than the look.
const lookEvery = 2 * time.Second

// LoadCertificate reads both files, and fails when they cannot serve now. A nil logger is silent.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.look(time.Now()); err != nil {
		return nil, err
	}
	return c, nil
}

// Config serves the certificate with TLS of least (tls.VersionTLS12 …) or newer.
func (c *Certificate) Config(least uint16) *tls.Config {
	return Config(least, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil })
}

// Config serves what get gives with TLS of least or newer. Below TLS 1.3 it takes the suites that are still sound (RFC 9325
// section 4.2); a listener for older peers sets CipherSuites to nil, which is what Go allows.
func Config(least uint16, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: least, CipherSuites: soundSuites, GetCertificate: get}
}

var soundSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// ParseTLSVersion reads 1.2 or 1.3; empty = 1.2.
func ParseTLSVersion(text string) (uint16, error) {
	switch text {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%q is not a version of TLS to begin with: 1.2 or 1.3", text)
}

// Expires is when the certificate that is served now ends.
func (c *Certificate) Expires() time.Time { return c.get().Leaf.NotAfter }

func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < lookEvery {
		return c.current
	}
	changed, err := c.look(now)
	switch {
	case err != nil && changed: // said once, not at every handshake
		c.log.Warn("the new TLS certificate is not used", "error", err)
	case changed:
		c.log.Info("TLS certificate read again", "file", c.certFile, "expires", c.current.Leaf.NotAfter)
	}
	return c.current
}

// look reads the files again. changed says that they are not what they were at the last look.
func (c *Certificate) look(now time.Time) (changed bool, err error) {
	c.looked = now
	chain, errChain := os.ReadFile(c.certFile)
	key, errKey := os.ReadFile(c.keyFile)
	seen := [2][sha256.Size]byte{sha256.Sum256(chain), sha256.Sum256(key)}
	if c.current != nil && seen == c.seen {
		return false, nil
	}
	c.seen = seen
	if err := errors.Join(errChain, errKey); err != nil {
		return true, fmt.Errorf("reading the TLS certificate: %w", err)
	}
	pair, err := pairOf(chain, key, now)
	if err != nil {
		return true, fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current = pair
	return true, nil
}

// pairOf never quotes the key: the parser's errors speak of types only.
func pairOf(chain, key []byte, now time.Time) (*tls.Certificate, error) {
	if !bytes.Contains(chain, []byte("-----BEGIN CERTIFICATE-----")) {
		return nil, errors.New("the file holds no certificate in PEM form")
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("it ended on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &pair, nil
}
