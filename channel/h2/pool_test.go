package h2

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

func newPool(t *testing.T, s *channeltest.Server, o Options) *Pool {
	t.Helper()
	endpoint, err := channel.ParseEndpoint(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	config, err := channel.TLSConfig(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	p := New(endpoint, channel.Dialer{TLS: config}, o)
	t.Cleanup(p.Close)
	return p
}

func do(p *Pool) (Answer, *message.Failure) {
	return p.Do(context.Background(), Request{Path: "/", Body: []byte("{}")})
}

func mustAnswer(t *testing.T, p *Pool) {
	t.Helper()
	if a, f := do(p); f != nil || a.Status != http.StatusOK {
		t.Fatalf("got status %d, failure %+v", a.Status, f)
	}
}

// inParallel sends n requests at once and returns their failures.
func inParallel(p *Pool, n int) (failures []*message.Failure) {
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	for range n {
		wg.Go(func() {
			if _, f := do(p); f != nil {
				mu.Lock()
				failures = append(failures, f)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failures
}

func TestExactStreams(t *testing.T) {
	defer goleak.VerifyNone(t)
	const streams = 10
	s := channeltest.NewServer(t, streams, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer s.Close()
	p := newPool(t, s, Options{Most: 3})
	defer p.Close()
	if failures := inParallel(p, 2000); len(failures) > 0 {
		t.Errorf("%d requests failed, the first: %+v", len(failures), failures[0])
	}
	if n := s.Conns(); n < 1 || n > 3 {
		t.Errorf("%d connections, want 1 to 3", n)
	}
}

// TestGrowth holds requests back, so that the pool must open what their number needs. The first one of each
// connection is answered at once: until then the connection is not used by others.
func TestGrowth(t *testing.T) {
	defer goleak.VerifyNone(t)
	const streams, conns = 10, 4
	const requests = conns + (conns-1)*streams + 5
	var (
		arrived atomic.Int32
		greeted sync.Map
		release = make(chan struct{})
	)
	s := channeltest.NewServer(t, streams, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == requests {
			close(release)
		}
		if _, again := greeted.LoadOrStore(r.RemoteAddr, true); again {
			<-release
		}
	}))
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	if failures := inParallel(p, requests); len(failures) > 0 {
		t.Errorf("%d requests failed, the first: %+v", len(failures), failures[0])
	}
	// One more may be opened while the first answer's stream is still being given back.
	if n := s.Conns(); n < conns || n > conns+1 {
		t.Errorf("%d connections for %d requests on %d streams each, want %d", n, requests, streams, conns)
	}
}

func TestFirstRequestAlone(t *testing.T) {
	defer goleak.VerifyNone(t)
	var inside, most atomic.Int32
	first, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := channeltest.NewServer(t, 100, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		once.Do(func() { close(first) })
		<-release
		inside.Add(-1)
	}))
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { do(p) })
	}
	<-first
	for p.waiting.Load() < 19 { // the others have come to their wait
		runtime.Gosched()
	}
	if most.Load() != 1 || s.Conns() != 1 {
		t.Errorf("%d requests on %d connections before the first was answered", most.Load(), s.Conns())
	}
	close(release)
	wg.Wait()
}

// TestGoAwayBelow: a GOAWAY whose last stream is below ours says that ours was not looked at.
func TestGoAwayBelow(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(n int, p *channeltest.Peer) {
		first, _ := p.Next()
		p.Answer(first)
		if n > 0 {
			return
		}
		p.Next()
		p.GoAway(first, channeltest.NoError)
		p.Next() // until the client leaves
	})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	mustAnswer(t, p)
	mustAnswer(t, p)
	if s.Conns() != 2 {
		t.Errorf("%d connections, want 2", s.Conns())
	}
}

func TestGoAwayWhileIdle(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		stream, _ := p.Next()
		p.Answer(stream)
		p.GoAway(stream, channeltest.NoError)
		p.Next()
	})
	defer s.Close()
	p := newPool(t, s, Options{Most: 2})
	defer p.Close()
	for range 6 { // more than the pool may have connections: those told to go must not count
		mustAnswer(t, p)
	}
}

func TestRefusedStreamGoesAgain(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		for refuse := true; ; refuse = false {
			stream, ok := p.Next()
			if !ok {
				return
			}
			if refuse {
				p.Reset(stream, channeltest.RefusedStream)
				continue
			}
			p.Answer(stream)
		}
	})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	mustAnswer(t, p)
}

func TestRefusedThenBroken(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		stream, _ := p.Next()
		p.Reset(stream, channeltest.RefusedStream)
		p.Next()
	})
	defer s.Close()
	p := newPool(t, s, Options{Answer: 5 * time.Second})
	defer p.Close()
	want(t, p, message.LostAnswer, message.LostAnswerReason)
}

func TestEndlessGoAway(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		p.Next()
		p.GoAway(0, channeltest.NoError)
		p.Next()
	})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	want(t, p, message.Trouble, message.ServerError)
	if s.Conns() != fruitless {
		t.Errorf("%d connections, want %d", s.Conns(), fruitless)
	}
}

func TestClosedAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := channeltest.NewPeers(t, 100, func(int, *channeltest.Peer) {})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	_, f := do(p)
	// Whether the request was still written is the kernel's choice.
	if f == nil || f.Scope != message.WholeServer && f.Scope != message.LostAnswer {
		t.Errorf("got %+v", f)
	}
}

func want(t *testing.T, p *Pool, scope message.Scope, reason message.Reason) {
	t.Helper()
	_, f := do(p)
	if f == nil {
		t.Fatal("no failure")
	}
	if f.Scope != scope || f.Reason != reason || f.Detail == "" {
		t.Errorf("got %s, %s, %q; want %s, %s", f.Scope, f.Reason, f.Detail, scope, reason)
	}
}

func TestLostAnswers(t *testing.T) {
	behaviours := map[string]func(p *channeltest.Peer, stream uint32){
		"closed": func(*channeltest.Peer, uint32) {},
		"reset": func(p *channeltest.Peer, stream uint32) {
			p.Reset(stream, channeltest.InternalError)
			if next, ok := p.Next(); ok { // the connection is as good as before
				p.Answer(next)
			}
		},
		"garbage":         func(p *channeltest.Peer, _ uint32) { p.Garbage() },
		"hangs":           func(p *channeltest.Peer, _ uint32) { p.Next() },
		"goaway, at last": func(p *channeltest.Peer, stream uint32) { p.GoAway(stream, channeltest.NoError) },
	}
	for name, behave := range behaviours {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s := channeltest.NewPeers(t, 100, func(n int, p *channeltest.Peer) {
				stream, _ := p.Next()
				if n > 0 {
					p.Answer(stream)
					return
				}
				behave(p, stream)
			})
			defer s.Close()
			p := newPool(t, s, Options{Answer: 300 * time.Millisecond})
			defer p.Close()
			want(t, p, message.LostAnswer, message.LostAnswerReason)
			mustAnswer(t, p) // on a new connection: the broken or silent one is not used again
		})
	}
}

// TestBrokenConnectionIsOneEvent: for all who waited on it, and for nobody else.
func TestBrokenConnectionIsOneEvent(t *testing.T) {
	const many = 5
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		first, _ := p.Next()
		p.Answer(first)
		for range many {
			p.Next()
		}
	})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	events := map[*message.Event]int{}
	for range 2 {
		mustAnswer(t, p)
		for _, f := range inParallel(p, many) {
			if f.Scope != message.LostAnswer || f.Event == nil {
				t.Fatalf("%+v", f)
			}
			events[f.Event]++
		}
	}
	if len(events) != 2 {
		t.Errorf("%d events, want one for each connection", len(events))
	}
	for _, n := range events {
		if n != many {
			t.Errorf("%d requests say that it was the same, want %d", n, many)
		}
	}
}

func TestResetStreamIsNoEvent(t *testing.T) {
	s := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		for stream, ok := p.Next(); ok; stream, ok = p.Next() {
			p.Reset(stream, channeltest.InternalError)
		}
	})
	defer s.Close()
	p := newPool(t, s, Options{})
	defer p.Close()
	if _, f := do(p); f == nil || f.Scope != message.LostAnswer || f.Event != nil {
		t.Errorf("%+v", f)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s := channeltest.NewServer(t, 1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer s.Close()
	p := newPool(t, s, Options{Most: 1})
	defer p.Close()
	done := make(chan *message.Failure)
	go func() { _, f := do(p); done <- f }()
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	waited := make(chan Answer)
	go func() {
		a, f := p.Do(ctx, Request{Path: "/"})
		if f != nil {
			t.Errorf("a wait that was given up failed: %+v", f)
		}
		waited <- a
	}()
	cancel()
	if a := <-waited; a.Status != 0 {
		t.Errorf("status %d for a request that was not sent", a.Status)
	}
	close(release)
	if f := <-done; f != nil {
		t.Errorf("the request on the wire failed: %+v", f)
	}
}

func TestCloseLetsRunningFinish(t *testing.T) {
	defer goleak.VerifyNone(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s := channeltest.NewServer(t, 10, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer s.Close()
	p := newPool(t, s, Options{})
	done := make(chan *message.Failure)
	go func() { _, f := do(p); done <- f }()
	<-arrived
	p.Close()
	close(release)
	if f := <-done; f != nil {
		t.Errorf("closing ended a running request: %+v", f)
	}
	if n := len(*p.conns.Load()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestCannotConnect(t *testing.T) {
	defer goleak.VerifyNone(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "https://" + dead.Addr().String()
	_ = dead.Close()
	s := channeltest.NewServer(t, 10, http.NotFoundHandler())
	defer s.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	cases := []struct {
		name, origin, ca string
		reason           message.Reason
		detail           string
	}{
		{"refused", refused, s.CA, message.Unreachable, "refused the connection"},
		{"unknown name", "https://nowhere.invalid", s.CA, message.Unreachable, "DNS"},
		{"untrusted", s.URL, "", message.TLS, "authority that is not trusted"},
		{"another name", strings.Replace(s.URL, "127.0.0.1", "localhost", 1), s.CA, message.TLS, "another name"},
		{"silent", "https://" + silent.Addr().String(), s.CA, message.Timeout, "did not finish TLS in time"},
		{"metadata", "https://169.254.169.254", s.CA, message.Unreachable, "link-local"},
		{"link-local", "https://[fe80::1]", s.CA, message.Unreachable, "link-local"},
		{"mapped", "https://[::ffff:169.254.169.254]", s.CA, message.Unreachable, "link-local"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			endpoint, err := channel.ParseEndpoint(c.origin)
			if err != nil {
				t.Fatal(err)
			}
			config, err := channel.TLSConfig(c.ca)
			if err != nil {
				t.Fatal(err)
			}
			p := New(endpoint, channel.Dialer{TLS: config, Timeout: time.Second}, Options{})
			defer p.Close()
			for _, f := range inParallel(p, 5) {
				if f.Scope != message.WholeServer || f.Reason != c.reason || !strings.Contains(f.Detail, c.detail) {
					t.Errorf("got %s, %s, %q", f.Scope, f.Reason, f.Detail)
				}
			}
			if n := len(inParallel(p, 5)); n != 5 {
				t.Errorf("%d of 5 failed", n)
			}
		})
	}
}
