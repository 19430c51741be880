package apns

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

var (
	testKey = newKey()
	testP8  = p8(testKey)
	arrived = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hello   = message.Message{
		ID: 4711, Channel: message.Push, Address: strings.Repeat("0a1b2c3d", 8), Arrived: arrived, Text: "Your phone is blocked.",
	}
)

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func p8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// certificate is a client certificate with its key, both PEM.
func certificate(key *ecdsa.PrivateKey, from, until time.Time) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Apple Push Services: com.example.mail"},
		NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + p8(key)
}

func settings(s *channeltest.Server) *Settings {
	return &Settings{
		App: "com.example.mail", Environment: Production, KeyP8: testP8, KeyID: "ABCDE12345", TeamID: "TEAM567890",
		Endpoint: s.URL, TrustedCA: s.CA,
	}
}

func serve(t testing.TB, replies []channeltest.Reply) channeltest.Service {
	script := &channeltest.Script{Replies: replies}
	server := channeltest.NewServer(t, 250, script)
	return channeltest.Service{Settings: settings(server), Requests: script.Count, Close: server.Close}
}

func reply(status int, reason string) channeltest.Reply {
	return channeltest.Reply{Status: status, Body: fmt.Sprintf(`{"reason":%q}`, reason)}
}

func died(at time.Time) channeltest.Reply {
	return channeltest.Reply{Status: 410, Body: fmt.Sprintf(`{"reason":"Unregistered","timestamp":%d}`, at.UnixMilli())}
}

func TestAnswers(t *testing.T) {
	type (
		Case = channeltest.Case[channeltest.Reply]
		Want = channeltest.Want
	)
	ok := channeltest.Reply{Header: map[string]string{"apns-id": "eabeae54-14a8-11e5-b60b-1697f925ec7b"}}
	accepted := Want{Accepted: "eabeae54-14a8-11e5-b60b-1697f925ec7b"}
	one := func(name string, r channeltest.Reply, w Want) Case {
		return Case{Name: name, Answers: []channeltest.Reply{r}, Want: w}
	}
	refused := func(status int, reason string, scope message.Scope, why message.Reason) Case {
		answer := fmt.Sprintf("%d %s", status, reason)
		return one(answer, reply(status, reason), Want{Scope: scope, Reason: why, Answer: answer})
	}
	then := func(status int, reason string) Case {
		return Case{Name: "again after " + reason, Answers: []channeltest.Reply{reply(status, reason), ok}, Want: accepted}
	}
	twice := func(status int, reason string, w Want) Case {
		r := reply(status, reason)
		return Case{Name: reason + " twice", Answers: []channeltest.Reply{r, r}, Want: w}
	}
	dead := Want{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "410 Unregistered"}
	kept := Want{Scope: message.RecipientForNow, Reason: message.TokenDead, Answer: "410 Unregistered", KeepToken: true}

	channeltest.Table[channeltest.Reply]{
		Serve:   serve,
		Message: hello,
		Secrets: []string{testP8, "eyJ"}, // eyJ begins every JSON object in base64url, and so every JWT
		Cases: []Case{
			one("accepted", ok, accepted),
			one("accepted, no id", channeltest.Reply{}, Want{Accepted: message.DeliveryID(4711).UUID()}),

			one("410 newer than the token", died(arrived.Add(time.Millisecond)), dead),
			one("410 older than the token", died(arrived.Add(-time.Millisecond)), kept),
			one("410 of the token's arrival", died(arrived), kept),
			one("410 without timestamp", reply(410, "Unregistered"), dead),
			one("410 without a body", channeltest.Reply{Status: 410}, Want{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "410"}),
			{Name: "410, arrival unknown", Answers: []channeltest.Reply{died(arrived)}, Want: dead,
				Change: func(m *message.Message) { m.Arrived = time.Time{} }},
			refused(410, "ExpiredToken", message.RecipientFinal, message.TokenDead),

			refused(400, "BadDeviceToken", message.RecipientFinal, message.TokenMismatch),
			refused(400, "DeviceTokenNotForTopic", message.RecipientFinal, message.TokenMismatch),
			refused(400, "BadTopic", message.WholeServer, message.Credentials),
			refused(400, "MissingTopic", message.WholeServer, message.Credentials),
			refused(400, "TopicDisallowed", message.WholeServer, message.Credentials),
			refused(403, "BadCertificate", message.WholeServer, message.Credentials),
			refused(403, "BadCertificateEnvironment", message.WholeServer, message.Credentials),
			refused(403, "BadEnvironmentKeyIdInToken", message.WholeServer, message.Credentials),
			refused(403, "Forbidden", message.WholeServer, message.Credentials),
			refused(403, "InvalidProviderToken", message.WholeServer, message.Credentials),
			refused(403, "MissingProviderToken", message.WholeServer, message.Credentials),
			refused(403, "SomethingNew", message.WholeServer, message.Credentials),
			refused(400, "BadCollapseId", message.WholeMessage, message.BadMessage),
			refused(400, "BadExpirationDate", message.WholeMessage, message.BadMessage),
			refused(400, "BadMessageId", message.WholeMessage, message.BadMessage),
			refused(400, "PayloadEmpty", message.WholeMessage, message.BadMessage),
			refused(404, "BadPath", message.WholeMessage, message.BadMessage),
			refused(405, "MethodNotAllowed", message.WholeMessage, message.BadMessage),
			refused(413, "PayloadTooLarge", message.WholeMessage, message.TooLarge),
			refused(429, "TooManyRequests", message.RecipientForNow, message.Throttled),
			refused(500, "InternalServerError", message.Trouble, message.ServerError),
			refused(503, "ServiceUnavailable", message.Trouble, message.ServerError),
			refused(503, "Shutdown", message.Trouble, message.ServerError),
			refused(418, "ShortAndStout", message.Trouble, message.ServerError),
			one("a redirect", channeltest.Reply{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example"}},
				Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "302"}),
			one("no JSON", channeltest.Reply{Status: 502, Body: "<html>Bad gateway</html>"},
				Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "502"}),
			one("a reason that is not a word", reply(400, "two\r\nlines"), Want{Scope: message.WholeMessage, Reason: message.BadMessage, Answer: "400"}),
			one("Retry-After", channeltest.Reply{Status: 503, Header: map[string]string{"Retry-After": "120"}, Body: `{"reason":"ServiceUnavailable"}`},
				Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "503 ServiceUnavailable", RetryAfter: 2 * time.Minute}),

			then(403, "ExpiredProviderToken"),
			then(403, "UnrelatedKeyIdInToken"),
			then(400, "IdleTimeout"),
			then(429, "TooManyProviderTokenUpdates"),
			{Name: "one remedy after the other", Answers: []channeltest.Reply{reply(403, "ExpiredProviderToken"), reply(400, "IdleTimeout"), ok}, Want: accepted},
			twice(403, "ExpiredProviderToken", Want{Scope: message.WholeServer, Reason: message.Credentials, Answer: "403 ExpiredProviderToken"}),
			twice(403, "UnrelatedKeyIdInToken", Want{Scope: message.WholeServer, Reason: message.Credentials, Answer: "403 UnrelatedKeyIdInToken"}),
			twice(400, "IdleTimeout", Want{Scope: message.Trouble, Reason: message.ServerError, Answer: "400 IdleTimeout"}),
			twice(429, "TooManyProviderTokenUpdates", Want{Scope: message.WholeServer, Reason: message.Throttled,
				Answer: "429 TooManyProviderTokenUpdates", RetryAfter: 20 * time.Minute}),

			{Name: "a token that is none", Want: Want{Scope: message.RecipientFinal, Reason: message.TokenMismatch},
				Change: func(m *message.Message) { m.Address = "../../secrets?x" }},
		},
	}.Run(t)
}

func TestRequest(t *testing.T) {
	script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
	server := channeltest.NewServer(t, 250, script)
	badge := 3
	m := hello
	m.Subject, m.Sound, m.Badge, m.Expires = "Notice", "chime.caf", &badge, time.Unix(1893456000, 0)
	send(t, settings(server), m)
	r := script.Requests()[0]
	if r.Method != http.MethodPost || r.URL.Path != "/3/device/"+m.Address || r.ProtoMajor != 2 {
		t.Errorf("%s %s %s", r.Method, r.URL.Path, r.Proto)
	}
	want := map[string]string{
		"Apns-Topic": "com.example.mail", "Apns-Push-Type": "alert", "Apns-Priority": "10",
		"Apns-Id": m.ID.UUID(), "Apns-Collapse-Id": "4711", "Apns-Expiration": "1893456000",
	}
	for name, value := range want {
		if got := r.Header[name]; len(got) != 1 || got[0] != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	var got any
	if err := json.Unmarshal(r.Content, &got); err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"aps": map[string]any{
		"alert": map[string]any{"title": "Notice", "body": m.Text}, "sound": "chime.caf", "badge": 3.0,
	}}
	if diff := cmp.Diff(body, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "bearer eyJ") {
		t.Error("no provider token")
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

func TestOrder(t *testing.T) {
	server := channeltest.NewServer(t, 20, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "7") {
			reply(400, "BadDeviceToken").Write(w)
		}
	}))
	batch := channeltest.Batch(hello, 500, func(i int) string { return fmt.Sprintf("%08d", i) })
	for i, o := range send(t, settings(server), batch...) {
		if want := i%10 != 7; o.Accepted != want || want && o.ProviderID != batch[i].ID.UUID() {
			t.Errorf("message %d: %+v", i, o)
		}
	}
}

func TestCancellation(t *testing.T) {
	channeltest.Cancellation(t, func(t testing.TB) channeltest.Held {
		gate := channeltest.NewGate(&channeltest.Script{Replies: []channeltest.Reply{{}}})
		server := channeltest.NewServer(t, 250, gate)
		service := channeltest.Service{Settings: settings(server), Requests: gate.Count, Close: server.Close}
		return channeltest.Held{Service: service, Arrived: gate.Arrived, Release: gate.Open}
	}, hello)
}

func TestStopsAtOnce(t *testing.T) {
	channeltest.StopsWith(t, serve(t, []channeltest.Reply{reply(403, "InvalidProviderToken")}), hello, message.Credentials)
}

// TestExpiredForAll: a thousand messages that are refused for their token ask for one new token, not for a thousand.
func TestExpiredForAll(t *testing.T) {
	seen := map[string]bool{}
	script := &channeltest.Script{Replies: []channeltest.Reply{{}}}
	first := ""
	answers := make(chan struct{}, 1) // guards seen and first
	answers <- struct{}{}
	server := channeltest.NewServer(t, 100, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-answers
		token := r.Header.Get("Authorization")
		seen[token] = true
		if first == "" {
			first = token
		}
		old := token == first && len(seen) > 0 && r.URL.Path != "/3/device/00000000"
		answers <- struct{}{}
		if old {
			reply(403, "ExpiredProviderToken").Write(w)
			return
		}
		script.Replies[0].Write(w)
	}))
	batch := channeltest.Batch(hello, 300, func(i int) string { return fmt.Sprintf("%08d", i) })
	for i, o := range send(t, settings(server), batch...) {
		if !o.Accepted {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	if len(seen) > 2 {
		t.Errorf("%d provider tokens, want 2", len(seen))
	}
}

func TestCertificate(t *testing.T) {
	names := make(chan string, 1)
	server := channeltest.NewServer(t, 100, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("Authorization")
		if len(r.TLS.PeerCertificates) > 0 {
			name += r.TLS.PeerCertificates[0].Subject.CommonName
		}
		names <- name
	}), channeltest.AskForCertificate)
	s := settings(server)
	s.KeyP8, s.KeyID, s.TeamID = "", "", ""
	s.Certificate = certificate(newKey(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if found := s.Check(); len(found) > 0 {
		t.Fatal(found)
	}
	if o := send(t, s, hello)[0]; !o.Accepted {
		t.Fatalf("%+v", o.Failure)
	}
	if name := <-names; name != "Apple Push Services: com.example.mail" {
		t.Errorf("the server saw %q", name)
	}
}

// TestCertificateRefused: with TLS 1.3 a server refuses a certificate after the client believes that all is well. When its
// reset overtakes its alert, all that can be said is that no answer came.
func TestCertificateRefused(t *testing.T) {
	server := channeltest.NewServer(t, 100, http.NotFoundHandler(), func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert })
	o := send(t, settings(server), hello)[0]
	f := o.Failure
	if f == nil || !slices.Contains([]message.Reason{message.TLS, message.Unreachable, message.LostAnswerReason}, f.Reason) {
		t.Fatalf("got %+v", f)
	}
	if f.Reason != message.LostAnswerReason && f.Scope != message.WholeServer {
		t.Errorf("%s is the server's trouble: got %v", f.Reason, f.Scope)
	}
}

func TestPayloadFits(t *testing.T) {
	badge := 1
	texts := map[string]string{
		"short":  "Hello",
		"ascii":  strings.Repeat("all work and no play ", 300),
		"quotes": strings.Repeat(`"\`, 3000),
		"wide":   strings.Repeat("日本語", 2000),
		"emoji":  strings.Repeat("👩‍👩‍👧‍👦", 500),
		"broken": strings.Repeat("\xff\x00", 4000),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			m := message.Message{Text: text, Subject: text, Badge: &badge}
			body := payload(m)
			var got struct {
				Aps struct {
					Alert struct{ Title, Body string }
					Sound string
					Badge int
				}
			}
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			cut := len(text) > 1000
			if len(body) > maxPayload || cut && len(body) < maxPayload-64 {
				t.Errorf("%d bytes", len(body))
			}
			if cut != strings.HasSuffix(got.Aps.Alert.Body, "…") || !utf8.ValidString(got.Aps.Alert.Body) {
				t.Errorf("ends in %q", got.Aps.Alert.Body[max(0, len(got.Aps.Alert.Body)-20):])
			}
			if got.Aps.Sound != "default" || got.Aps.Badge != 1 || got.Aps.Alert.Title == "" {
				t.Errorf("got %+v", got.Aps)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cases := []struct {
		name   string
		change func(*Settings)
		fields []string
	}{
		{"nothing wrong", func(*Settings) {}, nil},
		{"lower-case ids", func(s *Settings) { s.KeyID = "abcde12345" }, nil},
		{"no app", func(s *Settings) { s.App = "" }, []string{"app"}},
		{"app with a line", func(s *Settings) { s.App = "com.example\r\nx: y" }, []string{"app"}},
		{"environment", func(s *Settings) { s.Environment = "staging" }, []string{"environment"}},
		{"no credential", func(s *Settings) { s.KeyP8 = "" }, []string{"key_p8"}},
		{"not PEM", func(s *Settings) { s.KeyP8 = "hunter2hunter2" }, []string{"key_p8"}},
		{"damaged", func(s *Settings) { s.KeyP8 = strings.Replace(testP8, "MIG", "MIH", 1) }, []string{"key_p8"}},
		{"two keys", func(s *Settings) { s.KeyP8 = testP8 + testP8 }, []string{"key_p8"}},
		{"another curve", func(s *Settings) { s.KeyP8 = p8(other) }, []string{"key_p8"}},
		{"RSA", func(s *Settings) { s.KeyP8 = p8(rsaKey) }, []string{"key_p8"}},
		{"ids", func(s *Settings) { s.KeyID, s.TeamID = "SHORT", "TEAM-67890" }, []string{"key_id", "team_id"}},
		{"both", func(s *Settings) { s.Certificate = certificate(testKey, now.Add(-time.Hour), now.Add(time.Hour)) }, []string{"certificate"}},
		{"expired", func(s *Settings) { *s = onlyCertificate(*s, now.Add(-2*time.Hour), now.Add(-time.Hour)) }, []string{"certificate"}},
		{"not yet", func(s *Settings) { *s = onlyCertificate(*s, now.Add(time.Hour), now.Add(2*time.Hour)) }, []string{"certificate"}},
		{"certificate without key", func(s *Settings) { s.KeyP8, s.Certificate = "", s.TrustedCA }, []string{"certificate"}},
		{"endpoint", func(s *Settings) { s.Endpoint = "http://push.example.com" }, []string{"endpoint"}},
		{"endpoint with a path", func(s *Settings) { s.Endpoint = "https://push.example.com/3" }, []string{"endpoint"}},
		{"trusted CA", func(s *Settings) { s.TrustedCA = "hello" }, []string{"trusted_ca"}},
	}
	server := channeltest.NewServer(t, 1, http.NotFoundHandler())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settings(server)
			c.change(s)
			channeltest.Problems(t, s.Check(), []string{s.KeyP8, s.Certificate}, c.fields...)
		})
	}
}

func onlyCertificate(s Settings, from, until time.Time) Settings {
	s.KeyP8, s.KeyID, s.TeamID = "", "", ""
	s.Certificate = certificate(testKey, from, until)
	return s
}

func TestTest(t *testing.T) {
	cases := []struct {
		name    string
		reply   channeltest.Reply
		change  func(*Settings)
		steps   []string // those that went well
		failing string
		reason  message.Reason
	}{
		{name: "all well", steps: []string{"resolve", "connect", "tls", "authenticate", "send"}},
		{name: "credentials", reply: reply(403, "InvalidProviderToken"), steps: []string{"resolve", "connect", "tls"},
			failing: "authenticate", reason: message.Credentials},
		{name: "token", reply: reply(400, "BadDeviceToken"), steps: []string{"resolve", "connect", "tls", "authenticate"},
			failing: "send", reason: message.TokenMismatch},
		{name: "not trusted", change: func(s *Settings) { s.TrustedCA = "" }, steps: []string{"resolve", "connect"}, failing: "tls", reason: message.TLS},
		{name: "no such name", change: func(s *Settings) { s.Endpoint = "https://nowhere.invalid" }, failing: "resolve", reason: message.Unreachable},
		{name: "metadata", change: func(s *Settings) { s.Endpoint = "https://169.254.169.254" }, steps: []string{"resolve"},
			failing: "connect", reason: message.Unreachable},
		{name: "not a key", change: func(s *Settings) { s.KeyP8 = "hunter2" }, failing: "settings", reason: message.Credentials},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := channeltest.NewServer(t, 10, &channeltest.Script{Replies: []channeltest.Reply{c.reply}})
			s := settings(server)
			if c.change != nil {
				c.change(s)
			}
			report := s.Test(context.Background(), channel.Env{}, hello)
			channeltest.NoSecrets(t, []string{s.KeyP8, hello.Address, "eyJ"}, report)
			var well []string
			failing := ""
			for _, step := range report.Steps {
				if step.OK {
					well = append(well, step.Name)
				} else {
					failing = step.Name
				}
			}
			if diff := cmp.Diff(c.steps, well); diff != "" || failing != c.failing || report.Reason != c.reason {
				t.Errorf("%s%+v", diff, report)
			}
			if report.OK != (c.failing == "") || (report.Detail == "") != report.OK || report.Dialogue == nil {
				t.Errorf("%+v", report)
			}
		})
	}
}

func TestProviderToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &tokens{key: testKey, keyID: "ABCDE12345", teamID: "TEAM567890", now: time.Now}
		other := &tokens{key: testKey, keyID: "ABCDE12345", teamID: "TEAM567890", now: time.Now}
		seen := map[string]int{}
		for range 10 * 60 { // ten hours, minute by minute
			b := source.get()
			seen[b.header]++
			if age := time.Since(b.issued); age < lead || age >= time.Hour {
				t.Fatalf("a token of age %s is used", age)
			}
			if other.get().header != b.header {
				t.Fatal("two nodes have different tokens")
			}
			time.Sleep(time.Minute) // fake time
		}
		for _, minutes := range seen {
			if minutes > 40 {
				t.Errorf("a token was used for %d minutes", minutes)
			}
		}
		if n := len(seen); n < 15 || n > 16 {
			t.Errorf("%d tokens in ten hours", n)
		}
	})
}

func TestProviderTokenReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &tokens{key: testKey, keyID: "ABCDE12345", teamID: "TEAM567890", now: time.Now}
		first := source.get()
		source.revert(first) // there is no older one
		if source.get() != first {
			t.Error("reverting without an older token changed it")
		}
		time.Sleep(time.Until(first.until)) // fake time
		second := source.get()
		source.revert(second)
		third := source.get()
		if third.header[0] != first.header[0] {
			t.Error("the older token was not taken")
		}
		source.revert(second) // those who are late change nothing
		if source.get() != third {
			t.Error("a token was replaced that was not the refused one")
		}
		time.Sleep(time.Until(first.issued.Add(maxKept))) // fake time
		if source.get() == third {
			t.Error("the older token outlived its hour")
		}
		current := source.get()
		source.renew(current)
		fresh := source.get()
		if fresh == current || time.Since(fresh.issued) > time.Second {
			t.Error("the expired token was not replaced by one of now")
		}
		source.renew(current)
		if source.get() != fresh {
			t.Error("a second refusal of the same token made a second new one")
		}
	})
}
