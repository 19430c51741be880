package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Server answers over HTTP/1.1, which is what mail servers speak, with one goroutine for each connection: it reads a request,
// calls the handler, and writes the answer in one piece. net/http's own server has a second goroutine that reads ahead of
// every request, and what that costs is most of what a notification costs here (docs/decisions/0006). Requests are parsed
// by http.ReadRequest; limits are those of web.NewServer.
type Server struct {
	handler    http.Handler
	log        *slog.Logger
	handshakes handshakes
	clock      clock

	ctx      context.Context // of every request; ends with Close
	cut      context.CancelFunc
	stopping atomic.Bool
	running  sync.WaitGroup // connections

	mu    sync.Mutex
	ports map[net.Listener]struct{}
	conns map[*conn]struct{}
}

// NewServer answers with h, which must let go of its ResponseWriter and of the body when it returns, and whose answers are
// short: see reply. A TLS handshake that fails is worth a line in the log: an old mail server then cannot reach us, and its
// own log says little. So is a panic of h, which costs its connection.
func NewServer(h http.Handler, l *slog.Logger) *Server {
	ctx, cut := context.WithCancel(context.Background())
	return &Server{
		handler: h, log: l, handshakes: handshakes{l, rate.NewLimiter(1, 20)}, ctx: ctx, cut: cut,
		ports: map[net.Listener]struct{}{}, conns: map[*conn]struct{}{},
	}
}

// protocols are what is agreed upon with clients that ask in TLS (RFC 7301 section 6).
var protocols = []string{"http/1.1", "http/1.0"}

// Serve answers on a listener until the server is stopped, over TLS when there is a configuration for it. It closes the
// listener. nil = it was stopped.
func (s *Server) Serve(l net.Listener, config *tls.Config) error {
	defer l.Close()
	if !s.listens(l) {
		return nil
	}
	if config != nil {
		config = config.Clone()
		config.NextProtos = protocols
	}
	var pause time.Duration
	for {
		raw, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.take(raw, config)
		case s.stopping.Load():
			return nil
		case !passes(err):
			return err
		default: // out of files, as a rule
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("a connection could not be accepted: trying again", "error", err, "in", pause)
			s.wait(pause)
		}
	}
}

// passes reports whether an error of Accept is one that goes by.
func passes(err error) bool {
	var of net.Error
	//lint:ignore SA1019 of Accept it says what it means
	return errors.As(err, &of) && of.Temporary()
}

// wait is for a time, or for Close.
func (s *Server) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// listens remembers a listener, to be closed by a stop. false = the server was stopped.
func (s *Server) listens(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports[l] = struct{}{}
	return !s.stopping.Load()
}

// take serves a connection.
func (s *Server) take(raw net.Conn, config *tls.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		raw.Close() //nolint:errcheck // nothing was said on it
		return
	}
	c := newConn(s, raw, config)
	s.conns[c] = struct{}{}
	s.running.Go(func() {
		defer s.forget(c)
		c.serve()
	})
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// stop closes the listeners, and does to every connection what is said. Nothing is accepted afterwards.
func (s *Server) stop(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping.Store(true)
	for l := range s.ports {
		l.Close() //nolint:errcheck // it may be closed already
	}
	clear(s.ports)
	for c := range s.conns {
		do(c)
	}
}

// Shutdown closes the connections on which nothing is asked, lets answers be finished on the others, which close behind
// them, and returns when all have ended. When ctx ends before that, its error; Close cuts off what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop((*conn).dismiss)
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close cuts all connections off. The contexts of their requests end.
func (s *Server) Close() error {
	s.cut()
	s.stop((*conn).cutOff)
	return nil
}

// clock is the time as answers tell it, made once a second.
type clock struct{ now atomic.Pointer[tick] }

type tick struct {
	second int64
	text   string
}

func (c *clock) date(at time.Time) string {
	t := c.now.Load()
	if t == nil || t.second != at.Unix() {
		t = &tick{at.Unix(), at.UTC().Format(http.TimeFormat)}
		c.now.Store(t)
	}
	return t.text
}
