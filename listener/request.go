package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// unreadLimit is how much of a body that its handler did not want is read to keep a connection, in bytes.
const unreadLimit = 256 << 10

// fault is what http.ReadRequest takes and a server must not: its answer.
type fault struct {
	status int
	text   string
}

func (f fault) Error() string {
	return fmt.Sprintf("%d %s: %s", f.status, http.StatusText(f.status), f.text)
}

// check is what RFC 9112 asks of a server beside reading. http.ReadRequest refuses two Hosts, and takes the Host out of
// the header.
func check(r *http.Request) error {
	switch {
	case r.ProtoMajor != 1:
		return fault{http.StatusHTTPVersionNotSupported, "unsupported protocol version"}
	case r.Host == "" && r.ProtoMinor > 0 && r.Method != http.MethodConnect:
		return fault{http.StatusBadRequest, "missing required Host header"}
	case !httpguts.ValidHostHeader(r.Host):
		return fault{http.StatusBadRequest, "malformed Host header"}
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fault{http.StatusBadRequest, "invalid header name"}
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fault{http.StatusBadRequest, "invalid header value"}
			}
		}
	}
	return nil
}

// refuse answers what is no request, and quotes nothing of it. Clients that went away, or slept, hear nothing.
func (c *conn) refuse(err error) {
	status, text := c.refusal(err)
	if status == "" {
		return
	}
	if c.write([]byte("HTTP/1.1 "+status+"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+text)) == nil {
		c.linger()
	}
}

func (c *conn) refusal(err error) (status, text string) {
	var known fault
	switch {
	case c.wire.left <= 0:
		status = "431 Request Header Fields Too Large"
	case errors.As(err, &known):
		status = known.Error()
	case strings.HasPrefix(err.Error(), "unsupported transfer encoding"): // net/http has no value for it
		return "501 Not Implemented", "Unsupported transfer encoding"
	case wentAway(err):
	default:
		status = "400 Bad Request"
	}
	return status, status
}

// wentAway reports whether there is nobody to answer.
func wentAway(err error) bool {
	var late net.Error
	var broken *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &late) && late.Timeout() || errors.As(err, &broken)
}

// Expectations of a client (RFC 9110 section 10.1.1): there is one that anybody knows.
func expectsContinue(r *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
}

func expectsOther(r *http.Request) bool { return r.Header.Get("Expect") != "" && !expectsContinue(r) }

// body is what a request carries, for its handler. nil = nothing.
type body struct {
	conn   *conn
	parsed *http.Request // whose body it is; Close of that would read it to its end, however far that is
	shown  *http.Request // to the handler
	left   int64         // bytes; negative = chunked
	asked  bool          // the client waits until it is told to continue
	closed bool          // by the handler
	err    error         // io.EOF = it was read whole, with its trailer
}

// bodyOf gives r, which is a copy of parsed, a body of ours.
func (c *conn) bodyOf(parsed, r *http.Request) *body {
	if parsed.Body == http.NoBody {
		return nil
	}
	b := &body{conn: c, parsed: parsed, shown: r, left: parsed.ContentLength}
	b.asked = parsed.ProtoAtLeast(1, 1) && expectsContinue(parsed)
	r.Body = b
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// Close implements io.Closer. What follows is read when the request was answered.
func (b *body) Close() error {
	b.closed = true
	return nil
}

func (b *body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.asked {
		b.asked = false
		if b.err = b.conn.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); b.err != nil {
			return 0, b.err
		}
	}
	n, b.err = b.parsed.Body.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	if b.err != nil {
		b.shown.Trailer = b.parsed.Trailer
	}
	return n, b.err
}

// ended reports whether the next byte of the connection is that of another request.
func (b *body) ended() bool { return b == nil || b.err == io.EOF } //nolint:errorlint // a broken body may wrap it

// drain reads what the handler left, and reports whether that was all. A client that was never told to continue may send
// its body nevertheless, or not: nobody knows what would come next.
func (b *body) drain() bool {
	if b.ended() {
		return true
	}
	if b.asked || b.left > unreadLimit {
		return false
	}
	_, _ = io.CopyN(io.Discard, readerFunc(b.read), unreadLimit+1)
	return b.ended()
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
