package control

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// Reply is an HTTP answer of a simulator, whole.
type Reply struct {
	Status int
	Reason string // for the history
	Header map[string]string
	Body   []byte
}

// Exchange plays one HTTP request to its end: the reply, or what rule wants instead. record writes the request into the
// history; it is called before anything is sent, so that what a client saw answered is always in the history.
func (s *Server) Exchange(w http.ResponseWriter, r *http.Request, reply Reply, rule Rule, record func(status int, reason string)) {
	switch rule.Action {
	case Hang, Reset, Garbage:
		record(0, string(rule.Action))
	case Close:
	default:
		record(reply.Status, reply.Reason)
	}
	if !pause(r.Context(), rule.Delay()) {
		panic(http.ErrAbortHandler)
	}
	switch rule.Action {
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Close, Lose:
		hangUp(r.Context(), false)
	case Reset:
		hangUp(r.Context(), true)
	case Garbage:
		spill(r.Context(), rule.Body)
	case GoAway:
		w.Header().Set("Connection", "close") // net/http turns it into GOAWAY on HTTP/2
	}
	writeReply(w, reply)
}

func writeReply(w http.ResponseWriter, reply Reply) {
	header := w.Header()
	for name, value := range reply.Header {
		header[name] = []string{value}
	}
	w.WriteHeader(reply.Status)
	if len(reply.Body) > 0 {
		// A client that went away is its own affair: the exchange is in the history.
		_, _ = w.Write(reply.Body)
	}
}

// Apply changes the ordinary reply into the one that a rule asks for. render makes the service's own error body for
// the rule's status and reason.
func (r Rule) Apply(ordinary Reply, status int, render func(Rule) Reply) Reply {
	reply := ordinary
	if status != 0 {
		rule := r
		rule.Status = status
		reply = render(rule)
	}
	if len(r.Headers) > 0 {
		header := make(map[string]string, len(reply.Header)+len(r.Headers))
		for _, from := range []map[string]string{reply.Header, r.Headers} {
			for name, value := range from {
				header[name] = value
			}
		}
		reply.Header = header
	}
	if r.Body != "" {
		reply.Body = []byte(r.Body)
	}
	return reply
}

// pause waits for d; false = the client went, or the simulator stops.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connKey is where the connection of a request rides in its context: a fact about the transport, set by Server.
type connKey struct{}

// hangUp closes the connection under the request, with everything else on it, as a failing network does.
func hangUp(ctx context.Context, reset bool) {
	if conn, ok := ctx.Value(connKey{}).(*Conn); ok {
		conn.hangUp(reset)
	}
	panic(http.ErrAbortHandler)
}

// spill writes raw bytes where an answer is expected, and ends the connection.
func spill(ctx context.Context, body string) {
	if conn, ok := ctx.Value(connKey{}).(*Conn); ok {
		_, _ = conn.conn.Write([]byte(body))
		if secure, ok := conn.conn.(*tls.Conn); ok {
			_ = secure.CloseWrite()
		}
		if tcp, ok := conn.raw().(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}
	panic(http.ErrAbortHandler)
}

func (c *Conn) hangUp(reset bool) {
	raw := c.raw()
	if tcp, ok := raw.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// raw is the connection below TLS.
func (c *Conn) raw() net.Conn {
	if secure, ok := c.conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c.conn
}

// MaxBody is the largest request body that is read and remembered; the limits of the services are far below.
const MaxBody = 64 << 10

// ReadBody reads a request's body up to MaxBody; what is longer is cut there, and refused by the service's own limit.
func ReadBody(r *http.Request) ([]byte, error) {
	if n := r.ContentLength; n >= 0 && n <= MaxBody {
		body := make([]byte, n)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(r.Body, MaxBody))
}
