// Package authority is the private certificate authority of the simulators.
//
// A simulator speaks TLS, and a client that checks certificates must be able to trust it without the simulator being
// trusted by anything else on the machine. So each set of simulators has an authority of its own, made when it starts:
// its certificate is handed to the clients under test as a file or a pool, its key never leaves the process, unless a
// directory is given to keep it across restarts.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs the certificates of simulators.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// New makes a fresh authority that lives as long as the process.
func New() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the authority's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Heliograph simulators " + serial.Text(36)},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the authority's certificate: %w", err)
	}
	return fromDER(der, key)
}

// Open reads the authority kept in dir, and makes and keeps one when there is none.
// dir == "" is the same as New.
func Open(dir string) (*Authority, error) {
	if dir == "" {
		return New()
	}
	text, err := Keep(filepath.Join(dir, "ca.pem"), func() ([]byte, error) {
		fresh, err := New()
		if err != nil {
			return nil, err
		}
		return fresh.private()
	})
	if err != nil {
		return nil, err
	}
	a, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, "ca.pem"), err)
	}
	return a, nil
}

// PEM is the authority's certificate, without its key.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Pool is a pool that holds this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// WriteFile writes the authority's certificate (PEM) to path, whole or not at all.
func (a *Authority) WriteFile(path string) error {
	if err := writeWhole(path, a.PEM(), 0o644); err != nil {
		return fmt.Errorf("writing the simulators' authority to %s: %w", path, err)
	}
	return nil
}

// Loopback issues a server certificate for 127.0.0.1, ::1 and localhost.
func (a *Authority) Loopback() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a server key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("signing a server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Keep returns the content of the file at path; when it does not exist, it is made, written with mode 0600, and
// returned. The simulators keep their secrets so.
func Keep(path string, fresh func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return text, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the simulators' state: %w", err)
	}
	if text, err = fresh(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the simulators' state directory: %w", err)
	}
	if err := writeWhole(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("keeping the simulators' state: %w", err)
	}
	return text, nil
}

// KeepJSON is Keep of a value, which is read back as JSON and must then pass check. path == "" makes a fresh one that
// nobody keeps.
func KeepJSON[T any](path string, fresh func() (T, error), check func(T) error) (value T, err error) {
	if path == "" {
		return fresh()
	}
	text, err := Keep(path, func() ([]byte, error) {
		made, err := fresh()
		if err != nil {
			return nil, err
		}
		return json.Marshal(made)
	})
	if err != nil {
		return value, err
	}
	if json.Unmarshal(text, &value) != nil {
		return value, fmt.Errorf("reading %s: it is not what was kept there", path)
	}
	if err := check(value); err != nil {
		return value, fmt.Errorf("reading %s: %w", path, err)
	}
	return value, nil
}

// In is the path of a file in dir; "" when there is no directory.
func In(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// private is certificate and key as one PEM text, for the state directory only.
func (a *Authority) private() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("encoding the authority's key: %w", err)
	}
	return append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

func parse(text []byte) (*Authority, error) {
	first, rest := pem.Decode(text)
	if first == nil || first.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate in it")
	}
	second, _ := pem.Decode(rest)
	if second == nil || second.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key in it")
	}
	key, err := x509.ParsePKCS8PrivateKey(second.Bytes)
	if err != nil {
		return nil, errors.New("its private key cannot be read")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("its private key cannot sign")
	}
	return fromDER(first.Bytes, signer)
}

func fromDER(der []byte, key crypto.Signer) (*Authority, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parsing the authority's certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// serialNumber is random, as two authorities in one trust store must not collide.
func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	return n, nil
}

// writeWhole writes beside the target and renames, so that a reader never sees half a file.
func writeWhole(path string, content []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".sim-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(mode), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
