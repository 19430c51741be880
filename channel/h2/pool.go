// Package h2 keeps a few HTTP/2 connections to one host, for services that take one message a request.
//
// Push services want few connections that live long, each with many requests at once, and they punish clients that dial
// whenever they are busy. So a Pool counts streams exactly: a request takes a free stream of a connection that is there,
// or waits for one; only when all are taken does the pool open one more connection, one at a time, up to its limit. A
// new connection carries a single request until that was answered: by then the host has said how many streams it
// allows, and has accepted the credential. When that answer does not come in good time, the next request goes alone on
// another new connection, so that one that hangs does not hold up the rest; after a few connections in a row without a
// word the pool waits until those requests have ended.
//
// A request that certainly was not acted upon (its connection broke before it was written, or the host refused the
// stream) goes again on another connection, and nobody hears of it. One that may have been acted upon does not: its
// answer is lost, and the caller is told so.
package h2

import (
	"container/list"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// Options are for hosts with habits of their own, and for tests; the zero value is for everybody else.
type Options struct {
	Most    int           // connections; 0 = 8
	Answer  time.Duration // how long an answer may take; 0 = 30 s
	Welcome time.Duration // how long a new connection's first answer may take before another is tried; 0 = 2 s
}

// Limits of a connection's life.
const (
	idleLimit   = time.Hour        // an idle one is closed after that; Apple asks for hours to days
	pingAfter   = 10 * time.Minute // of silence; finds connections that a firewall has forgotten
	pingTimeout = 15 * time.Second
	redialAfter = 5 * time.Second // after a failed dial, while other connections still serve
)

// Pool is a handful of connections to one host. It may be used from several goroutines at once.
type Pool struct {
	endpoint channel.Endpoint
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
	most     int
	answer   time.Duration
	welcome  time.Duration

	conns   atomic.Pointer[[]*conn] // never changed in place, so that a request finds its stream without a lock
	waiting atomic.Int32            // len(waiters)
	closed  atomic.Bool
	dialled atomic.Int64

	fruitless atomic.Int32 // connections in a row on which nothing was answered
	hung      atomic.Int32 // connections in a row whose first request hung

	mu        sync.Mutex
	waiters   list.List // of chan grant, longest wait first
	dialing   bool
	notBefore time.Time // of the next dial, while other connections serve
}

// grant ends a wait: with a stream, or with the reason why there is none.
type grant struct {
	conn    *conn
	failure *message.Failure
}

// New makes a pool for an endpoint. It connects when there is something to send.
func New(endpoint channel.Endpoint, dialer channel.Dialer, o Options) *Pool {
	dialer.TLS = dialer.TLS.Clone()
	dialer.TLS.NextProtos = []string{"h2"}
	p := &Pool{endpoint: endpoint, connect: dialer.DialTLS, most: 8, answer: 30 * time.Second, welcome: 2 * time.Second}
	if o.Most > 0 {
		p.most = o.Most
	}
	if o.Answer > 0 {
		p.answer = o.Answer
	}
	if o.Welcome > 0 {
		p.welcome = o.Welcome
	}
	p.conns.Store(new([]*conn))
	return p
}

// Close gives up the connections as they fall idle. Requests that run finish.
func (p *Pool) Close() {
	p.closed.Store(true)
	for _, c := range *p.conns.Load() {
		if c.busy.Load() == 0 {
			p.drop(c)
		}
	}
}

// Dialled is how many connections were opened so far.
func (p *Pool) Dialled() int64 { return p.dialled.Load() }

// acquire takes a stream. A request that waits again goes before the others. Both results are nil when ctx ended first.
func (p *Pool) acquire(ctx context.Context, again bool) (*conn, *message.Failure) {
	if ctx.Err() != nil {
		return nil, nil
	}
	if p.waiting.Load() == 0 {
		if c := p.reserve(); c != nil {
			return c, nil
		}
	}
	place, turn := p.queue(again)
	p.serve()
	select {
	case g := <-turn:
		return g.conn, g.failure
	case <-ctx.Done():
		p.leave(place, turn)
		return nil, nil
	}
}

// reserve takes a stream that is free now. It fills one connection before it touches the next.
func (p *Pool) reserve() *conn {
	for _, c := range *p.conns.Load() {
		if c.reserve() {
			return c
		}
	}
	return nil
}

func (p *Pool) queue(again bool) (*list.Element, chan grant) {
	turn := make(chan grant, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting.Add(1)
	if again {
		return p.waiters.PushFront(turn), turn
	}
	return p.waiters.PushBack(turn), turn
}

func (p *Pool) next() chan grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nextLocked()
}

func (p *Pool) nextLocked() chan grant {
	first := p.waiters.Front()
	if first == nil {
		return nil
	}
	p.waiting.Add(-1)
	return p.waiters.Remove(first).(chan grant)
}

// leave gives up a place in the queue, or the stream that came just now.
func (p *Pool) leave(place *list.Element, turn chan grant) {
	p.mu.Lock()
	before := p.waiters.Len()
	p.waiters.Remove(place) // does nothing when it was served
	left := p.waiters.Len() < before
	if left {
		p.waiting.Add(-1)
	}
	p.mu.Unlock()
	if left {
		return
	}
	if g := <-turn; g.conn != nil {
		g.conn.unreserve()
		p.finish(g.conn, false)
	}
}

// serve hands free streams to those who wait. It is called whenever a stream may have become free, and by everyone who
// begins to wait; the stream is taken first and the waiter second, so that no wake-up is lost between the two.
func (p *Pool) serve() {
	for p.waiting.Load() > 0 {
		c := p.reserve()
		if c == nil {
			p.grow()
			return
		}
		turn := p.next()
		if turn == nil {
			c.unreserve()
			p.finish(c, false)
			return
		}
		turn <- grant{conn: c}
	}
}

// grow opens one more connection if that is what is missing.
func (p *Pool) grow() {
	p.sweep()
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := *p.conns.Load()
	switch {
	case p.dialing, p.waiters.Len() == 0, len(conns) >= p.most, slices.ContainsFunc(conns, (*conn).warming):
	case p.hopeless(conns):
	case slices.ContainsFunc(conns, (*conn).hopeful) && time.Now().Before(p.notBefore):
	default:
		p.dialing = true
		go p.dial()
	}
}

// hopeless reports whether one more connection would only make one more request hang: the last few brought no answer,
// and some of them still wait for it.
func (p *Pool) hopeless(conns []*conn) bool {
	return p.hung.Load() >= fruitless && slices.ContainsFunc(conns, (*conn).late)
}

// sweep drops connections that were told to go away (GOAWAY) and that nobody closes.
func (p *Pool) sweep() {
	for _, c := range *p.conns.Load() {
		if c.spent() {
			p.drop(c)
		}
	}
}

func (p *Pool) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*channel.ConnectTimeout) // the dialer has its own, shorter
	defer cancel()
	secured, err := p.connect(ctx, "tcp", p.endpoint.Address)
	if err != nil {
		p.dialFailed(err)
		return
	}
	p.dialled.Add(1)
	c := &conn{born: time.Now()}
	c.link = newLink(secured, func() { p.changed(c) })
	p.mu.Lock()
	p.dialing = false
	conns := append(slices.Clone(*p.conns.Load()), c)
	p.conns.Store(&conns)
	p.mu.Unlock()
	c.link.start()
	p.serve()
	if p.closed.Load() && c.busy.Load() == 0 {
		p.drop(c)
	}
}

// dialFailed tells everyone who waits, unless other connections are still there to serve them.
func (p *Pool) dialFailed(err error) {
	failure := channel.ConnectFailure(p.endpoint.Host, err)
	p.sweep()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing = false
	p.notBefore = time.Now().Add(redialAfter)
	if slices.ContainsFunc(*p.conns.Load(), (*conn).hopeful) {
		return
	}
	for turn := p.nextLocked(); turn != nil; turn = p.nextLocked() {
		turn <- grant{failure: &failure}
	}
}

// changed is told that the host allows other streams, or that the connection is gone.
func (p *Pool) changed(c *conn) {
	if c.link.failed() != nil {
		p.drop(c)
	}
	p.serve()
}

// finish gives a stream back.
func (p *Pool) finish(c *conn, welcome bool) {
	c.settle(welcome)
	if c.busy.Add(-1) == 0 && (c.retired.Load() || p.closed.Load()) {
		p.drop(c)
	}
	p.serve()
}

// watch ends the patience with a connection whose first request hangs: the next one in the queue tries another. The
// result ends the watch.
func (p *Pool) watch(c *conn) (stop func() bool) {
	return time.AfterFunc(p.welcome, func() {
		if c.warmth.CompareAndSwap(trying, late) {
			p.hung.Add(1)
			p.serve()
		}
	}).Stop
}

// retire stops using a connection for new requests; those on it finish.
func (p *Pool) retire(c *conn) {
	c.retired.Store(true)
	p.remove(c)
	if c.busy.Load() == 0 {
		p.drop(c)
	}
}

func (p *Pool) drop(c *conn) {
	p.remove(c)
	c.link.close()
}

func (p *Pool) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := slices.DeleteFunc(slices.Clone(*p.conns.Load()), func(other *conn) bool { return other == c })
	p.conns.Store(&conns)
}

// turnedAway is the failure of a request that no connection would take. A host that never said a word cannot be
// reached; one that spoke is in trouble.
func (p *Pool) turnedAway(spoke bool) *message.Failure {
	if !spoke {
		return &message.Failure{
			Reason: message.Unreachable,
			Scope:  message.WholeServer,
			Detail: p.endpoint.Host + " closes connections as soon as they are open; if it asks for a certificate, it may want another one.",
		}
	}
	return &message.Failure{
		Reason: message.ServerError,
		Scope:  message.Trouble,
		Detail: p.endpoint.Host + " turns requests away before it has looked at them.",
	}
}
