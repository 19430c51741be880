package fcm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

var (
	testPEM = newKey()
	hello   = message.Message{
		ID: 4711, Channel: message.Push, Address: "dGhpcyBpcyBhIHRva2Vu:APA91b" + strings.Repeat("x", 100), Text: "Your phone is blocked.",
	}
)

func newKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// file is a service account's, with some fields changed.
func file(tokenURI string, change map[string]any) Account {
	fields := map[string]any{
		"type": "service_account", "project_id": "fleet-1", "private_key_id": "0a1b2c", "private_key": testPEM,
		"client_email": "sender@fleet-1.iam.gserviceaccount.com", "token_uri": tokenURI, "universe_domain": "googleapis.com",
	}
	for name, value := range change {
		fields[name] = value
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return Account(text)
}

// service is FCM with its token endpoint. Access tokens are "ya29.secret-1", -2, and so on.
type service struct {
	send, token http.Handler
	tokens      atomic.Int32
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		s.send.ServeHTTP(w, r)
		return
	}
	n := s.tokens.Add(1)
	if s.token != nil {
		s.token.ServeHTTP(w, r)
		return
	}
	channeltest.Reply{
		Header: map[string]string{"Content-Type": "application/json"},
		Body:   fmt.Sprintf(`{"access_token":"ya29.secret-%d","token_type":"Bearer","expires_in":3599}`, n),
	}.Write(w)
}

func settings(s *channeltest.Server) *Settings {
	return &Settings{App: "com.example.mail", ServiceAccount: file(s.URL+"/token", nil), Endpoint: s.URL, TrustedCA: s.CA}
}

func serve(t testing.TB, replies []channeltest.Reply) channeltest.Service {
	script := &channeltest.Script{Replies: replies}
	server := channeltest.NewServer(t, 250, &service{send: script})
	return channeltest.Service{Settings: settings(server), Requests: script.Count, Close: server.Close}
}

const (
	fcmError   = `{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}`
	badRequest = `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":%q,"description":"wrong"}]}`
)

// reply is an error of FCM with some details.
func reply(status int, word string, details ...string) channeltest.Reply {
	return channeltest.Reply{Status: status, Body: fmt.Sprintf(`{"error":{"code":%d,"message":"m","status":%q,"details":[%s]}}`,
		status, word, strings.Join(details, ","))}
}

func code(errorCode string) string { return fmt.Sprintf(fcmError, errorCode) }
func names(field string) string    { return fmt.Sprintf(badRequest, field) }

func with(r channeltest.Reply, name, value string) channeltest.Reply {
	r.Header = map[string]string{name: value}
	return r
}

var secrets = []string{testPEM, "ya29.secret", "eyJ"} // eyJ begins every JWT

func TestAnswers(t *testing.T) {
	type (
		Case = channeltest.Case[channeltest.Reply]
		Want = channeltest.Want
	)
	ok := channeltest.Reply{Body: `{"name":"projects/fleet-1/messages/0:1500415314455276%31bd1c9631bd1c96"}`}
	accepted := Want{Accepted: "projects/fleet-1/messages/0:1500415314455276%31bd1c9631bd1c96"}
	one := func(name string, r channeltest.Reply, scope message.Scope, why message.Reason, answer string, after time.Duration) Case {
		return Case{Name: name, Answers: []channeltest.Reply{r}, Want: Want{Scope: scope, Reason: why, Answer: answer, RetryAfter: after}}
	}
	unauthenticated := reply(401, "UNAUTHENTICATED")
	inTwoMinutes := time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)

	channeltest.Table[channeltest.Reply]{
		Serve: serve, Message: hello, Secrets: secrets,
		Cases: []Case{
			{Name: "accepted", Answers: []channeltest.Reply{ok}, Want: accepted},
			one("unregistered", reply(404, "NOT_FOUND", code("UNREGISTERED")), message.RecipientFinal, message.TokenDead, "404 UNREGISTERED", 0),
			one("bad token", reply(400, "INVALID_ARGUMENT", code("INVALID_ARGUMENT")), message.RecipientFinal, message.TokenDead, "400 INVALID_ARGUMENT", 0),
			one("bad token, named", reply(400, "INVALID_ARGUMENT", code("INVALID_ARGUMENT"), names("message.token")),
				message.RecipientFinal, message.TokenDead, "400 INVALID_ARGUMENT", 0),
			one("bad message", reply(400, "INVALID_ARGUMENT", code("INVALID_ARGUMENT"), names("message.data")),
				message.WholeMessage, message.BadMessage, "400 INVALID_ARGUMENT", 0),
			one("bad message by the platform", reply(400, "INVALID_ARGUMENT", names("message.android.ttl")),
				message.WholeMessage, message.BadMessage, "400 INVALID_ARGUMENT", 0),
			one("bad message, no details", reply(400, "INVALID_ARGUMENT"), message.WholeMessage, message.BadMessage, "400 INVALID_ARGUMENT", 0),
			one("another project's token", reply(403, "PERMISSION_DENIED", code("SENDER_ID_MISMATCH")),
				message.RecipientFinal, message.TokenMismatch, "403 SENDER_ID_MISMATCH", 0),
			one("APNs credential", reply(401, "UNAUTHENTICATED", code("THIRD_PARTY_AUTH_ERROR")),
				message.WholeServer, message.Credentials, "401 THIRD_PARTY_AUTH_ERROR", 0),
			one("API not enabled", reply(403, "PERMISSION_DENIED"), message.WholeServer, message.Credentials, "403 PERMISSION_DENIED", 0),
			one("quota", reply(429, "RESOURCE_EXHAUSTED", code("QUOTA_EXCEEDED")), message.WholeServer, message.Throttled, "429 QUOTA_EXCEEDED", time.Minute),
			one("quota, seconds", with(reply(429, "RESOURCE_EXHAUSTED"), "Retry-After", "17"), message.WholeServer, message.Throttled,
				"429 RESOURCE_EXHAUSTED", 17*time.Second),
			one("overloaded, date", with(reply(503, "UNAVAILABLE", code("UNAVAILABLE")), "Retry-After", inTwoMinutes), message.WholeServer,
				message.Throttled, "503 UNAVAILABLE", 2*time.Minute),
			one("unavailable", reply(503, "UNAVAILABLE", code("UNAVAILABLE")), message.Trouble, message.ServerError, "503 UNAVAILABLE", 0),
			one("internal", reply(500, "INTERNAL", code("INTERNAL")), message.Trouble, message.ServerError, "500 INTERNAL", 0),
			one("unspecified", reply(500, "UNKNOWN", code("UNSPECIFIED_ERROR")), message.Trouble, message.ServerError, "500 UNSPECIFIED_ERROR", 0),
			one("too large", reply(413, ""), message.WholeMessage, message.TooLarge, "413", 0),
			one("no such path", channeltest.Reply{Status: 404, Body: "<html>not here</html>"}, message.WholeMessage, message.BadMessage, "404", 0),
			one("method", reply(405, ""), message.WholeMessage, message.BadMessage, "405", 0),
			one("a gateway", channeltest.Reply{Status: 502, Body: "<html>"}, message.Trouble, message.ServerError, "502", 0),
			one("a portal's page", channeltest.Reply{Status: 200, Body: "<html>sign in"}, message.Trouble, message.ServerError, "200", 0),
			one("somebody else's JSON", channeltest.Reply{Status: 200, Body: `{"result": "ok"}`}, message.Trouble, message.ServerError, "200", 0),
			one("a redirect", channeltest.Reply{Status: 307, Header: map[string]string{"Location": "https://elsewhere.example"}},
				message.Trouble, message.ServerError, "307", 0),
			one("a code that is not a word", reply(400, "two\nlines", code("and\r\nmore")), message.WholeMessage, message.BadMessage, "400", 0),
			{Name: "again with a fresh access token", Answers: []channeltest.Reply{unauthenticated, ok}, Want: accepted},
			{Name: "refused twice", Answers: []channeltest.Reply{unauthenticated, unauthenticated},
				Want: Want{Scope: message.WholeServer, Reason: message.Credentials, Answer: "401 UNAUTHENTICATED"}},
			{Name: "no token", Want: Want{Scope: message.RecipientFinal, Reason: message.TokenMismatch},
				Change: func(m *message.Message) { m.Address = "" }},
		},
	}.Run(t)
}

// TestTokenEndpoint is the table of what the token endpoint may say; no message is sent then.
func TestTokenEndpoint(t *testing.T) {
	cases := []struct {
		name   string
		reply  channeltest.Reply
		reason message.Reason
		after  time.Duration
	}{
		{"deleted key", channeltest.Reply{Status: 400, Body: `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`}, message.Credentials, 0},
		{"unauthorized", channeltest.Reply{Status: 401, Body: `{"error":"invalid_client"}`}, message.Credentials, 0},
		{"throttled", channeltest.Reply{Status: 429, Header: map[string]string{"Retry-After": "30"}}, message.Throttled, 30 * time.Second},
		{"broken", channeltest.Reply{Status: 500}, message.ServerError, 0},
		{"redirect", channeltest.Reply{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}}, message.ServerError, 0},
		{"no JSON", channeltest.Reply{Body: "<html>welcome</html>"}, message.ServerError, 0},
		{"no token", channeltest.Reply{Body: `{"token_type":"Bearer"}`}, message.ServerError, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			logged := channeltest.CaptureLogs(t)
			script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
			office := &channeltest.Script{Replies: []channeltest.Reply{c.reply}}
			server := channeltest.NewServer(t, 100, &service{send: script, token: office})
			outcomes := send(t, settings(server), channeltest.Batch(hello, 100, nil)...)
			failed := 0
			for _, o := range outcomes {
				if !o.Handed() {
					continue
				}
				failed++
				if f := o.Failure; f == nil || f.Scope != message.WholeServer || f.Reason != c.reason || f.RetryAfter != c.after {
					t.Fatalf("got %+v", f)
				}
			}
			if failed == 0 || script.Count() != 0 || office.Count() > 10 {
				t.Errorf("%d failed, %d sent, %d exchanges", failed, script.Count(), office.Count())
			}
			channeltest.NoSecrets(t, append(secrets, hello.Address), outcomes, logged())
		})
	}
}

func TestTokenEndpointUnreachable(t *testing.T) {
	server := channeltest.NewServer(t, 100, &service{send: http.NotFoundHandler()})
	cases := []struct {
		name, uri string
		reason    message.Reason
	}{
		{"link-local", "https://169.254.169.254/token", message.Unreachable},
		{"nowhere", "https://nowhere.invalid/token", message.Unreachable},
		{"another name", strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/token", message.TLS},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settings(server)
			s.ServiceAccount = file(c.uri, nil)
			f := send(t, s, hello)[0].Failure
			if f == nil || f.Scope != message.WholeServer || f.Reason != c.reason {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// TestOneExchange: however many messages wait for an access token, it is asked for once.
func TestOneExchange(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{Body: `{"name":"projects/fleet-1/messages/1"}`}}}
	both := &service{send: script}
	server := channeltest.NewServer(t, 100, both)
	for i, o := range send(t, settings(server), channeltest.Batch(hello, 300, nil)...) {
		if !o.Accepted {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	if n := both.tokens.Load(); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// TestShortToken: a token that lives for a minute is used for most of it, and not asked for again for each message.
func TestShortToken(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{Body: `{"name":"projects/fleet-1/messages/1"}`}}}
	brief := channeltest.Reply{Header: map[string]string{"Content-Type": "application/json"}, Body: `{"access_token":"ya29.secret-1","token_type":"Bearer","expires_in":60}`}
	both := &service{send: script, token: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { brief.Write(w) })}
	sender, err := settings(channeltest.NewServer(t, 100, both)).Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	for range 3 {
		if o := sender.Send(t.Context(), []message.Message{hello})[0]; !o.Accepted {
			t.Fatalf("%+v", o.Failure)
		}
	}
	if n := both.tokens.Load(); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

func send(t *testing.T, s *Settings, batch ...message.Message) []message.Outcome {
	t.Helper()
	sender, err := s.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	return sender.Send(context.Background(), batch)
}

func TestRequest(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
	server := channeltest.NewServer(t, 250, &service{send: script})
	badge := 3
	m := hello
	m.Subject, m.Sound, m.Badge, m.Expires = "Notice", "chime", &badge, time.Now().Add(time.Hour+time.Second/2)
	send(t, settings(server), m)
	r := script.Requests()[0]
	if r.Method != http.MethodPost || r.URL.Path != "/v1/projects/fleet-1/messages:send" || r.ProtoMajor != 2 {
		t.Errorf("%s %s %s", r.Method, r.URL.Path, r.Proto)
	}
	if r.Header.Get("Authorization") != "Bearer ya29.secret-1" {
		t.Error("not the access token")
	}
	var got any
	if err := json.Unmarshal(r.Content, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"message": map[string]any{
		"token":        m.Address,
		"notification": map[string]any{"title": "Notice", "body": m.Text},
		"data":         map[string]any{"id": "4711"},
		"android": map[string]any{
			"priority": "high", "ttl": "3600s",
			"notification": map[string]any{"tag": "4711", "sound": "chime", "notification_count": 3.0},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTTL(t *testing.T) {
	now := time.Now()
	cases := []struct {
		expires time.Time
		want    string
	}{
		{now.Add(-time.Hour), `"ttl":"0s"`},
		{now.Add(90 * time.Second), `"ttl":"90s"`},
		{now.Add(365 * 24 * time.Hour), `"ttl":"2419200s"`},
	}
	for _, c := range cases {
		m := hello
		m.Expires = c.expires
		if body := string(payload(m, now)); !strings.Contains(body, c.want) {
			t.Errorf("no %s in %s", c.want, body)
		}
	}
	if body := string(payload(hello, now)); strings.Contains(body, "ttl") {
		t.Errorf("a message without an end has one: %s", body)
	}
}

func TestPayloadFits(t *testing.T) {
	for _, text := range []string{strings.Repeat("all work and no play ", 300), strings.Repeat(`"\`, 3000), strings.Repeat("日本語", 2000)} {
		m := hello
		m.Text, m.Subject = text, text
		body := payload(m, time.Now())
		var got struct {
			Message struct {
				Token        string
				Notification struct{ Title, Body string }
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		size := len(body) - len(m.Address)
		if size > maxPayload || size < maxPayload-16 || got.Message.Token != m.Address || !strings.HasSuffix(got.Message.Notification.Body, "…") {
			t.Errorf("%d bytes without the token, text ends in %q", size, got.Message.Notification.Body[len(got.Message.Notification.Body)-9:])
		}
	}
}

func TestCancellation(t *testing.T) {
	channeltest.Cancellation(t, func(t testing.TB) channeltest.Held {
		gate := channeltest.NewGate(&channeltest.Script{Replies: []channeltest.Reply{{Body: `{"name":"projects/fleet-1/messages/1"}`}}})
		server := channeltest.NewServer(t, 250, &service{send: gate})
		service := channeltest.Service{Settings: settings(server), Requests: gate.Count, Close: server.Close}
		return channeltest.Held{Service: service, Arrived: gate.Arrived, Release: gate.Open}
	}, hello)
}

func TestStopsAtOnce(t *testing.T) {
	channeltest.StopsWith(t, serve(t, []channeltest.Reply{reply(429, "RESOURCE_EXHAUSTED", code("QUOTA_EXCEEDED"))}), hello, message.Throttled)
}

func TestCheck(t *testing.T) {
	server := channeltest.NewServer(t, 1, http.NotFoundHandler())
	uri := server.URL + "/token"
	cases := []struct {
		name   string
		change func(*Settings)
		fields []string
	}{
		{"nothing wrong", func(*Settings) {}, nil},
		{"Google's own", func(s *Settings) {
			s.ServiceAccount, s.Endpoint, s.TrustedCA = file("https://oauth2.googleapis.com/token", nil), "", ""
		}, nil},
		{"loopback without TLS", func(s *Settings) { s.ServiceAccount = file("http://127.0.0.1:8080/token", nil) }, nil},
		{"no app", func(s *Settings) { s.App = "" }, []string{"app"}},
		{"nothing", func(s *Settings) { s.ServiceAccount = " " }, []string{"service_account"}},
		{"not JSON", func(s *Settings) { s.ServiceAccount = Account(testPEM) }, []string{"service_account"}},
		{"a client's file", func(s *Settings) { s.ServiceAccount = `{"installed":{"client_secret":"hunter2hunter2"}}` }, []string{"service_account"}},
		{"no project", func(s *Settings) { s.ServiceAccount = file(uri, map[string]any{"project_id": ""}) }, []string{"service_account"}},
		{"a path as project", func(s *Settings) { s.ServiceAccount = file(uri, map[string]any{"project_id": "../x"}) }, []string{"service_account"}},
		{"no mail", func(s *Settings) { s.ServiceAccount = file(uri, map[string]any{"client_email": ""}) }, []string{"service_account"}},
		{"no key", func(s *Settings) { s.ServiceAccount = file(uri, map[string]any{"private_key": "hunter2hunter2"}) }, []string{"service_account"}},
		{"token endpoint without TLS", func(s *Settings) { s.ServiceAccount = file("http://tokens.example.com/", nil) }, []string{"service_account"}},
		{"token endpoint, name that looks local", func(s *Settings) { s.ServiceAccount = file("http://localhost.example.com/", nil) }, []string{"service_account"}},
		{"endpoint", func(s *Settings) { s.Endpoint = "ftp://x" }, []string{"endpoint"}},
		{"trusted CA", func(s *Settings) { s.TrustedCA = "hello" }, []string{"trusted_ca"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settings(server)
			c.change(s)
			channeltest.Problems(t, s.Check(), []string{testPEM, "hunter2hunter2"}, c.fields...)
		})
	}
}

func TestTest(t *testing.T) {
	fine := channeltest.Reply{Body: `{"name":"projects/fleet-1/messages/1"}`}
	cases := []struct {
		name    string
		send    channeltest.Reply
		token   http.Handler
		steps   []string
		failing string
		reason  message.Reason
	}{
		{name: "all well", send: fine, steps: []string{"resolve", "connect", "tls", "authenticate", "send"}},
		{name: "account refused", token: &channeltest.Script{Replies: []channeltest.Reply{{Status: 400}}},
			steps: []string{"resolve", "connect", "tls"}, failing: "authenticate", reason: message.Credentials},
		{name: "token dead", send: reply(404, "NOT_FOUND", code("UNREGISTERED")),
			steps: []string{"resolve", "connect", "tls", "authenticate"}, failing: "send", reason: message.TokenDead},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := channeltest.NewServer(t, 10, &service{send: &channeltest.Script{Replies: []channeltest.Reply{c.send}}, token: c.token})
			report := settings(server).Test(context.Background(), channel.Env{}, hello)
			channeltest.NoSecrets(t, append(secrets, hello.Address), report)
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

// FuzzName: the quick way says what the thorough one does, or leaves it to that.
func FuzzName(f *testing.F) {
	f.Add([]byte("{\n  \"name\": \"projects/x/messages/0:1%31\"\n}\n"))
	f.Add([]byte(`{"name":"a\u0062","name":""}`))
	f.Add([]byte(`{"name":"a"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if name, ok := plainName(body); ok && name != decodedName(body) {
			t.Errorf("%q: %q and %q", body, name, decodedName(body))
		}
	})
}

func TestServiceAccountAsObject(t *testing.T) {
	for _, raw := range []string{`{"service_account": {"type": "service_account"}}`, `{"service_account": "{\"type\": \"service_account\"}"}`} {
		var s Settings
		if err := channel.Decode(&s, []byte(raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		var a account
		if err := json.Unmarshal([]byte(s.ServiceAccount), &a); err != nil || a.Type != "service_account" {
			t.Errorf("%s came to %q", raw, s.ServiceAccount)
		}
	}
}
