package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"heliograph/sim/authority"
)

// Server is an HTTPS listener on loopback that speaks HTTP/2 and HTTP/1.1, and lets handlers reach the connection
// below them.
type Server struct {
	addr   net.Addr
	http   *http.Server
	cancel context.CancelFunc
	done   chan struct{}
	stop   sync.Once
}

// ServerOptions are the variable parts of a Server.
type ServerOptions struct {
	Addr                 string // "" = 127.0.0.1:0
	MaxConcurrentStreams int    // HTTP/2 setting; 0 = net/http's default
	ClientCertificates   bool   // ask the client for a certificate; none is required and none is verified by TLS
	Logger               *slog.Logger
}

// Conn is what is known about one connection. State is for the simulator: it is made by the first request that asks.
type Conn struct {
	conn net.Conn // *tls.Conn, or *net.TCPConn of a plain server

	mu    sync.Mutex
	state any
}

// ConnState returns the simulator's own value of the connection that carries the request, made by fresh when it is the
// first to ask.
func ConnState[T any](ctx context.Context, fresh func() *T) *T {
	conn, ok := ctx.Value(connKey{}).(*Conn)
	if !ok {
		return fresh()
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	if state, ok := conn.state.(*T); ok {
		return state
	}
	state := fresh()
	conn.state = state
	return state
}

// ListenLoopback listens on addr ("" = any free port) and refuses addresses that others than this machine can reach.
func ListenLoopback(addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("simulator address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("simulator address %q: simulators listen on loopback only", addr)
	}
	return net.Listen("tcp", addr)
}

// Serve starts a server whose certificate is signed by ca.
func Serve(handler http.Handler, ca *authority.Authority, o ServerOptions) (*Server, error) {
	certificate, err := ca.Loopback()
	if err != nil {
		return nil, err
	}
	listener, err := ListenLoopback(o.Addr)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if o.ClientCertificates {
		config.ClientAuth = tls.RequestClientCert
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{addr: listener.Addr(), cancel: cancel, done: make(chan struct{})}
	s.http = newHTTPServer(ctx, handler, o.Logger)
	s.http.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: o.MaxConcurrentStreams}
	go s.serve(tls.NewListener(listener, config), o.Logger)
	return s, nil
}

// ServePlain starts a server without TLS on listener, for pages that people look at and for services that are spoken to
// without it.
func ServePlain(handler http.Handler, listener net.Listener, logger *slog.Logger) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{addr: listener.Addr(), cancel: cancel, done: make(chan struct{})}
	s.http = newHTTPServer(ctx, handler, logger)
	go s.serve(listener, logger)
	return s
}

func newHTTPServer(ctx context.Context, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, &Conn{conn: c})
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug), // clients that go away are the normal case here
	}
}

func (s *Server) serve(listener net.Listener, logger *slog.Logger) {
	defer close(s.done)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logger.Error("the simulator no longer listens", "addr", s.addr.String(), "error", err)
	}
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return s.addr.String() }

// Stop closes the listener and all connections; what hangs is released. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	var err error
	s.stop.Do(func() {
		s.cancel()
		err = s.http.Close()
	})
	select {
	case <-s.done:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// Quiet is the logger for those who give none.
func Quiet(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}
