package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"

	"heliograph/sim/authority"
	"heliograph/sim/control"
)

// The stages of a dialogue at which a rule can act.
const (
	stageConnect  = "connect"
	stageEHLO     = "ehlo"
	stageSTARTTLS = "starttls"
	stageAuth     = "auth"
	stageMail     = "mail"
	stageRcpt     = "rcpt"
	stageData     = "data"
	stageEnd      = "end"
)

var stages = []string{stageConnect, stageEHLO, stageSTARTTLS, stageAuth, stageMail, stageRcpt, stageData, stageEnd}

// Defaults of Options.
const (
	defaultHostname   = "mail.simulator.test"
	defaultMaxSize    = 25 << 20
	defaultRecipients = 1000
)

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr          string               // "" = 127.0.0.1 and a free port
	Authority     *authority.Authority // nil = a fresh one
	Hostname      string               // how it greets; "" = mail.simulator.test
	MaxSize       int                  // bytes of a message; 0 = 25 MiB
	MaxRecipients int                  // of one transaction, then 452 4.5.3; 0 = 1000
	NoSTARTTLS    bool                 // do not offer it
	RequireAuth   bool                 // 530 for MAIL before AUTH
	ImplicitTLS   bool                 // also listen for TLS from the first byte, see TLSAddr

	// Password checks a password; nil = every one is right.
	Password func(user, password string) bool
	// Token checks an access token; nil = every one is right that does not begin with "sim-expired-".
	Token func(user, token string) bool

	HistorySize int          // 0 = control.DefaultHistory
	Logger      *slog.Logger // nil = silent
}

// witness is what Go code asks of the simulator: Fail, Reset, Count, Changed, History and After.
type witness = control.Witness[record, Item]

// Server is a running simulator.
type Server struct {
	witness
	options   Options
	logger    *slog.Logger
	authority *authority.Authority
	tls       *tls.Config
	history   *control.History[record]
	rules     control.Rules

	listeners []net.Listener // plain, then implicit TLS if asked for
	stopping  chan struct{}
	stop      sync.Once
	work      sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	o = o.withDefaults()
	var err error
	if o.Authority == nil {
		if o.Authority, err = authority.New(); err != nil {
			return nil, err
		}
	}
	certificate, err := o.Authority.Loopback()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, logger: control.Quiet(o.Logger), authority: o.Authority,
		tls:      &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		history:  control.NewHistory[record](o.HistorySize),
		stopping: make(chan struct{}), conns: map[net.Conn]bool{},
	}
	s.witness = control.NewWitness(s.history, &s.rules, decode)
	s.rules.Normalize = knownStage
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.Stop(context.Background()))
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Hostname == "" {
		o.Hostname = defaultHostname
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.MaxRecipients == 0 {
		o.MaxRecipients = defaultRecipients
	}
	if o.Password == nil {
		o.Password = func(string, string) bool { return true }
	}
	if o.Token == nil {
		o.Token = func(_, token string) bool { return !strings.HasPrefix(token, expiredPrefix) }
	}
	return o
}

func (s *Server) listen() error {
	plain, err := control.ListenLoopback(s.options.Addr)
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, plain)
	s.work.Go(func() { s.accept(plain, false) })
	if !s.options.ImplicitTLS {
		return nil
	}
	secure, err := control.ListenLoopback("")
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, secure)
	s.work.Go(func() { s.accept(secure, true) })
	return nil
}

// knownStage: the stage that is not named is that of the recipient.
func knownStage(rule *control.Rule) error {
	if rule.Stage == "" {
		rule.Stage = stageRcpt
	}
	if !slices.Contains(stages, rule.Stage) {
		return fmt.Errorf("stage %q: must be one of %v", rule.Stage, stages)
	}
	return nil
}

// Addr is host:port of the plain listener, which offers STARTTLS.
func (s *Server) Addr() string { return s.listeners[0].Addr().String() }

// TLSAddr is host:port of the listener for implicit TLS; "" unless it was asked for.
func (s *Server) TLSAddr() string {
	if len(s.listeners) < 2 {
		return ""
	}
	return s.listeners[1].Addr().String()
}

// CA is a pool that trusts the simulator.
func (s *Server) CA() *x509.CertPool { return s.authority.Pool() }

// Magic lists the addresses, user names and clients that always fail.
func (s *Server) Magic() []control.Magic { return slices.Concat(magicAddresses, magicTokens) }

// Plane is the control interface. SMTP has no HTTP of its own: whoever shows the inbox serves it.
func (s *Server) Plane() control.Plane {
	return s.Controls(s.Magic(), s.Reset)
}

// Stop closes the listeners and all connections, and waits for the dialogues to end. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	var errs []error
	s.stop.Do(func() {
		close(s.stopping)
		for _, listener := range s.listeners {
			errs = append(errs, listener.Close())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.conns {
			_ = conn.Close() // the dialogue on it notices
		}
	})
	ended := make(chan struct{})
	go func() {
		s.work.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}

func (s *Server) accept(listener net.Listener, secure bool) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.logger.Error("the mail simulator no longer listens", "addr", listener.Addr().String(), "error", err)
			}
			return
		}
		if s.adopt(conn) {
			s.work.Go(func() {
				defer s.leave(conn)
				newDialogue(s, conn, secure).run()
			})
		}
	}
}

// adopt notes a connection so that Stop can close it; false = too late, it is closed.
func (s *Server) adopt(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		_ = conn.Close()
		return false
	default:
	}
	s.conns[conn] = true
	return true
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}
