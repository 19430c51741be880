package vonage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/channel/gsm"
	"heliograph/message"
)

const (
	secret          = "s3cr3tOfTheGate1"
	signatureSecret = "anotherS3cr3tForSignatures"
)

var hello = message.Message{ID: 4711, Channel: message.SMS, Address: "+93701234567", Text: "Your phone is blocked."}

func settings(s *channeltest.Server) *Settings {
	made := Provider.Default().(*Settings)
	made.Key, made.Secret, made.SignatureSecret = "abcd1234", secret, signatureSecret
	made.Sender, made.VirtualNumber = "Acme", "12025550100"
	if s != nil {
		made.Endpoint, made.TrustedCA = s.URL, s.CA
	}
	return made
}

func serve(t testing.TB, replies []channeltest.Reply) channeltest.Service {
	script := &channeltest.Script{Replies: replies}
	server := channeltest.NewServer(t, 0, script)
	return channeltest.Service{Settings: settings(server), Requests: script.Count, Close: server.Close}
}

// entry is one part of an answer, as the service writes it.
func entry(status int, text string) string {
	if status == 0 {
		return `{"to":"93701234567","message-id":"0A0000000123ABCD1","status":"0","remaining-balance":"3.1","message-price":"0.03","network":"41201"}`
	}
	return fmt.Sprintf(`{"to":"93701234567","status":"%d","error-text":%q}`, status, text)
}

func reply200(entries ...string) channeltest.Reply {
	return channeltest.Reply{Body: fmt.Sprintf(`{"message-count":"%d","messages":[%s]}`, len(entries), strings.Join(entries, ","))}
}

func TestAnswers(t *testing.T) {
	type (
		Case = channeltest.Case[channeltest.Reply]
		Want = channeltest.Want
	)
	accepted := Want{Accepted: "0A0000000123ABCD1"}
	one := func(name string, r channeltest.Reply, w Want) Case {
		return Case{Name: name, Answers: []channeltest.Reply{r}, Want: w}
	}
	status := func(n int, text string, scope message.Scope, reason message.Reason) Case {
		answer := fmt.Sprintf("%d %s", n, text)
		return one(answer, reply200(entry(n, text)), Want{Scope: scope, Reason: reason, Answer: answer})
	}
	throttled := func(text string, wait time.Duration) Case {
		return one("1 "+text, reply200(entry(1, text)), Want{Scope: message.WholeServer, Reason: message.Throttled, Answer: "1 " + text, RetryAfter: wait})
	}
	web := func(n int, scope message.Scope, reason message.Reason) Case {
		answer := fmt.Sprintf("HTTP %d", n)
		return one(answer, channeltest.Reply{Status: n, Body: "<html></html>"}, Want{Scope: scope, Reason: reason, Answer: answer})
	}
	trouble := Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "HTTP 200"}
	lost := Want{Scope: message.LostAnswer, Reason: message.LostAnswerReason, Answer: "HTTP 200"}
	unsent := func(name string, change func(*message.Message), scope message.Scope, reason message.Reason) Case {
		return Case{Name: name, Change: change, Want: Want{Scope: scope, Reason: reason}}
	}
	channeltest.Table[channeltest.Reply]{
		Serve:   serve,
		Message: hello,
		Secrets: []string{secret, signatureSecret},
		Cases: []Case{
			one("accepted", reply200(entry(0, "")), accepted),
			one("accepted, with numbers for strings", channeltest.Reply{Body: `{"messages":[{"status":0,"message-id":"0A0000000123ABCD1","error-text":null}]}`}, accepted),
			one("accepted in parts", reply200(entry(0, ""), entry(0, "")), accepted),

			throttled("Throughput Rate Exceeded - please wait [ 250 ] and retry", 250*time.Millisecond),
			throttled("please wait [1500]", 1500*time.Millisecond),
			throttled("Throttled", time.Second),
			throttled("please wait [ 0 ] and retry", time.Second),
			throttled("please wait [ 999999999 ] and retry", 24*time.Hour),
			status(5, "Internal Error", message.Trouble, message.ServerError),
			status(10, "Too many existing binds", message.Trouble, message.ServerError),
			status(9, "Partner quota violation", message.WholeServer, message.Quota),
			status(4, "Bad Credentials", message.WholeServer, message.Credentials),
			status(8, "Partner account barred", message.WholeServer, message.Credentials),
			status(11, "Account not enabled for HTTP", message.WholeServer, message.Credentials),
			status(14, "Invalid Signature", message.WholeServer, message.Credentials),
			status(32, "Signature And API Secret Disallowed", message.WholeServer, message.Credentials),
			status(7, "Number barred", message.RecipientFinal, message.NumberBarred),
			status(33, "Number De-activated", message.RecipientFinal, message.NumberBarred),
			status(3, "to address is not numeric", message.RecipientFinal, message.NumberInvalid),
			status(3, "Invalid value for parameter: to", message.RecipientFinal, message.NumberInvalid),
			status(3, "Invalid `to` parameter", message.RecipientFinal, message.NumberInvalid),
			status(3, "Unable to read text", message.WholeMessage, message.BadMessage),
			status(3, "Invalid value for parameter: text", message.WholeMessage, message.BadMessage),
			status(15, "Illegal Sender Address - rejected", message.RecipientFinal, message.RefusedPolicy),
			status(29, "Non White-listed Destination - rejected", message.RecipientFinal, message.RefusedPolicy),
			status(12, "Message too long", message.WholeMessage, message.TooLarge),
			status(2, "Missing text", message.WholeMessage, message.BadMessage),
			status(6, "Unroutable message - rejected", message.WholeMessage, message.BadMessage),
			status(22, "Invalid Network Code", message.WholeMessage, message.BadMessage),
			status(23, "Invalid Callback Url", message.WholeMessage, message.BadMessage),
			status(98, "Something new", message.Trouble, message.ServerError),
			one("a status without words", reply200(`{"status":"7"}`), Want{Scope: message.RecipientFinal, Reason: message.NumberBarred, Answer: "7"}),
			one("a status that is none", reply200(`{"status":"seven"}`), Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "seven"}),
			one("no status", reply200(`{}`), Want{Scope: message.Trouble, Reason: message.ServerError}),
			one("words with a secret in them", reply200(entry(4, "bad\r\nsecret "+secret+" or "+signatureSecret)),
				Want{Scope: message.WholeServer, Reason: message.Credentials, Answer: "4 bad secret … or …"}),
			one("many words", reply200(entry(7, strings.Repeat("é", 100))),
				Want{Scope: message.RecipientFinal, Reason: message.NumberBarred, Answer: "7 " + strings.Repeat("é", 60) + "…"}),

			one("a part throttled", reply200(entry(0, ""), entry(1, "wait [ 20 ]")),
				Want{Scope: message.WholeServer, Reason: message.Throttled, Answer: "1 wait [ 20 ]", RetryAfter: 20 * time.Millisecond}),
			one("the worst part decides", reply200(entry(5, "Internal Error"), entry(7, "Number barred"), entry(9, "Partner quota violation"), entry(12, "Message too long")),
				Want{Scope: message.WholeServer, Reason: message.Quota, Answer: "9 Partner quota violation"}),
			one("a part barred", reply200(entry(5, ""), entry(0, ""), entry(7, "Number barred")),
				Want{Scope: message.RecipientFinal, Reason: message.NumberBarred, Answer: "7 Number barred"}),

			web(400, message.WholeMessage, message.BadMessage),
			web(401, message.WholeServer, message.Credentials),
			web(403, message.WholeServer, message.Credentials),
			web(404, message.Trouble, message.ServerError),
			web(413, message.WholeMessage, message.TooLarge),
			web(429, message.WholeServer, message.Throttled),
			web(500, message.Trouble, message.ServerError),
			web(503, message.Trouble, message.ServerError),
			one("Retry-After", channeltest.Reply{Status: 503, Header: map[string]string{"Retry-After": "60"}},
				Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "HTTP 503", RetryAfter: time.Minute}),
			one("a redirect", channeltest.Reply{Status: 302, Header: map[string]string{"Location": "/elsewhere"}},
				Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "HTTP 302"}),
			one("a page", channeltest.Reply{Body: "<html>Sign in</html>"}, trouble),
			one("nothing", channeltest.Reply{}, trouble),
			one("another JSON", channeltest.Reply{Body: `{"error":"x"}`}, trouble),
			one("no messages", reply200(), trouble),
			one("JSON that breaks off", channeltest.Reply{Body: `{"message-count":"1","messages":[{"status":"0","mess`}, lost),
			one("an answer without end", channeltest.Reply{Body: `{"messages":[` + strings.Repeat(entry(0, "")+",", 1000)}, lost),

			unsent("a number that is none", func(m *message.Message) { m.Address = "+93 12" }, message.RecipientFinal, message.NumberInvalid),
			unsent("a number of nowhere", func(m *message.Message) { m.Address = "+999701234567" }, message.RecipientFinal, message.NumberInvalid),
			unsent("no number", func(m *message.Message) { m.Address = "" }, message.RecipientFinal, message.NumberInvalid),
			unsent("no text", func(m *message.Message) { m.Text = "" }, message.WholeMessage, message.BadMessage),
			unsent("too long a text", func(m *message.Message) { m.Text = strings.Repeat("x", 3201) }, message.WholeMessage, message.TooLarge),
		},
	}.Run(t)
}

// sent opens a sender, sends a batch and closes.
func sent(t testing.TB, s *Settings, env channel.Env, batch ...message.Message) []message.Outcome {
	t.Helper()
	sender, err := s.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	return sender.Send(context.Background(), batch)
}

func TestRequest(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{reply200(entry(0, ""))}}
	server := channeltest.NewServer(t, 0, script)
	base := map[string]string{
		"api_key": "abcd1234", "api_secret": secret, "from": "Acme", "to": "93701234567", "text": hello.Text, "type": "text", "client-ref": "4711",
	}
	cases := []struct {
		name     string
		settings func(*Settings)
		message  func(*message.Message)
		callback string
		want     map[string]string // over base; "" = absent
	}{
		{name: "plain"},
		{name: "a number without a country", message: func(m *message.Message) { m.Address = "070 123 4567" }},
		{name: "every letter of the alphabet", message: func(m *message.Message) { m.Text = "€[]{}~^|\\ Ñandú\n" }, want: map[string]string{"text": "€[]{}~^|\\ Ñandú\n", "type": "unicode"}},
		{name: "extensions", message: func(m *message.Message) { m.Text = "5 € [net]" }, want: map[string]string{"text": "5 € [net]"}},
		{name: "other letters", message: func(m *message.Message) { m.Text = "Привет 👋" }, want: map[string]string{"text": "Привет 👋", "type": "unicode"}},
		{name: "separators", message: func(m *message.Message) { m.Text = "a&b=c+d%20" }, want: map[string]string{"text": "a&b=c+d%20"}},
		{name: "North America", message: func(m *message.Message) { m.Address = "+1 202 555 0143" }, want: map[string]string{"to": "12025550143", "from": "12025550100"}},
		{name: "no name", settings: func(s *Settings) { s.Sender = "" }, want: map[string]string{"from": "12025550100"}},
		{name: "no name and no number", settings: func(s *Settings) { s.Sender, s.VirtualNumber = "", "" }, want: map[string]string{"from": "Heliograph"}},
		{name: "a callback", callback: "https://heliograph.example/hooks/vonage/x", want: map[string]string{"callback": "https://heliograph.example/hooks/vonage/x", "status-report-req": "true"}},
		{name: "soon over", message: func(m *message.Message) { m.Expires = time.Now().Add(time.Second) }, want: map[string]string{"ttl": "20000"}},
		{name: "over in a month", message: func(m *message.Message) { m.Expires = time.Now().Add(30 * 24 * time.Hour) }, want: map[string]string{"ttl": "604800000"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, m := settings(server), hello
			if c.settings != nil {
				c.settings(s)
			}
			if c.message != nil {
				c.message(&m)
			}
			if o := sent(t, s, channel.Env{Callback: c.callback}, m)[0]; !o.Accepted {
				t.Fatalf("%+v", o.Failure)
			}
			r := script.Requests()[script.Count()-1]
			if r.Method != http.MethodPost || r.URL.Path != "/sms/json" || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
			}
			want := map[string]string{}
			for _, from := range []map[string]string{base, c.want} {
				for name, value := range from {
					want[name] = value
				}
			}
			if diff := cmp.Diff(want, parsed(t, r.Content)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func parsed(t testing.TB, body []byte) map[string]string {
	t.Helper()
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Fatal(err)
	}
	flat := map[string]string{}
	for name, values := range form {
		if len(values) != 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
		flat[name] = values[0]
	}
	return flat
}

// TestSignatures: the values were computed by another implementation.
func TestSignatures(t *testing.T) {
	parameters := map[string]string{
		"to": "93701234567", "api_key": "abcd1234", "from": "Acme", "text": "a&b=c", "timestamp": "1700000000", "sig": "not part of it",
	}
	for name, want := range map[string]string{
		MD5:        "584bc4cbff646ff6ba66457784a6a082",
		HMACMD5:    "0b7f21f23624704d0f030313d39d07f0",
		HMACSHA1:   "134b01d3dc6bdbb1bd91cab1f5bbd14f18fc430d",
		HMACSHA256: "cfd35ca5b6df3f6fac47fff78f2ca2e4def4a6171f96a6bb5ee0f2a9025b372a",
		HMACSHA512: "d07924adbe65c6733b480e0f93ce4f274310b99c9b0ee038b0026413c6bb09b9a9ac6588013a776598f825ac6041bcb531921b61e3a89c5b9334a63d1f0bb86d",
	} {
		if got := methods[name](parameters, "topsecret"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if len(methods) != len(methodNames)-1 {
		t.Error("a method has no name, or a name no method")
	}
}

func TestNorthAmericaNeedsItsNumber(t *testing.T) {
	service := serve(t, []channeltest.Reply{reply200(entry(0, ""))})
	s := service.Settings.(*Settings)
	s.VirtualNumber = ""
	m := hello
	m.Address = "+12025550143"
	f := sent(t, s, channel.Env{}, m)[0].Failure
	if f == nil || f.Scope != message.RecipientFinal || f.Reason != message.RefusedPolicy || !strings.Contains(f.Detail, "virtual phone number") || service.Requests() > 0 {
		t.Errorf("%+v after %d requests", f, service.Requests())
	}
	report := s.Test(context.Background(), channel.Env{}, m)
	if report.OK || !strings.Contains(report.Detail, "virtual phone number") {
		t.Errorf("%+v", report)
	}
}

// TestOrder mixes both lanes, with refusals between.
func TestOrder(t *testing.T) {
	server := channeltest.NewServer(t, 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := r.PostFormValue("to")
		if strings.HasSuffix(to, "7") {
			reply200(entry(7, "Number barred")).Write(w)
			return
		}
		reply200(fmt.Sprintf(`{"status":"0","message-id":%q}`, "id-"+r.PostFormValue("client-ref"))).Write(w)
	}))
	s := settings(server)
	s.RatePerSecond, s.RatePerSecondUS = maxRate, maxRate
	batch := channeltest.Batch(hello, 300, func(i int) string {
		if i%3 == 0 {
			return fmt.Sprintf("+1202555%04d", 100+i%100)
		}
		return fmt.Sprintf("+9370%07d", 1000000+i)
	})
	for i, o := range sent(t, s, channel.Env{}, batch...) {
		barred := strings.HasSuffix(batch[i].Address, "7")
		if o.Accepted == barred || o.Accepted && o.ProviderID != "id-"+batch[i].ID.String() {
			t.Errorf("message %d to %s: %+v", i, batch[i].Address, o)
		}
	}
	if n := server.Conns(); n > 2*widest {
		t.Errorf("%d connections", n)
	}
}

func TestCancellation(t *testing.T) {
	channeltest.Cancellation(t, func(t testing.TB) channeltest.Held {
		script := &channeltest.Script{Replies: []channeltest.Reply{reply200(entry(0, ""))}}
		gate := channeltest.NewGate(script)
		server := channeltest.NewServer(t, 0, gate)
		return channeltest.Held{
			Service: channeltest.Service{Settings: settings(server), Requests: gate.Count, Close: server.Close},
			Arrived: gate.Arrived, Release: gate.Open,
		}
	}, hello)
}

func TestStopsWithTheServer(t *testing.T) {
	for text, reason := range map[string]message.Reason{entry(4, ""): message.Credentials, entry(9, ""): message.Quota, entry(1, ""): message.Throttled} {
		service := serve(t, []channeltest.Reply{reply200(text)})
		service.Settings.(*Settings).RatePerSecond = 1
		channeltest.StopsWith(t, service, hello, reason)
	}
}

// TestStopEndsBothLanes: what is wrong with the account is found out in one lane, and the other hands nothing over.
func TestStopEndsBothLanes(t *testing.T) {
	service := serve(t, []channeltest.Reply{reply200(entry(4, "Bad Credentials"))})
	service.Settings.(*Settings).RatePerSecond = 1
	batch := channeltest.Batch(hello, 100, func(i int) string { return []string{"+93701234567", "+12025550143"}[i%2] })
	handed := 0
	for _, o := range sent(t, service.Settings.(*Settings), channel.Env{}, batch...) {
		if o.Handed() {
			handed++
		}
	}
	if handed == 0 || handed > 10 {
		t.Errorf("%d were handed over", handed)
	}
}

// TestManyAtOnce: with a rate that allows it, enough are on the wire for 1,000 a second when answers take 50 ms, and
// not more than are meant to be.
func TestManyAtOnce(t *testing.T) {
	var (
		mu       sync.Mutex
		now, top int
		full     = make(chan struct{})
	)
	server := channeltest.NewServer(t, 0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		if now++; now > top {
			if top = now; top == widest {
				close(full)
			}
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
		reply200(entry(0, "")).Write(w)
	}))
	s := settings(server)
	s.RatePerSecond = maxRate
	sender, err := s.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i, o := range sender.Send(context.Background(), channeltest.Batch(hello, 200, nil)) {
				if !o.Accepted {
					t.Errorf("message %d: %+v", i, o.Failure)
				}
			}
		})
	}
	wg.Wait()
	if top != widest || server.Conns() > 2*widest {
		t.Errorf("%d on the wire at once, %d connections", top, server.Conns())
	}
}

func TestLaneKeepsItsRate(t *testing.T) {
	cases := []struct {
		name    string
		rate    int
		byParts bool
		parts   int
		n       int
		want    time.Duration // to enter so many
	}{
		{"thirty a second", 30, false, 1, 91, 3 * time.Second},
		{"parts do not count", 30, false, 3, 91, 3 * time.Second},
		{"one a second", 1, true, 1, 4, 3 * time.Second},
		{"parts count", 1, true, 3, 4, 9 * time.Second},
		{"a thousand a second", 1000, false, 1, 3050, 3 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, start := newLane(c.rate, c.byParts), time.Now()
				for range c.n {
					if !l.enter(t.Context(), c.parts) {
						t.Fatal("not let in")
					}
					l.leave()
				}
				if took := time.Since(start); took < c.want-50*time.Millisecond || took > c.want+50*time.Millisecond {
					t.Errorf("%d took %v, want %v", c.n, took, c.want)
				}
			})
		})
	}
}

// TestLaneGivesUp: who waits for his turn goes when ctx ends, and his turn is the next one's.
func TestLaneGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, start := newLane(1, false), time.Now()
		l.enter(t.Context(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { done <- l.enter(ctx, 1) }()
		synctest.Wait()
		cancel()
		if <-done {
			t.Error("he was let in")
		}
		l.leave()
		if !l.enter(t.Context(), 1) || time.Since(start) != time.Second {
			t.Errorf("the next waited %v", time.Since(start))
		}
	})
}

func TestCheck(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Settings)
		fields []string
	}{
		{"whole", func(*Settings) {}, nil},
		{"new", func(s *Settings) { *s = *Provider.Default().(*Settings) }, []string{"key", "secret"}},
		{"a key with a space", func(s *Settings) { s.Key = "ab cd" }, []string{"key"}},
		{"signed, without a secret", func(s *Settings) { s.Secret = "" }, nil},
		{"neither secret nor signature", func(s *Settings) { s.Secret, s.SignatureSecret = "", "" }, []string{"secret"}},
		{"neither secret nor method", func(s *Settings) { s.Secret, s.SignatureMethod = "", Unsigned }, []string{"secret"}},
		{"a plus before the virtual number", func(s *Settings) { s.VirtualNumber = "+12025550100" }, []string{"virtual_number"}},
		{"no virtual number", func(s *Settings) { s.VirtualNumber = "" }, nil},
		{"a country without a plus", func(s *Settings) { s.Country = "93" }, []string{"country"}},
		{"no country", func(s *Settings) { s.Country = "" }, []string{"country"}},
		{"a long name", func(s *Settings) { s.Sender = "Heliographic" }, []string{"sender"}},
		{"a name with signs", func(s *Settings) { s.Sender = "a+b" }, []string{"sender"}},
		{"a number as sender", func(s *Settings) { s.Sender = "491711234567" }, nil},
		{"rates", func(s *Settings) { s.RatePerSecond, s.RatePerSecondUS = 0, 10001 }, []string{"rate_per_second", "rate_per_second_us"}},
		{"method", func(s *Settings) { s.SignatureMethod = "rot13" }, []string{"signature_method"}},
		{"numbers", func(s *Settings) { s.MaxRetries, s.TimeoutSeconds = 21, 0 }, []string{"retries", "timeout_seconds"}},
		{"a host", func(s *Settings) { s.Endpoint = "sms.example.com:8443" }, nil},
		{"a path", func(s *Settings) { s.Endpoint = "https://sms.example.com/sms" }, []string{"endpoint"}},
		{"another protocol", func(s *Settings) { s.Endpoint = "ftp://sms.example.com" }, []string{"endpoint"}},
		{"with a password", func(s *Settings) { s.Endpoint = "https://" + secret + "@sms.example.com" }, []string{"endpoint"}},
		{"in clear by mistake", func(s *Settings) { s.Endpoint = "http://sms.example.com" }, []string{"endpoint"}},
		{"in clear on purpose", func(s *Settings) { s.Endpoint, s.HTTPS = "http://sms.example.com", false }, nil},
		{"in clear within the machine", func(s *Settings) { s.Endpoint = "http://127.0.0.1:8080" }, nil},
		{"an authority", func(s *Settings) { s.TrustedCA = "x" }, []string{"trusted_ca"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settings(nil)
			c.change(s)
			channeltest.Problems(t, s.Check(), []string{secret, signatureSecret}, c.fields...)
		})
	}
}

func TestEndpoint(t *testing.T) {
	cases := []struct {
		endpoint string
		https    bool
		origin   string
		address  string
	}{
		{"", true, "https://rest.nexmo.com", "rest.nexmo.com:443"},
		{"", false, "http://rest.nexmo.com", "rest.nexmo.com:80"},
		{"sms.example.com", true, "https://sms.example.com", "sms.example.com:443"},
		{"sms.example.com:81", false, "http://sms.example.com:81", "sms.example.com:81"},
		{"https://sms.example.com/", false, "https://sms.example.com", "sms.example.com:443"},
		{"http://[::1]:81", true, "http://[::1]:81", "[::1]:81"},
		{"http://[::1]", true, "http://[::1]", "[::1]:80"},
	}
	for _, c := range cases {
		s := Settings{Endpoint: c.endpoint, HTTPS: c.https}
		if e, err := s.endpoint(); err != nil || e.Origin != c.origin || e.Address != c.address {
			t.Errorf("%q, https %v: %s at %s, %v", c.endpoint, c.https, e.Origin, e.Address, err)
		}
	}
	if host := settings(nil).Route().Host; host != "rest.nexmo.com" {
		t.Error(host)
	}
}

func TestSettingsForTheCourier(t *testing.T) {
	s := settings(nil)
	for address, want := range map[string]float64{"+93701234567": 30, "0701234567": 30, "+12025550143": 1, "+1": 1} {
		if got := s.Rate(address); got != want {
			t.Errorf("%s: %v a second", address, got)
		}
	}
	s.Country = "+1"
	if got := s.Rate("2025550143"); got != 1 {
		t.Errorf("%v a second at home in North America", got)
	}
	if got, err := s.Number("(202) 555-0143"); err != nil || got != "+12025550143" {
		t.Errorf("%q, %v", got, err)
	}
	if s.Retries() != 5 || s.Patience() != 30*time.Second {
		t.Errorf("%d retries, %v", s.Retries(), s.Patience())
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Provider.Fields {
		if !strings.Contains(string(text), strconv.Quote(f.Name)+":") {
			t.Errorf("no setting %q", f.Name)
		}
	}
}

func TestPrinted(t *testing.T) {
	list := Provider.Rules()
	if len(list) < len(statuses)+len(httpStatuses) {
		t.Errorf("%d rows", len(list))
	}
	for _, r := range list {
		if r.Answer == "" || r.Scope == 0 || r.Reason == "" || !strings.HasSuffix(r.Means, ".") {
			t.Errorf("%+v", r)
		}
	}
}

// TestTheLongestText: what is sent at most has a number of parts that the service takes.
func TestTheLongestText(t *testing.T) {
	if n := gsm.Measure(strings.Repeat("я", maxCharacters)).Parts; n != 48 {
		t.Errorf("%d parts", n)
	}
}

// TestPlainTest runs Test over plain HTTP, where there is no step tls.
func TestPlainTest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reply200(entry(0, "")).Write(w)
	}))
	defer server.Close()
	s := settings(nil)
	s.Endpoint = server.URL
	report := s.Test(context.Background(), channel.Env{}, hello)
	if got := steps(report); !report.OK || got != "number resolve connect authenticate send" {
		t.Errorf("%s: %+v", got, report)
	}
	server.Close()
	report = s.Test(context.Background(), channel.Env{}, hello)
	if got := steps(report); report.OK || report.Reason != message.Unreachable || got != "number resolve -connect" {
		t.Errorf("%s: %+v", got, report)
	}
}

// steps are the names in a report, with a dash before the one that failed.
func steps(r channel.Report) string {
	var names []string
	for _, s := range r.Steps {
		if !s.OK {
			s.Name = "-" + s.Name
		}
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, reply200(entry(0, "")).Body)
	f.Add(200, reply200(entry(0, ""), entry(1, "please wait [ 250 ] and retry")).Body)
	f.Add(200, reply200(entry(3, "to\xff"+secret)).Body)
	f.Add(200, `{"messages":[{"status":{}}]}`)
	f.Add(200, `{"messages":[null]}`)
	f.Add(503, "")
	f.Fuzz(func(t *testing.T, status int, body string) {
		o := judge(reply{status: status, body: []byte(body)}, settings(nil).hide)
		if o.Accepted == (o.Failure != nil) || !o.Handed() || len(o.ProviderID) > longestWords+len("…") {
			t.Fatalf("%+v", o)
		}
		if o.Accepted {
			return
		}
		f := o.Failure
		if f.Scope == 0 || f.Reason == "" || !strings.HasSuffix(f.Detail, ".") || strings.ContainsAny(f.Answer, "\r\n") || strings.Contains(f.Answer, secret) {
			t.Fatalf("%+v", f)
		}
	})
}
