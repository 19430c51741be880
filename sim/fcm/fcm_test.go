package fcm

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/oauth2"
	//lint:ignore SA1019 it signs what real clients of Google's sign, and no other package at hand does
	"golang.org/x/oauth2/jws"
	"golang.org/x/oauth2/jwt"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const scope = "https://www.googleapis.com/auth/firebase.messaging"

// bench is a simulator with an independent client: net/http, and the OAuth library for tokens.
type bench struct {
	*Server
	plain  *http.Client
	now    time.Time
	bearer string
}

// account is what a client reads of the service account's file.
type account struct {
	Type       string `json:"type"`
	Project    string `json:"project_id"`
	Email      string `json:"client_email"`
	KeyID      string `json:"private_key_id"`
	PrivateKey string `json:"private_key"`
	TokenURI   string `json:"token_uri"`
}

var shared = func() Account { // a key takes a while to make
	a, err := NewAccount()
	if err != nil {
		panic(err)
	}
	return a
}()

func start(t testing.TB) *bench {
	t.Helper()
	b := &bench{now: time.Now()}
	s, err := Start(Options{Account: shared, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	b.Server = s
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CA()}, ForceAttemptHTTP2: true}
	b.plain = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		for range 2 {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	token, err := b.source(t, nil).Token()
	if err != nil {
		t.Fatal(err)
	}
	if token.TokenType != "Bearer" || time.Until(token.Expiry) < 50*time.Minute {
		t.Errorf("token %s until %s", token.TokenType, token.Expiry)
	}
	b.bearer = "Bearer " + token.AccessToken
	return b
}

// source is what a real client would use; change spoils its configuration.
func (b *bench) source(t testing.TB, change func(*jwt.Config)) oauth2.TokenSource {
	t.Helper()
	var file account
	if err := json.Unmarshal([]byte(b.ServiceAccount()), &file); err != nil {
		t.Fatal(err)
	}
	config := &jwt.Config{Email: file.Email, PrivateKey: []byte(file.PrivateKey), PrivateKeyID: file.KeyID, Scopes: []string{scope}, TokenURL: file.TokenURI}
	if change != nil {
		change(config)
	}
	return config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, b.plain))
}

type answer struct {
	status int
	header http.Header
	name   string
	code   string // error.status
	fcm    string // FcmError's errorCode
	field  string // BadRequest's first field
}

func (b *bench) send(t testing.TB, body string) (answer, error) {
	return b.do(t, context.Background(), "POST", "/v1/projects/heliograph-sim/messages:send", b.bearer, body)
}

func (b *bench) do(t testing.TB, ctx context.Context, method, path, bearer, body string) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.GetBody = nil // a test wants to see the first failure, not a repeat
	r.Header.Set("Authorization", bearer)
	res, err := b.plain.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	var said struct {
		Name  string
		Error struct {
			Code    int
			Status  string
			Details []struct {
				Type            string `json:"@type"`
				ErrorCode       string
				FieldViolations []violation
			}
		}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	_ = json.Unmarshal(text, &said) // a rule may ask for nonsense
	a := answer{status: res.StatusCode, header: res.Header, name: said.Name, code: said.Error.Status}
	for _, d := range said.Error.Details {
		switch d.Type {
		case fcmError:
			a.fcm = d.ErrorCode
		case badRequest:
			a.field = d.FieldViolations[0].Field
		}
	}
	return a, nil
}

const good = `{"message":{"token":"dGVzdA:APA91b_x-1","data":{"id":"7"},"notification":{"title":"Lock","body":"now"},"android":{"priority":"high","ttl":"3600s","collapse_key":"badge","restricted_package_name":"com.example.app","notification":{"tag":"t1","sound":"ping","notification_count":4}}}}`

func TestAcceptedMessage(t *testing.T) {
	b := start(t)
	a, err := b.send(t, good)
	if err != nil || a.status != 200 || !strings.HasPrefix(a.name, "projects/heliograph-sim/messages/") {
		t.Fatalf("answer %+v, error %v", a, err)
	}
	items := b.History()
	if len(items) != 1 || items[0].Token != "dGVzdA:APA91b_x-1" || items[0].Status != 200 || items[0].Seq != 1 {
		t.Fatalf("items %+v", items)
	}
	var sent struct{ Message json.RawMessage }
	if err := json.Unmarshal([]byte(good), &sent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(sent.Message), string(items[0].Message)); diff != "" {
		t.Error(diff)
	}
	if a, err := b.send(t, `{"validate_only":true,"message":{"token":"dry"}}`); err != nil || a.status != 200 {
		t.Errorf("dry run: %+v, %v", a, err)
	}
	badge := 4
	want := []phone.Push{{Seq: 1, Platform: phone.Android, Token: "dGVzdA:APA91b_x-1", App: "com.example.app", Replaces: "t1", Title: "Lock", Body: "now", Sound: "ping", Badge: &badge, Data: `{"id":"7"}`}}
	got := b.Pushes(0, 10)
	got.Pushes[0].Time = time.Time{}
	if diff := cmp.Diff(want, got.Pushes); diff != "" {
		t.Error(diff)
	}
	if got.Count != 2 || got.Last != 2 || got.More {
		t.Errorf("batch %+v", got)
	}
}

func TestChecks(t *testing.T) {
	b := start(t)
	message := func(inside string) string { return `{"message":{"token":"t",` + inside + `}}` }
	for _, c := range []struct {
		name, method, path, bearer, body string
		status                           int
		code, fcm, field                 string
	}{
		{name: "accepted", body: good, status: 200},
		{name: "another project", path: "/v1/projects/other/messages:send", body: good, status: 200},
		{name: "camel case", body: message(`"android":{"collapseKey":"x","restrictedPackageName":"a.b"}`), status: 200},
		{name: "full data", body: message(`"data":{"k":"` + strings.Repeat("x", 4095) + `"}`), status: 200},
		{name: "fid", body: `{"message":{"fid":"f"}}`, status: 200},
		{name: "path", path: "/v1/projects/p/messages", body: good, status: 404, code: "NOT_FOUND"},
		{name: "method", method: "GET", status: 405, code: "UNKNOWN"},
		{name: "no access token", bearer: "none", body: good, status: 401, code: "UNAUTHENTICATED"},
		{name: "forged access token", bearer: "Bearer " + accessPrefix + "zzzzzzzzzzzz-AAAA", body: good, status: 401, code: "UNAUTHENTICATED"},
		{name: "not JSON", body: "{", status: 400, code: "INVALID_ARGUMENT", field: ""},
		{name: "no message", body: "{}", status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message"},
		{name: "no target", body: `{"message":{}}`, status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message"},
		{name: "two targets", body: message(`"topic":"x"`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message"},
		{name: "malformed token", body: `{"message":{"token":"a b"}}`, status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT"},
		{name: "number in data", body: message(`"data":{"k":1}`), status: 400, code: "INVALID_ARGUMENT", field: "message.data"},
		{name: "reserved key", body: message(`"data":{"gcm.x":"1"}`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message.data"},
		{name: "ttl", body: message(`"android":{"ttl":"3600"}`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message.android.ttl"},
		{name: "long ttl", body: message(`"android":{"ttl":"2419201s"}`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message.android.ttl"},
		{name: "priority", body: message(`"android":{"priority":"urgent"}`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message.android.priority"},
		{name: "too large", body: message(`"data":{"k":"` + strings.Repeat("x", 4096) + `"}`), status: 400, code: "INVALID_ARGUMENT", fcm: "INVALID_ARGUMENT", field: "message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, path, bearer := c.method, c.path, c.bearer
			if method == "" {
				method = "POST"
			}
			if path == "" {
				path = "/v1/projects/heliograph-sim/messages:send"
			}
			if bearer == "" {
				bearer = b.bearer
			}
			a, err := b.do(t, context.Background(), method, path, bearer, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != c.status || a.code != c.code || a.fcm != c.fcm || !strings.HasPrefix(a.field, c.field) {
				t.Errorf("answer %+v, want %d %s %s %s", a, c.status, c.code, c.fcm, c.field)
			}
			if items := b.History(); items[len(items)-1].Status != c.status {
				t.Errorf("recorded %+v", items[len(items)-1])
			}
		})
	}
	b.now = b.now.Add(time.Hour + time.Second)
	if a, _ := b.send(t, good); a.status != 401 {
		t.Errorf("an expired access token got %+v", a)
	}
}

func TestUnknownFieldIsNamed(t *testing.T) {
	b := start(t)
	if a, err := b.send(t, `{"message":{"token":"t","sound":"x"}}`); err != nil || a.status != 400 || a.fcm != "" {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

func TestTokenEndpoint(t *testing.T) {
	b := start(t)
	other, err := NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*jwt.Config)
		want   string
	}{
		"as it should be": {func(*jwt.Config) {}, ""},
		"foreign key":     {func(c *jwt.Config) { c.PrivateKey = []byte(other.PrivateKey) }, "signature"},
		"foreign account": {func(c *jwt.Config) { c.Email = "x@example.com" }, "iss"},
		"other audience":  {func(c *jwt.Config) { c.Audience = "https://example.com/token" }, "aud"},
		"no scope":        {func(c *jwt.Config) { c.Scopes = nil }, "scope"},
		"too long a life": {func(c *jwt.Config) { c.Expires = 2 * time.Hour }, "one hour"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.source(t, c.change).Token()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		iat, exp time.Duration
		want     string
	}{"expired": {-2 * time.Hour, -time.Hour, "expired"}, "future": {time.Hour, 2 * time.Hour, "future"}} {
		t.Run(name, func(t *testing.T) {
			key, err := shared.key()
			if err != nil {
				t.Fatal(err)
			}
			assertion, err := jws.Encode(&jws.Header{Algorithm: "RS256", Typ: "JWT"}, &jws.ClaimSet{Iss: shared.Email, Scope: scope, Aud: b.tokenURL(), Iat: b.now.Add(c.iat).Unix(), Exp: b.now.Add(c.exp).Unix()}, key)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.exchange(t, url.Values{"grant_type": {bearerGrant}, "assertion": {assertion}}); !strings.Contains(got, c.want) {
				t.Errorf("answer %s", got)
			}
		})
	}
	if got := b.exchange(t, url.Values{"grant_type": {"password"}}); !strings.Contains(got, "unsupported_grant_type") {
		t.Errorf("answer %s", got)
	}
	if err := b.Fail(control.Rule{Stage: "token", Status: 503, Reason: "temporarily_unavailable", Times: 1}); err != nil {
		t.Fatal(err)
	}
	if a, err := b.send(t, good); err != nil || a.status != 200 {
		t.Errorf("the rule for the token endpoint hit a message: %+v, %v", a, err)
	}
	if got := b.exchange(t, url.Values{}); !strings.Contains(got, "503 ") || !strings.Contains(got, "temporarily_unavailable") {
		t.Errorf("answer %s", got)
	}
}

func (b *bench) exchange(t *testing.T, form url.Values) string {
	t.Helper()
	res, err := b.plain.PostForm(b.tokenURL(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status + string(text)
}

func TestEveryCodeCanBeAskedFor(t *testing.T) {
	b := start(t)
	for code, status := range statusOf {
		for _, d := range []string{"FcmError", "BadRequest"} {
			if err := b.Fail(control.Rule{Status: status, Reason: code, Detail: d, Headers: map[string]string{"Retry-After": "9"}, Times: 1}); err != nil {
				t.Fatal(err)
			}
			a, err := b.send(t, good)
			if err != nil || a.status != status || a.fcm != code || a.code != canonical[status] || (a.field != "") != (d == "BadRequest") || a.header.Get("Retry-After") != "9" {
				t.Errorf("%s %s: answer %+v, error %v", code, d, a, err)
			}
		}
	}
	for status, code := range usualCode {
		if err := b.Fail(control.Rule{Status: status, Times: 1}); err != nil {
			t.Fatal(err)
		}
		if a, err := b.send(t, good); err != nil || a.fcm != code {
			t.Errorf("%d: answer %+v, error %v", status, a, err)
		}
	}
	if err := b.Fail(control.Rule{Status: 401, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if a, err := b.send(t, good); err != nil || a.code != "UNAUTHENTICATED" || a.fcm != "" {
		t.Errorf("401: answer %+v, error %v", a, err)
	}
	if err := b.Fail(control.Rule{Detail: "Nonsense"}); err == nil {
		t.Error("an unknown detail is accepted")
	}
}

func TestActions(t *testing.T) {
	for action, recorded := range map[control.Action][]int{
		control.Close: {200}, control.Lose: {200, 200}, control.Reset: {0, 200}, control.Garbage: {0, 200}, control.GoAway: {200, 200}, control.Answer: {200, 200},
	} {
		t.Run(string(action), func(t *testing.T) {
			b := start(t)
			if err := b.Fail(control.Rule{Action: action, Match: "dGVzdA", Body: map[control.Action]string{control.Garbage: "?"}[action], Times: 1}); err != nil {
				t.Fatal(err)
			}
			_, err := b.send(t, good)
			if answered := action == control.GoAway || action == control.Answer; answered != (err == nil) {
				t.Errorf("error %v", err)
			}
			if a, err := b.send(t, good); err != nil || a.status != 200 {
				t.Errorf("the next message: %+v, %v", a, err)
			}
			var got []int
			for _, item := range b.History() {
				got = append(got, item.Status)
			}
			if diff := cmp.Diff(recorded, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHangEndsWithTheClientOrTheSimulator(t *testing.T) {
	for name, end := range map[string]func(b *bench, cancel func()){
		"client":    func(_ *bench, cancel func()) { cancel() },
		"simulator": func(b *bench, _ func()) { _ = b.Stop(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			if err := b.Fail(control.Rule{Action: control.Hang}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			read := b.Changed()
			failed := make(chan error)
			go func() {
				_, err := b.do(t, ctx, "POST", "/v1/projects/p/messages:send", b.bearer, good)
				failed <- err
			}()
			<-read
			end(b, cancel)
			if err := <-failed; err == nil {
				t.Error("it was answered")
			}
		})
	}
}

func TestMagicTokens(t *testing.T) {
	b := start(t)
	for _, m := range b.Magic() {
		if m.Rule.Action == control.Hang || m.Rule.DelayMS > 0 {
			continue // what they do is shown by TestHang…
		}
		for _, token := range []string{m.Value, m.Example} {
			a, err := b.send(t, fmt.Sprintf(`{"message":{"token":%q}}`, token))
			broken := slices.Contains([]control.Action{control.Close, control.Lose, control.Reset, control.Garbage}, m.Rule.Action)
			if (err != nil) != broken || !broken && m.Rule.Status != 0 && a.status != m.Rule.Status {
				t.Errorf("%s: answer %+v, error %v, want %+v", token, a, err, m.Rule)
			}
		}
	}
	if a, err := b.send(t, `{"message":{"token":"heliograph-sim-unregisteredly"}}`); err != nil || a.status != 200 {
		t.Errorf("a token that only looks magic: %+v, %v", a, err)
	}
}

func TestAccountIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenAccount(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenAccount(dir)
	if err != nil || first != second {
		t.Errorf("the second start has another account: %v", err)
	}
	// An access token of the first run is good in the second.
	now := time.Now
	one, err := newOffice(first, now)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newOffice(second, now)
	if err != nil {
		t.Fatal(err)
	}
	if !two.admits("Bearer " + one.issue()) {
		t.Error("a restart forgets its access tokens")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"message":{"data":{"k":1}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, wrong := parse(body)
		if wrong.Description != "" {
			return
		}
		if v := request.Message.check(); v.Description == "" && request.Message.target() == "" {
			t.Errorf("%q passes without a target", body)
		}
	})
}
