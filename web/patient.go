package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Limits of a stream: an import, an export, live progress. It takes as long as it moves. Only the time counts in which we
// wait for the client; what we take ourselves is ours.
const (
	stall    = 30 * time.Second // that it may stand still, and all the advance that it has
	slowest  = 1024             // bytes a second, over the whole of it
	byteCost = time.Second / slowest
)

// Patient lifts the limits that a server has for whole requests, for a handler that streams: every read and write has one
// of its own instead, and a client that is slower than a bad modem over all is given up.
func Patient(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // where it is not supported there is none to lift
	_ = control.SetWriteDeadline(time.Time{})
	if r.Body != nil && r.Body != http.NoBody {
		patient := *r
		patient.Body = &patientBody{r.Body, control, account{}}
		r = &patient
	}
	return &patientWriter{w, control, account{}}, r
}

// account is how long we waited for a client, and for how much.
type account struct {
	waited time.Duration
	bytes  int64
}

// left is how long the next wait may be; not positive = it was too slow.
func (a *account) left() time.Duration {
	return min(stall, stall+time.Duration(a.bytes)*byteCost-a.waited)
}

// move reads or writes p, no longer than is left.
func (a *account) move(p []byte, limit func(time.Time) error, do func([]byte) (int, error)) (int, error) {
	left := a.left()
	if left <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	start := time.Now()
	_ = limit(start.Add(left))
	n, err := do(p)
	a.waited += time.Since(start)
	a.bytes += int64(n)
	return n, err
}

// patientBody lifts the deadline after the end: net/http goes on reading, to notice when the client goes away, and must
// not take our patience for that.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	account account
}

func (b *patientBody) Read(p []byte) (int, error) {
	n, err := b.account.move(p, b.control.SetReadDeadline, b.ReadCloser.Read)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	account account
}

func (w *patientWriter) Write(p []byte) (int, error) {
	return w.account.move(p, w.control.SetWriteDeadline, w.ResponseWriter.Write)
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
