package listener

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/web"
)

// secured is a configuration for "example.com", and who trusts it.
func secured(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, pool
}

// journal is a log that a test reads meanwhile.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // a line came
}

func newJournal() (*journal, *slog.Logger) {
	j := &journal{more: make(chan struct{}, 100)}
	return j, slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.more <- struct{}{}
	return j.text.Write(line)
}

// next waits for a line, and is all of them since the last time.
func (j *journal) next(t *testing.T) string {
	t.Helper()
	select {
	case <-j.more:
	case <-time.After(time.Minute):
		t.Fatal("the log says nothing")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return j.text.String()
}

// secureServer serves over TLS at an address until the test ends.
func secureServer(t *testing.T, h http.Handler) (address string, trust *x509.CertPool, log *journal) {
	t.Helper()
	config, trust := secured(t)
	log, logger := newJournal()
	port := anyPort(t)
	s := NewServer(h, logger)
	done := make(chan error, 1)
	go func() { done <- s.Serve(port, config) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error("Serve:", err)
		}
	})
	return port.Addr().String(), trust, log
}

func anyPort(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTLS: the request says how it came, many come on one connection, and HTTP/2 is not agreed upon.
func TestTLS(t *testing.T) {
	asked := make(chan *http.Request, 10)
	address, trust, _ := secureServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		manner(w, r)
	}))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: "example.com"}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	from := ""
	for range 3 {
		answer, err := client.Post("https://"+address+"/reply", "text/xml", strings.NewReader("<a/>"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(text) != okReply || answer.Proto != "HTTP/1.1" {
			t.Errorf("%s %q %v", answer.Proto, text, err)
		}
		r := <-asked
		if r.TLS == nil || r.TLS.Version != tls.VersionTLS13 || r.TLS.NegotiatedProtocol != "http/1.1" || r.TLS.ServerName != "example.com" {
			t.Errorf("%+v", r.TLS)
		}
		if from == "" {
			from = r.RemoteAddr
		}
		if r.RemoteAddr != from || !strings.HasPrefix(from, "127.0.0.1:") {
			t.Errorf("from %s, after %s", r.RemoteAddr, from)
		}
	}
}

// TestProtocols are what clients offer, and what is agreed upon.
func TestProtocols(t *testing.T) {
	address, trust, _ := secureServer(t, http.HandlerFunc(manner))
	for _, c := range []struct {
		offers []string
		want   string
	}{{nil, ""}, {[]string{"h2", "http/1.1"}, "http/1.1"}, {[]string{"http/1.0"}, "http/1.0"}, {[]string{"http/1.0", "http/1.1"}, "http/1.1"}} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trust, ServerName: "example.com", NextProtos: c.offers})
		if err != nil {
			t.Errorf("%v: %v", c.offers, err)
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("%v: %q is spoken", c.offers, got)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		if heard, err := io.ReadAll(conn); err != nil || statusesIn(string(heard)) != "200" {
			t.Errorf("%v: %q %v", c.offers, heard, err)
		}
		conn.Close()
	}
}

// TestHandshakesThatFail are told in the log, and to who speaks no TLS at all.
func TestHandshakesThatFail(t *testing.T) {
	address, trust, log := secureServer(t, http.HandlerFunc(manner))
	for _, c := range []struct {
		name   string
		config *tls.Config
		want   string
	}{
		{"old", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, RootCAs: trust}, "older TLS"},
		{"distrusting", &tls.Config{}, "does not trust our certificate"},
		{"HTTP/2 alone", &tls.Config{RootCAs: trust, NextProtos: []string{"h2"}}, "HTTP/2 is not offered"},
	} {
		c.config.ServerName = "example.com"
		if conn, err := tls.Dial("tcp", address, c.config); err == nil {
			_, err = conn.Read(make([]byte, 1)) // TLS 1.3 hears of it afterwards
			if err == nil || !strings.Contains(err.Error(), "tls") {
				t.Errorf("%s: %v", c.name, err)
			}
			conn.Close()
		}
		if line := log.next(t); !strings.Contains(line, "level=WARN") || !strings.Contains(line, "from=127.0.0.1:") || !strings.Contains(line, c.want) {
			t.Errorf("%s: the log says %s", c.name, line)
		}
	}
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n": "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
		"hello there\r\n":                   "",
	} {
		if got := plainly(t, address, text); !strings.HasPrefix(got, want) || want == "" && strings.Contains(got, "HTTP") {
			t.Errorf("%q is answered %q", text, got)
		}
		if line := log.next(t); !strings.Contains(line, "plain HTTP to the TLS port") {
			t.Errorf("the log says %s", line)
		}
	}
}

// plainly says text in the open, and is what comes back.
func plainly(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, text)
	heard, _ := io.ReadAll(conn) // it may be cut off
	return string(heard)
}

// TestRefusedUploads: a client that sends all before it reads learns why it is refused, and sends no more.
func TestRefusedUploads(t *testing.T) {
	address, trust, _ := secureServer(t, http.HandlerFunc(manner))
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trust, ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "POST /413 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
	block, sent := make([]byte, 64<<10), 0
	for err == nil && sent < 1<<30 {
		_, err = conn.Write(block)
		sent += len(block)
	}
	if sent > 64<<20 { // what systems keep for each other
		t.Errorf("%d MiB were taken", sent>>20)
	}
	small, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trust, ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	_ = small.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(small, "POST /413 HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"+strings.Repeat("x", 300_000))
	answer, err := http.ReadResponse(bufio.NewReader(small), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge || !answer.Close {
		t.Errorf("%+v", answer)
	}
}

// TestSlowHandshakes are given up, and a stop does not wait for what was said to nobody.
func TestSlowHandshakes(t *testing.T) {
	config, trust := secured(t)
	synctest.Test(t, func(t *testing.T) {
		log, logger := newJournal()
		s, l := NewServer(http.HandlerFunc(manner), logger), newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(l, config) }()
		start := time.Now()
		p := l.dial()
		for !p.over() {
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took > web.HeaderTime+time.Second {
			t.Errorf("it was borne for %s", took)
		}
		if line := log.next(t); !strings.Contains(line, "a TLS handshake failed") {
			t.Errorf("the log says %s", line)
		}
		p.Close()

		near, far := net.Pipe()
		l.ends <- far
		conn := tls.Client(near, &tls.Config{RootCAs: trust, ServerName: "example.com"})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, conn) //nolint:errcheck // until it ends
		silent := l.dial()
		synctest.Wait()
		start = time.Now()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 0 || !silent.over() || log.text.Len() > 0 {
			t.Errorf("the stop took %s; the log says %s", took, log.text.String())
		}
		conn.Close()
	})
}
