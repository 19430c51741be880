package webpush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// wire carries requests to push services. Big ones speak HTTP/2, small ones of one's own often only HTTP/1.1. Redirects
// are answers like others, cookies and proxies do not exist, and of what comes back only the beginning is read.
type wire struct {
	transport *http.Transport
	answer    time.Duration // how long looking up, connecting and answering may take together
}

const (
	usualAnswer = 30 * time.Second
	maxIdle     = 200      // connections, to all push services
	maxHeaders  = 16 << 10 // bytes of an answer
	maxBody     = 4 << 10  // bytes of an answer; more, and the connection is not used again
)

func newWire(d channel.Dialer, answer time.Duration) *wire {
	w := &wire{answer: answer, transport: &http.Transport{
		DialTLSContext:         d.DialTLS,
		Protocols:              new(http.Protocols),
		MaxConnsPerHost:        overHTTP1,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    overHTTP1,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: answer / 2,
			PingTimeout:     answer / 4,
		},
	}}
	w.transport.Protocols.SetHTTP1(true)
	w.transport.Protocols.SetHTTP2(true)
	return w
}

func (w *wire) close() { w.transport.CloseIdleConnections() }

// post sends one request, waits so long for its answer and judges it. width is how many messages at once the connection
// takes.
func (w *wire) post(o *origin, m message.Message, to *url.URL, header http.Header, payload []byte, limit time.Duration) (outcome message.Outcome, width int) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	body, left := &body{content: payload}, time.Now()
	resp, err := w.transport.RoundTrip(body.request(ctx, to, header))
	if err != nil {
		f := w.failed(o, err, body.read.Load(), limit)
		if f.Scope == message.LostAnswer && !errors.Is(err, context.DeadlineExceeded) {
			f.Event = o.breakage(left)
		}
		return message.Fail(f), overHTTP1
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	_ = resp.Body.Close()
	if width = overHTTP1; resp.ProtoMajor == 2 {
		width = overHTTP2
	}
	return judge(o.Host, m, resp.StatusCode, resp.Header), width
}

// failed judges a request without an answer.
func (w *wire) failed(o *origin, err error, written bool, limit time.Duration) message.Failure {
	var barred channel.AddressError
	switch late := errors.Is(err, context.DeadlineExceeded); {
	case errors.As(err, &barred):
		return message.Failure{Reason: message.RefusedPolicy, Scope: message.RecipientFinal, Detail: sentence(o.Host, string(barred))}
	case !written, channel.EndedByTLS(err):
		return channel.ConnectFailure(o.Host, err)
	case late:
		return lost(o.Host, "did not answer within "+limit.Round(100*time.Millisecond).String())
	}
	return lost(o.Host, "broke the connection before it answered")
}

func lost(host, what string) message.Failure {
	return message.Failure{Reason: message.LostAnswerReason, Scope: message.LostAnswer,
		Detail: fmt.Sprintf("The push service %s %s; the message may have arrived.", host, what)}
}

// body is a request's body that remembers whether it was read to its end: before that, the request cannot have been
// complete, and nobody acts upon half a request. When net/http sends it again, because it certainly was not acted upon,
// it begins anew.
type body struct {
	content []byte
	read    atomic.Bool
}

func (b *body) request(ctx context.Context, to *url.URL, header http.Header) *http.Request {
	r := &http.Request{
		Method: http.MethodPost, URL: to, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(b.content)),
		GetBody: func() (io.ReadCloser, error) {
			b.read.Store(false)
			return &reading{body: b, rest: bytes.NewReader(b.content)}, nil
		},
	}
	r.Body, _ = r.GetBody() // never fails
	return r.WithContext(ctx)
}

// reading is one pass over a body.
type reading struct {
	body *body
	rest *bytes.Reader
}

func (r *reading) Read(into []byte) (int, error) {
	n, err := r.rest.Read(into)
	if r.rest.Len() == 0 {
		r.body.read.Store(true)
	}
	return n, err
}

func (r *reading) Close() error { return nil }
