package intake_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"heliograph/internal/pgtest"
	"heliograph/jobs"
	"heliograph/message"
	"heliograph/seal"
	"heliograph/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var admin = access.Actor{Kind: access.ByAccount, ID: "admin", Name: "admin", Role: access.Administrator, Scope: access.Everything}

// house is a door on a real database, with a clock that is moved by hand. Jobs are noted and not worked.
type house struct {
	*testing.T
	store *store.Store
	door  *intake.Door
	jobs  *noted

	mu  sync.Mutex
	now time.Time
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

func (*noted) Complete(context.Context, store.Tx, courier.Running) error { return nil }
func (*noted) PauseQueue(context.Context, store.Tx, string) error        { return nil }
func (*noted) ResumeQueue(context.Context, store.Tx, string) error       { return nil }

// start is when a house begins to live: later than the day on which somebody runs this, for settings with a certificate that
// has expired are refused by the clock of the machine.
var start = time.Date(2040, 3, 4, 9, 30, 0, 0, time.UTC)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(h *house)) {
	t.Run("sqlite", func(t *testing.T) { test(newHouse(t, filepath.Join(t.TempDir(), "test.db"))) })
	t.Run("postgres", func(t *testing.T) { test(newHouse(t, migrated.Database(t))) })
}

// migrated is a PostgreSQL database with the schema, to copy.
var migrated = pgtest.NewTemplate(func(url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return errors.Join(s.Migrate(ctx), jobs.Migrate(ctx, s))
})

// onSQLite is for what the databases have no say in.
func onSQLite(t *testing.T) *house {
	return newHouse(t, filepath.Join(t.TempDir(), "test.db"))
}

func newHouse(t *testing.T, url string) *house {
	t.Helper()
	h := &house{T: t, jobs: &noted{}, now: start}
	var err error
	h.store, err = store.Open(t.Context(), url, store.Options{Now: h.clock, Providers: all.Providers})
	h.must(err)
	t.Cleanup(h.store.Close)
	h.must(h.store.Migrate(t.Context()))
	h.must(jobs.Migrate(t.Context(), h.store))
	h.must(h.store.UseKeys(t.Context(), seal.New()))
	h.store.UseJobs(h.jobs)
	h.door = h.another()
	return h
}

// another is the door of another process on the same database.
func (h *house) another() *intake.Door {
	return intake.New(h.store, intake.Options{Providers: all.Providers, Now: h.clock, NotFound: store.ErrNotFound})
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) set(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// server sets up a server of a kind; settings are JSON.
func (h *house) server(kind, name, settings string) channel.Server {
	h.Helper()
	values := map[string]json.RawMessage{}
	h.must(json.Unmarshal([]byte(settings), &values))
	s, err := h.door.CreateServer(h.Context(), admin, intake.ServerInput{Kind: kind, Name: name, Settings: values})
	h.must(err)
	return s
}

func (h *house) smtp() channel.Server {
	h.Helper()
	return h.server("smtp", "Relay", `{"host": "mail.example.com", "from_email": "it@example.com"}`)
}

func (h *house) sms() channel.Server {
	h.Helper()
	return h.server("sms", "Vonage", `{"key": "k", "secret": "s", "country": "+351", "virtual_number": "12015550100"}`)
}

func (h *house) webpush() channel.Server {
	h.Helper()
	return h.server("webpush", "Browsers", `{"app": "app", "subject": "mailto:it@example.com"}`)
}

// alertee is an administrator who receives alerts.
func (h *house) alertee(name, mail, mobile, language string) {
	h.Helper()
	a, err := h.store.CreateAccount(h.Context(), name, access.Administrator)
	h.must(err)
	a.Mail, a.Mobile, a.Alerts = mail, mobile, true
	h.must(h.store.UpdateAccount(h.Context(), a))
	if language != "" {
		h.must(h.store.SetLanguage(h.Context(), a.ID, language, ""))
	}
}

// person is somebody with a mail address and a phone that has no push token.
func (h *house) person(id, language string) {
	h.Helper()
	_, err := h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: fleet.UserID(id), DisplayName: id, Mail: id + "@example.com", Language: language})
	h.must(err)
	d := fleet.NewDevice(fleet.DeviceID("phone-" + id))
	d.Name, d.Platform, d.User, d.PhoneNumber = "Phone of "+id, fleet.IOS, fleet.UserID(id), "+351910000001"
	_, err = h.store.PutDevice(h.Context(), access.Everything, d)
	h.must(err)
}

// sent lists the notifications, the oldest first.
func (h *house) sent() []message.Notification {
	h.Helper()
	list, _, err := h.store.ListNotifications(h.Context(), access.Everything, store.NotificationFilter{}, store.Page{Ascending: true})
	h.must(err)
	return list
}

// pointers are the places of what a request was refused for, or the error itself.
func pointers(err error) string {
	var refused *intake.Refused
	if !errors.As(err, &refused) {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	var list []string
	for _, p := range refused.Problems {
		list = append(list, p.Pointer)
	}
	return strings.Join(list, " ")
}

// detail is what is said at a place.
func detail(err error, pointer string) string {
	var refused *intake.Refused
	if errors.As(err, &refused) {
		for _, p := range refused.Problems {
			if p.Pointer == pointer {
				return p.Detail
			}
		}
	}
	return ""
}
