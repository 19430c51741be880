package webpush

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// maxMessage is what every push service must take (RFC 8030 section 7.2), and what most take.
const maxMessage = 4096

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr        string               // "" = 127.0.0.1 and a free port
	Authority   *authority.Authority // nil = a fresh one
	Seed        Seed                 // zero = a fresh one
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
	seed      Seed
	now       func() time.Time
	history   *control.History[record]
	rules     control.Rules
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	var err error
	if o.Authority == nil {
		if o.Authority, err = authority.New(); err != nil {
			return nil, err
		}
	}
	if o.Seed == (Seed{}) {
		if o.Seed, err = OpenSeed(""); err != nil {
			return nil, err
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{authority: o.Authority, seed: o.Seed, now: o.Now, history: control.NewHistory[record](o.HistorySize)}
	s.witness = control.NewWitness(s.history, &s.rules, s.decode)
	s.listener, err = control.Serve(s.handler(), o.Authority, control.ServerOptions{Addr: o.Addr, MaxConcurrentStreams: 250, Logger: control.Quiet(o.Logger)})
	return s, err
}

// StartAgain starts a simulator at the address that it had the last time it kept dir, as long as that is free: the
// subscriptions that it gave out hold its address. dir == "" is Start.
func StartAgain(o Options, dir string) (*Server, error) {
	if dir == "" || o.Addr != "" {
		return Start(o)
	}
	path := filepath.Join(dir, "webpush.addr")
	if last, err := os.ReadFile(path); err == nil {
		again := o
		again.Addr = string(last)
		if s, err := Start(again); err == nil {
			return s, nil
		}
	}
	s, err := Start(o)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, []byte(s.listener.Addr()), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keeping the simulators' state: %w", err), s.Stop(context.Background()))
	}
	return s, nil
}

// URL is the origin of the simulator, https.
func (s *Server) URL() string { return "https://" + s.listener.Addr() }

// CA is a pool that trusts the simulator.
func (s *Server) CA() *x509.CertPool { return s.authority.Pool() }

// Subscription is what the browser of that name gives its app.
func (s *Server) Subscription(name string) Subscription {
	return Subscription{Endpoint: s.URL() + pushPath + name, Keys: s.seed.browser(name).keys()}
}

// Pushes implements phone.Source.
func (s *Server) Pushes(after int64, limit int) phone.Batch {
	return phone.BatchOf(s.history.After(after, limit), s.display)
}

// Magic lists the names of subscriptions that always fail.
func (s *Server) Magic() []control.Magic { return magicNames }

// Stop ends the simulator and every connection. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error { return s.listener.Stop(ctx) }

func (s *Server) handler() http.Handler {
	plane := s.Controls(magicNames, s.Reset).Handler()
	mux := http.NewServeMux()
	mux.Handle("/_sim/", plane)
	mux.Handle("GET /_sim/subscription", control.LocalOnly(http.HandlerFunc(s.serveSubscription)))
	mux.HandleFunc("/", s.servePush)
	return mux
}

func (s *Server) serveSubscription(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if !validName(name) {
		control.Problem(w, http.StatusUnprocessableEntity, "name: 1 to 128 letters, digits, dots, dashes and underscores")
		return
	}
	control.JSON(w, http.StatusOK, s.Subscription(name))
}

// servePush is the hot path: judge, write down, answer.
func (s *Server) servePush(w http.ResponseWriter, r *http.Request) {
	body, err := control.ReadBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // it was not read, so it did not arrive
	}
	rec := record{name: strings.TrimPrefix(r.URL.Path, pushPath), ttl: r.Header.Get("TTL"), topic: r.Header.Get("Topic"), urgency: r.Header.Get("Urgency"), body: body}
	reply := s.judge(r, rec)
	rule, found := s.rules.Take("", rec.name)
	if !found && reply.Status == http.StatusCreated {
		rule, found = magicRule(rec.name)
	}
	if found {
		reply = rule.Apply(reply, rule.Status, func(rule control.Rule) control.Reply { return refusal(rule.Status, rule.Reason) })
	}
	s.listener.Exchange(w, r, reply, rule, func(status int, reason string) { s.history.Add(status, reason, rec) })
}

// judge gives the ordinary reply.
func (s *Server) judge(r *http.Request, rec record) control.Reply {
	refused := func(status int, why string) control.Reply { return refusal(status, why) }
	switch {
	case !strings.HasPrefix(r.URL.Path, pushPath), !validName(rec.name):
		return refused(http.StatusNotFound, "no such subscription")
	case r.Method != http.MethodPost:
		return refused(http.StatusMethodNotAllowed, "messages are sent by POST")
	}
	if why := checkVAPID(r.Header.Get("Authorization"), s.URL(), s.now()); why != "" {
		return refused(http.StatusForbidden, why)
	}
	if why := checkHeaders(r.Header); why != "" {
		return refused(http.StatusBadRequest, why)
	}
	if len(rec.body) > maxMessage {
		return refused(http.StatusRequestEntityTooLarge, "more than 4096 bytes")
	}
	return control.Reply{Status: http.StatusCreated, Header: map[string]string{"Location": s.URL() + "/message/" + rec.name, "TTL": rec.ttl}}
}

// checkHeaders says what RFC 8030 sections 5.2 to 5.4 and RFC 8291 section 4 do not allow.
func checkHeaders(h http.Header) string {
	if seconds, err := strconv.ParseInt(h.Get("TTL"), 10, 32); err != nil || seconds < 0 {
		return "TTL is missing, or not a number of seconds"
	}
	switch h.Get("Urgency") {
	case "", "very-low", "low", "normal", "high":
	default:
		return "Urgency is none of very-low, low, normal and high"
	}
	if topic := h.Get("Topic"); len(topic) > 32 || !validName(topic+"x") || strings.Contains(topic, ".") {
		return "Topic is not up to 32 characters of base64url"
	}
	if h.Get("Content-Encoding") != "aes128gcm" {
		return "Content-Encoding is not aes128gcm"
	}
	return ""
}

// refusal is an answer that is not 201; its body is plain text, as push services write it.
func refusal(status int, why string) control.Reply {
	if why == "" {
		why = http.StatusText(status)
	}
	return control.Reply{Status: status, Reason: why, Header: map[string]string{"Content-Type": "text/plain"}, Body: []byte(why + "\n")}
}
