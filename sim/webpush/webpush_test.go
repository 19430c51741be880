package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unb64(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// example is the message of RFC 8291 section 5, and the browser that it is for.
func example(t *testing.T) (browser, []byte) {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(unb64(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	return browser{key, unb64(t, "BTBZMqHH6r4Tts7J_aSIgg")}, unb64(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
}

func TestDecrypt(t *testing.T) {
	ua, body := example(t)
	plain, err := ua.decrypt(body)
	if err != nil || string(plain) != "When I grow up, I want to be a watermelon" {
		t.Errorf("the example of RFC 8291 reads %q, %v", plain, err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
		"changed":       func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"no key":        func(b []byte) []byte { b[nameAt] = 0; return b },
		"several parts": func(b []byte) []byte { copy(b[recordSizeAt:], []byte{0, 0, 0, 18}); return b },
		"empty":         func([]byte) []byte { return nil },
	} {
		if plain, err := ua.decrypt(change(bytes.Clone(body))); err == nil {
			t.Errorf("%s: it reads %q", name, plain)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, body []byte) {
		if plain, err := (browser{key, make([]byte, 16)}).decrypt(body); err == nil {
			t.Errorf("%x reads %q", body, plain)
		}
	})
}

// sender makes requests as an application server does.
type sender struct {
	*testing.T
	server *Server
	key    *ecdsa.PrivateKey
	client *http.Client
}

func newSender(t *testing.T, o Options) *sender {
	t.Helper()
	server, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: server.CA()}, ForceAttemptHTTP2: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &sender{t, server, key, &http.Client{Transport: transport}}
}

// vapid signs claims.
func (s *sender) vapid(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64(text)
	digest := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		s.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		s.Fatal(err)
	}
	return fmt.Sprintf("vapid t=%s.%s, k=%s", signed, b64(signature), b64(point))
}

func (s *sender) claims() map[string]any {
	return map[string]any{"aud": s.server.URL(), "exp": time.Now().Add(time.Hour).Unix(), "sub": "mailto:push@example.com"}
}

// post sends a body to a name; change may spoil the request. status 0 = no answer.
func (s *sender) post(name string, body []byte, change func(*http.Request)) (status int, header http.Header) {
	s.Helper()
	r, err := http.NewRequest(http.MethodPost, s.server.URL()+pushPath+name, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header = http.Header{"Ttl": {"60"}, "Content-Encoding": {"aes128gcm"}, "Authorization": {s.vapid(s.claims())}}
	if change != nil {
		change(r)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, nil
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

func TestRules(t *testing.T) {
	s := newSender(t, Options{})
	_, body := example(t)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	claim := func(name string, value any) func(*http.Request) {
		return func(r *http.Request) {
			claims := s.claims()
			claims[name] = value
			r.Header.Set("Authorization", s.vapid(claims))
		}
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		reason string
	}{
		{"as it should be", nil, 201, ""},
		{"with everything", func(r *http.Request) {
			r.Header.Set("Topic", "AAAAAAAAAAAAAAAAAAAAAA")
			r.Header.Set("Urgency", "high")
		}, 201, ""},
		{"without TTL", func(r *http.Request) { r.Header.Del("TTL") }, 400, "TTL"},
		{"a TTL of words", set("TTL", "soon"), 400, "TTL"},
		{"an urgency of its own", set("Urgency", "asap"), 400, "Urgency"},
		{"a long topic", set("Topic", strings.Repeat("a", 33)), 400, "Topic"},
		{"the older coding", set("Content-Encoding", "aesgcm"), 400, "aes128gcm"},
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, 403, "vapid"},
		{"another audience", claim("aud", "https://push.example.net"), 403, "aud"},
		{"too long a life", claim("exp", time.Now().Add(25*time.Hour).Unix()), 403, "exp"},
		{"over", claim("exp", time.Now().Add(-time.Minute).Unix()), 403, "exp"},
		{"a subject that reaches nobody", claim("sub", "me"), 403, "sub"},
		{"a signature of nobody", func(r *http.Request) {
			good := r.Header.Get("Authorization")
			cut := strings.Index(good, ", k=")
			r.Header.Set("Authorization", good[:cut-8]+"AAAAAAAA"+good[cut:])
		}, 403, "signed"},
		{"reading", func(r *http.Request) { r.Method = http.MethodGet }, 405, "POST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, header := s.post("ana", body, tt.change)
			items := s.server.History()
			last := items[len(items)-1]
			if status != tt.status || last.Status != tt.status || !strings.Contains(last.Reason, tt.reason) {
				t.Errorf("answered %d, remembered %d %q; want %d %q", status, last.Status, last.Reason, tt.status, tt.reason)
			}
			if status == 201 && header.Get("Location") == "" {
				t.Error("201 without the message's Location")
			}
		})
	}
	if status, _ := s.post("ana", make([]byte, maxMessage+1), nil); status != 413 {
		t.Errorf("a message of %d bytes: %d", maxMessage+1, status)
	}
	if status, _ := s.post("ana/b", body, nil); status != 404 {
		t.Errorf("a path that is no endpoint: %d", status)
	}
}

func TestMagicAndRules(t *testing.T) {
	s := newSender(t, Options{})
	_, body := example(t)
	for _, m := range s.server.Magic() {
		if m.Rule.Action == control.Hang {
			continue // nothing to compare
		}
		status, header := s.post(strings.TrimPrefix(m.Example, pushPath)+".1", body, nil)
		if status != m.Rule.Status || header.Get("Retry-After") != m.Rule.Headers["Retry-After"] {
			t.Errorf("%s: %d, Retry-After %q", m.Value, status, header.Get("Retry-After"))
		}
	}
	if err := s.server.Fail(control.Rule{Match: "ana", Status: 500, Times: 1}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{500, 201} {
		if status, _ := s.post("ana", body, nil); status != want {
			t.Errorf("message %d: %d, want %d", i, status, want)
		}
	}
	s.server.Reset()
	if n := s.server.Count(); n != 0 {
		t.Errorf("%d messages after the reset", n)
	}
}

// TestSubscription: what the page gets is what the simulator decrypts with, also after a start on the same directory.
func TestSubscription(t *testing.T) {
	dir := t.TempDir()
	var keys []Keys
	for range 2 {
		seed, err := OpenSeed(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := newSender(t, Options{Seed: seed})
		resp, err := s.client.Get(s.server.URL() + "/_sim/subscription?name=ana")
		if err != nil {
			t.Fatal(err)
		}
		var got Subscription
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if err != nil || got != s.server.Subscription("ana") || !strings.HasSuffix(got.Endpoint, "/push/ana") {
			t.Errorf("got %+v, %v", got, err)
		}
		keys = append(keys, got.Keys)
	}
	if keys[0] != keys[1] {
		t.Error("the keys changed with the start")
	}
	if _, err := OpenSeed(dir + "/webpush.seed"); err == nil {
		t.Error("a file was taken for a directory")
	}
	s := newSender(t, Options{})
	if resp, err := s.client.Get(s.server.URL() + "/_sim/subscription?name=a/b"); err != nil || resp.StatusCode != 422 {
		t.Errorf("a name that is none: %v, %v", resp, err)
	}
}

// TestStartAgain: what was given out leads to the next start too, unless somebody else has the port.
func TestStartAgain(t *testing.T) {
	dir := t.TempDir()
	start := func() *Server {
		s, err := StartAgain(Options{Seed: Seed{1}}, dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := start()
	beside := start()
	if beside.URL() == first.URL() {
		t.Error("two have one address")
	}
	for _, s := range []*Server{beside, first} {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	again := start()
	if again.URL() != beside.URL() {
		t.Errorf("the address was %s and is %s", beside.URL(), again.URL())
	}
	if err := again.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestUnreadable: what a browser cannot read is in the history and not on its screen.
func TestUnreadable(t *testing.T) {
	s := newSender(t, Options{})
	_, body := example(t) // for another browser
	if status, _ := s.post("ana", body, nil); status != 201 {
		t.Fatalf("answered %d", status)
	}
	if item := s.server.History()[0]; item.Text != "" || item.Size != len(body) {
		t.Errorf("remembered %+v", item)
	}
	book := phone.NewBook(s.server, nil)
	if book.CatchUp(); book.Len() != 0 {
		t.Error("it shows something")
	}
}
