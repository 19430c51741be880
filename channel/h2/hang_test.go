package h2

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/message"
)

const never = time.Hour // longer than any answer is waited for

// slowHost is a host in memory, so that a test's time is not the wall's. The first answer on connection n comes after
// first[n], on later connections after the last of them, and every other answer at once. Connections from refuse on are
// refused; 0 = none.
type slowHost struct {
	first  []time.Duration
	refuse int

	requests, dialled atomic.Int32
	incoming          chan net.Conn
	server            *http.Server
	certificate       tls.Certificate
}

// greeting is a connection's first answer.
type greeting struct {
	sync.Once
	after time.Duration
}

type greetingKey struct{} // of a connection's greeting in the context of its requests

func (h *slowHost) start(t *testing.T) {
	t.Helper()
	h.certificate = throwaway(t)
	h.incoming = make(chan net.Conn)
	h.server = &http.Server{
		Handler:     h,
		TLSConfig:   &tls.Config{Certificates: []tls.Certificate{h.certificate}, SessionTicketsDisabled: true},
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnContext: h.welcome,
	}
	go func() { _ = h.server.ServeTLS(h, "", "") }()
}

func (h *slowHost) welcome(ctx context.Context, _ net.Conn) context.Context {
	n := min(int(h.dialled.Load()), len(h.first)) - 1
	return context.WithValue(ctx, greetingKey{}, &greeting{after: h.first[n]})
}

func throwaway(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (h *slowHost) Accept() (net.Conn, error) {
	if c, ok := <-h.incoming; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (h *slowHost) Close() error   { return nil }
func (h *slowHost) Addr() net.Addr { return &net.TCPAddr{} }

func (h *slowHost) stop() {
	close(h.incoming)
	_ = h.server.Close()
}

func (h *slowHost) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n := int(h.dialled.Add(1))
	if h.refuse > 0 && n > h.refuse {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	h.incoming <- theirs
	// The certificate is nobody's, and its dates are not those of the test.
	c := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	return c, c.HandshakeContext(ctx)
}

func (h *slowHost) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	g := r.Context().Value(greetingKey{}).(*greeting)
	g.Do(func() {
		select {
		case <-time.After(g.after):
		case <-r.Context().Done():
		}
	})
}

func (h *slowHost) pool(t *testing.T, o Options) *Pool {
	t.Helper()
	endpoint, err := channel.ParseEndpoint("https://push.example.com")
	if err != nil {
		t.Fatal(err)
	}
	p := New(endpoint, channel.Dialer{TLS: &tls.Config{}}, o)
	p.connect = h.dial
	return p
}

// end is how a request ended, and when.
type end struct {
	after  time.Duration
	reason message.Reason // "" = answered
}

// endsOf sends n requests at once and counts their ends.
func endsOf(p *Pool, n int) map[end]int {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		ends  = map[end]int{}
		start = time.Now()
	)
	for range n {
		wg.Go(func() {
			e := end{}
			if _, f := do(p); f != nil {
				e.reason = f.Reason
			}
			e.after = time.Since(start)
			mu.Lock()
			ends[e]++
			mu.Unlock()
		})
	}
	wg.Wait()
	return ends
}

// TestFirstRequestHangs: a request that hangs on a new connection holds up the others for a short while only, and ends
// as it would alone.
func TestFirstRequestHangs(t *testing.T) {
	const s = time.Second
	lost := func(at time.Duration) end { return end{at, message.LostAnswerReason} }
	cases := []struct {
		name    string
		options Options
		host    *slowHost
		want    map[end]int // of 20 requests
		dialled int32
	}{
		{"none", Options{}, &slowHost{first: []time.Duration{0}},
			map[end]int{{}: 20}, 1},
		{"one", Options{}, &slowHost{first: []time.Duration{never, 0}},
			map[end]int{{after: 2 * s}: 19, lost(30 * s): 1}, 2},
		{"one, with less patience", Options{Welcome: s, Answer: 10 * s}, &slowHost{first: []time.Duration{never, 0}},
			map[end]int{{after: s}: 19, lost(10 * s): 1}, 2},
		{"two", Options{}, &slowHost{first: []time.Duration{never, never, 0}},
			map[end]int{{after: 4 * s}: 18, lost(30 * s): 1, lost(32 * s): 1}, 3},
		{"in good time", Options{}, &slowHost{first: []time.Duration{s}},
			map[end]int{{after: s}: 20}, 1},
		{"late, and before the second", Options{}, &slowHost{first: []time.Duration{3 * s, never}},
			map[end]int{{after: 3 * s}: 19, lost(32 * s): 1}, 2},
		{"no more connections", Options{Most: 1}, &slowHost{first: []time.Duration{never, 0}},
			map[end]int{{after: 30 * s}: 19, lost(30 * s): 1}, 2},
		{"no more connections, late", Options{Most: 1}, &slowHost{first: []time.Duration{5 * s}},
			map[end]int{{after: 5 * s}: 20}, 1},
		{"the second is refused", Options{}, &slowHost{first: []time.Duration{never}, refuse: 1},
			map[end]int{{2 * s, message.Unreachable}: 19, lost(30 * s): 1}, 2},
		{"a few in a row", Options{}, &slowHost{first: []time.Duration{never, never, never, 0}},
			map[end]int{{after: 34 * s}: 17, lost(30 * s): 1, lost(32 * s): 1, lost(34 * s): 1}, 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.host.start(t)
				defer c.host.stop()
				p := c.host.pool(t, c.options)
				defer p.Close()
				if diff := cmp.Diff(c.want, endsOf(p, 20)); diff != "" {
					t.Errorf("how requests ended (-want +got):\n%s", diff)
				}
				if n := c.host.dialled.Load(); n != c.dialled {
					t.Errorf("%d connections, want %d", n, c.dialled)
				}
			})
		})
	}
}

// TestNothingAnswered: a host that never answers gets a few requests, and no more before those have ended.
func TestNothingAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &slowHost{first: []time.Duration{never}}
		h.start(t)
		defer h.stop()
		p := h.pool(t, Options{})
		defer p.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 29*time.Second)
		defer cancel()
		var (
			wg              sync.WaitGroup
			lost, untouched atomic.Int32
		)
		for range 20 {
			wg.Go(func() {
				a, f := p.Do(ctx, Request{Path: "/"})
				switch {
				case f != nil && f.Scope == message.LostAnswer:
					lost.Add(1)
				case f == nil && a.Status == 0:
					untouched.Add(1)
				}
			})
		}
		wg.Wait()
		if h.requests.Load() != fruitless || lost.Load() != fruitless || untouched.Load() != 20-fruitless {
			t.Errorf("%d requests arrived, %d are lost, %d untouched", h.requests.Load(), lost.Load(), untouched.Load())
		}
	})
}
