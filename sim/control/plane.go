package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// defaultLimit is how many items GET /_sim/history gives when nothing else is asked.
const defaultLimit = 1000

// maxRule bounds the body of POST /_sim/fail: garbage may be long, but not endless.
const maxRule = 1 << 20

// Page is a decoded piece of history. Item decodes the i-th, so that a long page is never whole in memory as objects.
type Page struct {
	Count int64
	Len   int
	Item  func(i int) any
}

// PageOf makes a page of a span; decode gives the JSON form of one entry.
func PageOf[T, I any](span Span[T], decode func(Entry[T]) I) Page {
	return Page{Count: span.Count, Len: len(span.Entries), Item: func(i int) any { return decode(span.Entries[i]) }}
}

// Read chooses between the two ways of reading: after a known entry, or the newest. It is the meaning of the history's
// parameters: without after, the newest limit; with it, the first limit that follow, so that a reader can page.
func (h *History[T]) Read(q Query) Span[T] {
	if q.Paging {
		return h.After(q.After, q.Limit)
	}
	return h.Newest(q.Limit)
}

// Query is what GET /_sim/history was asked for.
type Query struct {
	After  int64
	Paging bool // after was given
	Limit  int
}

// Plane is the HTTP control interface of one simulator.
type Plane struct {
	Rules   *Rules
	Magic   []Magic
	History func(Query) Page
	Reset   func() // forgets history and rules
}

// Handler serves the paths under /_sim/. Requests by foreign web pages are refused: a simulator listens on loopback,
// where every page in a browser can reach it.
func (p Plane) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/history", p.serveHistory)
	mux.HandleFunc("GET /_sim/magic", p.serveMagic)
	mux.HandleFunc("GET /_sim/fail", p.serveRules)
	mux.HandleFunc("POST /_sim/fail", p.serveFail)
	mux.HandleFunc("POST /_sim/reset", p.serveReset)
	return LocalOnly(mux)
}

// LocalOnly refuses requests that a foreign web page made a browser send: cross-origin ones, and those that reach
// loopback under a foreign name (DNS rebinding).
func LocalOnly(next http.Handler) http.Handler {
	guarded := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localName(r.Host) {
			Problem(w, http.StatusForbidden, "the simulators answer on loopback names only")
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func localName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

func (p Plane) serveHistory(w http.ResponseWriter, r *http.Request) {
	query, err := parseQuery(r)
	if err != nil {
		Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	page := p.History(query)
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(out, `{"count":%d,"items":[`, page.Count)
	encoder := json.NewEncoder(out)
	for i := range page.Len {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := encoder.Encode(page.Item(i)); err != nil {
			return // the reader went away; there is nobody to tell
		}
	}
	out.WriteString("]}\n")
	out.Flush()
}

func parseQuery(r *http.Request) (Query, error) {
	q := Query{Limit: defaultLimit}
	values := r.URL.Query()
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return q, errors.New("limit: must be a whole number, 0 or more")
		}
		q.Limit = n
	}
	if text := values.Get("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return q, errors.New("after: must be a sequence number")
		}
		q.After, q.Paging = n, true
	}
	return q, nil
}

func (p Plane) serveMagic(w http.ResponseWriter, _ *http.Request) {
	JSON(w, http.StatusOK, map[string]any{"items": p.Magic})
}

func (p Plane) serveRules(w http.ResponseWriter, _ *http.Request) {
	JSON(w, http.StatusOK, map[string]any{"items": p.Rules.List()})
}

func (p Plane) serveFail(w http.ResponseWriter, r *http.Request) {
	rule := Rule{Times: 1}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRule))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rule); err != nil {
		status := http.StatusBadRequest
		if strings.Contains(err.Error(), "unknown field") || errors.As(err, new(*json.UnmarshalTypeError)) {
			status = http.StatusUnprocessableEntity
		}
		Problem(w, status, "the rule cannot be read: "+err.Error())
		return
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		Problem(w, http.StatusBadRequest, "the rule cannot be read: something follows it")
		return
	}
	if err := p.Rules.Add(rule); err != nil {
		Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	JSON(w, http.StatusOK, p.Rules.List()[0])
}

func (p Plane) serveReset(w http.ResponseWriter, _ *http.Request) {
	p.Reset()
	JSON(w, http.StatusOK, struct{}{})
}

// JSON answers with v.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is out: an error here means that the reader went away.
	_ = json.NewEncoder(w).Encode(v)
}

// Problem answers with a problem document (RFC 9457).
func Problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}
