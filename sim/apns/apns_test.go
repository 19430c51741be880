package apns

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/sim/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	goodToken = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
	goodID    = "0198c7a8-1111-7222-8333-444455556666"
)

// bench is a simulator with an independent client: net/http and a token signed by hand.
type bench struct {
	*Server
	client *http.Client
	now    time.Time

	repeats bool // the client may send again what was refused before it was read
}

func start(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{now: time.Now()}
	o.Now = func() time.Time { return b.now }
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = s
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CA()}, ForceAttemptHTTP2: true}
	b.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Error("second stop:", err)
		}
	})
	return b
}

func jwt(t testing.TB, keyP8, header, claims string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(keyP8))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	input := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return input + "." + enc.EncodeToString(raw)
}

// bearer is a valid header issued at the given age.
func (b *bench) bearer(t testing.TB, age time.Duration) string {
	c := b.Credentials()
	return "bearer " + jwt(t, c.KeyP8, fmt.Sprintf(`{"alg":"ES256","kid":%q}`, c.KeyID),
		fmt.Sprintf(`{"iss":%q,"iat":%d}`, c.TeamID, b.now.Add(-age).Unix()))
}

type answer struct {
	status    int
	reason    string
	timestamp int64
	header    http.Header
}

func (b *bench) push(t testing.TB, token string, headers http.Header, body string) (answer, error) {
	t.Helper()
	return b.do(t, context.Background(), "POST", devicePath+token, headers, body)
}

func (b *bench) do(t testing.TB, ctx context.Context, method, path string, headers http.Header, body string) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if !b.repeats {
		r.GetBody = nil // a test wants to see the first failure, not a repeat
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	res, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header}
	var said struct {
		Reason    string
		Timestamp int64
	}
	if len(text) > 0 && json.Unmarshal(text, &said) == nil {
		a.reason, a.timestamp = said.Reason, said.Timestamp
	}
	return a, nil
}

func headers(auth string, more ...string) http.Header {
	h := http.Header{"Apns-Topic": {"com.example.app"}, "Apns-Push-Type": {"alert"}}
	if auth != "" {
		h["Authorization"] = []string{auth}
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == "" {
			delete(h, more[i])
		} else {
			h[more[i]] = append(h[more[i]][:0:0], more[i+1])
		}
	}
	return h
}

func TestAcceptedPush(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	a, err := b.push(t, goodToken, headers(auth, "Apns-Id", goodID, "Apns-Collapse-Id", "c1", "Apns-Priority", "10", "Apns-Expiration", "0"),
		`{"aps":{"alert":{"title":"Lock","subtitle":"now","body":"Your phone"},"badge":3,"sound":"ping.caf"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != 200 || a.header.Get("apns-id") != goodID {
		t.Fatalf("answer %+v", a)
	}
	items := b.History()
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	got := items[0]
	if got.Token != goodToken || got.Status != 200 || got.Reason != "" || got.ID != goodID || got.Seq != 1 || time.Since(got.Time) > time.Minute {
		t.Errorf("item %+v", got)
	}
	if got.Headers["apns-collapse-id"] != "c1" || got.Headers["authorization"] != auth || !strings.Contains(string(got.Payload), `"badge":3`) {
		t.Errorf("item %+v", got)
	}
	push := b.Pushes(0, 10).Pushes[0]
	badge := 3
	push.Time, push.Data = time.Time{}, ""
	want := push
	want.Title, want.Subtitle, want.Body, want.Badge, want.Sound, want.App, want.Replaces = "Lock", "now", "Your phone", &badge, "ping.caf", "com.example.app", "c1"
	if diff := cmp.Diff(want, push); diff != "" {
		t.Error(diff)
	}
	if a, _ := b.push(t, goodToken, headers(auth), `{"aps":{}}`); !validID(a.header.Get("apns-id")) {
		t.Errorf("no apns-id was given: %v", a.header)
	}
}

func TestChecks(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	small := `{"aps":{"badge":1}}`
	big := func(n int) string { return `{"p":"` + strings.Repeat("x", n-8) + `"}` }
	for _, c := range []struct {
		name, method, path string
		headers            http.Header
		body               string
		status             int
		reason             string
	}{
		{name: "accepted", status: 200},
		{name: "upper case token", path: devicePath + strings.ToUpper(goodToken), status: 200},
		{name: "full payload", body: big(4096), status: 200},
		{name: "full voip payload", headers: headers(auth, "Apns-Push-Type", "voip", "Apns-Topic", "com.example.app.voip"), body: big(5120), status: 200},
		{name: "background", headers: headers(auth, "Apns-Push-Type", "background", "Apns-Priority", "5"), status: 200},
		{name: "path", path: "/4/device/" + goodToken, status: 404, reason: "BadPath"},
		{name: "method", method: "GET", status: 405, reason: "MethodNotAllowed"},
		{name: "no token", path: devicePath, status: 400, reason: "MissingDeviceToken"},
		{name: "token not hex", path: devicePath + "xyz1", status: 400, reason: "BadDeviceToken"},
		{name: "odd token", path: devicePath + "abc", status: 400, reason: "BadDeviceToken"},
		{name: "bad token before bad credential", path: devicePath + "xyz1", headers: headers(""), status: 400, reason: "BadDeviceToken"},
		{name: "no credential", headers: headers(""), status: 403, reason: "MissingProviderToken"},
		{name: "basic credential", headers: headers("Basic abc"), status: 403, reason: "MissingProviderToken"},
		{name: "nonsense credential", headers: headers("bearer abc"), status: 403, reason: "InvalidProviderToken"},
		{name: "twice", headers: http.Header{"Authorization": {auth}, "Apns-Topic": {"a.b", "a.c"}}, status: 400, reason: "DuplicateHeaders"},
		{name: "two credentials", headers: http.Header{"Authorization": {auth, auth}, "Apns-Topic": {"a.b"}}, status: 400, reason: "DuplicateHeaders"},
		{name: "no topic", headers: headers(auth, "Apns-Topic", ""), status: 400, reason: "MissingTopic"},
		{name: "bad topic", headers: headers(auth, "Apns-Topic", "a b"), status: 400, reason: "BadTopic"},
		{name: "topic without suffix", headers: headers(auth, "Apns-Push-Type", "voip"), status: 400, reason: "TopicDisallowed"},
		{name: "push type", headers: headers(auth, "Apns-Push-Type", "loud"), status: 400, reason: "InvalidPushType"},
		{name: "id", headers: headers(auth, "Apns-Id", "42"), status: 400, reason: "BadMessageId"},
		{name: "expiration", headers: headers(auth, "Apns-Expiration", "soon"), status: 400, reason: "BadExpirationDate"},
		{name: "priority", headers: headers(auth, "Apns-Priority", "7"), status: 400, reason: "BadPriority"},
		{name: "urgent background", headers: headers(auth, "Apns-Push-Type", "background", "Apns-Priority", "10"), status: 400, reason: "BadPriority"},
		{name: "collapse id", headers: headers(auth, "Apns-Collapse-Id", strings.Repeat("c", 65)), status: 400, reason: "BadCollapseId"},
		{name: "empty", body: " ", status: 400, reason: "PayloadEmpty"},
		{name: "not JSON", body: "{", status: 400, reason: "PayloadEmpty"},
		{name: "too large", body: big(4097), status: 413, reason: "PayloadTooLarge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, path, h, body := c.method, c.path, c.headers, c.body
			if method == "" {
				method = "POST"
			}
			if path == "" {
				path = devicePath + goodToken
			}
			if h == nil {
				h = headers(auth)
			}
			if body == "" {
				body = small
			}
			a, err := b.do(t, context.Background(), method, path, h, body)
			if err != nil {
				t.Fatal(err)
			}
			items := b.History()
			last := items[len(items)-1]
			if a.status != c.status || a.reason != c.reason || last.Status != c.status || last.Reason != c.reason {
				t.Errorf("answered %d %s, recorded %d %s, want %d %s", a.status, a.reason, last.Status, last.Reason, c.status, c.reason)
			}
		})
	}
}

func TestProviderTokens(t *testing.T) {
	foreign, err := NewCredentials()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		tokens func(b *bench) []string // shown one after the other on one connection
		want   []string
	}{
		{"fresh, then the same", func(b *bench) []string { a := b.bearer(t, 0); return []string{a, a} }, []string{"", ""}},
		{"59 minutes", func(b *bench) []string { return []string{b.bearer(t, 59*time.Minute)} }, []string{""}},
		{"61 minutes", func(b *bench) []string { return []string{b.bearer(t, 61*time.Minute)} }, []string{"ExpiredProviderToken"}},
		{"from the future", func(b *bench) []string { return []string{b.bearer(t, -10*time.Minute)} }, []string{"InvalidProviderToken"}},
		{"renewed after 30 minutes", func(b *bench) []string { return []string{b.bearer(t, 30*time.Minute), b.bearer(t, 0)} }, []string{"", ""}},
		{"renewed after 10 minutes, then the older again", func(b *bench) []string {
			old := b.bearer(t, 10*time.Minute)
			return []string{old, b.bearer(t, 0), old}
		}, []string{"", "TooManyProviderTokenUpdates", ""}},
		{"foreign key", func(b *bench) []string {
			c := b.Credentials()
			return []string{"bearer " + jwt(t, foreign.KeyP8, fmt.Sprintf(`{"alg":"ES256","kid":%q}`, c.KeyID), fmt.Sprintf(`{"iss":%q,"iat":%d}`, c.TeamID, b.now.Unix()))}
		}, []string{"InvalidProviderToken"}},
		{"foreign team", func(b *bench) []string {
			c := b.Credentials()
			return []string{"bearer " + jwt(t, c.KeyP8, fmt.Sprintf(`{"alg":"ES256","kid":%q}`, c.KeyID), fmt.Sprintf(`{"iss":"OTHERTEAM1","iat":%d}`, b.now.Unix()))}
		}, []string{"InvalidProviderToken"}},
		{"no iat", func(b *bench) []string {
			c := b.Credentials()
			return []string{"bearer " + jwt(t, c.KeyP8, fmt.Sprintf(`{"alg":"ES256","kid":%q}`, c.KeyID), fmt.Sprintf(`{"iss":%q}`, c.TeamID))}
		}, []string{"InvalidProviderToken"}},
		{"other key on the same connection", func(b *bench) []string {
			return []string{b.bearer(t, 0), "bearer " + jwt(t, foreign.KeyP8, `{"alg":"ES256","kid":"OTHERKEY12"}`, fmt.Sprintf(`{"iss":"T","iat":%d}`, b.now.Unix()))}
		}, []string{"", "UnrelatedKeyIdInToken"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, Options{})
			var got []string
			for _, token := range c.tokens(b) {
				a, err := b.push(t, goodToken, headers(token), `{"aps":{}}`)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, a.reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration
		want  string
	}{"valid": {time.Hour, ""}, "expired": {-time.Minute, "BadCertificate"}} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Options{})
			key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Apple Push Services: com.example.app"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(c.until)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
			if err != nil {
				t.Fatal(err)
			}
			b.client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
			a, err := b.push(t, goodToken, http.Header{}, `{"aps":{}}`)
			if err != nil || a.reason != c.want {
				t.Errorf("answer %+v, error %v, want %q", a, err, c.want)
			}
		})
	}
}

func TestEveryReasonCanBeAskedFor(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	for reason, status := range statusOf {
		if err := b.Fail(control.Rule{Status: status, Reason: reason, Times: 1}); err != nil {
			t.Fatal(err)
		}
		a, err := b.push(t, goodToken, headers(auth), `{"aps":{}}`)
		if err != nil || a.status != status || a.reason != reason {
			t.Errorf("%s: answer %+v, error %v", reason, a, err)
		}
		if (status == http.StatusGone) != (a.timestamp > 0) {
			t.Errorf("%s: timestamp %d", reason, a.timestamp)
		}
	}
	for status, reason := range usualReason {
		if err := b.Fail(control.Rule{Status: status, Times: 1}); err != nil {
			t.Fatal(err)
		}
		if a, err := b.push(t, goodToken, headers(auth), `{"aps":{}}`); err != nil || a.reason != reason {
			t.Errorf("%d: answer %+v, error %v", status, a, err)
		}
	}
}

func TestRuleFields(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	fail := func(rule control.Rule) {
		t.Helper()
		if err := b.Fail(rule); err != nil {
			t.Fatal(err)
		}
	}
	fail(control.Rule{Match: "aaaa", Status: 410, TimestampMS: 12345, Times: 0})
	fail(control.Rule{Match: "bbbb", Status: 429, Headers: map[string]string{"retry-after": "7"}, Body: "not JSON", Stage: "rcpt", Times: 1})
	fail(control.Rule{Match: "cccc", DelayMS: 1, Times: 1})
	for _, c := range []struct {
		token             string
		status            int
		timestamp         int64
		retryAfter, apnID string
	}{{"aaaa", 410, 12345, "", goodID}, {"aaaa", 410, 12345, "", goodID}, {"bbbb", 429, 0, "7", goodID}, {"bbbb", 200, 0, "", goodID}, {"cccc", 200, 0, "", goodID}} {
		a, err := b.push(t, c.token, headers(auth, "Apns-Id", goodID), `{"aps":{}}`)
		if err != nil || a.status != c.status || a.timestamp != c.timestamp || a.header.Get("Retry-After") != c.retryAfter || a.header.Get("apns-id") != c.apnID {
			t.Errorf("%s: answer %+v, error %v", c.token, a, err)
		}
	}
}

func TestActions(t *testing.T) {
	const recordedNothing = -1
	for _, c := range []struct {
		rule     control.Rule
		wantErr  func(error) bool // nil = answered with 200
		recorded int              // status in the history
	}{
		{control.Rule{Action: control.Answer}, nil, 200},
		{control.Rule{Action: control.GoAway}, nil, 200},
		{control.Rule{Action: control.Close}, anyError, recordedNothing},
		{control.Rule{Action: control.Lose}, anyError, 200},
		{control.Rule{Action: control.Reset}, anyError, 0},
		{control.Rule{Action: control.Garbage, Body: "HTTP/1.1 500 What\r\n\r\n"}, anyError, 0},
	} {
		t.Run(string(c.rule.Action), func(t *testing.T) {
			b := start(t, Options{})
			auth := b.bearer(t, 0)
			c.rule.Times = 1
			if err := b.Fail(c.rule); err != nil {
				t.Fatal(err)
			}
			a, err := b.push(t, goodToken, headers(auth), `{"aps":{}}`)
			switch {
			case c.wantErr == nil && (err != nil || a.status != 200):
				t.Errorf("answer %+v, error %v", a, err)
			case c.wantErr != nil && !c.wantErr(err):
				t.Errorf("answer %+v, error %v", a, err)
			}
			items := b.History()
			if c.recorded == recordedNothing {
				if len(items) != 0 {
					t.Errorf("recorded %+v", items)
				}
			} else if len(items) != 1 || items[0].Status != c.recorded {
				t.Errorf("recorded %+v, want one with status %d", items, c.recorded)
			}
			if a, err := b.push(t, goodToken, headers(auth), `{"aps":{}}`); err != nil || a.status != 200 {
				t.Errorf("the next push: %+v, %v", a, err)
			}
		})
	}
}

func anyError(err error) bool { return err != nil }

func TestGoAwayMakesTheClientDialAgain(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	if err := b.Fail(control.Rule{Action: control.GoAway, Times: 1}); err != nil {
		t.Fatal(err)
	}
	var fresh, reused atomic.Int32
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused.Add(1)
		} else {
			fresh.Add(1)
		}
	}})
	if _, err := b.do(t, ctx, "POST", devicePath+goodToken, headers(auth), `{"aps":{}}`); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for fresh.Load() < 2 && time.Now().Before(deadline) { // the frame may still be on its way
		if _, err := b.do(t, ctx, "POST", devicePath+goodToken, headers(auth), `{"aps":{}}`); err != nil {
			t.Fatal(err)
		}
	}
	if fresh.Load() != 2 {
		t.Errorf("%d connections were made, %d requests reused one", fresh.Load(), reused.Load())
	}
}

func TestHangEndsWithTheClientOrTheSimulator(t *testing.T) {
	for name, end := range map[string]func(b *bench, cancel func()){
		"client":    func(_ *bench, cancel func()) { cancel() },
		"simulator": func(b *bench, _ func()) { _ = b.Stop(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Options{})
			if err := b.Fail(control.Rule{Action: control.Hang}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			read := b.Changed()
			failed := make(chan error)
			go func() {
				_, err := b.do(t, ctx, "POST", devicePath+goodToken, headers(b.bearer(t, 0)), `{"aps":{}}`)
				failed <- err
			}()
			<-read
			end(b, cancel)
			if err := <-failed; err == nil {
				t.Error("it was answered")
			}
			if items := b.History(); len(items) != 1 || items[0].Status != 0 || items[0].Reason != "hang" {
				t.Errorf("recorded %+v", items)
			}
		})
	}
}

func TestMagicTokens(t *testing.T) {
	b := start(t, Options{})
	auth := b.bearer(t, 0)
	for _, m := range b.Magic() {
		if m.Rule.Action == control.Hang || m.Rule.DelayMS > 0 {
			continue // what they do is shown by TestHang… and TestRuleFields
		}
		if !wellFormed(m.Example) || !strings.HasPrefix(m.Example, m.Value) {
			t.Errorf("%s is not a token", m.Example)
		}
		a, err := b.push(t, m.Example, headers(auth), `{"aps":{}}`)
		broken := slices.Contains([]control.Action{control.Close, control.Lose, control.Reset, control.Garbage}, m.Rule.Action)
		if (err != nil) != broken || a.reason != m.Rule.Reason {
			t.Errorf("%s: answer %+v, error %v, want %+v", m.Value, a, err, m.Rule)
		}
	}
	a, err := b.push(t, magicPrefix+"0410"+"00", headers("bearer x"), `{"aps":{}}`)
	if err != nil { // the connection was the one that a magic token has broken
		a, err = b.push(t, magicPrefix+"0410"+"00", headers("bearer x"), `{"aps":{}}`)
	}
	if err != nil || a.reason != "InvalidProviderToken" {
		t.Errorf("a magic token hides a wrong credential: %+v, %v", a, err)
	}
}

func TestControlOverHTTP(t *testing.T) {
	b := start(t, Options{})
	b.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	res, err := b.client.Post(b.URL()+"/_sim/fail", "application/json", strings.NewReader(`{"match":"","action":"answer","stage":"rcpt","status":429,"reason":"TooManyRequests","timestamp_ms":0,"headers":{},"body":"","times":1,"delay_ms":0}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("status %d", res.StatusCode)
	}
	if a, err := b.push(t, goodToken, headers(b.bearer(t, 0)), `{"aps":{"badge":1}}`); err != nil || a.reason != "TooManyRequests" {
		t.Fatalf("answer %+v, error %v", a, err)
	}
	// curl and scripts speak HTTP/1.1.
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.CA()}, DisableKeepAlives: true}}
	res, err = old.Get(b.URL() + "/_sim/history")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	var page struct {
		Count int64
		Items []Item
	}
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	if page.Count != 1 || page.Items[0].Status != 429 || page.Items[0].Reason != "TooManyRequests" || !bytes.Contains(page.Items[0].Payload, []byte("badge")) {
		t.Errorf("%s", text)
	}
	res, err = old.Post(b.URL()+devicePath+goodToken, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Errorf("a push over HTTP/1.1 got %d", res.StatusCode)
	}
}

func TestConcurrentPushesAreAllRecorded(t *testing.T) {
	b := start(t, Options{MaxConcurrentStreams: 8})
	b.repeats = true
	auth := b.bearer(t, 0)
	if err := b.Fail(control.Rule{Match: "0000000f", Status: 503, Times: 5}); err != nil {
		t.Fatal(err)
	}
	const workers, each = 16, 25
	var wg sync.WaitGroup
	var refused atomic.Int32
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				a, err := b.push(t, fmt.Sprintf("%08x%08x", i, worker), headers(auth), `{"aps":{}}`)
				if err != nil {
					t.Error(err)
				}
				if a.status == 503 {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if b.Count() != workers*each || refused.Load() != 5 {
		t.Errorf("%d recorded, %d refused", b.Count(), refused.Load())
	}
}

func TestCredentialsAreKept(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenCredentials(dir)
	if err != nil || first != second {
		t.Errorf("second start: %v, %v", second == first, err)
	}
	if len(first.KeyID) != 10 || len(first.TeamID) != 10 {
		t.Errorf("ids %q %q", first.KeyID, first.TeamID)
	}
}

func BenchmarkPush(b *testing.B) {
	s, err := Start(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop(context.Background())
	x := &bench{Server: s, now: time.Now()}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CA()}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	x.client = &http.Client{Transport: transport}
	auth := x.bearer(b, 0)
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a, err := x.push(b, goodToken, headers(auth), `{"aps":{"alert":{"title":"t","body":"b"}}}`); err != nil || a.status != 200 {
				b.Error(a, err)
			}
		}
	})
}
