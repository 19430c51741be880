package apns

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// defaultStreams is the MAX_CONCURRENT_STREAMS that the real service announces to authenticated connections.
const defaultStreams = 1000

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr                 string               // "" = 127.0.0.1 and a free port
	Authority            *authority.Authority // nil = a fresh one
	Credentials          Credentials          // zero = fresh ones
	MaxConcurrentStreams int                  // HTTP/2 setting; 0 = 1000
	HistorySize          int                  // 0 = control.DefaultHistory
	Now                  func() time.Time     // the clock that provider tokens are judged by; nil = time.Now
	Logger               *slog.Logger         // nil = silent
}

// witness is what Go code asks of the simulator: Fail, Reset, Count, Changed, History and After.
type witness = control.Witness[record, Item]

// Server is a running simulator.
type Server struct {
	witness
	listener    *control.Server
	authority   *authority.Authority
	credentials Credentials
	verifier    *verifier
	now         func() time.Time
	history     *control.History[record]
	rules       control.Rules
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	var err error
	if o.Authority == nil {
		if o.Authority, err = authority.New(); err != nil {
			return nil, err
		}
	}
	if o.Credentials == (Credentials{}) {
		if o.Credentials, err = NewCredentials(); err != nil {
			return nil, err
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConcurrentStreams == 0 {
		o.MaxConcurrentStreams = defaultStreams
	}
	s := &Server{authority: o.Authority, credentials: o.Credentials, now: o.Now, history: control.NewHistory[record](o.HistorySize)}
	s.witness = control.NewWitness(s.history, &s.rules, decode)
	if s.verifier, err = newVerifier(o.Credentials); err != nil {
		return nil, err
	}
	s.listener, err = control.Serve(s.handler(), o.Authority, control.ServerOptions{
		Addr: o.Addr, MaxConcurrentStreams: o.MaxConcurrentStreams, ClientCertificates: true, Logger: control.Quiet(o.Logger),
	})
	return s, err
}

// URL is the origin of the simulator, https.
func (s *Server) URL() string { return "https://" + s.listener.Addr() }

// CA is a pool that trusts the simulator.
func (s *Server) CA() *x509.CertPool { return s.authority.Pool() }

// Credentials are those that the simulator accepts.
func (s *Server) Credentials() Credentials { return s.credentials }

// Pushes implements phone.Source.
func (s *Server) Pushes(after int64, limit int) phone.Batch {
	return phone.BatchOf(s.history.After(after, limit), display)
}

// Stop ends the simulator and every connection. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error { return s.listener.Stop(ctx) }

// Magic lists the tokens that always fail.
func (s *Server) Magic() []control.Magic { return magicTokens }

func (s *Server) handler() http.Handler {
	plane := s.Controls(magicTokens, s.Reset).Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_sim/"):
			plane.ServeHTTP(w, r)
		case r.ProtoMajor != 2:
			control.Problem(w, http.StatusHTTPVersionNotSupported, "the push service speaks HTTP/2 only")
		default:
			s.servePush(w, r)
		}
	})
}

// servePush is the hot path: judge, write down, answer.
func (s *Server) servePush(w http.ResponseWriter, r *http.Request) {
	body, err := control.ReadBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // it was not read, so it did not arrive
	}
	token := strings.TrimPrefix(r.URL.Path, devicePath)
	id := header(r, "Apns-Id")
	rec := newRecord(r, token, body)
	reason := s.judge(r, token, body, &rec)
	if !validID(id) {
		id = newID()
	}
	rec.id = id
	rule, found := s.rules.Take("", token)
	if !found && reason == "" {
		rule, found = magicRule(token)
	}
	reply := refusal(id, reason, 0)
	if found {
		reply = s.override(rule, reply, id)
	}
	s.listener.Exchange(w, r, reply, rule, func(status int, reason string) { s.history.Add(status, reason, rec) })
}

// override is the reply that a rule asks for.
func (s *Server) override(rule control.Rule, ordinary control.Reply, id string) control.Reply {
	return rule.Apply(ordinary, rule.Status, func(rule control.Rule) control.Reply {
		if rule.Status == http.StatusOK {
			return refusal(id, "", 0)
		}
		reason := rule.Reason
		if reason == "" {
			reason = usualReason[rule.Status]
		}
		timestamp := rule.TimestampMS
		if timestamp == 0 && rule.Status == http.StatusGone {
			timestamp = s.now().UnixMilli()
		}
		reply := refusal(id, reason, timestamp)
		reply.Status = rule.Status
		return reply
	})
}
