package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/jobs"
	"heliograph/seal"
	"heliograph/store"
)

// house is the API on a real database, with the real door behind it. Jobs are noted and not worked.
type house struct {
	*testing.T
	store   *store.Store
	door    *intake.Door
	handler http.Handler
	server  *server
	clock   *clock
	jobs    *noted
	token   string
	log     *bytes.Buffer
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// noted is a job engine that only remembers.
type noted struct {
	mu   sync.Mutex
	jobs []courier.Job
}

func (n *noted) Insert(_ context.Context, _ store.Tx, jobs ...courier.Job) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.jobs = append(n.jobs, jobs...)
	return nil
}

func (n *noted) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.jobs)
}

func (*noted) Complete(context.Context, store.Tx, courier.Running) error { return nil }
func (*noted) PauseQueue(context.Context, store.Tx, string) error        { return nil }
func (*noted) ResumeQueue(context.Context, store.Tx, string) error       { return nil }

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{T: t, clock: &clock{now: time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)}, jobs: &noted{}, log: &bytes.Buffer{}}
	var err error
	h.store, err = store.Open(ctx, filepath.Join(t.TempDir(), "test.db"), store.Options{Now: h.clock.Now, Providers: all.Providers})
	h.must(err)
	t.Cleanup(h.store.Close)
	h.must(h.store.Migrate(ctx))
	h.must(jobs.Migrate(ctx, h.store))
	h.must(h.store.UseKeys(ctx, seal.New()))
	h.store.UseJobs(h.jobs)
	h.door = intake.New(h.store, intake.Options{Providers: all.Providers, Now: h.clock.Now, NotFound: store.ErrNotFound})
	h.token, _, err = h.store.CreateToken(ctx, "tests", access.Administrator, time.Time{})
	h.must(err)
	o := Options{
		Store: h.store, Door: h.door, Providers: all.Providers, Now: h.clock.Now,
		SignIns: intake.NewSignIns(h.store, h.openID, store.ErrNotFound),
		Logger:  slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	h.server, h.handler = newServer(o), nil
	h.handler = h.server.handler(nil)
	return h
}

// openID is a provider that anybody may use who knows its secret.
func (h *house) openID(_ context.Context, p access.IdentityProvider) channel.Report {
	return channel.Report{OK: p.Secret == "s3cret", Steps: []channel.Step{{Name: "discovery", OK: true}}}
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// answer is what came back.
type reply struct {
	h      *house
	status int
	header http.Header
	raw    string
}

// call sends a request with the house's token. A body that is not a string is written as JSON; header are pairs.
func (h *house) call(method, path string, body any, header ...string) *reply {
	h.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		h.must(err)
		reader = bytes.NewReader(raw)
	}
	r := httptest.NewRequestWithContext(h.Context(), method, path, reader)
	r.Header.Set("Authorization", "Bearer "+h.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return &reply{h, w.Code, w.Header(), w.Body.String()}
}

func (h *house) get(path string) *reply { h.Helper(); return h.call("GET", prefix+path, nil) }
func (h *house) post(path string, body any) *reply {
	h.Helper()
	return h.call("POST", prefix+path, body)
}
func (h *house) put(path string, body any) *reply {
	h.Helper()
	return h.call("PUT", prefix+path, body)
}
func (h *house) del(path string) *reply { h.Helper(); return h.call("DELETE", prefix+path, nil) }

// is checks the status, and gives the answer for more.
func (a *reply) is(status int) *reply {
	a.h.Helper()
	if a.status != status {
		a.h.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	if kind := a.header.Get("Content-Type"); status >= 400 && kind != "application/problem+json" {
		a.h.Fatalf("an error of type %q: %s", kind, a.raw)
	}
	return a
}

// json is the answer's object.
func (a *reply) json() map[string]any {
	a.h.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.raw), &object); err != nil {
		a.h.Fatalf("%v: %s", err, a.raw)
	}
	return object
}

// at reads a value by a path such as items.0.id.
func (a *reply) at(path string) any {
	a.h.Helper()
	var value any = a.json()
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				a.h.Fatalf("no %s in %s", path, a.raw)
			}
			value = v[i]
		default:
			a.h.Fatalf("no %s in %s", path, a.raw)
		}
	}
	return value
}

// has checks values by their paths.
func (a *reply) has(pairs ...any) *reply {
	a.h.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.at(pairs[i].(string)); fmt.Sprint(got) != fmt.Sprint(pairs[i+1]) {
			a.h.Errorf("%s is %v, want %v: %s", pairs[i], got, pairs[i+1], a.raw)
		}
	}
	return a
}

// refuses checks a 422 for problems at exactly these pointers.
func (a *reply) refuses(pointers ...string) *reply {
	a.h.Helper()
	return a.is(422).pointsAt(pointers...)
}

func (a *reply) pointsAt(pointers ...string) *reply {
	a.h.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(a.raw), &p); err != nil {
		a.h.Fatal(err)
	}
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Pointer)
		if e.Detail == "" {
			a.h.Errorf("nothing is said about %q: %s", e.Pointer, a.raw)
		}
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", pointers) {
		a.h.Errorf("points at %q, want %q: %s", got, pointers, a.raw)
	}
	if p.Status != a.status || p.Title == "" || p.Type != "about:blank" || p.Detail == "" {
		a.h.Errorf("not a whole problem: %s", a.raw)
	}
	return a
}

type object = map[string]any

// smtp makes an active SMTP server that nothing listens at.
func (h *house) smtp() string {
	h.Helper()
	return h.post(serversPath, object{"kind": "smtp", "name": "mail", "host": "127.0.0.1", "port": 1, "from_email": "it@example.com", "timeout_seconds": 1}).
		is(201).at("id").(string)
}

// people fills the fleet: n people, each with a mail address and a device.
func (h *house) people(n int) {
	h.Helper()
	for i := range n {
		user := fleet.User{ID: fleet.UserID(fmt.Sprintf("u%d", i)), DisplayName: fmt.Sprintf("Person %d", i), Mail: fmt.Sprintf("u%d@example.com", i)}
		_, err := h.store.PutUser(h.Context(), access.Everything, user)
		h.must(err)
		d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("d%d", i)))
		d.Name, d.Platform, d.User = fmt.Sprintf("Phone %d", i), fleet.IOS, user.ID
		_, err = h.store.PutDevice(h.Context(), access.Everything, d)
		h.must(err)
	}
}
