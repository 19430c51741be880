package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// stall is how long a stream may stand still.
const stall = 30 * time.Second

// patience lets streams take as long as they move: imports, exports, and the pages' live progress; and tests of servers,
// which wait as long as the server's settings say. The limits of the listener are for whole requests, so they are lifted,
// and every read and write gets one of its own. Live progress ends when the App drains; a page reconnects by itself.
func (a *App) patience(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isStream(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if isLive(r) {
			defer context.AfterFunc(a.draining, cancel)()
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Time{}) // where it is not supported there is none to lift
		_ = control.SetWriteDeadline(time.Time{})
		r = r.WithContext(ctx)
		if r.Body != http.NoBody {
			r.Body = &movingBody{r.Body, control}
		}
		next.ServeHTTP(&movingWriter{w, control}, r)
	})
}

// isStream reports requests that may take longer than others: uploads of the fleet, lists as CSV, tests of servers, live
// progress.
func isStream(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(path, "/api/v1/import/") || strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, "/test") || isLive(r)
}

func isLive(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// movingBody gives every read its own time. After the end the deadline is lifted: net/http goes on reading, to notice
// when the client goes away, and must not take our patience for that.
type movingBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *movingBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(stall))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// movingWriter gives every write its own time.
type movingWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *movingWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stall))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (w *movingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
