package apns

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/channel/h2"
	"heliograph/message"
	"heliograph/sim/apns"
	"heliograph/sim/authority"
	"heliograph/sim/control"
)

func TestMain(m *testing.M) {
	channeltest.ServeApart(serveApart)
	goleak.VerifyTestMain(m)
}

// serveApart is the simulator for benchmarks: what is how long it takes for an answer, in milliseconds.
func serveApart(what string) (any, error) {
	delay, err := strconv.Atoi(what)
	if err != nil {
		return nil, err
	}
	server, s, err := simulator()
	if err != nil {
		return nil, err
	}
	return s, server.Fail(control.Rule{DelayMS: delay})
}

func simulator() (*apns.Server, *Settings, error) {
	ca, err := authority.New()
	if err != nil {
		return nil, nil, err
	}
	server, err := apns.Start(apns.Options{Authority: ca})
	if err != nil {
		return nil, nil, err
	}
	c := server.Credentials()
	return server, &Settings{
		App: "com.example.mail", Environment: Production, KeyP8: c.KeyP8, KeyID: c.KeyID, TeamID: c.TeamID,
		Endpoint: server.URL(), TrustedCA: string(ca.PEM()),
	}, nil
}

func startSimulator(t *testing.T) (*apns.Server, *Settings) {
	t.Helper()
	server, s, err := simulator()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	if found := s.Check(); len(found) > 0 {
		t.Fatal(found)
	}
	return server, s
}

func TestSimulatorAccepts(t *testing.T) {
	server, s := startSimulator(t)
	m := hello
	m.Subject, m.Expires = "Notice — äöü 日本", time.Now().Add(time.Hour)
	batch := channeltest.Batch(m, 1000, func(i int) string { return fmt.Sprintf("%064x", i) })
	for i, o := range send(t, s, batch...) {
		if !o.Accepted || o.ProviderID != batch[i].ID.UUID() {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	if n := server.Count(); n != 1000 {
		t.Errorf("the service has %d messages", n)
	}
}

// TestSimulatorFailures asks the simulator for each kind of failure, between messages that must not suffer from it.
func TestSimulatorFailures(t *testing.T) {
	cases := []struct {
		name   string
		rule   control.Rule
		scope  message.Scope // 0 = accepted
		reason message.Reason
	}{
		{"unregistered", control.Rule{Status: http.StatusGone}, message.RecipientFinal, message.TokenDead},
		{"unregistered before", control.Rule{Status: http.StatusGone, TimestampMS: arrived.UnixMilli() - 1}, message.RecipientForNow, message.TokenDead},
		{"bad token", control.Rule{Status: http.StatusBadRequest, Reason: "BadDeviceToken"}, message.RecipientFinal, message.TokenMismatch},
		{"throttled", control.Rule{Status: http.StatusTooManyRequests, Reason: "TooManyRequests"}, message.RecipientForNow, message.Throttled},
		{"unavailable", control.Rule{Status: http.StatusServiceUnavailable}, message.Trouble, message.ServerError},
		{"credentials", control.Rule{Status: http.StatusForbidden, Reason: "InvalidProviderToken"}, message.WholeServer, message.Credentials},
		{"garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, message.LostAnswer, message.LostAnswerReason},
		{"reset", control.Rule{Action: control.Reset}, message.LostAnswer, message.LostAnswerReason},
		{"close", control.Rule{Action: control.Close}, message.LostAnswer, message.LostAnswerReason},
		{"lose", control.Rule{Action: control.Lose}, message.LostAnswer, message.LostAnswerReason},
		{"hang", control.Rule{Action: control.Hang}, message.LostAnswer, message.LostAnswerReason},
		{"goaway", control.Rule{Action: control.GoAway}, 0, ""},
		{"expired once", control.Rule{Status: http.StatusForbidden, Reason: "ExpiredProviderToken"}, 0, ""},
		{"idle once", control.Rule{Status: http.StatusBadRequest, Reason: "IdleTimeout"}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server, s := startSimulator(t)
			c.rule.Times = 1
			if err := server.Fail(c.rule); err != nil {
				t.Fatal(err)
			}
			sender, err := open(*s, h2.Options{Answer: 400 * time.Millisecond}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			o := sender.Send(context.Background(), []message.Message{hello})[0]
			if c.scope == 0 != o.Accepted || o.Failure != nil && (o.Failure.Scope != c.scope || o.Failure.Reason != c.reason) {
				t.Errorf("got %+v", o.Failure)
			}
			if o := sender.Send(context.Background(), []message.Message{hello})[0]; !o.Accepted {
				t.Errorf("the next message: %+v", o.Failure)
			}
		})
	}
}

// TestSimulatorGoAwayUnderLoad: connections are closed again and again and nobody hears of it.
func TestSimulatorGoAwayUnderLoad(t *testing.T) {
	server, s := startSimulator(t)
	if err := server.Fail(control.Rule{Match: "77", Action: control.GoAway}); err != nil {
		t.Fatal(err)
	}
	batch := channeltest.Batch(hello, 1000, func(i int) string { return fmt.Sprintf("%064d", i) })
	for i, o := range send(t, s, batch...) {
		if o.Failure != nil {
			t.Errorf("message %d: %+v", i, o.Failure)
		}
	}
	seen := map[string]bool{}
	for _, item := range server.History() {
		seen[item.Headers["apns-id"]] = true
	}
	if len(seen) != 1000 || server.Count() != 1000 {
		t.Errorf("%d messages, %d of them different", server.Count(), len(seen))
	}
}

// TestCrowd sends with 3,000 messages in flight to a service that takes 50 ms for an answer: few connections, opened
// one by one, and no memory that grows with the crowd. HELIOGRAPH_TORTURE sends 100,000, and then also asks that
// answers never pause for a second.
func TestCrowd(t *testing.T) {
	const senders, inFlight, most, growth = 6, 500, 8, 64 << 20
	rounds, patience := 2, time.Minute
	if os.Getenv("HELIOGRAPH_TORTURE") != "" {
		rounds, patience = 100_000/senders/inFlight+1, time.Second
	}
	var s Settings
	channeltest.Apart(t, "50", &s)
	made, err := open(s, h2.Options{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	before := heap()
	var last, pause atomic.Int64 // Unix nanoseconds of the last answer; longest pause
	last.Store(time.Now().UnixNano())
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			for round := range rounds {
				batch := channeltest.Batch(hello, inFlight, func(i int) string { return fmt.Sprintf("%064x", (n*rounds+round)*inFlight+i) })
				for _, o := range channel.Each(context.Background(), batch, inFlight, made.timed(&last, &pause)) {
					if !o.Accepted {
						t.Errorf("%+v", o.Failure)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := made.pool.Dialled(); n > most {
		t.Errorf("%d connections were opened, want at most %d", n, most)
	}
	if grown := heap() - before; grown > growth {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if p := time.Duration(pause.Load()); p > patience {
		t.Errorf("nothing was answered for %s", p)
	}
	t.Logf("%d messages over %d connections, longest pause %s", senders*rounds*inFlight, made.pool.Dialled(), time.Duration(pause.Load()))
}

// timed is one, and keeps the longest time in which nothing was answered.
func (s *sender) timed(last, pause *atomic.Int64) func(context.Context, message.Message) message.Outcome {
	return func(ctx context.Context, m message.Message) message.Outcome {
		o := s.one(ctx, m)
		now := time.Now().UnixNano()
		quiet := now - last.Swap(now)
		for longest := pause.Load(); quiet > longest && !pause.CompareAndSwap(longest, quiet); longest = pause.Load() {
		}
		return o
	}
}

// heap is how much the program has asked of the system for its heap and its stacks, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapSys - m.HeapReleased + m.StackSys)
}

func TestSimulatorDies(t *testing.T) {
	server, s := startSimulator(t)
	sender, err := s.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if o := sender.Send(context.Background(), []message.Message{hello})[0]; !o.Accepted {
		t.Fatalf("%+v", o.Failure)
	}
	_ = server.Stop(context.Background())
	for _, o := range sender.Send(context.Background(), channeltest.Batch(hello, 100, nil)) {
		if f := o.Failure; o.Accepted || f != nil && (f.Scope != message.WholeServer || f.Reason != message.Unreachable) && f.Scope != message.LostAnswer {
			t.Fatalf("got %+v", o)
		}
	}
	at, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	again, err := apns.Start(apns.Options{Addr: at.Host, Credentials: server.Credentials()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Stop(context.Background()) }()
	f := sender.Send(context.Background(), []message.Message{hello})[0].Failure
	if f == nil || f.Reason != message.TLS || !strings.Contains(f.Detail, "not trusted") {
		t.Errorf("a server of another authority: %+v", f)
	}
}

func BenchmarkSend(b *testing.B) {
	for _, c := range []struct{ delay, workers int }{{0, 4}, {20, 4}, {50, 6}} {
		b.Run(fmt.Sprintf("%dms", c.delay), func(b *testing.B) {
			var s Settings
			channeltest.Apart(b, strconv.Itoa(c.delay), &s)
			made, err := open(s, h2.Options{}, time.Now)
			if err != nil {
				b.Fatal(err)
			}
			defer made.Close()
			made.Send(context.Background(), []message.Message{hello})
			batches := make(chan []message.Message)
			channeltest.ReportCPU(b, b.N, func() {
				var wg sync.WaitGroup
				for range c.workers {
					wg.Go(func() {
						for batch := range batches {
							for _, o := range made.Send(context.Background(), batch) {
								if !o.Accepted {
									b.Errorf("%+v", o.Failure)
								}
							}
						}
					})
				}
				for left := b.N; left > 0; left -= Provider.Batch {
					batches <- channeltest.Batch(hello, min(left, Provider.Batch), func(i int) string { return fmt.Sprintf("%064x", left-i) })
				}
				close(batches)
				wg.Wait()
			})
			b.ReportMetric(float64(made.pool.Dialled()), "conns")
		})
	}
}

// BenchmarkBare sends the same requests in a loop that does nothing else.
func BenchmarkBare(b *testing.B) {
	for _, delay := range []int{0, 20} {
		b.Run(fmt.Sprintf("%dms", delay), func(b *testing.B) {
			var s Settings
			channeltest.Apart(b, strconv.Itoa(delay), &s)
			made, err := open(s, h2.Options{}, time.Now)
			if err != nil {
				b.Fatal(err)
			}
			defer made.Close()
			dialer, err := s.dialer()
			if err != nil {
				b.Fatal(err)
			}
			dialer.TLS.NextProtos = []string{"h2"}
			transport := &http.Transport{DialTLSContext: dialer.DialTLS, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			bare(b, transport, func(n int) *http.Request {
				m := hello
				m.ID, m.Address = m.ID+message.DeliveryID(n), fmt.Sprintf("%064x", n)
				request := made.request(context.Background(), m, made.bearer(), payload(m))
				r, err := http.NewRequest(http.MethodPost, s.Endpoint+request.Path, bytes.NewReader(request.Body))
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range request.Header {
					r.Header.Set(f.Name, f.Value)
				}
				return r
			})
		})
	}
}

func bare(b *testing.B, transport *http.Transport, request func(n int) *http.Request) {
	post := func(n int) {
		resp, err := transport.RoundTrip(request(n))
		if err != nil {
			b.Error(err)
			return
		}
		_ = resp.Body.Close()
	}
	post(0)
	channeltest.ReportCPU(b, b.N, func() {
		var wg sync.WaitGroup
		const width = 900
		for i := range width {
			wg.Go(func() {
				for n := i; n < b.N; n += width {
					post(n)
				}
			})
		}
		wg.Wait()
	})
}
