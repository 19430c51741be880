package mailbox

import (
	"sync"
	"sync/atomic"
	"time"
)

// renewals are the registrations whose apps gave them another token or signed out in this process, for as long as a desk
// may go by what it read before. Where the registration service runs in another process, that is how long it takes.
type renewals struct {
	last atomic.Int64 // of the newest, in nanoseconds since 1970: what was read after it needs no look
	mu   sync.Mutex
	at   map[int64]time.Time // by the key of the registration
}

// note is called when the change is stored.
func (r *renewals) note(key int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, at := range r.at {
		if now.Sub(at) > targetKept {
			delete(r.at, other)
		}
	}
	if r.at == nil {
		r.at = map[int64]time.Time{}
	}
	r.at[key] = now
	r.last.Store(now.UnixNano())
}

// since reports whether a registration changed after what is known of it was read.
func (r *renewals) since(key int64, read time.Time) bool {
	if read.UnixNano() > r.last.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, changed := r.at[key]
	return changed && !read.After(at)
}
