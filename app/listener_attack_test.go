package app

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// everyListener is each address at which something listens, by what it is, with a path that takes a body there.
func (a *attacker) everyListener() map[string]struct{ address, path string } {
	at := func(origin, path string) struct{ address, path string } {
		_, address, _ := strings.Cut(origin, "://")
		return struct{ address, path string }{address, path}
	}
	addr := a.app.Addr()
	return map[string]struct{ address, path string }{
		"console": at(addr.Console, "/sign-in"), "metrics": at(addr.Metrics, "/metrics"),
		"registration": at(addr.Registration, "/v1/registrations"), "listener": at(addr.Listener, "/ews/AAAAAAAAAAAAAAAAAAAAAA"),
	}
}

// What is refused at the console's listener is refused at the others. HELIOGRAPH_TORTURE waits for slow clients too, whom
// package web tries at the same server in fake time.
func TestEveryListenerHasLimits(t *testing.T) {
	a := newAttacker(t)
	lines := strings.Repeat("X: 1\r\n", 100_000)
	for name, listener := range a.everyListener() {
		one := &attacker{t, a.app, listener.address, a.token}
		if status, _, _ := one.says("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n"); status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: 100,000 lines of header: answered %d", name, status)
		}
		if status, _, _ := one.says("GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n"); status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusRequestURITooLong {
			t.Errorf("%s: a long path: answered %d", name, status)
		}
		for _, kind := range []string{"application/json", "text/xml"} {
			body := &endless{}
			if status := one.posts(listener.path, kind, body); status == http.StatusOK || status == http.StatusCreated {
				t.Errorf("%s: a gigabyte of %s was taken: %d", name, kind, status)
			}
			if sent := body.sent.Load(); sent > 32<<20 {
				t.Errorf("%s: %d MiB of %s were read", name, sent>>20, kind)
			}
		}
		for _, path := range []string{"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/debug/pprof/", "/debug/vars", "/heliograph.db"} {
			if status, _, body := one.asks("GET", path); status == http.StatusOK || strings.Contains(body, "root:") {
				t.Errorf("%s: GET %s answered %d", name, path, status)
			}
		}
		if status, _, _ := one.asks("GET", "/livez"); status != http.StatusOK {
			t.Errorf("%s does not answer afterwards: %d", name, status)
		}
	}
	if os.Getenv("HELIOGRAPH_TORTURE") != "" {
		a.wantSlowHeadersCutOff()
	}
}

// posts sends a body for as long as anybody reads. 0 = the connection was cut.
func (a *attacker) posts(path, kind string, body io.Reader) int {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(a.Context(), http.MethodPost, "http://"+a.address+path, body)
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// wantSlowHeadersCutOff sends each listener a header a byte at a time, for as long as it bears with that: ten seconds.
func (a *attacker) wantSlowHeadersCutOff() {
	a.Helper()
	ended := make(chan error)
	listeners := a.everyListener()
	for name, listener := range listeners {
		go func() { ended <- slowHeader(name, listener.address) }()
	}
	for range listeners {
		if err := <-ended; err != nil {
			a.Error(err)
		}
	}
}

func slowHeader(name, address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nX: "); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, err := conn.Read(make([]byte, 1))
		if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
			return nil // answered, or closed
		}
		if _, err := io.WriteString(conn, "x"); err != nil {
			return nil //nolint:nilerr // closed
		}
	}
	return fmt.Errorf("%s bears with a header of a byte a second", name)
}

// flood is a connection of HTTP/2 whose frames somebody writes by hand.
type flood struct {
	*tls.Conn
	frames *http2.Framer
	header []byte // of a request for the sign-in page
}

func newFlood(t *testing.T, address string) *flood {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // it is ours
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	go io.Copy(io.Discard, conn) //nolint:errcheck // until it ends
	f := &flood{conn, http2.NewFramer(conn, nil), fields(":method", "GET", ":scheme", "https", ":path", "/sign-in", ":authority", "x")}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.frames.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

func fields(pairs ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(pairs); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1], Sensitive: true}) // into memory
	}
	return block.Bytes()
}

// Frames that cost a client nothing cost us nothing: streams that are reset at once, headers without an end, pings whose
// answers nobody reads. The connection is cut, and everybody else is answered.
func TestFloodsOfFramesAreCutOff(t *testing.T) {
	files, client := loopbackFiles(t)
	o := options(t)
	o.TLS = files
	a := running(t, o)
	address := strings.TrimPrefix(a.Addr().Console, "https://")
	more := fields("x-a", strings.Repeat("y", 4000))
	for name, write := range map[string]func(f *flood, i int) error{
		"rapid reset": func(f *flood, i int) error {
			stream := uint32(2*i + 1) //nolint:gosec // below a million
			return errors.Join(
				f.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.header, EndStream: true, EndHeaders: true}),
				f.frames.WriteRSTStream(stream, http2.ErrCodeCancel))
		},
		"headers without an end": func(f *flood, i int) error {
			if i == 0 {
				return f.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.header})
			}
			return f.frames.WriteContinuation(1, false, more)
		},
		"settings": func(f *flood, _ int) error {
			return f.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		},
	} {
		f := newFlood(t, address)
		var err error
		sent := 0
		for ; err == nil && sent < 20_000; sent++ {
			err = write(f, sent)
		}
		if name == "headers without an end" && err == nil {
			t.Errorf("%s: %d frames were taken", name, sent)
		}
		if answer, err := client.Get(a.Addr().Console + "/livez"); err != nil {
			t.Errorf("after %s: %v", name, err)
		} else {
			answer.Body.Close()
		}
	}
}

// What says that it is compressed is not unpacked: a few bytes would become as many as somebody likes.
func TestNothingIsUnpacked(t *testing.T) {
	a := newAttacker(t)
	for _, path := range []string{"/api/v1/notifications", "/api/v1/audience/preview", "/api/v1/import/devices"} {
		for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
			kind := "application/json"
			if strings.HasSuffix(path, "devices") {
				kind = "text/csv"
			}
			bomb := "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat("\x00", 100)
			status, _, body := a.says(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Encoding: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				path, a.token, kind, coding, len(bomb), bomb))
			if status < 400 || status >= 500 {
				t.Errorf("%s with %s: answered %d %.100s", path, coding, status, body)
			}
		}
	}
}
