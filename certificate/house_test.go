package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/internal/pebbletest"
	"heliograph/seal"
	"heliograph/store"
	"heliograph/web"
)

// house is a database, an authority, and the nodes that the test starts.
type house struct {
	*testing.T
	ca    *pebbletest.CA
	store *store.Store
	log   *text

	mu  sync.Mutex
	off time.Duration // by which the nodes' clocks are ahead
}

func newHouse(t *testing.T, c pebbletest.Config) *house {
	return &house{T: t, ca: pebbletest.Start(t, c), log: &text{}, store: newStore(t)}
}

func newStore(t *testing.T) *store.Store {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "heliograph.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.UseKeys(t.Context(), seal.New()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.off)
}

func (h *house) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.off += d
}

// keeper is a node's, which nobody can shake hands with.
func (h *house) keeper(name string, change func(*Options)) *Keeper {
	h.Helper()
	own, err := os.ReadFile(h.ca.CAFile)
	if err != nil {
		h.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(own)
	o := Options{
		Directory: h.ca.Directory, Terms: true, Roots: roots, Node: name, NotFound: store.ErrNotFound, Now: h.now,
		Logger: slog.New(slog.NewTextHandler(h.log, nil)).With("node", name),
	}
	if change != nil {
		change(&o)
	}
	k := New(h.store, o)
	h.Cleanup(func() { k.Stop(context.Background()) })
	return k
}

// node is a Keeper whose names are served at a port; 0 = any.
func (h *house) node(name string, port int, change func(*Options), names ...string) (*Keeper, string) {
	h.Helper()
	k := h.keeper(name, change)
	return k, h.serve(k, port, names...)
}

// serve answers "alive" to everybody.
func (h *house) serve(k *Keeper, port int, names ...string) (address string) {
	h.Helper()
	l, config := h.listen(port), k.Config(tls.VersionTLS12, "console", names)
	server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "alive") }), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- web.Serve(server, l, config) }()
	h.Cleanup(func() {
		server.Close()
		if err := <-done; err != nil {
			h.Error(err)
		}
	})
	return l.Addr().String()
}

func (h *house) listen(port int) net.Listener {
	h.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		h.Fatal(err)
	}
	return l
}

// shake shakes hands for a name, as often as an authority's first answer may take, and returns the certificate.
func (h *house) shake(address, name string) (*x509.Certificate, error) {
	return h.shakeWith(address, &tls.Config{ServerName: name, RootCAs: h.ca.Roots()})
}

func (h *house) shakeWith(address string, config *tls.Config) (*x509.Certificate, error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// served is the certificate that a name is served with, which must be.
func (h *house) served(address, name string) *x509.Certificate {
	h.Helper()
	c, err := h.shake(address, name)
	if err != nil {
		h.Fatalf("%s at %s: %v\n%s", name, address, err, h.log)
	}
	return c
}

// looks lets a node look after its names, and waits until it has done what it found.
func (h *house) looks(k *Keeper) {
	h.Helper()
	k.look(h.Context())
	for {
		k.mu.Lock()
		var a *attempt
		for _, a = range k.attempts {
			break
		}
		k.mu.Unlock()
		if a == nil {
			return
		}
		<-a.done
	}
}

// known is what the store knows of a name.
func (h *house) known(name string) store.Certificate {
	h.Helper()
	list, err := h.store.Certificates(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	for _, c := range list {
		if c.Name == name {
			return c
		}
	}
	h.Fatalf("the store does not know %s", name)
	return store.Certificate{}
}

// says wants a word in the log.
func (h *house) says(words ...string) {
	h.Helper()
	for _, w := range words {
		if !strings.Contains(h.log.String(), w) {
			h.Errorf("the log does not say %q:\n%s", w, h.log)
		}
	}
}

// text takes a log.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
