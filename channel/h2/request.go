package h2

import (
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

// Request is one POST. The pool only reads its parts, so they may be shared between requests.
type Request struct {
	Path   string      // unescaped
	Header http.Header // names in lower case, which saves HTTP/2 from changing them
	Body   []byte
	Until  time.Time // how long an answer is waited for; zero = as long as the pool does
}

// Answer is what the host said. The zero Answer says that nothing was sent, because the context had ended.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // at most 64 KiB of it

	pool *Pool
	conn *conn
}

// Retire stops using the connection on which this answer came: the next request goes on another one.
func (a Answer) Retire() { a.pool.retire(a.conn) }

// How often a request is given to another connection after one that certainly did not act upon it.
const (
	tries     = 20 // in all: a busy host may say goodbye to many connections in a row
	fruitless = 3  // connections in a row, of whichever requests, on which nothing was answered
)

// Do sends a request and waits for its answer. The end of ctx ends the wait for a stream; what is on the wire is waited
// for up to the pool's own limit, or until r.Until when that is earlier.
//
// A failure is of the whole server when it cannot be reached (unreachable, timeout, tls), a lost answer when the request
// was written and no answer came, and a trouble when the host turned it away on every connection.
func (p *Pool) Do(ctx context.Context, r Request) (Answer, *message.Failure) {
	var spoke bool
	for try := range tries {
		c, failure := p.acquire(ctx, try > 0)
		if c == nil {
			return Answer{}, failure
		}
		answer, failure, again := p.send(c, r)
		if !again {
			return answer, failure
		}
		spoke = spoke || failure == refusal
		if c.heard.Load() == 0 && p.fruitless.Add(1) >= fruitless {
			break
		}
	}
	return Answer{}, p.turnedAway(spoke)
}

// send does one try. again says that the host certainly did not act upon the request.
func (p *Pool) send(c *conn, r Request) (a Answer, failure *message.Failure, again bool) {
	start := time.Now()
	if c.warmth.Load() == trying { // then nobody else is on it
		defer p.watch(c)()
	}
	ctx, cancel := context.WithDeadline(context.Background(), p.until(start, r))
	defer cancel()
	body := &body{rest: r.Body}
	resp, err := c.cc.RoundTrip(p.request(ctx, r, body))
	if err != nil {
		failure, again = p.failed(c, err, body.read.Load(), start)
		p.finish(c, false)
		return Answer{}, failure, again
	}
	p.heard(c)
	a = Answer{Status: resp.StatusCode, Header: resp.Header, Body: readBody(resp), pool: p, conn: c}
	p.finish(c, welcomes(a.Status))
	return a, nil, false
}

// until is when nobody waits for an answer any more.
func (p *Pool) until(start time.Time, r Request) time.Time {
	limit := start.Add(p.answer)
	if !r.Until.IsZero() && r.Until.Before(limit) {
		return r.Until
	}
	return limit
}

func (p *Pool) heard(c *conn) {
	c.heard.Store(time.Now().UnixNano())
	if p.fruitless.Load() != 0 {
		p.fruitless.Store(0)
	}
	if p.hung.Load() != 0 {
		p.hung.Store(0)
	}
}

// welcomes reports whether an answer shows that more requests are welcome: those that speak of the credential or of the
// service do not.
func welcomes(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

func (p *Pool) request(ctx context.Context, r Request, b *body) *http.Request {
	return (&http.Request{
		Method:        http.MethodPost,
		URL:           &url.URL{Scheme: "https", Host: p.endpoint.Authority, Path: r.Path},
		Proto:         "HTTP/2.0",
		ProtoMajor:    2,
		Header:        r.Header,
		Body:          b,
		ContentLength: int64(len(r.Body)),
	}).WithContext(ctx)
}

// readBody reads what there is. An answer that breaks off still has its status, and that is what counts.
func readBody(resp *http.Response) []byte {
	const most = 64 << 10
	defer func() { _ = resp.Body.Close() }()
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return nil
	}
	if n := resp.ContentLength; n > 0 && n <= most {
		data := make([]byte, n)
		read, _ := io.ReadFull(resp.Body, data)
		return data[:read]
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	return data
}

// refusal stands for the failure of a request that the host turned away in so many words.
var refusal = new(message.Failure)

// failed judges a request without an answer.
func (p *Pool) failed(c *conn, err error, written bool, start time.Time) (f *message.Failure, again bool) {
	late := errors.Is(err, context.DeadlineExceeded)
	if c.cc.Err() != nil || late && c.silentSince(start) && p.enough(c, start) || notTaken(err) == gone {
		p.retire(c)
	}
	switch {
	case late && !written:
		failure := channel.ConnectFailure(p.endpoint.Host, err)
		return &failure, false
	case late:
		return p.lost("did not answer within " + min(p.answer, time.Since(start).Round(100*time.Millisecond)).String()), false
	case channel.EndedByTLS(err):
		failure := channel.ConnectFailure(p.endpoint.Host, err)
		return &failure, false
	case !written:
		return nil, true
	case notTaken(err) != no:
		return refusal, true
	}
	return p.lost("broke the connection before it answered"), false
}

// silence is how long a connection may say nothing when those who wait have little time each.
const silence = 10 * time.Second

// enough reports whether a connection was given the time to answer: all of it, or several short waits.
func (p *Pool) enough(c *conn, start time.Time) bool {
	return time.Since(start) >= p.answer || time.Since(c.born) > silence && c.silentSince(time.Now().Add(-silence))
}

func (p *Pool) lost(what string) *message.Failure {
	return &message.Failure{
		Reason: message.LostAnswerReason,
		Scope:  message.LostAnswer,
		Detail: fmt.Sprintf("%s %s; the message may have arrived.", p.endpoint.Host, what),
	}
}

// What HTTP/2 says about a request that was not taken (RFC 9113 section 8.7).
const (
	no      = iota // it may have been
	refused        // this stream: REFUSED_STREAM
	gone           // and none after it on this connection: GOAWAY with a lower stream id
)

// net/http does not export these two errors; TestGoAwayBelow fails if it ever words them differently.
const (
	goAwayText   = "http2: Transport received Server's graceful shutdown GOAWAY"
	unusableText = "http2: client conn not usable"
)

func notTaken(err error) int {
	const refusedStream = 7 // RFC 9113 section 7
	var reset streamError
	switch {
	case errors.As(err, &reset) && reset.Code == refusedStream:
		return refused
	case err.Error() == goAwayText, err.Error() == unusableText:
		return gone
	}
	return no
}

// streamError has the fields of net/http's own type for RST_STREAM, which errors.As fills in.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string {
	return fmt.Sprintf("stream %d ended with code %d", e.StreamID, e.Code)
}

// body is a request's body that remembers whether it was read to its end: before that, the request cannot have been
// complete, and no host acts upon half a request.
type body struct {
	rest []byte
	read atomic.Bool
}

func (b *body) Read(into []byte) (int, error) {
	n := copy(into, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) > 0 {
		return n, nil
	}
	b.read.Store(true)
	return n, io.EOF
}

func (b *body) Close() error { return nil }
