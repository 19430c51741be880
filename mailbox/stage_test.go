package mailbox_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/seal"
	"heliograph/store"
	"heliograph/store/storetest"
)

// stage is a node of mail push on a SQLite database, in fake time.
type stage struct {
	*storetest.Mail
	sent int  // watermarks
	dead bool // the database is gone
}

// play runs a scene in fake time, on a node that works as it does in the product. change may be nil.
func play(t *testing.T, change func(*mailbox.WakerOptions), scene func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		o := mailbox.WakerOptions{}
		if change != nil {
			change(&o)
		}
		st := &stage{Mail: storetest.NewMail(t, s, nil, o)}
		if err := st.Waker.Start(t.Context(), mailbox.Duties{Listen: true}); err != nil {
			t.Fatal(err)
		}
		scene(st)
		if err := st.Waker.Stop(context.Background()); (err != nil) != st.dead {
			t.Error(err)
		}
		s.Close()
	})
}

func openStore(t *testing.T) *store.Store {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "mail.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.UseKeys(t.Context(), seal.New()); err != nil {
		t.Fatal(err)
	}
	return s
}

// signal is a change in the inbox with so many unread mails; none when negative.
func (st *stage) signal(kind message.WakeKind, unread int) mailbox.Signal {
	now := time.Now()
	st.sent++
	s := mailbox.Signal{Subscription: "mail1.example.com/sub", Server: "mail1.example.com", Previous: mark(st.sent - 1), Watermark: mark(st.sent), Kind: kind, At: now}
	if unread >= 0 {
		s.Badge, s.BadgeAt = &unread, now
	}
	return s
}

func mark(n int) string {
	return "w" + string(rune('A'+n%26)) + string(rune('A'+n/26%26)) + string(rune('A'+n/676%26))
}

// touch posts signals to a folder's address, and waits for the answer.
func (st *stage) touch(p storetest.MailPhone, folder mailbox.Folder, signals ...mailbox.Signal) mailbox.Answer {
	return st.Waker.Touch(context.Background(), mailbox.Event{Capability: p.Capability, Folder: folder, Source: mailbox.EWS, Arrived: time.Now(), Signals: signals})
}

// inbox posts one signal about the inbox.
func (st *stage) inbox(p storetest.MailPhone, s mailbox.Signal) mailbox.Answer {
	return st.touch(p, mailbox.Inbox, s)
}

func (st *stage) wantAnswer(got, want mailbox.Answer) {
	st.Helper()
	if got != want {
		st.Errorf("answered %s, want %s", got, want)
	}
}

// wantBadges wants accepted wakes with these badges; -1 = none.
func (st *stage) wantBadges(want ...int) {
	st.Helper()
	var got []int
	for _, w := range st.Provider.Accepted() {
		n := -1
		if w.Badge != nil {
			n = *w.Badge
		}
		got = append(got, n)
	}
	if len(got) != len(want) {
		st.Errorf("badges %v, want %v", got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			st.Errorf("badges %v, want %v", got, want)
			return
		}
	}
}

// later lets time pass.
func later(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

// slow makes the provider take its time; those who do not wait so long get no answer.
func slow(d time.Duration) func(context.Context, message.Message) message.Outcome {
	return func(ctx context.Context, _ message.Message) message.Outcome {
		select {
		case <-time.After(d):
			return message.Accept("")
		case <-ctx.Done():
			return message.Fail(message.Failure{Scope: message.LostAnswer, Reason: message.LostAnswerReason})
		}
	}
}

func parse(address string) netip.Addr {
	a, _ := netip.ParseAddr(address)
	return a
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	into strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.into.Write(p)
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.into.String()
}

func (l *lines) count(words string) int { return strings.Count(l.text(), words) }
