package vonage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/vonage"
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
	server, s, err := simulator(true)
	if err != nil {
		return nil, err
	}
	return s, server.Fail(control.Rule{DelayMS: delay})
}

func simulator(secure bool) (*vonage.Server, *Settings, error) {
	s := Provider.Default().(*Settings)
	var o vonage.Options
	if secure {
		ca, err := authority.New()
		if err != nil {
			return nil, nil, err
		}
		o.Authority, s.TrustedCA = ca, string(ca.PEM())
	}
	server, err := vonage.Start(o)
	if err != nil {
		return nil, nil, err
	}
	c := server.Credentials()
	s.Key, s.Secret, s.SignatureSecret, s.Endpoint = c.Key, c.Secret, c.SignatureSecret, server.URL()
	s.Sender, s.VirtualNumber, s.RatePerSecond, s.RatePerSecondUS = "Acme", "12025550100", maxRate, maxRate
	return server, s, nil
}

func startSimulator(t *testing.T, secure bool) (*vonage.Server, *Settings) {
	t.Helper()
	server, s, err := simulator(secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	if found := s.Check(); len(found) > 0 {
		t.Fatal(found)
	}
	return server, s
}

func numberOf(i int) string { return fmt.Sprintf("+9370%07d", 1000000+i) }

func TestSimulatorAccepts(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls %v", secure), func(t *testing.T) {
			server, s := startSimulator(t, secure)
			m := hello
			m.Text, m.Expires = "Übung & Prüfung = 5 € 日本 "+strings.Repeat("я", 70), time.Now().Add(time.Hour)
			batch := channeltest.Batch(m, 300, func(i int) string {
				if i%2 == 0 {
					return "+12025550143"
				}
				return numberOf(i)
			})
			refs := map[string]message.Message{}
			for i, o := range sent(t, s, channel.Env{}, batch...) {
				if !o.Accepted || o.ProviderID == "" {
					t.Fatalf("message %d: %+v", i, o.Failure)
				}
				refs[batch[i].ID.String()] = batch[i]
			}
			for _, item := range server.History() {
				m, ok := refs[item.ClientRef]
				from := "Acme"
				if m.Address == "+12025550143" {
					from = "12025550100"
				}
				if !ok || "+"+item.To != m.Address || item.Text != m.Text || item.From != from || len(item.MessageIDs) != 2 {
					t.Errorf("%+v", item)
				}
				delete(refs, item.ClientRef)
			}
			if len(refs) > 0 {
				t.Errorf("%d messages did not arrive", len(refs))
			}
		})
	}
}

func TestSimulatorTakesSignedRequests(t *testing.T) {
	for _, name := range methodNames[1:] {
		_, s := startSimulator(t, false)
		s.Secret, s.SignatureMethod = "", name
		m := hello
		m.Text = "a&b=c + ä"
		if o := sent(t, s, channel.Env{Callback: "http://127.0.0.1:1/hooks?a=b&c=d"}, m)[0]; !o.Accepted {
			t.Errorf("%s: %+v", name, o.Failure)
		}
		s.SignatureSecret = "wrong"
		if f := sent(t, s, channel.Env{}, m)[0].Failure; f == nil || f.Reason != message.Credentials || !strings.HasPrefix(f.Answer, "14 ") {
			t.Errorf("%s, signed wrongly: %+v", name, f)
		}
	}
}

// TestSimulatorFailures asks the simulator for each kind of failure; the next message must not suffer from it.
func TestSimulatorFailures(t *testing.T) {
	lost := message.LostAnswerReason
	cases := []struct {
		name   string
		rule   control.Rule
		scope  message.Scope // 0 = accepted
		reason message.Reason
	}{
		{"throttled", control.Rule{Status: 1, Reason: "please wait [ 40 ]"}, message.WholeServer, message.Throttled},
		{"invalid number", control.Rule{Status: 3, Reason: "Invalid value for parameter: to"}, message.RecipientFinal, message.NumberInvalid},
		{"invalid text", control.Rule{Status: 3}, message.WholeMessage, message.BadMessage},
		{"barred", control.Rule{Status: 7}, message.RecipientFinal, message.NumberBarred},
		{"no credit", control.Rule{Status: 9}, message.WholeServer, message.Quota},
		{"a part", control.Rule{Detail: "0,0,5"}, message.Trouble, message.ServerError},
		{"http", control.Rule{HTTPStatus: http.StatusServiceUnavailable, Headers: map[string]string{"Retry-After": "5"}}, message.Trouble, message.ServerError},
		{"a page", control.Rule{Body: "<html>Sign in</html>"}, message.Trouble, message.ServerError},
		{"cut", control.Rule{Body: `{"message-count":"1","mess`}, message.LostAnswer, lost},
		{"garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, message.LostAnswer, lost},
		{"reset", control.Rule{Action: control.Reset}, message.LostAnswer, lost},
		{"close", control.Rule{Action: control.Close}, message.LostAnswer, lost},
		{"lose", control.Rule{Action: control.Lose}, message.LostAnswer, lost},
		{"hang", control.Rule{Action: control.Hang}, message.LostAnswer, lost},
		{"goaway", control.Rule{Action: control.GoAway}, 0, ""},
		{"slow", control.Rule{DelayMS: 50}, 0, ""},
	}
	for _, c := range cases {
		for _, secure := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, tls %v", c.name, secure), func(t *testing.T) {
				server, s := startSimulator(t, secure)
				c.rule.Times = 1
				if err := server.Fail(c.rule); err != nil {
					t.Fatal(err)
				}
				sender, err := open(*s, channel.Env{})
				if err != nil {
					t.Fatal(err)
				}
				defer sender.Close()
				sender.wire.timeout = 5 * time.Second
				if c.rule.Action == control.Hang {
					sender.wire.timeout = 300 * time.Millisecond
				}
				o := sender.Send(context.Background(), []message.Message{hello})[0]
				if c.scope == 0 != o.Accepted || o.Failure != nil && (o.Failure.Scope != c.scope || o.Failure.Reason != c.reason) {
					t.Errorf("got %+v", o.Failure)
				}
				sender.wire.timeout = 5 * time.Second
				if o := sender.Send(context.Background(), []message.Message{hello})[0]; !o.Accepted {
					t.Errorf("the next message: %+v", o.Failure)
				}
			})
		}
	}
}

// TestSimulatorMagic: each magic number is one that can be dialled, and fails as the table of statuses says.
func TestSimulatorMagic(t *testing.T) {
	server, s := startSimulator(t, false)
	sender, err := open(*s, channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	sender.wire.timeout = 5 * time.Second
	for _, magic := range server.Magic() {
		if magic.Rule.Action == control.Hang || magic.Rule.DelayMS > 0 {
			continue
		}
		m := hello
		m.Address = magic.Example
		o := sender.Send(context.Background(), []message.Message{m})[0]
		want, refused := statuses[magic.Rule.Status]
		naming := strings.Contains(magic.Does, "naming to")
		if naming {
			want = invalidNumber
		}
		switch f := o.Failure; {
		case refused && (f == nil || f.Reason != want.reason || f.Scope != want.scope):
			t.Errorf("%s, %s: %+v", magic.Example, magic.Does, f)
		case f != nil && f.Reason == message.NumberInvalid && !naming:
			t.Errorf("%s cannot be dialled", magic.Example)
		case strings.HasPrefix(magic.Does, "is accepted") && !o.Accepted:
			t.Errorf("%s, %s: %+v", magic.Example, magic.Does, f)
		}
	}
}

// TestSimulatorReceipts sends messages, and reads what the simulator reports of them.
func TestSimulatorReceipts(t *testing.T) {
	for _, c := range []struct {
		plan   vonage.Plan
		to     string
		state  message.State
		reason message.Reason
	}{
		{vonage.Plan{Method: vonage.ByGET, Signature: MD5}, hello.Address, message.Delivered, ""},
		{vonage.Plan{Method: vonage.ByForm, Signature: HMACSHA256}, hello.Address, message.Delivered, ""},
		{vonage.Plan{Method: vonage.ByJSON, Signature: HMACSHA512, Status: "failed", ErrCode: 9}, hello.Address, message.Failed, message.NumberInvalid},
		{vonage.Plan{Signature: HMACSHA1}, "+50050204", message.Failed, message.NumberBarred},
		{vonage.Plan{Signature: HMACMD5}, "+50050300", message.Failed, message.Expired},
		{vonage.Plan{Signature: MD5}, "+50050303", 0, ""},
	} {
		t.Run(fmt.Sprintf("%s %s %s", c.plan.Method, c.plan.Signature, c.to), func(t *testing.T) {
			server, s := startSimulator(t, false)
			s.SignatureMethod = c.plan.Signature
			if err := server.Plan(c.plan); err != nil {
				t.Fatal(err)
			}
			got := make(chan channel.Receipt, 1)
			hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				in := channel.Incoming{Method: r.Method, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type"), Body: body}
				receipt, err := s.ReadReceipt(in)
				if err != nil {
					t.Error(err)
				}
				got <- receipt
			}))
			defer hook.Close()
			m := hello
			m.Address = c.to
			o := sent(t, s, channel.Env{Callback: hook.URL + "/hooks/vonage/x"}, m)[0]
			if !o.Accepted {
				t.Fatalf("%+v", o.Failure)
			}
			if r := <-got; r.Delivery != m.ID || r.ProviderID != o.ProviderID || r.State != c.state || r.Reason != c.reason {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestSimulatorTest(t *testing.T) {
	server, s := startSimulator(t, true)
	cases := []struct {
		name   string
		change func(*Settings)
		to     string
		steps  string
		reason message.Reason
	}{
		{"as it should be", func(*Settings) {}, "070 123 4567", "number resolve connect tls authenticate send", ""},
		{"another secret", func(s *Settings) { s.Secret = "wrong" }, hello.Address, "number resolve connect tls -authenticate", message.Credentials},
		{"no number", func(*Settings) {}, "12", "-number", message.NumberInvalid},
		{"an illegal sender", func(s *Settings) { s.VirtualNumber = "123" }, "+50050015", "number resolve connect tls authenticate -send", message.RefusedPolicy},
		{"no credit", func(*Settings) {}, "+50050009", "number resolve connect tls -send", message.Quota},
		{"not trusted", func(s *Settings) { s.TrustedCA = "" }, hello.Address, "number resolve connect -tls", message.TLS},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed, m := *s, hello
			c.change(&changed)
			m.Address = c.to
			report := changed.Test(context.Background(), channel.Env{}, m)
			if got := steps(report); got != c.steps || report.OK != (c.reason == "") || report.Reason != c.reason {
				t.Errorf("%s: %+v", got, report)
			}
			channeltest.NoSecrets(t, []string{s.Secret, s.SignatureSecret}, report)
		})
	}
	if n := server.Count(); n != 4 {
		t.Errorf("%d messages were really sent", n)
	}
}

func TestSimulatorDies(t *testing.T) {
	server, s := startSimulator(t, true)
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
	f := sender.Send(context.Background(), []message.Message{hello})[0].Failure
	if f == nil || f.Scope != message.WholeServer || f.Reason != message.Unreachable {
		t.Errorf("afterwards: %+v", f)
	}
}

func BenchmarkSend(b *testing.B) {
	for _, delay := range []int{0, 50} {
		b.Run(fmt.Sprintf("%dms", delay), func(b *testing.B) {
			var s Settings
			channeltest.Apart(b, strconv.Itoa(delay), &s)
			sender, err := s.Open(channel.Env{})
			if err != nil {
				b.Fatal(err)
			}
			defer sender.Close()
			sender.Send(context.Background(), []message.Message{hello})
			channeltest.ReportCPU(b, b.N, func() { sendAll(b, sender) })
		})
	}
}

// sendAll sends b.N messages in batches, as many at once as the provider asks for.
func sendAll(b *testing.B, s channel.Sender) {
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
		batches <- channeltest.Batch(hello, min(left, Provider.Batch), numberOf)
	}
	close(batches)
	wg.Wait()
}
