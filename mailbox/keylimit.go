package mailbox

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// AppKeys are the app keys in the store.
type AppKeys interface {
	// UseAppKey finds the key of a secret, and notes that it was used. ErrAppKey when there is none, or it was revoked.
	UseAppKey(ctx context.Context, secret string) (AppKey, error)
}

// authenticate finds the app key of a request, and asks whether it may be used from there.
func (r *Registrations) authenticate(ctx context.Context, secret string, from netip.Addr) (AppKey, error) {
	if !strings.HasPrefix(secret, AppKeyPrefix) {
		return AppKey{}, ErrAppKey
	}
	key, err := r.store.UseAppKey(ctx, secret)
	switch {
	case err != nil:
		return key, err
	case !key.Takes(from):
		return key, ErrNetwork
	}
	return key, nil
}

// keyLimits are how fast each app key may be used, on this node. There are as many as administrators made keys.
type keyLimits struct {
	now func() time.Time
	mu  sync.Mutex
	of  map[string]*rate.Limiter
}

// take takes one registration's place, or says when there is one.
func (l *keyLimits) take(key string, perSecond int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, limit := l.now(), rate.Limit(perSecond)
	limiter := l.of[key]
	if limiter == nil {
		if l.of == nil {
			l.of = map[string]*rate.Limiter{}
		}
		limiter = rate.NewLimiter(limit, perSecond)
		l.of[key] = limiter
	}
	if limiter.Limit() != limit {
		limiter.SetLimitAt(now, limit)
		limiter.SetBurstAt(now, perSecond)
	}
	reserved := limiter.ReserveN(now, 1)
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return &Throttled{wait}
	}
	return nil
}
