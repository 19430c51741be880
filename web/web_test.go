package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/access"
	"heliograph/store"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{ErrNotFound, 404}, {ErrForbidden, 403}, {ErrSignIn, 401}, {BadRequest("no"), 400},
		{fmt.Errorf("device: %w", store.ErrNotFound), 404},
		{fmt.Errorf("name: %w", store.ErrConflict), 409},
		{&http.MaxBytesError{Limit: 1}, 413},
		{fmt.Errorf("reading: %w", context.Canceled), 499},
		{context.DeadlineExceeded, 503}, {access.ErrBusy, 503},
		{errors.New("anything"), 500},
	} {
		if got := Status(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestObserveSaysRoutesAndNeverPaths(t *testing.T) {
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /welcome/{secret}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := Chain(mux, Observe(mux, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), metrics))
	for _, path := range []string{"/welcome/s3cret?token=s3cret", "/other/s3cret"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("S3CRET", "/welcome/x", nil))
	if strings.Contains(strings.ToLower(log.String()), "s3cret") {
		t.Errorf("the log tells a secret: %s", log.String())
	}
	want := "GET /welcome/{secret} 418 1, GET none 404 1, other none 405 1"
	if got := counted(t, registry); got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
}

// counted is the requests that were counted, as "method route status n", sorted.
func counted(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, family := range families {
		if family.GetName() != "heliograph_http_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			words := map[string]string{}
			for _, label := range m.GetLabel() {
				words[label.GetName()] = label.GetValue()
			}
			list = append(list, fmt.Sprintf("%s %s %s %.0f", words["method"], words["route"], words["status"], m.GetCounter().GetValue()))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func TestRecover(t *testing.T) {
	var got error
	h := Recover(func(w http.ResponseWriter, _ *http.Request, err error) {
		got = err
		w.WriteHeader(Status(err))
	})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || got == nil || !strings.Contains(got.Error(), "broken") {
		t.Errorf("status %d, error %v", w.Code, got)
	}
}

func TestLimitBody(t *testing.T) {
	h := LimitBody(10)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		w.WriteHeader(Status(err))
	}))
	for body, want := range map[string]int{"0123456789": 200, "0123456789a": 413} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%d bytes: %d, want %d", len(body), w.Code, want)
		}
	}
}

func TestCompress(t *testing.T) {
	long := strings.Repeat("words ", 1000)
	for _, c := range []struct {
		name, kind, body, accept string
		status                   int
		zipped                   bool
	}{
		{"a page", "text/html; charset=utf-8", long, "br, gzip;q=0.8", 200, true},
		{"an error page", "text/html", long, "gzip", 404, true},
		{"a short page", "text/html", "short", "gzip", 200, false},
		{"not asked", "text/html", long, "", 200, false},
		{"refused", "text/html", long, "gzip;q=0", 200, false},
		{"events", "text/event-stream", long, "gzip", 200, false},
		{"a table", "text/csv", long, "gzip", 200, false},
		{"nothing", "", "", "gzip", 204, false},
	} {
		h := Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			if c.body != "" {
				_, _ = io.WriteString(w, c.body)
			}
		}))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.zipped || w.Code != c.status {
			t.Errorf("%s: zipped %v, status %d", c.name, got, w.Code)
		}
		if body := unzip(t, w, c.zipped); body != c.body {
			t.Errorf("%s: %d bytes arrived, want %d", c.name, len(body), len(c.body))
		}
	}
}

func unzip(t *testing.T, w *httptest.ResponseRecorder, zipped bool) string {
	t.Helper()
	if !zipped {
		return w.Body.String()
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestFlushReachesTheClient(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: x\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, r)
	if !w.Flushed {
		t.Error("the stream was held back")
	}
}

func TestAssets(t *testing.T) {
	files := fstest.MapFS{"a/app.css": {Data: []byte(strings.Repeat("body {} ", 400))}}
	a, err := NewAssets(files, "/assets/", map[string]string{"app.css": "a/app.css"})
	if err != nil {
		t.Fatal(err)
	}
	path := a.Path("app.css")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != 200 || w.Body.Len() != 3200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%s: %d, %d bytes, %s", path, w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w = httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if unzip(t, w, true) != strings.Repeat("body {} ", 400) {
		t.Error("the compressed file is another one")
	}
	w = httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/assets/app.css", nil))
	if w.Code != 404 {
		t.Errorf("without its hash: %d", w.Code)
	}
	if _, err := NewAssets(files, "/assets/", map[string]string{"x.js": "a/x.js"}); err == nil {
		t.Error("a file that is not there was taken")
	}
	files["a/app.css"].Data = []byte("p {}")
	if changed, _ := NewAssets(files, "/assets/", map[string]string{"app.css": "a/app.css"}); changed.Path("app.css") == path {
		t.Error("another content has the same path")
	}
}

func TestClientNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:5000": "192.0.2.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[fe80::1%eth0]:1": "fe80::/64", "pipe": "pipe",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if got := ClientNetwork(r); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestSessionCodecIsSteady(t *testing.T) {
	deadline := time.Date(2026, 3, 21, 14, 0, 0, 0, time.UTC)
	values := map[string]any{"account": "a", "flash": "b", "z": "c"}
	first, err := sessionCodec{}.Encode(deadline, values)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := (sessionCodec{}).Encode(deadline, values); !bytes.Equal(first, again) {
			t.Fatal("the same session has other bytes")
		}
	}
	at, got, err := sessionCodec{}.Decode(first)
	if err != nil || !at.Equal(deadline) || len(got) != 3 || got["account"] != "a" {
		t.Errorf("%v %v, %v", at, got, err)
	}
	if _, _, err := (sessionCodec{}).Decode([]byte("\x00gob")); err == nil {
		t.Error("something else was taken for a session")
	}
}
