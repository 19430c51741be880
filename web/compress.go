package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// minCompressed is the size in bytes from which compressing is worth its time.
const minCompressed = 1400

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// Compress gzips pages and JSON for clients that take it. Streams (text/event-stream, CSV) and assets, which are compressed
// beforehand, pass as they are.
func Compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !acceptsGzip(r) || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w}
		defer c.finish()
		next.ServeHTTP(c, r)
	})
}

func acceptsGzip(r *http.Request) bool {
	for word := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(word), ";")
		if coding == "gzip" && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}

// compressor decides at the first write, by the content's type and size.
type compressor struct {
	http.ResponseWriter
	status  int
	decided bool
	gz      *gzip.Writer
}

func (c *compressor) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *compressor) Write(p []byte) (int, error) {
	if !c.decided {
		c.decide(len(p))
	}
	if c.gz != nil {
		return c.gz.Write(p)
	}
	return c.ResponseWriter.Write(p)
}

func (c *compressor) decide(size int) {
	c.decided = true
	h := c.Header()
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if size >= minCompressed && compressible[kind] && h.Get("Content-Encoding") == "" && c.status != http.StatusPartialContent {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		h.Del("Content-Length")
		c.gz = gzipWriters.Get().(*gzip.Writer)
		c.gz.Reset(c.ResponseWriter)
	}
	if c.status != 0 {
		c.ResponseWriter.WriteHeader(c.status)
	}
}

var compressible = map[string]bool{"text/html": true, "application/json": true, "application/problem+json": true}

// Flush sends what there is, for streams.
func (c *compressor) Flush() {
	if !c.decided {
		c.decide(0)
	}
	if c.gz != nil {
		_ = c.gz.Flush() // the next write shows the error
	}
	_ = http.NewResponseController(c.ResponseWriter).Flush()
}

func (c *compressor) finish() {
	if !c.decided {
		c.decide(0)
	}
	if c.gz != nil {
		_ = c.gz.Close() // nobody is left to tell
		c.gz.Reset(io.Discard)
		gzipWriters.Put(c.gz)
	}
}

// Unwrap lets http.ResponseController reach deadlines.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }
