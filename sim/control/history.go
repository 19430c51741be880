package control

import (
	"sync"
	"time"
)

// DefaultHistory is how many entries a simulator remembers.
const DefaultHistory = 200_000

// Entry is one request that was read. Record is the simulator's own compact form of it.
type Entry[T any] struct {
	Seq    int64
	At     int64 // Unix nanoseconds
	Status int   // what was answered; 0 = no answer
	Reason string
	Record T
}

// Time is when the request was read, in UTC.
func (e Entry[T]) Time() time.Time { return time.Unix(0, e.At).UTC() }

// History is a ring of the newest entries, safe for concurrent use. Sequence numbers go on after Clear, so that a reader
// who remembers one never misses anything.
type History[T any] struct {
	mu         sync.Mutex
	ring       []Entry[T]
	size       int
	last       int64 // newest Seq given out
	cleared    int64 // Seq at the last Clear
	generation int64
	changed    chan struct{} // non-nil while somebody waits
}

// NewHistory makes a history of the newest size entries; size <= 0 means DefaultHistory.
func NewHistory[T any](size int) *History[T] {
	if size <= 0 {
		size = DefaultHistory
	}
	return &History[T]{size: size}
}

// Add records one request.
func (h *History[T]) Add(status int, reason string, record T) {
	at := time.Now().UnixNano()
	h.mu.Lock()
	h.last++
	entry := Entry[T]{Seq: h.last, At: at, Status: status, Reason: reason, Record: record}
	if len(h.ring) < h.size {
		h.ring = append(h.ring, entry)
	} else {
		h.ring[h.slot(h.last)] = entry
	}
	changed := h.changed
	h.changed = nil
	h.mu.Unlock()
	if changed != nil {
		close(changed)
	}
}

// Span is a piece of the history.
type Span[T any] struct {
	Generation int64 // changes with every Clear
	Count      int64 // all ever recorded since the last Clear
	Last       int64 // Seq of the newest entry there is, whether or not it is in Entries
	Entries    []Entry[T]
}

// Newest returns the newest limit entries, oldest of them first.
func (h *History[T]) Newest(limit int) Span[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := max(0, min(limit, len(h.ring)))
	return h.span(h.last-int64(n)+1, n)
}

// After returns the first limit entries that are newer than seq and still remembered.
func (h *History[T]) After(seq int64, limit int) Span[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := max(seq+1, h.last-int64(len(h.ring))+1)
	n := max(0, min(int64(limit), h.last-first+1))
	return h.span(first, int(n))
}

// Count is the number of entries recorded since the last Clear.
func (h *History[T]) Count() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last - h.cleared
}

// Clear forgets everything.
func (h *History[T]) Clear() {
	h.mu.Lock()
	h.ring, h.cleared = nil, h.last
	h.generation++
	changed := h.changed
	h.changed = nil
	h.mu.Unlock()
	if changed != nil {
		close(changed)
	}
}

// Changed returns a channel that is closed at the next Add or Clear.
func (h *History[T]) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

func (h *History[T]) span(first int64, n int) Span[T] {
	entries := make([]Entry[T], n)
	for i := range entries {
		entries[i] = h.ring[h.slot(first+int64(i))]
	}
	return Span[T]{Generation: h.generation, Count: h.last - h.cleared, Last: h.last, Entries: entries}
}

// slot is where the entry with this Seq lives: the first entry after a Clear takes slot 0.
func (h *History[T]) slot(seq int64) int { return int((seq - h.cleared - 1) % int64(h.size)) }
