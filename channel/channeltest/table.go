package channeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/message"
)

// Service is a server of the provider's kind, with settings that reach it.
type Service struct {
	Settings channel.Settings
	Requests func() int // messages that it has read
	Close    func()
}

// Table is what a provider must make of answers of type A.
type Table[A any] struct {
	// Serve starts a service that gives the n-th message the n-th answer, and the last one to all after it.
	Serve   func(t testing.TB, answers []A) Service
	Message message.Message
	Secrets []string // that no administrator and no log may see
	Cases   []Case[A]
}

// Case is one row.
type Case[A any] struct {
	Name     string
	Answers  []A
	Change   func(*message.Message) // of Table.Message; nil = none
	Want     Want
	Requests int // how many the service reads; 0 = one for each answer
}

// dateSlack is how far RetryAfter may be off: a table that holds a date is older than its rows' runs.
const dateSlack = 10 * time.Second

// Want is the outcome.
type Want struct {
	Accepted   string // provider's id; empty = a failure
	Scope      message.Scope
	Reason     message.Reason
	RetryAfter time.Duration
	Answer     string
	KeepToken  bool
}

// Run runs the rows one after the other, each with a fresh service.
func (tb Table[A]) Run(t *testing.T) {
	for _, c := range tb.Cases {
		t.Run(c.Name, func(t *testing.T) { tb.row(t, c) })
	}
}

func (tb Table[A]) row(t *testing.T, c Case[A]) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	logged := CaptureLogs(t)
	service := tb.Serve(t, c.Answers)
	defer service.Close()
	m := tb.Message
	if c.Change != nil {
		c.Change(&m)
	}
	sender, err := service.Settings.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	outcomes := sender.Send(context.Background(), []message.Message{m})
	if len(outcomes) != 1 {
		t.Fatalf("%d outcomes for one message", len(outcomes))
	}
	c.Want.check(t, outcomes[0])
	if want := max(c.Requests, len(c.Answers)); service.Requests() != want {
		t.Errorf("%d requests, want %d", service.Requests(), want)
	}
	NoSecrets(t, tb.secrets(m), outcomes, logged())
}

// secrets are the provider's, and the token of a push.
func (tb Table[A]) secrets(m message.Message) []string {
	if m.Channel == message.Push && m.Address != "" {
		return append([]string{m.Address}, tb.Secrets...)
	}
	return tb.Secrets
}

func (w Want) check(t *testing.T, o message.Outcome) {
	t.Helper()
	if w.Accepted != "" {
		if !o.Accepted || o.Failure != nil || o.ProviderID != w.Accepted {
			t.Errorf("got %s, want it accepted as %s", show(o), w.Accepted)
		}
		return
	}
	if o.Accepted || o.Failure == nil {
		t.Fatalf("got %s, want a failure", show(o))
	}
	f := *o.Failure
	if got := (Want{"", f.Scope, f.Reason, w.RetryAfter, f.Answer, f.KeepToken}); got != w {
		t.Errorf("got  %+v\nwant %+v", got, w)
	}
	if d := f.RetryAfter - w.RetryAfter; d < -dateSlack || d > dateSlack {
		t.Errorf("retry after %s, want %s", f.RetryAfter, w.RetryAfter)
	}
	if !strings.HasSuffix(f.Detail, ".") || strings.Contains(f.Detail, "\n") {
		t.Errorf("the detail is not one sentence: %q", f.Detail)
	}
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// NoSecrets fails when a line of a secret shows in one of the values, which are written as JSON.
func NoSecrets(t testing.TB, secrets []string, values ...any) {
	t.Helper()
	for _, v := range values {
		text := show(v)
		for _, secret := range secrets {
			for line := range strings.Lines(secret) {
				if line = strings.TrimSpace(line); len(line) > 3 && !strings.HasPrefix(line, "-----") && strings.Contains(text, line) {
					t.Errorf("a secret is shown: %s", text)
				}
			}
		}
	}
}

// CaptureLogs collects what the standard loggers are given until the test ends.
func CaptureLogs(t testing.TB) func() string {
	t.Helper()
	var buffer lockedBuffer
	before, writer := slog.Default(), log.Writer()
	slog.SetDefault(slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&buffer)
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(writer)
	})
	return buffer.String
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
