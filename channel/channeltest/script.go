package channeltest

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"heliograph/channel"
)

// Reply is one answer of a service that speaks HTTP.
type Reply struct {
	Status int // 0 = 200
	Header map[string]string
	Body   string
}

// Write sends it.
func (r Reply) Write(w http.ResponseWriter) {
	for name, value := range r.Header {
		w.Header().Set(name, value)
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	_, _ = io.WriteString(w, r.Body)
}

// Request is one that was read, as it came.
type Request struct {
	*http.Request
	Content []byte
}

// Script is a handler that gives the n-th request the n-th reply, and the last one to all after it.
type Script struct {
	Replies []Reply

	mu       sync.Mutex
	requests []Request
}

func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	reply := s.Replies[min(len(s.requests), len(s.Replies)-1)]
	s.requests = append(s.requests, Request{r, content})
	s.mu.Unlock()
	reply.Write(w)
}

// Requests are all that were read.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Count is how many were read.
func (s *Script) Count() int { return len(s.Requests()) }

// Gate is a handler that keeps its replies back.
type Gate struct {
	Next    http.Handler
	Arrived chan struct{} // closed when the first request was read

	once    sync.Once
	release chan struct{}
	count   atomic.Int32
}

// NewGate stands in front of a handler.
func NewGate(next http.Handler) *Gate {
	return &Gate{Next: next, Arrived: make(chan struct{}), release: make(chan struct{})}
}

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.count.Add(1)
	g.once.Do(func() { close(g.Arrived) })
	<-g.release
	g.Next.ServeHTTP(w, r)
}

// Open lets everything through.
func (g *Gate) Open() { close(g.release) }

// Count is how many requests came.
func (g *Gate) Count() int { return int(g.count.Load()) }

// Problems checks that settings are refused at exactly these fields, and that no secret shows in the reasons.
func Problems(t testing.TB, found []channel.Problem, secrets []string, fields ...string) {
	t.Helper()
	got := map[string]bool{}
	for _, p := range found {
		got[p.Field] = true
	}
	for _, field := range fields {
		if !got[field] {
			t.Errorf("no problem at %q: %s", field, show(found))
		}
	}
	if len(got) != len(fields) {
		t.Errorf("got %s, want problems at %q alone", show(found), fields)
	}
	NoSecrets(t, secrets, found)
}
