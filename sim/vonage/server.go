package vonage

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"

	"heliograph/sim/authority"
	"heliograph/sim/control"
)

// ownStatuses is the highest status that a rule may give to a message.
const ownStatuses = 99

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr        string               // "" = 127.0.0.1 and a free port
	Authority   *authority.Authority // signs the certificate; nil = plain HTTP, as behind a gateway appliance
	Credentials Credentials          // zero = fresh ones
	Rate        float64              // requests a second that are taken; 0 = all
	HistorySize int                  // 0 = control.DefaultHistory
	Logger      *slog.Logger         // nil = silent
}

// witness is what Go code asks of the simulator: Fail, Reset, Count, Changed, History and After.
type witness = control.Witness[record, Item]

// Server is a running simulator.
type Server struct {
	witness
	listener    *control.Server
	scheme      string
	authority   *authority.Authority
	credentials Credentials
	history     *control.History[record]
	rules       control.Rules
	limit       *rate.Limiter // nil = none
	postman     *postman
	numbers     atomic.Int64 // ids of parts
}

// Start starts a simulator.
func Start(o Options) (*Server, error) {
	if o.Credentials == (Credentials{}) {
		o.Credentials = NewCredentials()
	}
	s := &Server{authority: o.Authority, credentials: o.Credentials, history: control.NewHistory[record](o.HistorySize)}
	s.witness = control.NewWitness(s.history, &s.rules, decode)
	s.rules.Normalize, s.rules.OwnStatuses = normalize, ownStatuses
	if o.Rate > 0 {
		s.limit = rate.NewLimiter(rate.Limit(o.Rate), max(1, int(o.Rate)))
	}
	if err := s.listen(o); err != nil {
		return nil, err
	}
	s.postman = newPostman(o.Credentials, o.Authority, control.Quiet(o.Logger))
	return s, nil
}

func (s *Server) listen(o Options) (err error) {
	if o.Authority != nil {
		s.scheme = "https"
		s.listener, err = control.Serve(s.handler(), o.Authority, control.ServerOptions{Addr: o.Addr, Logger: control.Quiet(o.Logger)})
		return err
	}
	s.scheme = "http"
	listener, err := control.ListenLoopback(o.Addr)
	if err != nil {
		return err
	}
	s.listener = control.ServePlain(s.handler(), listener, control.Quiet(o.Logger))
	return nil
}

// normalize: there are no stages; a status from 200 on can only be meant for HTTP.
func normalize(rule *control.Rule) error {
	rule.Stage = ""
	if rule.Status > ownStatuses {
		rule.Status, rule.HTTPStatus = 0, rule.Status
	}
	if _, ok := statusesOf(rule.Detail); rule.Detail != "" && !ok {
		return fmt.Errorf("detail %q: must be the statuses of the parts, such as 0,1", rule.Detail)
	}
	return nil
}

// URL is the origin of the simulator.
func (s *Server) URL() string { return s.scheme + "://" + s.listener.Addr() }

// CA is a pool that trusts the simulator; nil when it speaks plain HTTP.
func (s *Server) CA() *x509.CertPool {
	if s.authority == nil {
		return nil
	}
	return s.authority.Pool()
}

// Credentials are those of the account that may send.
func (s *Server) Credentials() Credentials { return s.credentials }

// Plan arranges receipts.
func (s *Server) Plan(plan Plan) error { return s.postman.add(plan) }

// Reset forgets the history, all rules, all plans, and the receipts that have not been sent yet.
func (s *Server) Reset() {
	s.witness.Reset()
	s.postman.clear()
}

// Magic lists the numbers that do something on purpose.
func (s *Server) Magic() []control.Magic { return magicNumbers }

// Stop ends the simulator, every connection, and the receipts on their way. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	err := s.listener.Stop(ctx)
	s.postman.stop()
	return err
}

func (s *Server) handler() http.Handler {
	plane := s.Controls(magicNumbers, s.Reset).Handler()
	receipts := control.LocalOnly(http.HandlerFunc(s.serveReceipts))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/_sim/receipts":
			receipts.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/_sim/"):
			plane.ServeHTTP(w, r)
		case r.URL.Path == "/account/get-balance":
			s.serveBalance(w, r)
		default:
			s.serveSend(w, r)
		}
	})
}

// serveBalance tells those who know the account what is left of its money: always the same.
func (s *Server) serveBalance(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	q := r.URL.Query()
	key, secret, ok := r.BasicAuth()
	if !ok {
		key, secret = q.Get("api_key"), q.Get("api_secret")
	}
	if r.Method != http.MethodGet || key != s.credentials.Key || secret != s.credentials.Secret {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error-code":"401","error-code-label":"authentication failed"}`))
		return
	}
	_, _ = w.Write([]byte(`{"value":10.28,"autoReload":false}`))
}

// serveSend judges, writes down, answers, and arranges for receipts.
func (s *Server) serveSend(w http.ResponseWriter, r *http.Request) {
	p, err := parameters(r)
	if err != nil {
		panic(http.ErrAbortHandler) // it was not read, so it did not arrive
	}
	rec := record{to: p["to"], from: p["from"], text: p["text"], kind: p["type"], reference: p["client-ref"]}
	reply, ok := s.judge(r, p)
	rule, found := s.rules.Take("", "+"+rec.to)
	if !found && ok {
		rule, found = magicOf(rec.to)
	}
	if ok || found {
		reply = s.apply(rule, reply, ok, &rec)
	}
	reported := false
	defer func() { // also when the answer is lost
		if reported && p["status-report-req"] != "false" && p["status-report-req"] != "0" {
			s.postman.report(rec, p["callback"])
		}
	}()
	s.listener.Exchange(w, r, reply, rule, func(status int, reason string) {
		if status != http.StatusOK {
			rec.ids = nil
		}
		reported = len(rec.ids) > 0
		s.history.Add(shown(status, reply, rec), reason, rec)
	})
}

// shown is the status for the history: HTTP's when a part was accepted or when HTTP refused, else the service's own.
func shown(status int, reply control.Reply, rec record) int {
	if status != http.StatusOK || len(rec.ids) > 0 {
		return status
	}
	return worst(reply)
}

// parameters are those of the form, of a JSON object, or of the query of a GET. The service's own libraries say who they
// are in the Authorization header.
func parameters(r *http.Request) (map[string]string, error) {
	body, err := control.ReadBody(r)
	if err != nil {
		return nil, err
	}
	text := string(body)
	if r.Method == http.MethodGet {
		text = r.URL.RawQuery
	}
	p := readParameters(r.Header.Get("Content-Type"), text)
	if key, secret, ok := r.BasicAuth(); ok && p["api_key"] == "" {
		p["api_key"], p["api_secret"] = key, secret
	}
	return p, nil
}

// readParameters reads a form or a JSON object. What cannot be read is missing.
func readParameters(contentType, text string) map[string]string {
	if kind, _, _ := mime.ParseMediaType(contentType); kind != "application/json" {
		form, _ := url.ParseQuery(text)
		return flat(form)
	}
	var object map[string]any
	numbers := json.NewDecoder(strings.NewReader(text))
	numbers.UseNumber() // as they are written
	_ = numbers.Decode(&object)
	p := make(map[string]string, len(object))
	for name, value := range object {
		p[name] = fmt.Sprint(value)
	}
	return p
}

// judge gives the ordinary reply; ok = the message would be accepted, and there is no reply yet.
func (s *Server) judge(r *http.Request, p map[string]string) (reply control.Reply, ok bool) {
	switch {
	case r.URL.Path != "/sms/json":
		return httpFailure(http.StatusNotFound), false
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		return httpFailure(http.StatusMethodNotAllowed), false
	}
	wrong := s.credentials.authenticate(p)
	if wrong.status == statusOK {
		wrong = check(p)
	}
	if wrong.status == statusOK {
		wrong = s.throttle()
	}
	if wrong.status == statusOK {
		return control.Reply{}, true
	}
	reply = wrong.reply(p["to"])
	reply.Reason = wrong.text
	return reply, false
}

// throttle says how long the next request must wait.
func (s *Server) throttle() refusal {
	if s.limit == nil || s.limit.Allow() {
		return refusal{}
	}
	wait := max(1, int(1000/float64(s.limit.Limit())))
	return refuse(statusThrottled, fmt.Sprintf("Throughput Rate Exceeded - please wait [ %d ] and retry", wait))
}

// apply makes the reply to a message that would be accepted, or that a rule speaks of.
func (s *Server) apply(rule control.Rule, ordinary control.Reply, ok bool, rec *record) control.Reply {
	if rule.HTTPStatus != 0 {
		return rule.Apply(ordinary, rule.HTTPStatus, func(r control.Rule) control.Reply { return httpFailure(r.Status) })
	}
	statuses, given := statusesOf(rule.Detail)
	switch {
	case !given && rule.Status != statusOK:
		statuses = []int{rule.Status}
	case !given && !ok:
		return rule.Apply(ordinary, 0, nil)
	case !given:
		statuses = make([]int, parts(rec.text, rec.kind))
	}
	return rule.Apply(s.answer(statuses, rule.Reason, rec), 0, nil)
}

// answer gives each part its status, and an id to those that are accepted.
func (s *Server) answer(statuses []int, text string, rec *record) control.Reply {
	var list []part
	reason := ""
	for _, status := range statuses {
		if status == statusOK {
			id := fmt.Sprintf("%016X", s.numbers.Add(1)+1<<60)
			rec.ids = append(rec.ids, id)
			list = append(list, taken(rec.to, id, rec.reference))
			continue
		}
		wrong := refuse(status, text)
		reason = wrong.text
		list = append(list, wrong.part(rec.to))
	}
	reply := replyOf(list)
	reply.Reason = reason
	return reply
}

// worst is the first status of a reply that is not 0; 0 = there is none.
func worst(reply control.Reply) int {
	for _, p := range partsOf(reply) {
		if n, err := strconv.Atoi(p.Status); err == nil && n != statusOK {
			return n
		}
	}
	return statusOK
}
