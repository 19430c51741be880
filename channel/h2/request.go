package h2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// Request is one POST. The pool only reads its parts, so they may be shared between requests.
type Request struct {
	Path   string // as it stands in the request line
	Header Header // names in lower case
	Body   []byte
	Until  time.Time // how long an answer is waited for; zero = as long as the pool does
}

// Header is the fields of a request or an answer, in their order.
type Header []Field

// Field is one of them.
type Field struct {
	Name  string // in lower case, as HTTP/2 has it
	Value string
	Once  bool // the value is secret or never comes again: no table on the way remembers it (RFC 7541 section 7.1.3)
}

// Get is the first value of a field, "" without it. The name may be in any case.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Answer is what the host said. The zero Answer says that nothing was sent, because the context had ended.
type Answer struct {
	Status int
	Header Header
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
	a, written, err := c.link.post(r, p.endpoint.Authority, p.until(start, r))
	if err != nil {
		failure, again = p.failed(c, err, written, start)
		p.finish(c, false)
		return Answer{}, failure, again
	}
	p.heard(c)
	a.pool, a.conn = p, c
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

// refusal stands for the failure of a request that the host turned away in so many words.
var refusal = new(message.Failure)

// failed judges a request without an answer.
func (p *Pool) failed(c *conn, err error, written bool, start time.Time) (f *message.Failure, again bool) {
	late := errors.Is(err, context.DeadlineExceeded)
	if c.link.failed() != nil || late && c.silentSince(start) && p.enough(c, start) || errors.Is(err, errGone) {
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
	case errors.Is(err, errRefused), errors.Is(err, errGone): // RFC 9113 section 8.7
		return refusal, true
	}
	lost := p.lost("broke the connection before it answered")
	if c.link.failed() != nil { // and not this stream alone
		lost.Event = &c.end
	}
	return lost, false
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
