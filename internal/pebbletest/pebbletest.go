// Package pebbletest starts a real ACME authority for tests: Let's Encrypt's Pebble.
//
// A client that was only tried with a fake of its own author agrees with that author. [Start] runs Pebble in a process of
// its own, with a resolver for which every name is this machine, so that it really connects to whoever answers its
// challenges. It is built from internal/tools/go.mod, by the Go module proxy: nothing has to be installed.
//
// A machine that cannot build it is a failure that says so, never a skip. Only -short, which asks for the quick tests
// without real servers, skips.
package pebbletest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heliograph/internal/child"
)

// Config says how the authority behaves. The zero value gives certificates to everybody.
type Config struct {
	TLSPort  int               // where it validates by tls-alpn-01, instead of 443
	HTTPPort int               // where it validates by http-01, instead of 80
	Bindings map[string]string // keys of external accounts in base64url, by their ids; none = no account needs one
	Blocked  []string          // host names that it refuses
	Lifetime time.Duration     // of certificates; 0 = 90 days
}

// CA is an authority that runs until its test ends.
type CA struct {
	Directory string // URL
	CAFile    string // PEM of who signed the directory's own certificate

	tb         testing.TB
	config     string // path
	management string // origin
	dns        string
	said       *lines
	process    *child.Process

	mu    sync.Mutex
	looks int // of ours, since it began
}

const startTime = time.Minute // CI machines are slow

// FreePort is a port of this machine that nobody listens on now. It is none of those that systems give away by themselves,
// which could be taken for a connection before somebody listens.
func FreePort(tb testing.TB) int {
	tb.Helper()
	const first, ports, tries = 20000, 12000, 100
	for range tries {
		port := first + rand.IntN(ports)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatalf("no port between %d and %d is free", first, first+ports)
	return 0
}

// Start runs an authority.
func Start(tb testing.TB, c Config) *CA {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: a real ACME authority is left out")
	}
	dir := tb.TempDir()
	listen, management := fmt.Sprintf("127.0.0.1:%d", FreePort(tb)), fmt.Sprintf("127.0.0.1:%d", FreePort(tb))
	ca := &CA{
		tb: tb, Directory: "https://" + listen + "/dir", management: "https://" + management, CAFile: filepath.Join(dir, "own.pem"),
		config: filepath.Join(dir, "pebble.json"), dns: resolver(tb), said: &lines{},
	}
	key := filepath.Join(dir, "own.key")
	writePair(tb, ca.CAFile, key)
	c.write(tb, ca.config, listen, management, ca.CAFile, key)
	tb.Cleanup(ca.Stop)
	ca.Begin()
	return ca
}

// write puts the configuration where Pebble reads it.
func (c Config) write(tb testing.TB, path, listen, management, cert, key string) {
	tb.Helper()
	lifetime := c.Lifetime
	if lifetime == 0 {
		lifetime = 90 * 24 * time.Hour
	}
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": cert, "privateKey": key,
		"tlsPort": c.TLSPort, "httpPort": c.HTTPPort, "keyAlgorithm": "ecdsa",
		"externalAccountBindingRequired": len(c.Bindings) > 0, "externalAccountMACKeys": c.Bindings,
		"domainBlocklist": c.Blocked,
		"profiles":        map[string]any{"default": map[string]any{"description": "for tests", "validityPeriod": int(lifetime.Seconds())}},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// build is the path of the program. The build cache keeps it, for all packages.
var build = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join(root, "internal", "tools", "go.mod"), "-n", "pebble")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		said := err.Error()
		if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // of Output itself
			said = string(failed.Stderr)
		}
		return "", fmt.Errorf("an ACME authority is needed, and Pebble of internal/tools/go.mod could not be built (it comes from the Go module proxy): %s", said)
	}
	return strings.TrimSpace(string(out)), nil
})

// moduleRoot is the directory of the module that is tested.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "internal", "tools", "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("internal/tools/go.mod is not above the working directory")
		}
		dir = above
	}
}

// Begin runs it, also again after Stop: it then knows nothing of before, and signs with other keys.
func (ca *CA) Begin() {
	ca.tb.Helper()
	program, err := build()
	if err != nil {
		ca.tb.Fatal(err)
	}
	ca.said.forget()
	ca.looks = 0
	cmd := exec.Command(program, "-config", ca.config, "-dnsserver", ca.dns)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0")
	cmd.Stdout, cmd.Stderr = ca.said, ca.said
	if ca.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		ca.tb.Fatal(err)
	}
	for end := time.Now().Add(startTime); ; {
		if ca.up() {
			break
		}
		select {
		case <-ca.process.Done():
			ca.tb.Fatalf("Pebble ended: %v\n%s", ca.process.Err(), ca.said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			ca.tb.Fatalf("Pebble does not answer:\n%s", ca.said)
		}
	}
}

// up reports whether it answers.
func (ca *CA) up() bool {
	_, err := ca.get("/roots/0")
	return err == nil && ca.look() == nil
}

// look asks for a nonce as no client does, which use HEAD.
func (ca *CA) look() error {
	_, err := ca.call(http.MethodGet, strings.TrimSuffix(ca.Directory, "dir")+"nonce-plz")
	if err == nil {
		ca.looks++
	}
	return err
}

// settle waits until its log, which comes by a pipe, has told of everything so far.
func (ca *CA) settle() {
	ca.tb.Helper()
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.process == nil || ca.look() != nil {
		return
	}
	for end := time.Now().Add(startTime); ca.said.count(looked) < ca.looks; {
		if time.Now().After(end) {
			ca.tb.Fatalf("Pebble's log lags behind:\n%s", ca.said)
		}
		<-time.After(time.Millisecond)
	}
}

// Stop ends it; nobody answers there any more.
func (ca *CA) Stop() {
	if ca.process == nil {
		return
	}
	if err := ca.process.Signal(syscall.SIGKILL); err != nil {
		ca.tb.Error(err)
	}
	_ = ca.process.Err() // killed
	ca.process = nil
}

// Roots trusts the certificates that it gives now.
func (ca *CA) Roots() *x509.CertPool {
	ca.tb.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.RootPEM())
	return pool
}

// RootPEM is the certificate of its root.
func (ca *CA) RootPEM() []byte {
	ca.tb.Helper()
	text, err := ca.get("/roots/0")
	if err != nil {
		ca.tb.Fatal(err)
	}
	return text
}

func (ca *CA) get(path string) ([]byte, error) { return ca.call(http.MethodGet, ca.management+path) }

func (ca *CA) call(method, address string) ([]byte, error) {
	own, err := os.ReadFile(ca.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	r, err := http.NewRequest(method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s answers %s", address, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

var (
	looked = regexp.MustCompile(`GET /nonce-plz -> calling handler`)
	asked  = regexp.MustCompile(`(?:GET|HEAD|POST) /(?:dir|sign-me-up|order-plz) -> calling handler`)
	issued = regexp.MustCompile(`Issued certificate serial`)
)

// Asked is how often it was called for its directory, for an account or for an order, since it began: with these every
// conversation begins. What follows an order, such as giving back what was not needed, may come after its end.
func (ca *CA) Asked() int {
	ca.tb.Helper()
	ca.settle()
	return ca.said.count(asked)
}

// Issued is how many certificates it gave since it began.
func (ca *CA) Issued() int {
	ca.tb.Helper()
	ca.settle()
	return ca.said.count(issued)
}

// Said is its log.
func (ca *CA) Said() string { return ca.said.String() }

// lines takes the log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *lines) count(what *regexp.Regexp) int { return len(what.FindAllString(l.String(), -1)) }

// writeBlock writes one block of PEM.
func writeBlock(tb testing.TB, path, kind string, der []byte) {
	tb.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
}
