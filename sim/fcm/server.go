package fcm

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// stageToken is the stage of the OAuth endpoint; everything else is the stage "".
const stageToken = "token"

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr        string               // "" = 127.0.0.1 and a free port
	Authority   *authority.Authority // nil = a fresh one
	Account     Account              // zero = a fresh one
	HistorySize int                  // 0 = control.DefaultHistory
	Now         func() time.Time     // the clock that tokens are judged by; nil = time.Now
	Logger      *slog.Logger         // nil = silent
}

// witness is what Go code asks of the simulator: Fail, Reset, Count, Changed, History and After.
type witness = control.Witness[record, Item]

// Server is a running simulator.
type Server struct {
	witness
	listener  *control.Server
	authority *authority.Authority
	office    *office
	history   *control.History[record]
	rules     control.Rules
	numbers   atomic.Int64 // names of accepted messages
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	var err error
	if o.Authority == nil {
		if o.Authority, err = authority.New(); err != nil {
			return nil, err
		}
	}
	if o.Account == (Account{}) {
		if o.Account, err = NewAccount(); err != nil {
			return nil, err
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{authority: o.Authority, history: control.NewHistory[record](o.HistorySize)}
	s.witness = control.NewWitness(s.history, &s.rules, decode)
	s.rules.Normalize = onlyTokenStage
	s.numbers.Store(o.Now().UnixMicro())
	if s.office, err = newOffice(o.Account, o.Now); err != nil {
		return nil, err
	}
	s.listener, err = control.Serve(s.handler(), o.Authority, control.ServerOptions{Addr: o.Addr, MaxConcurrentStreams: 250, Logger: control.Quiet(o.Logger)})
	return s, err
}

// onlyTokenStage: there are two stages, and a rule for any other means the sending of messages.
func onlyTokenStage(rule *control.Rule) error {
	switch rule.Detail {
	case "", "FcmError", "BadRequest":
	default:
		return fmt.Errorf("detail %q: must be FcmError or BadRequest", rule.Detail)
	}
	if rule.Stage != stageToken {
		rule.Stage = ""
	}
	return nil
}

// URL is the origin of the simulator, https.
func (s *Server) URL() string { return "https://" + s.listener.Addr() }

// CA is a pool that trusts the simulator.
func (s *Server) CA() *x509.CertPool { return s.authority.Pool() }

// ServiceAccount is the JSON file that the client under test is configured with; it points at this simulator.
func (s *Server) ServiceAccount() string { return s.office.account.File(s.tokenURL()) }

func (s *Server) tokenURL() string { return s.URL() + tokenPath }

// Pushes implements phone.Source.
func (s *Server) Pushes(after int64, limit int) phone.Batch {
	return phone.BatchOf(s.history.After(after, limit), display)
}

// Magic lists the tokens that always fail.
func (s *Server) Magic() []control.Magic { return magicTokens }

// Stop ends the simulator and every connection. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error { return s.listener.Stop(ctx) }

func (s *Server) handler() http.Handler {
	plane := s.Controls(magicTokens, s.Reset).Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_sim/"):
			plane.ServeHTTP(w, r)
		case r.URL.Path == tokenPath:
			s.serveToken(w, r)
		default:
			s.serveSend(w, r)
		}
	})
}

// serveToken is not in the history, which counts messages.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, control.MaxBody)
	reply := s.office.grant(r, s.tokenURL())
	rule, found := s.rules.Take(stageToken, s.office.account.Email)
	if found {
		reply = rule.Apply(reply, rule.Status, func(rule control.Rule) control.Reply {
			code := rule.Reason
			if code == "" {
				code = "invalid_grant"
			}
			return oauthReply(rule.Status, refusedGrant{code, "a rule of the simulator refuses the exchange"})
		})
	}
	s.listener.Exchange(w, r, reply, rule, func(int, string) {})
}

// serveSend is the hot path: judge, write down, answer.
func (s *Server) serveSend(w http.ResponseWriter, r *http.Request) {
	body, err := control.ReadBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // it was not read, so it did not arrive
	}
	rec := record{body: body}
	reply := s.judge(r, &rec)
	rule, found := s.rules.Take("", rec.target)
	if !found && reply.Status == http.StatusOK {
		rule, found = magicRule(rec.target)
	}
	if found {
		reply = rule.Apply(reply, rule.Status, func(rule control.Rule) control.Reply {
			if rule.Status == http.StatusOK {
				return accepted(rec.project, s.numbers.Add(1))
			}
			return fromRule(rule)
		})
	}
	s.listener.Exchange(w, r, reply, rule, func(status int, reason string) { s.history.Add(status, reason, rec) })
}

// judge gives the ordinary reply, and fills in what the record needs.
func (s *Server) judge(r *http.Request, rec *record) control.Reply {
	project, ok := projectOf(r.URL.Path)
	if !ok {
		return failure{status: http.StatusNotFound, message: "There is nothing at this path."}.reply()
	}
	rec.project = project
	request, wrong := parse(rec.body)
	rec.target, rec.dry = request.Message.target(), request.dry()
	switch {
	case r.Method != http.MethodPost:
		return failure{status: http.StatusMethodNotAllowed, message: "Messages are sent by POST."}.reply()
	case !s.office.admits(r.Header.Get("Authorization")):
		return unauthenticated.reply()
	case wrong.Description != "":
		return badMessage("", wrong).reply()
	}
	if v := request.Message.check(); v.Description != "" {
		return badMessage("INVALID_ARGUMENT", v).reply()
	}
	if !wellFormed(request.Message.Token) {
		return badToken.reply()
	}
	return accepted(project, s.numbers.Add(1))
}

// projectOf takes the project out of /v1/projects/{project}/messages:send.
func projectOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/v1/projects/")
	project, tail, _ := strings.Cut(rest, "/")
	return project, ok && project != "" && tail == "messages:send"
}
