package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
)

// visit asks a face with a session, as a browser that holds cookie would, and gives the cookie that it then holds.
func visit(t *testing.T, h http.Handler, cookie *http.Cookie, header ...string) (*httptest.ResponseRecorder, *http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		cookie = set
	}
	return w, cookie
}

func TestSessionCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		m := NewSessions(memstore.NewWithCleanupInterval(0))
		remembers := LoadSession(m, func(*http.Request) bool { return secure }, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, m.GetString(r.Context(), "word"))
			m.Put(r.Context(), "late", "is lost") // after the answer began
		}))
		learns := LoadSession(m, func(*http.Request) bool { return secure }, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "word", "kept")
		}))
		if _, cookie := visit(t, remembers, nil); cookie != nil {
			t.Errorf("a visitor of whom nothing is remembered gets a cookie: %v", cookie)
		}
		_, cookie := visit(t, learns, nil)
		if cookie == nil || !cookie.HttpOnly || cookie.Secure != secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" ||
			cookie.Domain != "" || strings.HasPrefix(cookie.Name, "__Host-") != secure {
			t.Fatalf("secure %v: the cookie is %v", secure, cookie)
		}
		if w, _ := visit(t, remembers, cookie); w.Body.String() != "kept" || w.Header().Get("Vary") != "Cookie" {
			t.Errorf("it remembers %q", w.Body.String())
		}
		chosen := *cookie
		chosen.Value = "chosen-by-somebody-else"
		if _, given := visit(t, learns, &chosen); given.Value == chosen.Value {
			t.Error("a token that a visitor brought was taken for a new session")
		}
	}
}

func TestSessionThatCannotBeKept(t *testing.T) {
	store := &brokenStore{MemStore: memstore.NewWithCleanupInterval(0)}
	m := NewSessions(store)
	var failed error
	fail := func(w http.ResponseWriter, _ *http.Request, err error) {
		failed = err
		w.WriteHeader(http.StatusInternalServerError)
	}
	h := LoadSession(m, Secure, fail)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "word", "lost")
		if r.Header.Get("Silent") == "" {
			_, _ = io.WriteString(w, "all is well")
		}
	}))
	if w, cookie := visit(t, h, nil); w.Code != http.StatusInternalServerError || w.Body.Len() != 0 || cookie != nil {
		t.Errorf("answered %d %q", w.Code, w.Body.String())
	}
	if w, _ := visit(t, h, nil, "Silent", "1"); w.Code != http.StatusInternalServerError || !errors.Is(failed, errBroken) {
		t.Errorf("answered %d, failed with %v", w.Code, failed)
	}
}

var errBroken = errors.New("broken")

type brokenStore struct{ *memstore.MemStore }

func (*brokenStore) CommitCtx(context.Context, string, []byte, time.Time) error { return errBroken }
func (*brokenStore) FindCtx(context.Context, string) ([]byte, bool, error)      { return nil, false, nil }
func (*brokenStore) DeleteCtx(context.Context, string) error                    { return nil }
