package fcm

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel/channeltest"
	"heliograph/channel/h2"
	"heliograph/message"
	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/fcm"
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

func simulator() (*fcm.Server, *Settings, error) {
	ca, err := authority.New()
	if err != nil {
		return nil, nil, err
	}
	server, err := fcm.Start(fcm.Options{Authority: ca})
	if err != nil {
		return nil, nil, err
	}
	return server, &Settings{
		App: "com.example.mail", ServiceAccount: Account(server.ServiceAccount()), Endpoint: server.URL(), TrustedCA: string(ca.PEM()),
	}, nil
}

func startSimulator(t *testing.T) (*fcm.Server, *Settings) {
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

func tokenOf(i int) string { return fmt.Sprintf("dGhpcyBpcyBhIHRva2Vu:APA91b%032d", i) }

func TestSimulatorAccepts(t *testing.T) {
	server, s := startSimulator(t)
	badge := 2
	m := hello
	m.Subject, m.Expires, m.Badge = "Notice — äöü 日本", time.Now().Add(time.Hour), &badge
	for i, o := range send(t, s, channeltest.Batch(m, 1000, tokenOf)...) {
		if !o.Accepted || o.ProviderID == "" {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	if n := server.Count(); n != 1000 {
		t.Errorf("the service has %d messages", n)
	}
}

// TestSimulatorFailures asks the simulator for each kind of failure; the next message must not suffer from it.
func TestSimulatorFailures(t *testing.T) {
	cases := []struct {
		name   string
		rule   control.Rule
		scope  message.Scope // 0 = accepted
		reason message.Reason
	}{
		{"unregistered", control.Rule{Status: http.StatusNotFound}, message.RecipientFinal, message.TokenDead},
		{"bad token", control.Rule{Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT", Detail: "FcmError"}, message.RecipientFinal, message.TokenDead},
		{"bad message", control.Rule{Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT", Detail: "BadRequest"}, message.WholeMessage, message.BadMessage},
		{"another project", control.Rule{Status: http.StatusForbidden, Reason: "SENDER_ID_MISMATCH"}, message.RecipientFinal, message.TokenMismatch},
		{"quota", control.Rule{Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "5"}}, message.WholeServer, message.Throttled},
		{"unavailable", control.Rule{Status: http.StatusServiceUnavailable}, message.Trouble, message.ServerError},
		{"overloaded", control.Rule{Status: http.StatusServiceUnavailable, Headers: map[string]string{"Retry-After": "5"}}, message.WholeServer, message.Throttled},
		{"third party", control.Rule{Status: http.StatusUnauthorized, Reason: "THIRD_PARTY_AUTH_ERROR"}, message.WholeServer, message.Credentials},
		{"unauthenticated once", control.Rule{Status: http.StatusUnauthorized, Reason: "UNAUTHENTICATED"}, 0, ""},
		{"no access token", control.Rule{Stage: "token", Status: http.StatusBadRequest, Reason: "invalid_grant"}, message.WholeServer, message.Credentials},
		{"garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, message.LostAnswer, message.LostAnswerReason},
		{"reset", control.Rule{Action: control.Reset}, message.LostAnswer, message.LostAnswerReason},
		{"lose", control.Rule{Action: control.Lose}, message.LostAnswer, message.LostAnswerReason},
		{"hang", control.Rule{Action: control.Hang}, message.LostAnswer, message.LostAnswerReason},
		{"goaway", control.Rule{Action: control.GoAway}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server, s := startSimulator(t)
			c.rule.Times = 1
			if err := server.Fail(c.rule); err != nil {
				t.Fatal(err)
			}
			sender, err := open(*s, h2.Options{Answer: 400 * time.Millisecond})
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

func BenchmarkSend(b *testing.B) {
	for _, delay := range []int{0, 20} {
		b.Run(fmt.Sprintf("%dms", delay), func(b *testing.B) {
			var s Settings
			channeltest.Apart(b, strconv.Itoa(delay), &s)
			made, err := open(s, h2.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer made.Close()
			made.Send(context.Background(), []message.Message{hello})
			channeltest.ReportCPU(b, b.N, func() { sendAll(b, made) })
			b.ReportMetric(float64(made.pool.Dialled()), "conns")
		})
	}
}

// sendAll sends b.N messages in batches, as many at once as the provider asks for.
func sendAll(b *testing.B, s *sender) {
	batches := make(chan []message.Message)
	var wg sync.WaitGroup
	for range Provider.Workers {
		wg.Go(func() {
			for batch := range batches {
				for _, o := range s.Send(context.Background(), batch) {
					if !o.Accepted {
						b.Errorf("%+v", o.Failure)
					}
				}
			}
		})
	}
	for left := b.N; left > 0; left -= Provider.Batch {
		batches <- channeltest.Batch(hello, min(left, Provider.Batch), tokenOf)
	}
	close(batches)
	wg.Wait()
}
