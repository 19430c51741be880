package vonage

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/sim/authority"
	"heliograph/sim/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a simulator with a client that knows nothing of it.
type bench struct {
	*Server
	client *http.Client
}

func start(t testing.TB, o Options) *bench {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	if pool := s.CA(); pool != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		for range 2 {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return &bench{s, &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// form is a message that is accepted; pairs change it, and an empty value takes a parameter away.
func (b *bench) form(pairs ...string) url.Values {
	c := b.Credentials()
	v := url.Values{
		"api_key": {c.Key}, "api_secret": {c.Secret}, "from": {"Heliograph"}, "to": {"93701234567"}, "text": {"Hello"}, "client-ref": {"4711"},
	}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return v
}

// said is an answer as the service documents it.
type said struct {
	HTTP     int               `json:"-"`
	Count    string            `json:"message-count"`
	Messages []json.RawMessage `json:"messages"`
	Body     string            `json:"-"`
}

// part decodes an entry; every value must be a string.
func (s said) part(t testing.TB, i int) map[string]string {
	t.Helper()
	var p map[string]string
	if i >= len(s.Messages) {
		t.Fatalf("no part %d in %s", i, s.Body)
	}
	if err := json.Unmarshal(s.Messages[i], &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (b *bench) send(v url.Values) (said, error) {
	r, err := b.client.PostForm(b.URL()+"/sms/json", v)
	return read(r, err)
}

func read(r *http.Response, err error) (a said, _ error) {
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &a) // a rule may ask for nonsense
	a.HTTP, a.Body = r.StatusCode, string(body)
	return a, err
}

func TestAccepted(t *testing.T) {
	ca, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{"plain": {}, "tls": {Authority: ca}} {
		t.Run(name, func(t *testing.T) {
			b := start(t, o)
			a, err := b.send(b.form("type", "unicode", "text", strings.Repeat("я", 71)))
			if err != nil || a.HTTP != 200 || a.Count != "2" || len(a.Messages) != 2 {
				t.Fatalf("%+v, %v", a, err)
			}
			first, second := a.part(t, 0), a.part(t, 1)
			if first["status"] != "0" || first["to"] != "93701234567" || first["message-id"] == "" || first["message-id"] == second["message-id"] {
				t.Errorf("parts %v, %v", first, second)
			}
			items := b.History()
			items[0].Time = time.Time{}
			want := []Item{{Seq: 1, Status: 200, To: "93701234567", From: "Heliograph", Text: strings.Repeat("я", 71), ClientRef: "4711",
				Type: "unicode", MessageIDs: []string{first["message-id"], second["message-id"]}}}
			if diff := cmp.Diff(want, items); diff != "" {
				t.Error(diff)
			}
			a, err = read(b.client.Get(b.URL() + "/sms/json?" + b.form().Encode()))
			if err != nil || a.part(t, 0)["status"] != "0" {
				t.Errorf("by GET: %+v, %v", a, err)
			}
		})
	}
}

// TestJSONWithBasic: so ask the service's own libraries.
func TestJSONWithBasic(t *testing.T) {
	b := start(t, Options{})
	for secret, want := range map[string]string{b.Credentials().Secret: "0", "wrong": "4"} {
		r, err := http.NewRequest(http.MethodPost, b.URL()+"/sms/json", strings.NewReader(`{"from":"Heliograph","to":"93701234567","text":"é","ttl":604800000}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.SetBasicAuth(b.Credentials().Key, secret)
		a, err := read(b.client.Do(r))
		if err != nil || a.part(t, 0)["status"] != want {
			t.Errorf("status %+v, %v; want %s", a, err, want)
		}
	}
	if items := b.History(); len(items) != 2 || items[1].Text != "é" && items[0].Text != "é" {
		t.Errorf("the history has %+v", items)
	}
}

func TestChecks(t *testing.T) {
	b := start(t, Options{})
	sig := func(method string, pairs ...string) url.Values {
		v := b.form(append([]string{"api_secret", "", "timestamp", strconv.FormatInt(time.Now().Unix(), 10)}, pairs...)...)
		v.Set("sig", sign(flat(v), method, b.Credentials().SignatureSecret))
		return v
	}
	broken := sig("md5")
	broken.Set("text", "another")
	both := sig("md5")
	both.Set("api_secret", b.Credentials().Secret)
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
		text   string
	}{
		{"whole", b.form(), 0, ""},
		{"signed, md5", sig("md5"), 0, ""},
		{"signed, md5hmac", sig("md5hmac"), 0, ""},
		{"signed, sha1", sig("sha1"), 0, ""},
		{"signed, sha256", sig("sha256", "text", "a&b=c"), 0, ""},
		{"signed, sha512", sig("sha512"), 0, ""},
		{"a signature of another text", broken, 14, "Signature"},
		{"a signature without a time", sig("md5", "timestamp", ""), 14, "Signature"},
		{"signature and secret", both, 32, ""},
		{"no key", b.form("api_key", ""), 2, "api_key"},
		{"no secret", b.form("api_secret", ""), 2, "api_secret"},
		{"another key", b.form("api_key", "abcd1234"), 4, "Credentials"},
		{"another secret", b.form("api_secret", "wrong"), 4, "Credentials"},
		{"no from", b.form("from", ""), 2, "from"},
		{"no to", b.form("to", ""), 2, "to"},
		{"no text", b.form("text", ""), 2, "text"},
		{"a plus", b.form("to", "+93701234567"), 3, "parameter: to"},
		{"too short", b.form("to", "123456"), 3, "parameter: to"},
		{"too many digits", b.form("to", "1234567890123456"), 3, "parameter: to"},
		{"type", b.form("type", "fax"), 3, "type"},
		{"ttl", b.form("ttl", "19999"), 3, "ttl"},
		{"longest ttl", b.form("ttl", "604800000"), 0, ""},
		{"class", b.form("message-class", "4"), 3, "message-class"},
		{"reference", b.form("client-ref", strings.Repeat("x", 41)), 3, "client-ref"},
		{"callback", b.form("callback", "ftp://example.com"), 23, "Callback"},
		{"longest text", b.form("text", strings.Repeat("x", 3200)), 0, ""},
		{"text too long", b.form("text", strings.Repeat("x", 3201)), 12, ""},
		{"sender too long", b.form("from", "Heliographic"), 15, "Sender"},
		{"a word to North America", b.form("to", "12025550143"), 15, "Sender"},
		{"a number to North America", b.form("to", "12025550143", "from", "12025550100"), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := b.send(c.form)
			if err != nil || a.HTTP != 200 {
				t.Fatalf("%+v, %v", a, err)
			}
			p := a.part(t, 0)
			if p["status"] != strconv.Itoa(c.status) || !strings.Contains(p["error-text"], c.text) {
				t.Errorf("%v, want %d %s", p, c.status, c.text)
			}
			items := b.History()
			last := items[len(items)-1]
			if want := c.status; last.Status != want && (want != 0 || last.Status != 200) || (c.status == 0) != (len(last.MessageIDs) > 0) {
				t.Errorf("recorded %+v", last)
			}
		})
	}
	for path, want := range map[string]int{"/sms/xml": 404, "/": 404} {
		if a, err := read(b.client.PostForm(b.URL()+path, b.form())); err != nil || a.HTTP != want {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
	}
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     control.Rule
		http     int
		statuses string // of the parts
		recorded int
	}{
		{"a status", control.Rule{Match: "+9370", Status: 7}, 200, "7", 7},
		{"a status and words", control.Rule{Status: 1, Reason: "please wait [ 40 ]"}, 200, "1", 1},
		{"parts", control.Rule{Detail: "0, 9"}, 200, "0,9", 200},
		{"http", control.Rule{HTTPStatus: 503}, 503, "", 503},
		{"http by its status", control.Rule{Status: 500}, 500, "", 500},
		{"a body", control.Rule{Body: "{}"}, 200, "", 200},
		{"another number", control.Rule{Match: "+1", Status: 7}, 200, "0", 200},
		{"saying goodbye", control.Rule{Action: control.GoAway}, 200, "0", 200},
		{"lost", control.Rule{Action: control.Lose}, 0, "", 200},
		{"torn", control.Rule{Action: control.Reset}, 0, "", 0},
		{"garbage", control.Rule{Action: control.Garbage, Body: "220 hello\r\n"}, 0, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, Options{})
			c.rule.Times = 1
			if err := b.Fail(c.rule); err != nil {
				t.Fatal(err)
			}
			a, err := b.send(b.form())
			var statuses []string
			for i := range a.Messages {
				statuses = append(statuses, a.part(t, i)["status"])
			}
			if (err != nil) != (c.http == 0) || a.HTTP != c.http || strings.Join(statuses, ",") != c.statuses {
				t.Errorf("%+v, %v", a, err)
			}
			if got := b.History()[0]; got.Status != c.recorded || (c.recorded == 200) != (len(got.MessageIDs) > 0) {
				t.Errorf("recorded %+v", got)
			}
			if a, err := b.send(b.form("to", "93701234568")); c.rule.Match != "+1" && (err != nil || a.part(t, 0)["status"] != "0") {
				t.Errorf("the next message: %+v, %v", a, err)
			}
		})
	}
	b := start(t, Options{})
	for _, bad := range []control.Rule{{Status: 100}, {Status: 600}, {HTTPStatus: 99}, {Detail: "0,x"}, {Detail: "100"}} {
		if b.Fail(bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if err := b.Fail(control.Rule{Action: control.Close}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.send(b.form()); err == nil || b.Count() != 0 {
		t.Errorf("closed: %v, %d in the history", err, b.Count())
	}
	b.Reset()
	if err := b.Fail(control.Rule{Action: control.Hang}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, b.URL()+"/sms/json", strings.NewReader(b.form().Encode()))
	changed := b.Changed()
	go func() { <-changed; cancel() }()
	if _, err := b.client.Do(r); err == nil || b.History()[0].Status != 0 {
		t.Errorf("hanging: %v", err)
	}
}

func TestMagic(t *testing.T) {
	b := start(t, Options{})
	for _, m := range b.Magic() {
		if m.Rule.Action != "" || m.Rule.DelayMS > 0 {
			continue // as in TestRules
		}
		a, err := b.send(b.form("to", m.Value))
		if err != nil {
			t.Errorf("%s: %v", m.Value, err)
			continue
		}
		want := m.Rule.HTTPStatus
		if want == 0 {
			want = 200
			if got := a.part(t, 0)["status"]; m.Rule.Detail == "" && got != strconv.Itoa(m.Rule.Status) {
				t.Errorf("%s (%s): status %s", m.Value, m.Does, got)
			}
		}
		if a.HTTP != want || !strings.HasSuffix(m.Example, m.Value) || m.Does == "" {
			t.Errorf("%+v got %+v", m, a)
		}
	}
}

func TestRate(t *testing.T) {
	b := start(t, Options{Rate: 0.001})
	if a, err := b.send(b.form()); err != nil || a.part(t, 0)["status"] != "0" {
		t.Fatalf("%+v, %v", a, err)
	}
	a, err := b.send(b.form())
	if err != nil || a.part(t, 0)["status"] != "1" || !strings.Contains(a.part(t, 0)["error-text"], "please wait [ 1000000 ]") {
		t.Errorf("%+v, %v", a, err)
	}
}

// hook takes receipts.
type hook struct {
	*httptest.Server
	got  chan map[string]string
	fail chan int // statuses for the first ones
}

func newHook(t *testing.T) *hook {
	h := &hook{got: make(chan map[string]string, 10), fail: make(chan int, 10)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case status := <-h.fail:
			w.WriteHeader(status)
			return
		default:
		}
		p := map[string]string{}
		switch kind := r.Header.Get("Content-Type"); {
		case kind == "application/json":
			if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
				t.Error(err)
			}
		default:
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			p = flat(r.Form)
		}
		p["method"] = r.Method
		h.got <- p
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) next(t *testing.T) map[string]string {
	t.Helper()
	select {
	case p := <-h.got:
		return p
	case <-time.After(20 * time.Second):
		t.Fatal("no receipt came")
		return nil
	}
}

func TestReceipts(t *testing.T) {
	h := newHook(t)
	for _, c := range []struct {
		name, to     string
		plan         Plan
		status, code string
		method       string
	}{
		{"by itself", "93701234567", Plan{}, "delivered", "0", "POST"},
		{"get", "93701234567", Plan{Method: ByGET, Signature: "sha512"}, "delivered", "0", "GET"},
		{"form", "93701234567", Plan{Method: ByForm, Signature: "md5", Status: "failed", ErrCode: 4}, "failed", "4", "POST"},
		{"magic", "50050204", Plan{}, "failed", "4", "POST"},
		{"magic, by form", "50050300", Plan{Method: ByForm}, "expired", "1", "POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, Options{})
			if err := b.Plan(c.plan); err != nil {
				t.Fatal(err)
			}
			a, err := b.send(b.form("to", c.to, "callback", h.URL+"/hooks/x"))
			if err != nil {
				t.Fatal(err)
			}
			p := h.next(t)
			for name, want := range map[string]string{
				"msisdn": c.to, "to": "Heliograph", "messageId": a.part(t, 0)["message-id"], "status": c.status, "err-code": c.code,
				"client-ref": "4711", "api-key": b.Credentials().Key, "method": c.method,
			} {
				if p[name] != want {
					t.Errorf("%s: %q, want %q", name, p[name], want)
				}
			}
			delete(p, "method")
			if c.plan.Signature != "" && (p["timestamp"] == "" || !signed(p, b.Credentials().SignatureSecret)) || c.plan.Signature == "" && p["sig"] != "" {
				t.Errorf("signature %q", p["sig"])
			}
		})
	}
}

func TestReceiptsComeUntilTheyAreTaken(t *testing.T) {
	h := newHook(t)
	b := start(t, Options{})
	h.fail <- 500
	if _, err := b.send(b.form("callback", h.URL)); err != nil {
		t.Fatal(err)
	}
	if p := h.next(t); p["status"] != "delivered" {
		t.Errorf("%v", p)
	}
	if err := b.Fail(control.Rule{Action: control.Lose, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.send(b.form("callback", h.URL, "client-ref", "lost")); err == nil {
		t.Error("there was an answer")
	}
	if p := h.next(t); p["client-ref"] != "lost" {
		t.Errorf("%v", p)
	}
	for _, quiet := range []url.Values{
		b.form("to", "50050305", "callback", h.URL), b.form("callback", h.URL, "status-report-req", "false"),
		b.form(), b.form("to", "50050007", "callback", h.URL), b.form("callback", "http://192.0.2.1/"),
	} {
		if _, err := b.send(quiet); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Plan(Plan{URL: h.URL, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.send(b.form("client-ref", "last")); err != nil {
		t.Fatal(err)
	}
	if p := h.next(t); p["client-ref"] != "last" {
		t.Errorf("somebody who should get none got a receipt: %v", p)
	}
	if n := len(b.postman.list()); n != 0 {
		t.Errorf("%d plans are left", n)
	}
}

func TestPlanes(t *testing.T) {
	b := start(t, Options{})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "receipts", `{"status":"failed","err_code":4,"times":2}`, 200, `"method":"json"`},
		{"GET", "receipts", ``, 200, `"err_code":4`},
		{"POST", "receipts", `{"status":"lost"}`, 422, "must be one of"},
		{"POST", "receipts", `{"method":"fax"}`, 422, "must be get"},
		{"POST", "receipts", `{"signature":"rot13"}`, 422, "must be none"},
		{"POST", "receipts", `{"url":"x"}`, 422, "url"},
		{"POST", "receipts", `{"times":-1}`, 422, "negative"},
		{"POST", "receipts", `{"x":1}`, 422, "cannot be read"},
		{"PUT", "receipts", ``, 405, "POST"},
		{"POST", "fail", `{"status":7}`, 200, `"status":7`},
		{"GET", "magic", ``, 200, "50050007"},
		{"GET", "history", ``, 200, `"count":0`},
		{"POST", "reset", ``, 200, "{}"},
		{"GET", "receipts", ``, 200, `{"items":[]}`},
	} {
		t.Run(fmt.Sprint(c.method, " ", c.path, " ", c.body), func(t *testing.T) {
			r, err := http.NewRequest(c.method, b.URL()+"/_sim/"+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			a, err := read(b.client.Do(r))
			if err != nil || a.HTTP != c.status || !strings.Contains(a.Body, c.want) {
				t.Errorf("%d %s, %v", a.HTTP, a.Body, err)
			}
		})
	}
	if _, err := Start(Options{Addr: "192.0.2.1:0"}); err == nil {
		t.Error("it listens where others can reach it")
	}
}

func TestCredentialsAreKept(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenCredentials(dir)
	if err != nil || len(first.Key) != 8 || len(first.Secret) != 16 {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := OpenCredentials(dir); err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	if other, err := OpenCredentials(""); err != nil || other == first {
		t.Errorf("%+v, %v", other, err)
	}
}
