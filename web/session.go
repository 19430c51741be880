package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// How long a session lasts.
const (
	SessionIdle = 12 * time.Hour     // without a request
	SessionMost = 7 * 24 * time.Hour // in any case
)

// NewSessions keeps sessions in store, which sees only a hash of their token. secure marks the cookie for TLS only.
func NewSessions(store scs.Store, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Store = store // instead of one in memory, whose empty sweep scs starts and has no safe way to stop
	m.HashTokenInStore = true
	m.IdleTimeout = SessionIdle
	m.Lifetime = SessionMost
	m.Codec = sessionCodec{}
	m.Cookie.Name = "heliograph_session"
	if secure {
		m.Cookie.Name = "__Host-heliograph_session" // browsers refuse it from anything but this host over TLS
	}
	m.Cookie.Secure = secure
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	return m
}

// LiveHeader marks requests that a page makes by itself, to show what is new. They do not keep a session alive: a
// browser left open on the dashboard is not somebody at work.
const LiveHeader = "Heliograph-Live"

// LoadSession gives handlers the session, and stores what they change in it. fail answers when the store does not.
func LoadSession(m *scs.SessionManager, fail func(http.ResponseWriter, *http.Request, error)) Middleware {
	m.ErrorFunc = fail
	return func(next http.Handler) http.Handler {
		working := m.LoadAndSave(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.Header.Get(LiveHeader) == "" {
				working.ServeHTTP(w, r)
				return
			}
			ctx, err := m.Load(r.Context(), sessionToken(m, r))
			if err != nil {
				fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

func sessionToken(m *scs.SessionManager, r *http.Request) string {
	cookie, err := r.Cookie(m.Cookie.Name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

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
