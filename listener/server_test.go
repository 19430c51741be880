package listener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/web"
)

// pipes is a listener in memory: what waits for it waits in fake time.
type pipes struct {
	ends   chan net.Conn
	faults chan error
	closed context.Context
	close  context.CancelFunc
}

func newPipes() *pipes {
	p := &pipes{ends: make(chan net.Conn), faults: make(chan error)}
	p.closed, p.close = context.WithCancel(context.Background())
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ends:
		return c, nil
	case err := <-p.faults:
		return nil, err
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// peer is the other end of a connection. It hears all that is said, at once.
type peer struct {
	net.Conn
	mu    sync.Mutex
	heard bytes.Buffer
	ended bool
}

// dial connects; nil = nobody accepts.
func (p *pipes) dial() *peer {
	near, far := net.Pipe()
	select {
	case p.ends <- far:
	case <-p.closed.Done():
		return nil
	}
	c := &peer{Conn: near}
	go c.listen()
	return c
}

func (p *peer) listen() {
	b := make([]byte, 4096)
	for {
		n, err := p.Read(b)
		p.mu.Lock()
		p.heard.Write(b[:n])
		p.ended = err != nil
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// says sends text, and is what was heard until nothing moved any more.
func (p *peer) says(text string) string {
	go io.WriteString(p, text) //nolint:errcheck // the server may stop reading
	synctest.Wait()
	return p.hears()
}

// hears is what came since it was last asked.
func (p *peer) hears() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.heard.Reset()
	return p.heard.String()
}

func (p *peer) over() bool {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// serving runs a test with a server of ours in fake time. When it ends nothing of the server is left, or the bubble fails.
func serving(t *testing.T, h http.HandlerFunc, do func(t *testing.T, s *Server, l *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		s, l := NewServer(h, slog.New(slog.DiscardHandler)), newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(l, nil) }()
		synctest.Wait()
		do(t, s, l)
		s.Close()
		if err := <-done; err != nil {
			t.Error("Serve:", err)
		}
		s.running.Wait()
	})
}

// manner is a handler that does what its path says.
func manner(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/read":
		text, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "broken", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s%v", text, r.Trailer)
	case "/half":
		_, _ = io.ReadFull(r.Body, make([]byte, 3))
		_, _ = io.WriteString(w, "half")
	case "/shut":
		_ = r.Body.Close()
		_, err := r.Body.Read(make([]byte, 1))
		_, _ = fmt.Fprint(w, err)
	case "/reply":
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = contentType, lengthOK
		_, _ = io.WriteString(w, okReply)
	case "/413":
		(&face{}).say(w, http.StatusRequestEntityTooLarge)
	case "/503":
		(&face{}).say(w, http.StatusServiceUnavailable)
	case "/204", "/304", "/299":
		w.Header().Set("Content-Type", "text/plain")
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		if _, err := io.WriteString(w, "x"); (err != nil) == hasBody(status) {
			panic(err)
		}
	case "/late":
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.Copy(io.Discard, r.Body)
	case "/inject":
		w.Header().Set("X-Odd", " a\r\nPlanted: 1 ")
		w.Header()["bad name"] = []string{"x"}
		w.Header()["Date"] = nil
		w.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(w, "fine")
	case "/panic":
		panic("sneeze")
	case "/abort":
		panic(http.ErrAbortHandler)
	default:
		_, _ = io.WriteString(w, "hello")
	}
}

// exchange is a conversation: what is sent step by step, and the statuses that are heard after each.
type exchange struct {
	name  string
	says  []string
	hears []string
	ends  bool   // the connection is closed afterwards
	own   string // why net/http answers otherwise; "" = byte for byte the same
}

const host = "Host: x\r\n"

func exchanges() []exchange {
	get := func(path string, fields ...string) string {
		return "GET " + path + " HTTP/1.1\r\n" + host + strings.Join(fields, "") + "\r\n"
	}
	post := func(path, body string, fields ...string) string {
		return "POST " + path + " HTTP/1.1\r\n" + host + strings.Join(fields, "") + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	chunked := "POST %s HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n"
	one := func(s string) []string { return []string{s} }
	const wants = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	return []exchange{
		{name: "kept alive", says: []string{get("/"), get("/"), post("/read", "abc")}, hears: []string{"200", "200", "200"}},
		{name: "pipelined", says: one(get("/") + post("/read", "abc") + get("/reply")), hears: one("200 200 200")},
		{name: "reply", says: one(post("/reply", strings.Repeat("x", 10_000))), hears: one("200")},
		{name: "byte by byte", says: strings.Split("GET / HTTP/1.1\r\nHost:x\r\n\r\n", ""), hears: append(make([]string, 25), "200")},
		{name: "in two parts", says: []string{"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "ab", "cd", get("/")}, hears: []string{"", "", "200", "200"}},
		{name: "HTTP/1.0", says: one("GET / HTTP/1.0\r\n\r\n"), hears: one("200"), ends: true},
		{name: "HTTP/1.0 kept alive", says: []string{"GET /reply HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}, hears: []string{"200", "200"}, ends: true},
		{name: "HTTP/1.0 with a body", says: one("POST /read HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"), hears: one("200"), ends: true},
		{name: "HTTP/1.0 expects nothing", says: one("POST /read HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"), hears: one("200"), ends: true},
		{name: "the client ends it", says: one(get("/", "Connection: close\r\n") + get("/")), hears: one("200"), ends: true},
		{name: "we end it", says: one(get("/413") + get("/")), hears: one("413"), ends: true},
		{name: "busy", says: one(get("/503")), hears: one("503")},
		{name: "an odd status", says: one(get("/299")), hears: one("299")},
		{name: "no body in it", says: one(get("/204") + get("/304") + get("/")), hears: one("204 304 200")},
		{name: "HEAD", says: one("HEAD /reply HTTP/1.1\r\n" + host + "\r\n" + "HEAD / HTTP/1.1\r\n" + host + "\r\n" + get("/")), hears: one("200 200 200")},
		{name: "fields that a handler may not say", says: one(get("/inject")), hears: one("200")},
		{name: "an empty line behind a POST", says: []string{post("/read", "abc") + "\r\n", get("/"), post("/read", "abc"), "\r\n" + get("/")}, hears: []string{"200", "200", "200", "200"}},

		{name: "asks and is read", says: []string{"POST /read HTTP/1.1\r\n" + host + wants, "12345", get("/")}, hears: []string{"100", "200", "200"}},
		{name: "asks and is not read", says: one("POST / HTTP/1.1\r\n" + host + wants), hears: one("200"), ends: true, own: "it waits for the body that it never asked for"},
		{name: "asks and is answered first", says: []string{"POST /late HTTP/1.1\r\n" + host + wants, "12345"}, hears: []string{"100", "202"}, own: "its answer leaves before the handler reads"},
		{name: "asks and does not wait", says: one("POST /read HTTP/1.1\r\n" + host + wants + "12345" + get("/")), hears: one("100 200 200")},
		{name: "asks about nothing", says: one(post("/read", "", "Expect: 100-continue\r\n")), hears: one("200")},
		{name: "expects something else", says: one(post("/", "", "Expect: magic\r\n")), hears: one("417"), ends: true},

		{name: "chunked", says: one(fmt.Sprintf(chunked, "/read") + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n" + get("/")), hears: one("200 200")},
		{name: "chunked with a trailer", says: one(fmt.Sprintf(chunked, "/read") + "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n" + get("/")), hears: one("200 200")},
		{name: "chunked, broken", says: one(fmt.Sprintf(chunked, "/read") + "zz\r\n" + get("/")), hears: one("400"), ends: true},
		{name: "chunked, broken where nobody reads", says: one(fmt.Sprintf(chunked, "/") + "3\r\nabcdef\r\n" + get("/")), hears: one("200"), ends: true},
		{name: "chunked with an endless trailer", says: one(fmt.Sprintf(chunked, "/read") + "0\r\nX: " + strings.Repeat("x", 9000)), hears: one("400"), ends: true},

		{name: "unread", says: one(post("/", "abc") + get("/")), hears: one("200 200")},
		{name: "unread and shut", says: one(post("/shut", "abc") + get("/")), hears: one("200 200"), own: "it closes what the handler shut"},
		{name: "half read", says: one(post("/half", strings.Repeat("x", 100_000)) + get("/")), hears: one("200 200")},
		{name: "unread in chunks", says: one(fmt.Sprintf(chunked, "/") + "3\r\nabc\r\n0\r\n\r\n" + get("/")), hears: one("200 200")},
		{name: "much unread", says: one(post("/", strings.Repeat("x", 300_000)) + get("/")), hears: one("200"), ends: true},
		{name: "much unread in chunks", says: one(fmt.Sprintf(chunked, "/half") + "60000\r\n" + strings.Repeat("x", 0x60000) + "\r\n0\r\n\r\n" + get("/")), hears: one("200"), ends: true},

		{name: "no Host", says: one("GET / HTTP/1.1\r\n\r\n"), hears: one("400"), ends: true},
		{name: "an empty Host", says: one("GET / HTTP/1.1\r\nHost:\r\n\r\n"), hears: one("400"), ends: true, own: "it takes a Host that names nobody"},
		{name: "two Hosts", says: one("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"), hears: one("400"), ends: true},
		{name: "a malformed Host", says: one("GET / HTTP/1.1\r\nHost: a b\"\r\n\r\n"), hears: one("400"), ends: true},
		{name: "an absolute target", says: one("GET http://x/reply HTTP/1.1\r\nHost: y\r\n\r\n"), hears: one("200")},
		{name: "no request", says: one("hello\r\n\r\n"), hears: one("400"), ends: true},
		{name: "no method", says: one(" / HTTP/1.1\r\n" + host + "\r\n"), hears: one("400"), ends: true},
		{name: "a malformed target", says: one("GET x%zz HTTP/1.1\r\n" + host + "\r\n"), hears: one("400"), ends: true},
		{name: "a space before the colon", says: one("GET / HTTP/1.1\r\n" + host + "X : y\r\n\r\n"), hears: one("400"), ends: true},
		{name: "a field without a name", says: one("GET / HTTP/1.1\r\n" + host + ": y\r\n\r\n"), hears: one("400"), ends: true},
		{name: "a field with a zero", says: one("GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n"), hears: one("400"), ends: true},
		{name: "a line without a colon", says: one("GET / HTTP/1.1\r\n" + host + "xyz\r\n\r\n"), hears: one("400"), ends: true},
		{name: "two lengths", says: one("POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), hears: one("400"), ends: true},
		{name: "a negative length", says: one("POST / HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\nabcd"), hears: one("400"), ends: true},
		{name: "length and chunks", says: one("POST /read HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + get("/")), hears: one("200 200")},
		{name: "an unknown coding", says: one("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n"), hears: one("501"), ends: true},
		{name: "a long header", says: one("GET / HTTP/1.1\r\n" + host + strings.Repeat("X: 1\r\n", 20_000)), hears: one("431"), ends: true},
		{name: "a long line", says: one("GET /" + strings.Repeat("a", 100_000)), hears: one("431"), ends: true},
		{name: "a header at the limit", says: one(get("/", "X: "+strings.Repeat("x", web.MaxHeader)+"\r\n") + get("/")), hears: one("200 200")},
		{name: "HTTP/2", says: one("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), hears: one("505"), ends: true, own: "it leaves the preface to the handler"},
		{name: "HTTP/3", says: one("GET / HTTP/3.0\r\n" + host + "\r\n"), hears: one("505"), ends: true},
		{name: "HTTP/0.9", says: one("GET / HTTP/0.9\r\n" + host + "\r\n"), hears: one("505"), ends: true},
		{name: "a version of words", says: one("GET / HTTP/one\r\n" + host + "\r\n"), hears: one("400"), ends: true},

		{name: "a panic", says: one(get("/panic") + get("/")), hears: one(""), ends: true},
		{name: "an abort", says: one(get("/abort") + get("/")), hears: one(""), ends: true},
	}
}

var statusLine = regexp.MustCompile(`(?:^|\r\n|[^\r\n]?)HTTP/1\.[01] (\d\d\d) `)

// statuses are those of the answers in what was heard.
func statusesIn(heard string) string {
	var all []string
	for _, found := range statusLine.FindAllStringSubmatch(heard, -1) {
		all = append(all, found[1])
	}
	return strings.Join(all, " ")
}

// TestExchanges is the protocol as a client sees it. What net/http's server answered to the same bytes is the judge of
// every byte, but where it is said why not.
func TestExchanges(t *testing.T) {
	for _, e := range exchanges() {
		t.Run(e.name, func(t *testing.T) {
			var ours, theirs []string
			serving(t, manner, func(t *testing.T, _ *Server, l *pipes) {
				var ends bool
				ours, ends = e.with(l)
				if ends != e.ends {
					t.Errorf("the connection has ended: %t", ends)
				}
			})
			for i, heard := range ours {
				if got := statusesIn(heard); got != e.hears[i] {
					t.Errorf("after %.60q came %s, not %s:\n%s", e.says[i], got, e.hears[i], heard)
				}
			}
			if e.own != "" {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				s, l := web.NewServer(http.HandlerFunc(manner), slog.New(slog.DiscardHandler)), newPipes()
				go web.Serve(s, l, nil) //nolint:errcheck // until Close
				var ends bool
				if theirs, ends = e.with(l); ends != e.ends {
					t.Errorf("net/http has ended the connection: %t", ends)
				}
				s.Close()
			})
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("net/http answers otherwise (-):\n%s", diff)
			}
		})
	}
}

// with leads a conversation.
func (e exchange) with(l *pipes) (heard []string, ends bool) {
	c := l.dial()
	defer c.Close()
	for _, text := range e.says {
		heard = append(heard, c.says(text))
	}
	time.Sleep(2 * time.Second) // a refused connection is closed with care
	return heard, c.over()
}

// TestPatience is how long each kind of waiting is borne.
func TestPatience(t *testing.T) {
	const header = "POST /read HTTP/1.1\r\n" + host + "Content-Length: 500\r\n\r\n"
	for _, c := range []struct {
		name  string
		first string // at once
		then  string // a byte a second
		limit time.Duration
		hears string
	}{
		{"says nothing", "", "", web.HeaderTime, ""},
		{"a slow header", "", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 500), web.HeaderTime, "400"},
		{"half a header", "GET / HTTP/1.1\r\nX", "", web.HeaderTime, "400"},
		{"a slow body", header, strings.Repeat("x", 500), web.ReadTime, "400"},
		{"half a body", header + "x", "", web.ReadTime, "400"},
		{"a body that nobody reads", strings.Replace(header, "read", "", 1), "", web.ReadTime, "200"},
		{"idle", "GET / HTTP/1.1\r\n" + host + "\r\n", "", web.IdleTime, "200"},
		{"a slow second header", "GET / HTTP/1.1\r\n" + host + "\r\nG", "ET / HTTP/1.1\r\n" + strings.Repeat("x", 500), web.HeaderTime, "200 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			serving(t, manner, func(t *testing.T, _ *Server, l *pipes) {
				start := time.Now()
				p := l.dial()
				defer p.Close()
				heard := p.says(c.first)
				for i := 0; !p.over() && time.Since(start) < time.Hour; i++ {
					if i < len(c.then) {
						heard += p.says(c.then[i : i+1])
					}
					time.Sleep(time.Second)
				}
				heard += p.hears()
				if took := time.Since(start); took < c.limit-2*time.Second || took > c.limit+2*time.Second {
					t.Errorf("it was borne for %s, not %s", took, c.limit)
				}
				if got := statusesIn(heard); got != c.hears {
					t.Errorf("it heard %q, not %q", heard, c.hears)
				}
			})
		})
	}
}

// TestSlowReaders: a client that does not take its answer is given up.
func TestSlowReaders(t *testing.T) {
	serving(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, answerLimit)) }, func(t *testing.T, s *Server, l *pipes) {
		near, far := net.Pipe()
		l.ends <- far
		start := time.Now()
		_, _ = io.WriteString(near, "GET / HTTP/1.1\r\n"+host+"\r\n")
		for one := make([]byte, 1); ; time.Sleep(time.Second) {
			if _, err := near.Read(one); err != nil {
				break
			}
		}
		if took := time.Since(start); took > web.WriteTime+2*time.Second {
			t.Errorf("it was borne for %s", took)
		}
	})
}

// TestDeadlinesAreMoved: a busy connection lives longer than any of its limits.
func TestDeadlinesAreMoved(t *testing.T) {
	serving(t, manner, func(t *testing.T, _ *Server, l *pipes) {
		p := l.dial()
		for i := range 5000 {
			pause := 100 * time.Millisecond
			if i%100 == 99 {
				pause = web.IdleTime - 2*time.Second
			}
			time.Sleep(pause)
			first, second := "POST /read HTTP/1.1\r\n"+host+"Content-Length: 3\r\n\r\n", "abc"
			p.says(first)
			if got := statusesIn(p.says(second)); got != "200" {
				t.Fatalf("request %d: %q", i, got)
			}
		}
	})
}

// TestClientsGoAway at any byte: nothing is left of the connection, and no half request reaches the handler as a whole one.
func TestClientsGoAway(t *testing.T) {
	const text = "POST /read HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	whole := 0
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil {
			whole += len(b)
		}
		manner(w, r)
	}, func(t *testing.T, s *Server, l *pipes) {
		for i := range len(text) {
			p := l.dial()
			p.says(text[:i])
			p.Close()
			synctest.Wait()
			s.mu.Lock()
			if n := len(s.conns); n != 0 {
				t.Errorf("after %q there are %d connections", text[:i], n)
			}
			s.mu.Unlock()
		}
		if whole != 0 {
			t.Errorf("%d bytes were taken for whole", whole)
		}
	})
}

// TestRequests: a handler learns who asks, and when that ends.
func TestRequests(t *testing.T) {
	var asked *http.Request
	serving(t, func(_ http.ResponseWriter, r *http.Request) { asked = r }, func(t *testing.T, _ *Server, l *pipes) {
		p := l.dial()
		p.says("GET /a?b HTTP/1.1\r\n" + host + "\r\n")
		if asked.RemoteAddr != "pipe" || asked.TLS != nil || asked.Host != "x" || asked.RequestURI != "/a?b" {
			t.Errorf("%+v", asked)
		}
		ctx := asked.Context()
		if addr, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr); addr == nil || ctx.Err() != nil {
			t.Errorf("%v %v", addr, ctx.Err())
		}
		p.Close()
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("the context goes on without the connection")
		}
	})
}

// TestPanics cost a connection and a line of the log, and nobody else notices.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, l := NewServer(http.HandlerFunc(manner), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))), newPipes()
		go s.Serve(l, nil) //nolint:errcheck // until Close
		other := l.dial()
		for _, path := range []string{"/abort", "/panic"} {
			p := l.dial()
			if heard := p.says("GET " + path + " HTTP/1.1\r\n" + host + "\r\n"); heard != "" || !p.over() {
				t.Errorf("%s: %q", path, heard)
			}
		}
		if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "sneeze") || !strings.Contains(text, "listener.manner") {
			t.Errorf("the log says %s", text)
		}
		if got := statusesIn(other.says("GET / HTTP/1.1\r\n" + host + "\r\n")); got != "200" {
			t.Errorf("another connection hears %q", got)
		}
		s.Close()
	})
}

// TestLongAnswers are mistakes of ours, and cost no more memory than answers may.
func TestLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, l := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				_, _ = w.Write(make([]byte, answerLimit))
				return
			}
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}), slog.New(slog.NewTextHandler(&log, nil))), newPipes()
		go s.Serve(l, nil) //nolint:errcheck // until Close
		p := l.dial()
		if heard := p.says("GET / HTTP/1.1\r\n" + host + "\r\n"); len(heard) < answerLimit {
			t.Errorf("%d bytes", len(heard))
		}
		if heard := p.says("GET /long HTTP/1.1\r\n" + host + "\r\n"); statusesIn(heard) != "500" || len(heard) > 200 || !p.over() {
			t.Errorf("%q", heard)
		}
		if !strings.Contains(log.String(), "too long") {
			t.Errorf("the log says %s", log.String())
		}
		s.Close()
	})
	a := reply{body: make([]byte, 0, answerLimit), out: make([]byte, 0, answerLimit)}
	a.begin(&http.Request{})
	if cap(a.body)+cap(a.out) != 0 {
		t.Error("a connection keeps the memory of a long answer")
	}
}

// TestShutdown: what is idle ends at once, what runs ends with its answer, and nothing begins.
func TestShutdown(t *testing.T) {
	var release chan struct{}
	serving(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-release
		}
	}, func(t *testing.T, s *Server, l *pipes) {
		release = make(chan struct{}) // of this bubble's time
		const get, hold = "GET / HTTP/1.1\r\n" + host + "\r\n", "GET /hold HTTP/1.1\r\n" + host + "\r\n"
		fresh, idle, running, reading := l.dial(), l.dial(), l.dial(), l.dial()
		idle.says(get)
		running.says(hold + get)
		reading.says(get[:10])
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(t.Context()) }()
		for name, p := range map[string]*peer{"new": fresh, "idle": idle} {
			if !p.over() {
				t.Errorf("a connection that is %s goes on", name)
			}
		}
		if running.over() || reading.over() || len(done) > 0 {
			t.Error("what runs was cut off")
		}
		if l.dial() != nil {
			t.Error("a connection was accepted")
		}
		if heard := reading.says(get[10:]); !strings.Contains(heard, "200 OK") || !strings.Contains(heard, "Connection: close\r\n") || !reading.over() {
			t.Errorf("who was asking heard %q", heard)
		}
		close(release)
		time.Sleep(lingerTime)
		if heard := running.says(""); statusesIn(heard) != "200" || !strings.Contains(heard, "Connection: close\r\n") || !running.over() {
			t.Errorf("who waited heard %q", heard)
		}
		synctest.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Serve(newPipes(), nil); err != nil {
			t.Error("Serve after Shutdown:", err)
		}
	})
}

// TestShutdownIsCutOff by its context, and Close ends what is left: handlers hear of it.
func TestShutdownIsCutOff(t *testing.T) {
	var ended error
	serving(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended = r.Context().Err()
	}, func(t *testing.T, s *Server, l *pipes) {
		p := l.dial()
		p.says("GET / HTTP/1.1\r\n" + host + "\r\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || p.over() {
			t.Errorf("%v", err)
		}
		s.Close()
		if !p.over() || ended == nil {
			t.Errorf("%v", ended)
		}
	})
}

// passing is an error of Accept that goes by, as EMFILE is.
type passing struct{ error }

func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }

// TestAcceptTriesAgain when files run out, more and more slowly.
func TestAcceptTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := NewServer(http.HandlerFunc(manner), slog.New(slog.DiscardHandler)), newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(l, nil) }()
		start := time.Now()
		for range 10 {
			l.faults <- passing{errors.New("too many open files")}
		}
		p := l.dial()
		if took := time.Since(start); took < time.Second || took > 5*time.Second {
			t.Errorf("it waited for %s", took)
		}
		if got := statusesIn(p.says("GET / HTTP/1.1\r\n" + host + "\r\n")); got != "200" {
			t.Errorf("it answers %q", got)
		}
		l.faults <- io.ErrUnexpectedEOF
		if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
		s.Close()
	})
}
