package vonage

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"heliograph/sim/authority"
	"heliograph/sim/control"
)

// Silent is the status of a plan for those who get no receipt.
const Silent = "none"

// Ways of sending a receipt, as the account is set.
const (
	ByGET  = "get"
	ByForm = "form"
	ByJSON = "json"
)

// Plan arranges the receipts of some numbers. The JSON names are those of POST /_sim/receipts.
type Plan struct {
	Match     string `json:"match"`               // substring of the number; "" = all
	Status    string `json:"status"`              // delivered, expired, failed, rejected, accepted, buffered, unknown, none; "" = delivered
	ErrCode   int    `json:"err_code"`            // err-code
	Method    string `json:"method"`              // get, form or json; "" = json
	Signature string `json:"signature"`           // none, md5, md5hmac, sha1, sha256 or sha512; "" = none
	URL       string `json:"url,omitempty"`       // where to, when the message does not say; on loopback
	DelayMS   int    `json:"delay_ms,omitempty"`  // after the answer
	Reference string `json:"reference,omitempty"` // another client-ref than the message's
	Times     int    `json:"times,omitempty"`     // messages that it is for; 0 = for ever
}

var statuses = []string{"delivered", "expired", "failed", "rejected", "accepted", "buffered", "unknown", Silent}

func (p *Plan) validate() error {
	fill(&p.Status, "delivered")
	fill(&p.Method, ByJSON)
	fill(&p.Signature, unsigned)
	switch {
	case !slices.Contains(statuses, p.Status):
		return fmt.Errorf("status %q: must be one of %v", p.Status, statuses)
	case !slices.Contains([]string{ByGET, ByForm, ByJSON}, p.Method):
		return fmt.Errorf("method %q: must be get, form or json", p.Method)
	case p.Signature != unsigned && !slices.Contains(methods, p.Signature):
		return fmt.Errorf("signature %q: must be none or one of %v", p.Signature, methods)
	case p.URL != "" && !webAddress(p.URL):
		return errors.New("url: must be an http or https address")
	case p.DelayMS < 0 || p.Times < 0 || p.ErrCode < 0:
		return errors.New("delay_ms, times and err_code: must not be negative")
	}
	return nil
}

func fill(to *string, fallback string) {
	if *to == "" {
		*to = fallback
	}
}

// serveReceipts is the control of receipts.
func (s *Server) serveReceipts(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		control.JSON(w, http.StatusOK, map[string]any{"items": s.postman.list()})
		return
	}
	if r.Method != http.MethodPost {
		control.Problem(w, http.StatusMethodNotAllowed, "plans are read by GET and added by POST")
		return
	}
	var plan Plan
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, control.MaxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&plan); err != nil {
		control.Problem(w, http.StatusUnprocessableEntity, "the plan cannot be read: "+err.Error())
		return
	}
	if err := s.postman.add(plan); err != nil {
		control.Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	control.JSON(w, http.StatusOK, s.postman.list()[0])
}

// postman brings receipts.
type postman struct {
	credentials Credentials
	client      *http.Client
	logger      *slog.Logger
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup
	hands       chan struct{} // receipts on the wire at once

	mu      sync.Mutex
	stopped bool
	plans   []Plan        // oldest first
	recall  chan struct{} // closed when what was not sent yet shall be forgotten
}

func newPostman(c Credentials, ca *authority.Authority, logger *slog.Logger) *postman {
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{DialContext: dialLoopback, MaxIdleConnsPerHost: 16, IdleConnTimeout: 10 * time.Second}
	if ca != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &postman{
		credentials: c, client: client, logger: logger, ctx: ctx, cancel: cancel,
		hands: make(chan struct{}, 16), recall: make(chan struct{}),
	}
}

// dialLoopback keeps a callback from making the simulator call others.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, errors.New("the simulator calls loopback addresses only")
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
}

func (p *postman) add(plan Plan) error {
	if err := plan.validate(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = append(p.plans, plan)
	return nil
}

func (p *postman) list() []Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := append([]Plan{}, p.plans...)
	slices.Reverse(list)
	return list
}

func (p *postman) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = nil
	close(p.recall)
	p.recall = make(chan struct{})
}

func (p *postman) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	p.client.CloseIdleConnections()
}

// take finds the plan for a number: the newest that was asked for. What a magic number is reported as stands above it.
func (p *postman) take(to string) Plan {
	plan := Plan{}
	for i := len(p.plans) - 1; i >= 0; i-- {
		if !strings.Contains("+"+to, p.plans[i].Match) {
			continue
		}
		plan = p.plans[i]
		switch plan.Times {
		case 0:
		case 1:
			p.plans = slices.Delete(p.plans, i, i+1)
		default:
			p.plans[i].Times--
		}
		break
	}
	if magic, ok := magicPlan(to); ok {
		plan.Status, plan.ErrCode = magic.Status, magic.ErrCode
	}
	_ = plan.validate() // fills in what is not said
	return plan
}

// report sends one receipt for each part of an accepted message.
func (p *postman) report(rec record, callback string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.take(rec.to)
	fill(&callback, plan.URL)
	if callback == "" || plan.Status == Silent || p.stopped {
		return
	}
	recall := p.recall
	for _, id := range rec.ids {
		receipt := p.receipt(plan, rec, id, time.Now())
		p.wg.Go(func() { p.bring(plan, callback, receipt, recall) })
	}
}

func (p *postman) receipt(plan Plan, rec record, id string, now time.Time) map[string]string {
	reference := rec.reference
	if plan.Reference != "" {
		reference = plan.Reference
	}
	receipt := map[string]string{
		"msisdn": rec.to, "to": rec.from, "network-code": "41201", "messageId": id, "price": "0.03330000",
		"status": plan.Status, "scts": now.UTC().Format("0601021504"), "err-code": strconv.Itoa(plan.ErrCode),
		"api-key": p.credentials.Key, "message-timestamp": now.UTC().Format(time.DateTime),
	}
	if reference != "" {
		receipt["client-ref"] = reference
	}
	if plan.Signature != unsigned {
		receipt["timestamp"] = strconv.FormatInt(now.Unix(), 10)
		receipt["nonce"] = id
		receipt["sig"] = sign(receipt, plan.Signature, p.credentials.SignatureSecret)
	}
	return receipt
}

// attempts is how often a receipt is brought that nobody takes; the real service goes on for 24 hours.
const attempts = 6

// bring sends a receipt until somebody takes it: after the plan's delay, then after half a second, one, two …
func (p *postman) bring(plan Plan, callback string, receipt map[string]string, recall <-chan struct{}) {
	wait := time.Duration(plan.DelayMS) * time.Millisecond
	for n := range attempts {
		if !p.rest(wait, recall) {
			return
		}
		err := p.post(plan.Method, callback, receipt)
		if err == nil || p.ctx.Err() != nil {
			return
		}
		p.logger.Debug("a receipt was not taken", "attempt", n+1, "error", err)
		wait = 500 * time.Millisecond << n
	}
}

// rest waits; false = there is nothing to send any more.
func (p *postman) rest(d time.Duration, recall <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-recall:
	case <-p.ctx.Done():
	}
	return false
}

func (p *postman) post(method, callback string, receipt map[string]string) error {
	select {
	case p.hands <- struct{}{}:
		defer func() { <-p.hands }()
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	request, err := requestOf(p.ctx, method, callback, receipt)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, control.MaxBody))
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return errors.New(response.Status)
	}
	return nil
}

// requestOf is a receipt in one of the three ways.
func requestOf(ctx context.Context, method, callback string, receipt map[string]string) (*http.Request, error) {
	values := url.Values{}
	for name, value := range receipt {
		values.Set(name, value)
	}
	switch method {
	case ByGET:
		separator := "?"
		if strings.Contains(callback, "?") {
			separator = "&"
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, callback+separator+values.Encode(), nil)
	case ByForm:
		return posted(ctx, callback, "application/x-www-form-urlencoded", []byte(values.Encode()))
	}
	body, err := json.Marshal(receipt)
	if err != nil {
		return nil, err
	}
	return posted(ctx, callback, "application/json", body)
}

func posted(ctx context.Context, callback, kind string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", kind)
	}
	return request, err
}
