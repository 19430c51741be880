package vonage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// wire is the connections of an account: HTTP/1.1, kept alive.
type wire struct {
	endpoint  endpoint
	dialer    channel.Dialer
	transport *http.Transport
	timeout   time.Duration
}

// idle is how long a connection is kept. A service that closes one at the moment when it is used again leaves us
// without an answer, so we are the first to close.
const idle = 20 * time.Second

// maxAnswer bounds an answer: one entry takes 200 bytes, and a text has at most 48 parts.
const maxAnswer = 64 << 10

func newWire(s Settings) (*wire, error) {
	e, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	config, err := channel.TLSConfig(s.TrustedCA)
	if err != nil {
		return nil, err
	}
	w := &wire{endpoint: e, dialer: channel.Dialer{TLS: config}, timeout: s.timeout()}
	w.transport = &http.Transport{
		DialContext:            w.dial,
		DialTLSContext:         w.dialer.DialTLS,
		MaxConnsPerHost:        2 * widest, // as many as both lanes can use
		MaxIdleConnsPerHost:    2 * widest,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true,
	}
	return w, nil
}

func (w *wire) close() { w.transport.CloseIdleConnections() }

// dial connects without TLS.
func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Control: channel.RefuseLinkLocal, Timeout: channel.ConnectTimeout, KeepAlive: 30 * time.Second}
	return dialer.DialContext(ctx, network, address)
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// post sends a form and waits for the answer. It takes its own time, whatever becomes of the Send around it: what is on
// the wire costs money, so we want to know.
func (w *wire) post(form string) (reply, *message.Failure) {
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { wrote.Store(false) }, // again after one that wrote nothing
		WroteHeaders: func() { wrote.Store(true) },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint.Origin+"/sms/json", strings.NewReader(form))
	if err != nil {
		f := channel.ConnectFailure(w.endpoint.Host, err)
		return reply{}, &f
	}
	r.Header["Content-Type"], r.Header["Accept"], r.Header["User-Agent"] = formType, jsonType, agent
	answer, err := w.transport.RoundTrip(r)
	switch {
	case err != nil && !wrote.Load():
		f := channel.ConnectFailure(w.endpoint.Host, err)
		return reply{}, &f
	case err != nil:
		return reply{}, w.lost(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return reply{}, w.lost(err)
	}
	return reply{answer.StatusCode, answer.Header, body}, nil
}

var (
	formType = []string{"application/x-www-form-urlencoded"}
	jsonType = []string{"application/json"}
	agent    = []string{"heliograph"}
)

// lost: the request may have arrived.
func (w *wire) lost(err error) *message.Failure {
	what := "broke the connection off before it answered"
	if errors.Is(err, context.DeadlineExceeded) {
		what = "did not answer within " + w.timeout.String()
	}
	return &message.Failure{Reason: message.LostAnswerReason, Scope: message.LostAnswer,
		Detail: fmt.Sprintf("%s %s; the message may have arrived.", w.endpoint.Host, what)}
}

// reach adds the steps before the first request to a report.
func (w *wire) reach(ctx context.Context, report *channel.Report) bool {
	if !w.endpoint.plain {
		return report.Reach(ctx, w.dialer, w.endpoint.Endpoint)
	}
	found, err := net.DefaultResolver.LookupHost(ctx, w.endpoint.Host)
	if err != nil {
		report.Failed("resolve", channel.ConnectFailure(w.endpoint.Host, err))
		return false
	}
	report.Did("resolve", strings.Join(found, ", "))
	conn, err := w.dial(ctx, "tcp", w.endpoint.Address)
	if err != nil {
		report.Failed("connect", channel.ConnectFailure(w.endpoint.Host, err))
		return false
	}
	report.Did("connect", conn.RemoteAddr().String())
	_ = conn.Close()
	return true
}
