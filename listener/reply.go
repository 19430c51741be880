package listener

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Sizes of an answer's body, in bytes.
const (
	answerLimit = 64 << 10 // what is longer is a mistake of ours: mail servers hear a few hundred
	answerKept  = 4 << 10  // of memory, from one answer to the next
)

var errAnswerLong = errors.New("the answer is too long")

// reply is an http.ResponseWriter that keeps all until the handler returns, so that the length is known and everything
// leaves in one write. Fields come as net/http orders them. One reply serves all requests of a connection.
type reply struct {
	header http.Header
	body   []byte
	status int  // 0 = not said yet
	long   bool // it was too long

	head bool // the request was HEAD: the body is not sent
	old  bool // the request was of HTTP/1.0

	names []string // of header, in order
	out   []byte   // what is sent
}

// begin forgets the last answer.
func (a *reply) begin(r *http.Request) {
	if a.header == nil {
		a.header = http.Header{}
	}
	clear(a.header)
	a.body, a.out = small(a.body), small(a.out)
	a.status, a.long = 0, false
	a.head, a.old = r.Method == http.MethodHead, !r.ProtoAtLeast(1, 1)
}

// small lets go of what one long answer needed.
func small(b []byte) []byte {
	if cap(b) > answerKept {
		return nil
	}
	return b[:0]
}

// Header implements http.ResponseWriter.
func (a *reply) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. Interim answers are not sent: nobody here asks for them.
func (a *reply) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *reply) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !hasBody(a.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if len(a.body)+len(p) > answerLimit {
		a.long = true
		return 0, errAnswerLong
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// hasBody reports whether answers of a status have one (RFC 9110 section 6.4.1).
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// closes reports whether the handler wants the connection to end.
func (a *reply) closes() bool { return a.long || hasClose(a.header) }

func hasClose(h http.Header) bool {
	return httpguts.HeaderValuesContainsToken(h["Connection"], "close")
}

// finish is all that is sent; keep = the connection goes on.
func (a *reply) finish(keep bool, c *clock) []byte {
	if a.long {
		clear(a.header)
		a.body, a.status = a.body[:0], http.StatusInternalServerError
	}
	a.WriteHeader(http.StatusOK)
	a.normalise(keep)
	a.statusLine()
	a.fields()
	a.ownFields(keep, c)
	a.out = append(a.out, "\r\n"...)
	if !a.head {
		a.out = append(a.out, a.body...)
	}
	return a.out
}

// normalise takes out of the header what the handler may not say, or said wrongly.
func (a *reply) normalise(keep bool) {
	h := a.header
	delete(h, "Transfer-Encoding")
	if !keep && !hasClose(h) {
		delete(h, "Connection")
	}
	if length := h["Content-Length"]; length != nil {
		said, err := strconv.Atoi(length[0])
		if !hasBody(a.status) || len(length) != 1 || err != nil || said != len(a.body) && !(a.head && len(a.body) == 0) {
			delete(h, "Content-Length")
		}
	}
	if a.status == http.StatusNotModified {
		delete(h, "Content-Type")
	}
}

func (a *reply) statusLine() {
	version := "HTTP/1.1 "
	if a.old {
		version = "HTTP/1.0 "
	}
	a.out = append(a.out[:0], version...)
	a.out = strconv.AppendInt(a.out, int64(a.status), 10)
	text := http.StatusText(a.status)
	if text == "" {
		text = "status code " + strconv.Itoa(a.status)
	}
	a.out = append(append(append(a.out, ' '), text...), "\r\n"...)
}

// fields are those of the handler, in the order of their names.
func (a *reply) fields() {
	a.names = a.names[:0]
	for name := range a.header {
		if httpguts.ValidHeaderFieldName(name) {
			a.names = append(a.names, name)
		}
	}
	slices.Sort(a.names)
	for _, name := range a.names {
		for _, value := range a.header[name] {
			a.field(name, oneLine(value))
		}
	}
}

func (a *reply) field(name, value string) {
	a.out = append(append(append(append(a.out, name...), ": "...), value...), "\r\n"...)
}

// lines end a field: a value has none.
var lines = strings.NewReplacer("\r", " ", "\n", " ")

func oneLine(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		value = lines.Replace(value)
	}
	return strings.Trim(value, " \t")
}

// ownFields are those that the handler did not give.
func (a *reply) ownFields(keep bool, c *clock) {
	_, dated := a.header["Date"]
	if !dated {
		a.field("Date", c.date(time.Now()))
	}
	if _, said := a.header["Content-Length"]; !said && hasBody(a.status) && (!a.head || len(a.body) > 0) {
		a.out = append(a.out, "Content-Length: "...)
		a.out = append(strconv.AppendInt(a.out, int64(len(a.body)), 10), "\r\n"...)
	}
	_, typed := a.header["Content-Type"]
	if !typed && a.header.Get("Content-Encoding") == "" && len(a.body) > 0 {
		a.field("Content-Type", http.DetectContentType(a.body))
	}
	if _, said := a.header["Connection"]; said {
		return
	}
	if !keep && !a.old {
		a.field("Connection", "close")
	} else if keep && a.old {
		a.field("Connection", "keep-alive")
	}
}
