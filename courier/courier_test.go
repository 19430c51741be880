package courier_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/pgtest"
	"heliograph/jobs"
	"heliograph/message"
	"heliograph/seal"
	"heliograph/store"
	"heliograph/template"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var admin = access.Actor{Name: "admin", Role: access.Administrator, Scope: access.Everything}

// house is everything between the door and the providers, on a real database. The providers are fakes with behaviour.
type house struct {
	*testing.T
	store   *store.Store
	engine  *jobs.Engine
	courier *courier.Courier
	door    *intake.Door
	peers   *peers
	clock   *clock
	logs    *logs
	dice    atomic.Bool // really at random; else always the middle
}

func (h *house) roll() float64 {
	if h.dice.Load() {
		return rand.Float64()
	}
	return 0.5
}

// logs keeps what the courier and the job engine said, to be shown when a test fails.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// clock is the machine's, and can be moved on.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(h *house)) {
	t.Run("sqlite", func(t *testing.T) { test(newHouse(t, filepath.Join(t.TempDir(), "test.db"))) })
	t.Run("postgres", func(t *testing.T) { test(newHouse(t, pgtest.Database(t))) })
}

func newHouse(t *testing.T, url string) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{T: t, peers: &peers{}, clock: &clock{}, logs: &logs{}}
	logger := slog.New(slog.NewTextHandler(h.logs, nil))
	providers := []channel.Provider{h.peers.provider("smtp", message.SMTP), h.peers.provider("apns", message.Push), h.peers.provider("fcm", message.Push), h.peers.provider("sms", message.SMS)}
	var err error
	h.store, err = store.Open(ctx, url, store.Options{Now: h.clock.Now, Providers: providers})
	h.must(err)
	t.Cleanup(h.store.Close)
	h.must(h.store.Migrate(ctx))
	h.must(jobs.Migrate(ctx, h.store))
	h.must(h.store.UseKeys(ctx, seal.New()))
	h.engine = jobs.New(h.store, jobs.Options{Work: true, Logger: logger})
	h.courier = courier.New(h.store, h.engine, courier.Options{
		Logger: logger, Providers: providers, Now: h.clock.Now, Tick: 20 * time.Millisecond, Random: h.roll,
	})
	jobs.Work(h.engine, nil, h.courier.Expand)
	jobs.Work(h.engine, nil, h.courier.Dispatch)
	jobs.Work(h.engine, nil, h.courier.Retry)
	jobs.Work(h.engine, nil, h.courier.Probe)
	jobs.Work(h.engine, nil, h.courier.Cancel)
	jobs.Work(h.engine, nil, h.courier.GiveUp)
	jobs.Work(h.engine, nil, h.courier.Again)
	jobs.Work(h.engine, nil, h.courier.Hurry)
	jobs.Work(h.engine, nil, h.courier.CleanUp)
	h.must(h.engine.Open())
	h.store.UseJobs(h.engine)
	h.door = intake.New(h.store, intake.Options{Providers: providers, Now: h.clock.Now})
	h.must(h.engine.Start(context.WithoutCancel(ctx)))
	h.must(h.courier.Start(ctx))
	t.Cleanup(func() {
		h.courier.Drain()
		stop, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.engine.Stop(stop); err != nil {
			t.Errorf("stopping: %v", err)
		}
		h.courier.Close()
	})
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// server sets up a fake server.
func (h *house) server(kind, name string) channel.Server {
	h.Helper()
	s, err := h.door.CreateServer(h.Context(), admin, intake.ServerInput{Kind: kind, Name: name})
	h.must(err)
	return s
}

// people fills the fleet: n people, each with a mail address and a device with a live token.
func (h *house) people(n int) {
	h.Helper()
	for i := range n {
		id := fmt.Sprintf("u%03d", i)
		_, err := h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: fleet.UserID(id), DisplayName: "Person " + id, Mail: id + "@example.com"})
		h.must(err)
		d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("d%03d", i)))
		d.Name, d.Platform, d.User = "Phone of "+id, fleet.IOS, fleet.UserID(id)
		d.Push = &fleet.PushToken{Provider: fleet.APNs, Token: fmt.Sprintf("%064x", i+1), App: "com.example.app", Environment: fleet.Production}
		_, err = h.store.PutDevice(h.Context(), access.Everything, d)
		h.must(err)
	}
}

func mail(subject, text string) template.Content {
	return template.Content{SMTP: &template.MailText{Subject: subject, Message: text}}
}

func push(text string) template.Content {
	return template.Content{Push: &template.PushText{Message: text}}
}

func (h *house) send(c template.Content, a fleet.Audience) message.Notification {
	h.Helper()
	n, _, err := h.door.Send(h.Context(), admin, intake.Request{Audience: a, Content: c}, nil)
	h.must(err)
	return n
}

var everyone = fleet.Audience{All: true}

// until waits for a notification to look as it should.
func (h *house) until(n message.Notification, what string, ok func(message.Notification) bool) (now message.Notification) {
	h.Helper()
	h.eventually(what, func() bool {
		var err error
		now, err = h.store.Notification(h.Context(), access.Everything, n.ID)
		h.must(err)
		return ok(now)
	}, func() string { return fmt.Sprintf("state %s, counts %v", now.State, now.Counts) })
	return now
}

// eventually polls what other goroutines do, until it is so or half a minute is over.
func (h *house) eventually(what string, ok func() bool, seen ...func() string) {
	h.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			h.Log(h.logs.String())
			for _, say := range seen {
				h.Log(say())
			}
			h.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (h *house) done(n message.Notification) message.Notification {
	h.Helper()
	return h.until(n, "it is done", func(n message.Notification) bool { return n.State == message.Done })
}

func (h *house) deliveries(n message.Notification) []message.DeliveryView {
	h.Helper()
	list, _, err := h.store.ListDeliveries(h.Context(), access.Everything, n.ID, store.DeliveryFilter{}, store.Page{Limit: 1000})
	h.must(err)
	return list
}

// count says how many deliveries of a channel are in a state.
func (h *house) count(n message.Notification, c message.Channel, s message.State, want int64) {
	h.Helper()
	if got := n.Counts[c][s]; got != want {
		h.Errorf("%s %s: %d, want %d (all: %v)", c, s, got, want, n.Counts)
	}
}

// peers are fake servers: they accept everything unless an answer was set for an address.
type peers struct {
	mu           sync.Mutex
	got          []message.Message
	answers      map[string][]message.Outcome // by address; the last one stays
	handed       chan struct{}                // not nil: a signal for each message
	rate, rateUS float64                      // of text messages a second; 0 = as fast as can be

	stopped atomic.Bool   // a Send was told to hand nothing more over
	waitFor chan struct{} // not nil: nothing is answered before it is closed
	hangs   map[message.Channel]*hanging
	resting []channel.Resting // hosts that are left alone; then all messages wait for the end of the first one's pause
}

func (p *peers) Resting() []channel.Resting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.resting)
}

func (p *peers) ProbeNow() { p.rest() }

func (p *peers) rest(list ...channel.Resting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = list
}

// hanging is a server that takes messages and does not answer until it is let go.
type hanging struct {
	taken chan struct{} // a signal for each message
	until chan struct{}
}

// hang makes the servers of a channel hang. The returned function lets them answer.
func (p *peers) hang(c message.Channel) (h *hanging, end func()) {
	h = &hanging{taken: make(chan struct{}, 1000), until: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hangs == nil {
		p.hangs = map[message.Channel]*hanging{}
	}
	p.hangs[c] = h
	return h, sync.OnceFunc(func() {
		p.mu.Lock()
		delete(p.hangs, c)
		p.mu.Unlock()
		close(h.until)
	})
}

func (p *peers) provider(kind string, c message.Channel) channel.Provider {
	return channel.Provider{
		Kind: kind, Title: kind, Channel: c, Batch: 500, Workers: 2, Costly: c == message.SMS,
		Default: func() channel.Settings { return &settings{peers: p, kind: kind} },
	}
}

// answer sets what the next messages to an address come to; the last answer stays.
func (p *peers) answer(address string, outcomes ...message.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil {
		p.answers = map[string][]message.Outcome{}
	}
	p.answers[address] = outcomes
}

func (p *peers) received() []message.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]message.Message(nil), p.got...)
}

func (p *peers) Close() {}

// atOnce is how many messages of a batch are on the wire.
const atOnce = 4

func (p *peers) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	defer context.AfterFunc(ctx, func() { p.stopped.Store(true) })()
	return channel.Each(ctx, batch, atOnce, p.one)
}

func (p *peers) one(_ context.Context, m message.Message) message.Outcome {
	p.mu.Lock()
	wait, handed, hangs := p.waitFor, p.handed, p.hangs[m.Channel]
	p.mu.Unlock()
	if hangs != nil {
		hangs.taken <- struct{}{}
		<-hangs.until
	}
	if handed != nil {
		handed <- struct{}{}
	}
	if wait != nil {
		<-wait
	}
	if list := p.Resting(); len(list) > 0 {
		return message.Fail(message.Failure{Reason: list[0].Reason, Scope: message.RecipientForNow, Uncounted: true, RetryAfter: time.Until(list[0].Until)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	list, ok := p.answers[m.Address]
	if !ok {
		list = p.answers["*"]
	}
	if len(list) == 0 {
		return message.Accept("id-" + m.ID.String())
	}
	if len(list) > 1 {
		p.answers[m.Address] = list[1:]
	}
	return list[0]
}

type settings struct {
	peers *peers
	kind  string
	Tries int    `json:"retries"`
	App   string `json:"app"`
}

func (s *settings) Check() []channel.Problem { return nil }
func (s *settings) Retries() int             { return 2 }
func (s *settings) Open(channel.Env) (channel.Sender, error) {
	return s.peers, nil
}

// Number is the SMS gateway's: numbers without a country are French.
func (s *settings) Number(written string) (string, error) {
	number := strings.ReplaceAll(written, " ", "")
	if national, ok := strings.CutPrefix(number, "0"); ok {
		number = "+33" + national
	}
	if !fleet.ValidNumber(number) {
		return "", errors.New("not a number")
	}
	return number, nil
}

// Rate is the SMS gateway's, slower for +1.
func (s *settings) Rate(address string) float64 {
	switch {
	case s.kind != "sms":
		return 0
	case strings.HasPrefix(address, "+1"):
		return s.peers.rateUS
	}
	return s.peers.rate
}

func (s *settings) Route() channel.Route {
	if s.kind == "smtp" || s.kind == "sms" {
		return channel.Route{Host: "mail.example.com"}
	}
	return channel.Route{Host: "push.example.com", App: "com.example.app", Environment: "production"}
}

func (s *settings) Test(context.Context, channel.Env, message.Message) channel.Report {
	return channel.Report{OK: true}
}
