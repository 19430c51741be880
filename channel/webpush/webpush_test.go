package webpush

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

var (
	testKey = newKey()
	hello   = message.Message{ID: 4711, Channel: message.Push, Text: "Your phone is blocked."}
)

// secrets are what nobody may see: the key, what proves who we are, and where a subscription leads.
var secrets = []string{testKey, "vapid t=", "eyJ", "JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", "secret=endpoint"}

func settings(ca string) *Settings {
	s := &Settings{App: "https://app.example.org", Subject: "mailto:push@example.org", PrivateKey: testKey,
		AllowedNetworks: "127.0.0.1", TrustedCA: ca}
	s.Complete()
	return s
}

// to is the message for an app at a push service.
func to(m message.Message, a app, origin string) message.Message {
	m.Address = a.token(origin)
	return m
}

func send(t *testing.T, s *Settings, o options, batch ...message.Message) []message.Outcome {
	t.Helper()
	sender, err := open(*s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	return sender.Send(context.Background(), batch)
}

func TestAnswers(t *testing.T) {
	type (
		Case = channeltest.Case[channeltest.Reply]
		Want = channeltest.Want
	)
	var origin string
	reader := newApp(t)
	here := func(m *message.Message) { *m = to(*m, reader, origin) }
	one := func(name string, r channeltest.Reply, scope message.Scope, why message.Reason, answer string, after time.Duration) Case {
		return Case{Name: name, Answers: []channeltest.Reply{r}, Change: here, Want: Want{Scope: scope, Reason: why, Answer: answer, RetryAfter: after}}
	}
	status := func(status int) channeltest.Reply {
		return channeltest.Reply{Status: status, Body: `{"reason":"secret words of the push service"}`}
	}
	with := func(r channeltest.Reply, name, value string) channeltest.Reply {
		r.Header = map[string]string{name: value}
		return r
	}
	const final, now = message.RecipientFinal, message.RecipientForNow
	inTwoMinutes := time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)
	cases := []Case{
		one("not found", status(404), final, message.TokenDead, "404", 0),
		one("gone", status(410), final, message.TokenDead, "410", 0),
		one("unauthorized", status(401), now, message.Credentials, "401", 2*longestPause),
		one("forbidden", status(403), now, message.Credentials, "403", 2*longestPause),
		one("too large", status(413), final, message.TooLarge, "413", 0),
		one("bad request", status(400), final, message.BadMessage, "400", 0),
		one("method", status(405), final, message.BadMessage, "405", 0),
		one("teapot", status(418), final, message.BadMessage, "418", 0),
		one("throttled", status(429), now, message.Throttled, "429", time.Minute),
		one("throttled, seconds", with(status(429), "Retry-After", "17"), now, message.Throttled, "429", 17*time.Second),
		one("throttled, date", with(status(429), "Retry-After", inTwoMinutes), now, message.Throttled, "429", 2*time.Minute),
		one("too late", status(408), now, message.ServerError, "408", 0),
		one("internal", status(500), now, message.ServerError, "500", 0),
		one("a gateway", status(502), now, message.ServerError, "502", 0),
		one("unavailable", status(503), now, message.ServerError, "503", 0),
		one("unavailable for a while", with(status(503), "Retry-After", "90"), now, message.ServerError, "503", 90*time.Second),
		one("not understood", status(304), now, message.ServerError, "304", 0),
		one("a redirect is not followed", with(status(307), "Location", "/push/elsewhere"), now, message.ServerError, "307", 0),
		one("a redirect to within is not followed", with(status(302), "Location", "https://169.254.169.254/"), now, message.ServerError, "302", 0),
		one("a large answer", channeltest.Reply{Status: 500, Body: strings.Repeat("x", 1<<20)}, now, message.ServerError, "500", 0),
		{Name: "no subscription", Change: func(m *message.Message) { m.Address = "abcdef" }, Want: Want{Scope: final, Reason: message.TokenMismatch}},
		{Name: "no token", Want: Want{Scope: final, Reason: message.TokenMismatch}},
	}
	for _, good := range []int{200, 201, 202, 204} {
		answer := channeltest.Reply{Status: good, Header: map[string]string{"Location": "https://push.example.net/m/secret=endpoint"}}
		cases = append(cases, Case{Name: http.StatusText(good), Answers: []channeltest.Reply{answer}, Change: here, Want: Want{Accepted: hello.ID.Topic()}})
	}
	channeltest.Table[channeltest.Reply]{
		Serve: func(t testing.TB, replies []channeltest.Reply) channeltest.Service {
			script := &channeltest.Script{Replies: replies}
			server := channeltest.NewServer(t, 250, script)
			origin = server.URL
			return channeltest.Service{Settings: settings(server.CA), Requests: script.Count, Close: server.Close}
		},
		Message: hello, Secrets: append(secrets, "secret words"), Cases: cases,
	}.Run(t)
}

// TestRequest is what a push service and an app see of a message.
func TestRequest(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
	server := channeltest.NewServer(t, 250, script)
	reader, badge := newApp(t), 3
	m := to(hello, reader, server.URL)
	plain := m
	m.ID, m.Subject, m.Sound, m.Badge, m.Expires = 4712, "Notice", "chime", &badge, time.Now().Add(time.Hour+time.Second/2)
	for i, o := range send(t, settings(server.CA), options{}, plain, m) {
		if !o.Accepted {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	byTopic := map[string]channeltest.Request{}
	for _, r := range script.Requests() {
		byTopic[r.Header.Get("Topic")] = r
	}
	r := byTopic[m.ID.Topic()]
	if len(byTopic) != 2 || r.Request == nil {
		t.Fatalf("topics of %d requests", len(byTopic))
	}
	if r.Method != http.MethodPost || r.URL.Path != "/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV" || r.URL.RawQuery != "secret=endpoint" || r.ProtoMajor != 2 {
		t.Errorf("%s %s %s", r.Method, r.URL, r.Proto)
	}
	got := map[string]string{}
	for name := range r.Header {
		got[name] = r.Header.Get(name)
	}
	delete(got, "Authorization")
	delete(got, "Content-Length")
	want := map[string]string{"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream", "Ttl": "3600",
		"Topic": m.ID.Topic(), "Urgency": "high", "User-Agent": "heliograph"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantText(t, reader, r, map[string]any{"id": "4712", "title": "Notice", "body": m.Text, "badge": 3.0, "sound": "chime"})
	wantText(t, reader, byTopic[plain.ID.Topic()], map[string]any{"id": "4711", "body": m.Text})
	wantClaims(t, r, server.URL)
	if a, b := r.Header.Get("Authorization"), byTopic[plain.ID.Topic()].Header.Get("Authorization"); a != b || !strings.HasSuffix(a, ", k="+settings("").PublicKey) {
		t.Errorf("%q and %q", a, b)
	}
}

func wantText(t *testing.T, a app, r channeltest.Request, want map[string]any) {
	t.Helper()
	text, err := a.read(r.Content)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func wantClaims(t *testing.T, r channeltest.Request, audience string) {
	t.Helper()
	said, err := claims(r)
	if err != nil {
		t.Fatal(err)
	}
	ends, _ := said["exp"].(float64)
	if life := time.Until(time.Unix(int64(ends), 0)); life > 12*time.Hour || life < 11*time.Hour {
		t.Errorf("the token lives for %s", life)
	}
	delete(said, "exp")
	if diff := cmp.Diff(map[string]any{"aud": audience, "sub": "mailto:push@example.org"}, said); diff != "" {
		t.Error(diff)
	}
}

func TestTimeToLive(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		expires time.Time
		want    string
	}{
		{time.Time{}, "86400"}, {now.Add(-time.Hour), "0"}, {now.Add(90 * time.Second), "90"}, {now.Add(365 * 24 * time.Hour), "2419200"},
	} {
		m := hello
		m.Expires = c.expires
		if got := header(m, nil, now)["Ttl"][0]; got != c.want {
			t.Errorf("%s for an end in %s", got, c.expires.Sub(now))
		}
	}
}

func TestPayloadFits(t *testing.T) {
	for _, text := range []string{strings.Repeat("all work and no play ", 300), strings.Repeat(`"\`, 3000), strings.Repeat("日本語", 2000)} {
		badge := -7
		m := hello
		m.Text, m.Subject, m.Sound, m.Badge = text, text, text, &badge
		body := payload(m)
		var got struct {
			ID, Title, Body, Sound string
			Badge                  int
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if len(body) > maxPayload || len(body) < maxPayload-16 || got.ID != "4711" || got.Badge != badge || !strings.HasSuffix(got.Body, "…") ||
			!strings.HasSuffix(got.Title, "…") || !strings.HasPrefix(text, strings.TrimSuffix(got.Body, "…")) {
			t.Errorf("%d bytes: %s", len(body), body)
		}
	}
	m := hello
	m.Text = strings.Repeat("x", maxPayload-len(`{"id":"4711","body":""}`))
	if body := payload(m); len(body) != maxPayload || !bytes.HasSuffix(body, []byte(`xx"}`)) {
		t.Errorf("a text that just fits was cut: %d bytes", len(body))
	}
}

func TestCancellation(t *testing.T) {
	channeltest.Cancellation(t, func(t testing.TB) channeltest.Held {
		gate := channeltest.NewGate(&channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}})
		server := channeltest.NewServer(t, 250, gate)
		here = server.URL
		held := &heldSettings{settings(server.CA)}
		service := channeltest.Service{Settings: held, Requests: gate.Count, Close: server.Close}
		return channeltest.Held{Service: service, Arrived: gate.Arrived, Release: gate.Open}
	}, to(hello, newApp(t), "https://held.invalid"))
}

// here is where heldSettings send.
var here string

// heldSettings send everything to one push service, whose address is not known when the kit is given its message.
type heldSettings struct{ *Settings }

func (h *heldSettings) Open(env channel.Env) (channel.Sender, error) {
	s, err := h.Settings.Open(env)
	return heldSender{s}, err
}

type heldSender struct{ channel.Sender }

func (h heldSender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	for i := range batch {
		batch[i].Address = strings.Replace(batch[i].Address, "https://held.invalid", here, 1)
	}
	return h.Sender.Send(ctx, batch)
}

// TestOthersGoOn: whatever one push service does, messages of another are sent, and nothing says that the provider is in
// trouble.
func TestOthersGoOn(t *testing.T) {
	status := func(status int) func(testing.TB) *channeltest.Server {
		return func(t testing.TB) *channeltest.Server {
			return channeltest.NewServer(t, 250, &channeltest.Script{Replies: []channeltest.Reply{{Status: status}}})
		}
	}
	peers := func(do func(p *channeltest.Peer, stream uint32)) func(testing.TB) *channeltest.Server {
		return func(t testing.TB) *channeltest.Server {
			return channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
				for stream, ok := p.Next(); ok; stream, ok = p.Next() {
					do(p, stream)
				}
			})
		}
	}
	closed := func(t testing.TB) *channeltest.Server {
		s := status(201)(t)
		s.Close()
		return s
	}
	untrusted := func(t testing.TB) *channeltest.Server {
		s := status(201)(t)
		s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		return s
	}
	for _, c := range []struct {
		name      string
		serve     func(testing.TB) *channeltest.Server
		reason    message.Reason
		uncounted int // at least so many of the hundred
	}{
		{"refuses the key", status(403), message.Credentials, 100},
		{"throttles", status(429), message.Throttled, 100},
		{"is broken", status(503), message.ServerError, 97},
		{"hangs", peers(func(*channeltest.Peer, uint32) {}), message.LostAnswerReason, 97},
		{"breaks off", peers(func(p *channeltest.Peer, _ uint32) { _ = p.Close() }), message.LostAnswerReason, 97},
		{"says garbage", peers(func(p *channeltest.Peer, _ uint32) { p.Garbage() }), message.LostAnswerReason, 97},
		{"resets", peers(func(p *channeltest.Peer, s uint32) { p.Reset(s, channeltest.InternalError) }), message.LostAnswerReason, 97},
		{"is away", closed, message.Unreachable, 100},
		{"has another name", untrusted, message.TLS, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			logged := channeltest.CaptureLogs(t)
			script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
			good := channeltest.NewServer(t, 250, script)
			defer good.Close()
			bad := c.serve(t)
			defer bad.Close()
			reader := newApp(t)
			batch := channeltest.Batch(hello, 200, nil)
			for i := range batch {
				batch[i] = to(batch[i], reader, []string{bad.URL, good.URL}[i%2])
			}
			outcomes := send(t, settings(good.CA+bad.CA), options{answer: 300 * time.Millisecond}, batch...)
			channeltest.NoSecrets(t, append(secrets, batch[0].Address), outcomes, logged())
			uncounted, streak := 0, channel.Streak{}
			for i, o := range outcomes {
				if channel.Stops(&streak, batch[i].ID, o) {
					t.Fatalf("message %d would stop the provider: %+v", i, o.Failure)
				}
				switch f := o.Failure; {
				case i%2 == 1 && !o.Accepted:
					t.Fatalf("message %d: %+v", i, f)
				case i%2 == 1:
				case f == nil || f.Scope != message.RecipientForNow || f.Reason != c.reason:
					t.Fatalf("message %d: %+v", i, f)
				case f.Uncounted && f.RetryAfter > 0:
					uncounted++
				}
			}
			if uncounted < c.uncounted || script.Count() != 100 {
				t.Errorf("%d uncounted, %d requests at the good one", uncounted, script.Count())
			}
		})
	}
}

// TestBrokenConnectionIsOneTrouble: a push service that breaks off once, under many messages, is not left alone for it.
func TestBrokenConnectionIsOneTrouble(t *testing.T) {
	const many = 20
	bad := channeltest.NewPeers(t, 100, func(_ int, p *channeltest.Peer) {
		first, _ := p.Next()
		p.Answer(first)
		for range many {
			p.Next()
		}
	})
	defer bad.Close()
	reader := newApp(t)
	sent := func(s channel.Sender, n int) (accepted, lost int) {
		batch := channeltest.Batch(hello, n, nil)
		for i := range batch {
			batch[i] = to(batch[i], reader, bad.URL)
		}
		for _, o := range s.Send(t.Context(), batch) {
			switch f := o.Failure; {
			case o.Accepted:
				accepted++
			case f == nil || f.Reason != message.LostAnswerReason || f.Uncounted:
				t.Fatalf("%+v", f)
			default:
				lost++
			}
		}
		return accepted, lost
	}
	s, err := open(*settings(bad.CA), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if accepted, _ := sent(s, 1); accepted != 1 {
			t.Fatal("the first message on a connection was not taken")
		}
		if _, lost := sent(s, many); lost != many {
			t.Fatalf("%d of %d answers were lost", lost, many)
		}
	}
}

// counted is a server that counts how many connections are open at most.
func counted(t *testing.T, h http.Handler, streams int) (origin, ca string, most *atomic.Int32) {
	t.Helper()
	var open atomic.Int32
	most = new(atomic.Int32)
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if s.TLS = (&tls.Config{NextProtos: []string{"http/1.1"}}); streams > 0 {
		s.EnableHTTP2, s.TLS, s.Config.HTTP2 = true, nil, &http.HTTP2Config{MaxConcurrentStreams: streams}
	}
	count := s.Config.ConnState
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
		case http.StateClosed:
			open.Add(-1)
		}
		if count != nil {
			count(c, state)
		}
	}
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})), most
}

// TestFewConnections: however many messages there are, a push service sees few connections.
func TestFewConnections(t *testing.T) {
	for _, c := range []struct {
		name    string
		streams int // 0 = it speaks HTTP/1.1 alone, as small push services do
		most    int32
	}{
		{"HTTP/2", 100, 1},
		{"HTTP/2 with few streams", 20, 2 * overHTTP1}, // net/http opens some in vain, and closes them
		{"HTTP/1.1", 0, overHTTP1},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
			origin, ca, most := counted(t, script, c.streams)
			reader := newApp(t)
			m := to(hello, reader, origin)
			sender, err := settings(ca).Open(channel.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for i, o := range sender.Send(t.Context(), channeltest.Batch(m, 200, nil)) {
						if !o.Accepted {
							t.Errorf("message %d: %+v", i, o.Failure)
						}
					}
				})
			}
			wg.Wait()
			if script.Count() != 600 || most.Load() > c.most {
				t.Fatalf("%d requests on %d connections at once", script.Count(), most.Load())
			}
			if _, err := reader.read(script.Requests()[599].Content); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGuarded: what a device can name, and the server behind it is never asked.
func TestGuarded(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
	server := channeltest.NewServer(t, 20, script)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	z := &zone{names: map[string][][]netip.Addr{
		"example.com":          {addresses("127.0.0.1")},
		"private.example.com":  {addresses("10.0.0.1", "192.168.1.1", "100.64.3.3")},
		"metadata.example.com": {addresses("169.254.169.254")},
		"azure.example.com":    {addresses("168.63.129.16")},
		"mixed.example.com":    {addresses("10.0.0.1", "127.0.0.1")},
		"other.invalid":        {addresses("127.0.0.1")},
	}}
	resolver, reader := z.resolver(t), newApp(t)
	for _, c := range []struct {
		name, host, allowed string
		want                message.Reason // empty = accepted
		detail              string
	}{
		{"loopback", "127.0.0.1", "", message.RefusedPolicy, "does not have a public address"},
		{"loopback in IPv6", "[::1]", "", message.RefusedPolicy, "does not have a public address"},
		{"loopback in disguise", "[::ffff:127.0.0.1]", "", message.RefusedPolicy, "does not have a public address"},
		{"everything", "0.0.0.0", "", message.RefusedPolicy, "does not have a public address"},
		{"a name of loopback", "localhost", "", message.RefusedPolicy, "does not have a public address"},
		{"a name that leads to loopback", "example.com", "", message.RefusedPolicy, "does not have a public address"},
		{"a name that leads within", "private.example.com", "", message.RefusedPolicy, "does not have a public address"},
		{"other networks are allowed", "private.example.com", "10.99.0.0/16", message.RefusedPolicy, "does not have a public address"},
		{"the cloud's metadata", "metadata.example.com", "169.254.0.0/16", message.RefusedPolicy, "clouds"},
		{"the cloud's own address", "azure.example.com", "0.0.0.0/0", message.RefusedPolicy, "clouds"},
		{"no such name", "nobody.example.com", "", message.Unreachable, "DNS"},
		{"allowed", "127.0.0.1", "127.0.0.0/8", "", ""},
		{"a name that leads to what is allowed", "example.com", "127.0.0.1", "", ""},
		{"a name that leads to both", "mixed.example.com", "127.0.0.1", "", ""},
		{"a certificate for another name", "other.invalid", "127.0.0.1", message.TLS, "another name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := script.Count()
			s := settings(server.CA)
			s.AllowedNetworks = c.allowed
			o := send(t, s, options{resolver: resolver, answer: 5 * time.Second}, to(hello, reader, "https://"+net.JoinHostPort(strings.Trim(c.host, "[]"), port)))[0]
			if c.want == "" {
				if !o.Accepted || script.Count() != before+1 {
					t.Errorf("%+v", o.Failure)
				}
				return
			}
			f := o.Failure
			if f == nil || f.Reason != c.want || !strings.Contains(f.Detail, c.detail) || script.Count() != before {
				t.Fatalf("got %+v", f)
			}
			if final := f.Scope == message.RecipientFinal; final != (c.want == message.RefusedPolicy) {
				t.Errorf("scope %s", f.Scope)
			}
		})
	}
}

// TestNameThatTurns: a name that was seen at an allowed address and then leads elsewhere gains nothing.
func TestNameThatTurns(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{Status: 201}}}
	server := channeltest.NewServer(t, 20, script)
	z := &zone{names: map[string][][]netip.Addr{"example.com": {addresses("127.0.0.1"), addresses("127.0.0.2")}}}
	origin := strings.Replace(server.URL, "127.0.0.1", "example.com", 1)
	report := settings(server.CA).test(t.Context(), to(hello, newApp(t), origin), options{resolver: z.resolver(t)})
	last := report.Steps[len(report.Steps)-1]
	if report.OK || last.Name != "connect" || !strings.Contains(last.Detail, "public address") || server.Conns() != 0 {
		t.Errorf("%+v, %d connections", report, server.Conns())
	}
}

func TestTest(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		allowed string
		token   func(origin string) string // nil = a good one
		steps   []string
		failing string
		reason  message.Reason
	}{
		{name: "all well", status: 201, allowed: "127.0.0.1", steps: []string{"token", "resolve", "connect", "tls", "authenticate", "send"}},
		{name: "key refused", status: 403, allowed: "127.0.0.1", steps: []string{"token", "resolve", "connect", "tls"}, failing: "authenticate", reason: message.Credentials},
		{name: "dead", status: 410, allowed: "127.0.0.1", steps: []string{"token", "resolve", "connect", "tls", "authenticate"}, failing: "send", reason: message.TokenDead},
		{name: "not allowed", status: 201, steps: []string{"token", "resolve"}, failing: "connect", reason: message.Unreachable},
		{name: "no subscription", token: func(string) string { return "x" }, failing: "token", reason: message.TokenMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			server := channeltest.NewServer(t, 10, &channeltest.Script{Replies: []channeltest.Reply{{Status: c.status}}})
			defer server.Close()
			s, m := settings(server.CA), to(hello, newApp(t), server.URL)
			s.AllowedNetworks = c.allowed
			if c.token != nil {
				m.Address = c.token(server.URL)
			}
			report := s.Test(context.Background(), channel.Env{}, m)
			channeltest.NoSecrets(t, append(secrets, m.Address+"…"), report)
			var well []string
			failing := ""
			for _, step := range report.Steps {
				if step.OK {
					well = append(well, step.Name)
				} else {
					failing = step.Name
				}
			}
			if diff := cmp.Diff(c.steps, well); diff != "" || failing != c.failing || report.Reason != c.reason || report.OK != (failing == "") {
				t.Errorf("%s%+v", diff, report)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		fields []string
	}{
		{"nothing wrong", func(*Settings) {}, nil},
		{"an https subject", func(s *Settings) { s.Subject = "https://example.org/push" }, nil},
		{"networks", func(s *Settings) { s.AllowedNetworks = "10.0.0.0/8\n::1" }, nil},
		{"padding", func(s *Settings) { s.PrivateKey += "=" }, nil},
		{"no app", func(s *Settings) { s.App = "" }, []string{"app"}},
		{"a blank in the app", func(s *Settings) { s.App = "a b" }, []string{"app"}},
		{"no subject", func(s *Settings) { s.Subject = "" }, []string{"subject"}},
		{"a bare address", func(s *Settings) { s.Subject = "push@example.org" }, []string{"subject"}},
		{"an http subject", func(s *Settings) { s.Subject = "http://example.org" }, []string{"subject"}},
		{"mailto of nobody", func(s *Settings) { s.Subject = "mailto:" }, []string{"subject"}},
		{"mailto with a name", func(s *Settings) { s.Subject = "mailto:<push@example.org>" }, []string{"subject"}},
		{"a line break in the subject", func(s *Settings) { s.Subject = "mailto:push@example.org\r\n" }, []string{"subject"}},
		{"no key", func(s *Settings) { s.PrivateKey = "" }, []string{"vapid_private_key"}},
		{"a short key", func(s *Settings) { s.PrivateKey = testKey[:20] }, []string{"vapid_private_key"}},
		{"a key of zeros", func(s *Settings) { s.PrivateKey = strings.Repeat("A", 43) }, []string{"vapid_private_key"}},
		{"networks that are none", func(s *Settings) { s.AllowedNetworks = "intranet" }, []string{"allowed_networks"}},
		{"trusted CA", func(s *Settings) { s.TrustedCA = "hello" }, []string{"trusted_ca"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings("")
			c.change(s)
			channeltest.Problems(t, s.Check(), []string{testKey}, c.fields...)
			if _, err := s.Open(channel.Env{}); (err != nil) != (len(c.fields) > 0 && c.fields[0] != "app" && c.fields[0] != "subject") {
				t.Errorf("opening: %v", err)
			}
		})
	}
}

// TestComplete: a key is made when there is none, kept when there is one, and the public one is always its.
func TestComplete(t *testing.T) {
	var a, b Settings
	a.Complete()
	b.Complete()
	if a.PrivateKey == b.PrivateKey || len(unb64(t, a.PrivateKey)) != 32 || len(unb64(t, a.PublicKey)) != 65 {
		t.Errorf("%d and %d characters", len(a.PrivateKey), len(a.PublicKey))
	}
	before := a
	a.PublicKey = b.PublicKey
	if a.Complete(); a != before {
		t.Error("a key was changed, or the public key of another taken")
	}
	a.PrivateKey = "no key"
	if a.Complete(); a.PublicKey != "" || a.PrivateKey != "no key" {
		t.Error("a key that is none was replaced, or has a public key")
	}
}

// TestRules: every answer that has a meaning is in the table for people, as a whole sentence.
func TestRules(t *testing.T) {
	for _, r := range printed() {
		if r.Answer == "" || r.Scope.String() == "" || !strings.HasSuffix(r.Means, ".") || strings.HasSuffix(r.Means, "..") {
			t.Errorf("%+v", r)
		}
	}
}

// FuzzAddress: whatever a device uploads as a token, a message to it ends without a panic, and nothing private is called.
func FuzzAddress(f *testing.F) {
	reader := newApp(f)
	for _, origin := range []string{"https://127.0.0.1", "https://[::1]:8443", "https://[::ffff:10.0.0.1]", "http://127.0.0.1", "https://0/"} {
		f.Add(reader.token(origin))
	}
	s := settings("")
	s.AllowedNetworks = ""
	nowhere := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }}
	sender, err := open(*s, options{resolver: nowhere, answer: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		var wire struct{ Endpoint string }
		if json.Unmarshal([]byte(token), &wire) == nil {
			if u, err := url.Parse(wire.Endpoint); err == nil {
				if ip, err := netip.ParseAddr(u.Hostname()); err == nil && public(plain(ip)) {
					t.Skip("a test calls nobody")
				}
			}
		}
		m := hello
		m.Address = token
		if o := sender.Send(t.Context(), []message.Message{m})[0]; o.Accepted || o.Failure == nil {
			t.Errorf("%q: %+v", token, o)
		}
	})
}
