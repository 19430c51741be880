package exchange

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"log/slog"

	"heliograph/sim/authority"
	"heliograph/sim/control"
)

// servicePath is where mail clients ask.
const servicePath = "/EWS/Exchange.asmx"

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr          string               // "" = 127.0.0.1 and a free port
	Authority     *authority.Authority // signs the certificate, and listeners' are trusted that it signed; nil = plain HTTP
	TrustedCA     []byte               // PEM: others that sign listeners' certificates; nil = none
	Servers       []string             // names of mail servers; nil = three of example
	Scale         float64              // how many times faster than the clock retries and heartbeats come; 0 = 1
	Timeout       time.Duration        // for a listener's answer, on the clock; 0 = 100 s, as .NET waits
	Connections   int                  // to a listener at once; 0 = 100
	Subscriptions int                  // a mailbox may have; 0 = 5,000, as Exchange 2013 and later
	HistorySize   int                  // 0 = control.DefaultHistory
	Logger        *slog.Logger         // nil = silent
}

func (o Options) withDefaults() Options {
	if len(o.Servers) == 0 {
		o.Servers = []string{"mbx01.mail.example", "mbx02.mail.example", "mbx03.mail.example"}
	}
	if o.Scale <= 0 {
		o.Scale = 1
	}
	if o.Timeout <= 0 {
		o.Timeout = 100 * time.Second
	}
	if o.Connections <= 0 {
		o.Connections = 100
	}
	if o.Subscriptions <= 0 {
		o.Subscriptions = 5000
	}
	return o
}

// witness is what Go code asks of the simulator: Fail, Reset, Count, Changed, History and After.
type witness = control.Witness[record, Item]

// Server is a running simulator.
type Server struct {
	witness
	listener  *control.Server
	authority *authority.Authority
	servers   []string
	limit     int // subscriptions of a mailbox
	history   *control.History[record]
	rules     control.Rules
	client    *http.Client
	hands     chan struct{} // notifications on the wire at once
	timeout   atomic.Int64  // nanoseconds
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu        sync.Mutex // guards what follows
	clock     clock
	stopped   bool
	mailboxes map[string]*mailbox
	aliases   map[string]*mailbox
	subs      map[string]*subscription // those that did not end, by id
	ended     []*subscription          // oldest first
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	o = o.withDefaults()
	roots := x509.NewCertPool()
	if o.Authority != nil {
		roots = o.Authority.Pool()
	}
	roots.AppendCertsFromPEM(o.TrustedCA)
	s := &Server{
		authority: o.Authority, servers: o.Servers, limit: o.Subscriptions, history: control.NewHistory[record](o.HistorySize),
		client: newClient(roots, o.Connections), hands: make(chan struct{}, o.Connections), clock: newClock(o.Scale),
		mailboxes: map[string]*mailbox{}, aliases: map[string]*mailbox{}, subs: map[string]*subscription{},
	}
	s.witness = control.NewWitness(s.history, &s.rules, decode)
	s.rules.Normalize = normalize
	s.timeout.Store(int64(o.Timeout))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.listen(o); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(o Options) (err error) {
	if o.Authority != nil {
		s.listener, err = control.Serve(s.handler(), o.Authority, control.ServerOptions{Addr: o.Addr, Logger: control.Quiet(o.Logger)})
		return err
	}
	listener, err := control.ListenLoopback(o.Addr)
	if err != nil {
		return err
	}
	s.listener = control.ServePlain(s.handler(), listener, control.Quiet(o.Logger))
	return nil
}

// URL is the origin of the simulator.
func (s *Server) URL() string {
	if s.authority != nil {
		return "https://" + s.listener.Addr()
	}
	return "http://" + s.listener.Addr()
}

// Stop ends the simulator and waits for notifications on their way. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	for _, sub := range s.subs {
		sub.disarm()
	}
	s.mu.Unlock()
	s.cancel()
	err := s.listener.Stop(ctx)
	s.wg.Wait()
	s.client.CloseIdleConnections()
	return err
}

// pause waits; false = the simulator stops.
func (s *Server) pause(d time.Duration) bool {
	if d <= 0 {
		return s.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// Magic lists nothing: every mailbox works, and failures are asked for.
func (s *Server) Magic() []control.Magic { return []control.Magic{} }

// stagePush is the stage of rules for notifications.
const stagePush = "push"

func normalize(rule *control.Rule) error {
	if rule.Stage != stagePush {
		rule.Stage = ""
	}
	return nil
}

func (s *Server) handler() http.Handler {
	plane := s.Controls(s.Magic(), s.Reset).Handler()
	mux := http.NewServeMux()
	mux.Handle("/_sim/", plane)
	for path, handle := range map[string]http.HandlerFunc{
		"GET /_sim/subscriptions": s.serveSubscriptions,
		"GET /_sim/mailboxes":     s.serveMailboxes,
		"GET /_sim/time":          s.serveTime,
		"POST /_sim/time":         s.serveSetTime,
		"POST /_sim/mail":         command(s.commandMail),
		"POST /_sim/read":         command(s.commandRead),
		"POST /_sim/delete":       command(s.commandDelete),
		"POST /_sim/restart":      command(s.commandRestart),
		"POST /_sim/move":         command(s.commandMove),
		"POST /_sim/error":        command(s.commandError),
	} {
		mux.Handle(path, control.LocalOnly(handle))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.URL.Path, servicePath) { // IIS does not mind
			s.serveClient(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
