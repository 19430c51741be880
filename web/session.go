package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"heliograph/access"
)

// NewSessions keeps sessions in store, which sees only a hash of their token.
func NewSessions(store scs.Store) *scs.SessionManager {
	m := scs.New()
	m.Store = store // instead of one in memory, whose empty sweep scs starts and has no safe way to stop
	m.HashTokenInStore = true
	m.IdleTimeout = access.SessionIdle
	m.Lifetime = access.SessionMost
	m.Codec = sessionCodec{}
	return m
}

// CookieName is what a cookie is called: over TLS with a prefix by which browsers refuse it from anything but this host
// over TLS (RFC 6265bis section 4.1.3.2).
func CookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// sessionCookie is the name of the cookie that holds a session's token.
const sessionCookie = "heliograph_session"

// LiveHeader marks requests that a page makes by itself, to show what is new. They do not keep a session alive: a
// browser left open on the dashboard is not somebody at work.
const LiveHeader = "Heliograph-Live"

// IsLive reports whether a page asks by itself.
func IsLive(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get(LiveHeader) != ""
}

// LoadSession gives handlers the session, and stores what they change in it before the answer begins. secure says whether
// a request came over TLS. fail answers when the store does not.
func LoadSession(m *scs.SessionManager, secure func(*http.Request) bool, fail func(http.ResponseWriter, *http.Request, error)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			k := keeper{m, CookieName(sessionCookie, secure(r)), secure(r)}
			ctx, err := m.Load(r.Context(), k.token(r))
			if err != nil {
				fail(w, r, err)
				return
			}
			r = r.WithContext(ctx)
			if IsLive(r) {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Add("Vary", "Cookie")
			answer := &sessionWriter{ResponseWriter: w, keep: func() error { return k.keep(ctx, w) }}
			next.ServeHTTP(answer, r)
			if err := answer.begin(); err != nil {
				fail(w, r, err)
			}
		})
	}
}

// keeper brings a session into its cookie and out of it.
type keeper struct {
	*scs.SessionManager
	name   string
	secure bool
}

func (k keeper) token(r *http.Request) string {
	cookie, err := r.Cookie(k.name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// keep stores the session, and tells the browser when it has another token or ends at another time.
func (k keeper) keep(ctx context.Context, w http.ResponseWriter) error {
	cookie := &http.Cookie{Name: k.name, Path: "/", HttpOnly: true, Secure: k.secure, SameSite: http.SameSiteLaxMode}
	switch k.Status(ctx) {
	case scs.Unmodified:
		return nil
	case scs.Destroyed:
		cookie.MaxAge = -1
	case scs.Modified:
		token, expiry, err := k.Commit(ctx)
		if err != nil {
			return err
		}
		cookie.Value = token
		cookie.Expires = expiry.Truncate(time.Second).Add(time.Second) // not before the session
		cookie.MaxAge = int(time.Until(expiry).Seconds()) + 1
	}
	http.SetCookie(w, cookie)
	return nil
}

// sessionWriter keeps the session before the first byte leaves. A session that cannot be kept makes an error of the whole
// answer.
type sessionWriter struct {
	http.ResponseWriter
	keep  func() error
	begun bool
	err   error
}

func (w *sessionWriter) begin() error {
	if w.begun {
		return nil // who asked first was told
	}
	w.begun = true
	w.err = w.keep()
	return w.err
}

func (w *sessionWriter) WriteHeader(status int) {
	if w.begin() != nil {
		status = http.StatusInternalServerError
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *sessionWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.err != nil {
		return 0, w.err
	}
	return w.ResponseWriter.Write(p)
}

// FlushError sends what there is, for streams.
func (w *sessionWriter) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *sessionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sessionCodec writes sessions as JSON with sorted keys: what did not change has the same bytes, and the store can tell.
// Values are strings.
type sessionCodec struct{}

type storedSession struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

func (sessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	s := storedSession{Deadline: deadline.UTC(), Values: map[string]string{}}
	for key, value := range values {
		if text, ok := value.(string); ok {
			s.Values[key] = text
		}
	}
	return json.Marshal(s)
}

func (sessionCodec) Decode(data []byte) (time.Time, map[string]any, error) {
	var s storedSession
	if err := json.Unmarshal(data, &s); err != nil {
		return time.Time{}, nil, err
	}
	values := make(map[string]any, len(s.Values))
	for key, text := range s.Values {
		values[key] = text
	}
	return s.Deadline, values, nil
}
