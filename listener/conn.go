package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"heliograph/web"
)

// readSize is how much of a connection is read at once: a notification, as a rule. Trailers must be shorter, too.
const readSize = 4 << 10

// lingerTime is how long a client may take to read the answer that ends a connection, while it still sends.
const lingerTime = 500 * time.Millisecond

// What a connection is doing. Who moves it away from idle decides.
const (
	busy int32 = iota // with a request, which is answered whatever happens
	idle              // waiting for the client: for TLS, or for a request of which nothing was read
	over              // dismissed
)

// conn is a connection. Its goroutine runs serve; others call dismiss and cutOff alone.
type conn struct {
	net.Conn          // what was accepted, or TLS over it
	raw      net.Conn // what was accepted
	server   *Server
	state    atomic.Int32

	ctx    context.Context // of its requests
	end    context.CancelFunc
	remote string
	tls    *tls.ConnectionState // nil = in the open

	wire   wire
	reader *bufio.Reader // of wire
	reply  reply
	served bool // there was a request
	posted bool // and the last one was a POST
}

func newConn(s *Server, raw net.Conn, config *tls.Config) *conn {
	raw = quick(raw)
	c := &conn{Conn: raw, raw: raw, server: s}
	if config != nil {
		c.Conn = tls.Server(raw, config)
	}
	if from := raw.RemoteAddr(); from != nil {
		c.remote = from.String()
	}
	c.ctx, c.end = context.WithCancel(context.WithValue(s.ctx, http.LocalAddrContextKey, raw.LocalAddr()))
	c.wire.conn = c.Conn
	return c
}

// serve answers requests until one side has enough.
func (c *conn) serve() {
	defer c.Close()
	defer c.end()
	defer c.rescue()
	if !c.handshake() {
		return
	}
	c.reader = bufio.NewReaderSize(&c.wire, readSize)
	for c.wait() && c.turn() {
		c.served = true
	}
}

// rescue lets a panic of the handler cost no more than its connection.
func (c *conn) rescue() {
	if what := recover(); what != nil && what != http.ErrAbortHandler { //nolint:errorlint // net/http says it by this very value
		c.server.log.Error("answering a request panicked", "from", c.remote, "panic", what, "stack", string(debug.Stack()))
	}
}

// dismiss ends a connection on which nothing is asked: its goroutine, which waits there, closes it.
func (c *conn) dismiss() {
	if c.state.CompareAndSwap(idle, over) {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // fails when it is closed already
	}
}

// cutOff ends it whatever it does, without a farewell of TLS, which could block.
func (c *conn) cutOff() { c.raw.Close() } //nolint:errcheck // it may be closed already

// handshake begins TLS, where there is some. false = nothing follows.
func (c *conn) handshake() bool {
	secured, ok := c.Conn.(*tls.Conn)
	if !ok {
		return true
	}
	_ = c.raw.SetDeadline(time.Now().Add(web.HeaderTime)) // what fails here fails again with the next byte
	if !c.rest() {
		return false
	}
	err := secured.Handshake()
	if !c.rise() {
		return false
	}
	if err != nil {
		answerPlain(err)
		c.server.handshakes.failed(c.remote, err)
		return false
	}
	_ = c.raw.SetDeadline(time.Time{})
	state := secured.ConnectionState()
	c.tls = &state
	return state.NegotiatedProtocol == "" || slices.Contains(protocols, state.NegotiatedProtocol) // another is a certificate authority's look, which ends here (RFC 8737)
}

// wait is for the first byte of a request. false = none comes.
func (c *conn) wait() bool {
	c.skipNewlines()
	patience := web.IdleTime
	if !c.served {
		patience = web.HeaderTime
	}
	c.wire.left = headerLimit
	c.wire.until(time.Now().Add(patience))
	c.wire.arm()
	if !c.rest() {
		return false
	}
	_, err := c.reader.Peek(1)
	return c.rise() && err == nil
}

// rest lets a stop dismiss the connection from now on, by moving the deadline, which must be set by then. false = there
// is a stop already.
func (c *conn) rest() bool {
	c.state.Store(idle)
	return !c.server.stopping.Load()
}

// rise ends that. false = it was dismissed.
func (c *conn) rise() bool { return c.state.CompareAndSwap(idle, busy) }

// skipNewlines bears with clients that write an empty line behind the body of a POST (RFC 9112 section 2.2).
func (c *conn) skipNewlines() {
	for i := 0; i < 4 && c.posted && c.reader.Buffered() > 0; i++ {
		if next, _ := c.reader.Peek(1); next[0] != '\r' && next[0] != '\n' {
			return
		}
		_, _ = c.reader.Discard(1)
	}
}

// turn reads a request and answers it. false = it was the last one.
func (c *conn) turn() bool {
	start := time.Now()
	c.skipNewlines()
	c.wire.until(start.Add(web.HeaderTime))
	parsed, err := http.ReadRequest(c.reader)
	if err == nil {
		err = check(parsed)
	}
	if err != nil {
		c.refuse(err)
		return false
	}
	c.wire.left = unlimited // bodies are limited by who reads them
	c.wire.until(start.Add(web.ReadTime))
	c.posted = parsed.Method == http.MethodPost
	r := parsed.WithContext(c.ctx)
	r.RemoteAddr, r.TLS = c.remote, c.tls
	b := c.bodyOf(parsed, r)
	c.reply.begin(r)
	if expectsOther(r) {
		c.reply.header.Set("Connection", "close")
		c.reply.WriteHeader(http.StatusExpectationFailed)
	} else {
		c.server.handler.ServeHTTP(&c.reply, r)
	}
	return c.answer(parsed.Close, b)
}

// answer writes what the handler said. What it left of the body is read first, as long as that is little: many clients send
// all before they read. closing = the client wants no more. false = the connection ends.
func (c *conn) answer(closing bool, b *body) bool {
	keep := !closing && !c.reply.closes() && !c.server.stopping.Load()
	keep = keep && b.drain()
	if c.reply.long {
		c.server.log.Error("an answer was too long, and was not sent", "limit", answerLimit)
	}
	if err := c.write(c.reply.finish(keep, &c.server.clock)); err != nil {
		return false
	}
	if !keep && (!b.ended() || c.reader.Buffered() > 0) {
		c.linger()
	}
	return keep
}

// write is one Write, within the time of an answer. No deadline is left behind: TLS may have something to say while we wait.
func (c *conn) write(p []byte) error {
	_ = c.raw.SetWriteDeadline(time.Now().Add(web.WriteTime))
	_, err := c.Write(p)
	_ = c.raw.SetWriteDeadline(time.Time{})
	return err
}

// linger lets a client that still sends read what it was told: bytes that nobody has read when a connection is closed make
// many systems throw away what came the other way (RFC 9112 section 9.6).
func (c *conn) linger() {
	end := time.Now().Add(lingerTime)
	_ = c.raw.SetDeadline(end)
	if secured, ok := c.Conn.(*tls.Conn); ok {
		_ = secured.CloseWrite()
	}
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	if _, err := io.CopyN(io.Discard, c.raw, unreadLimit); err == nil {
		c.server.wait(time.Until(end)) // it sends a lot: not at our cost
	}
}
