package smtp

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/message"
)

// endpoint gives token-1, token-2, … for an hour each, after the answers that it was told to give first.
type endpoint struct {
	slow time.Duration // before it answers

	mu      sync.Mutex
	first   []answer
	count   int
	request url.Values // the last one
}

type answer struct {
	status int
	body   string
	header string // of the form "Name: value"
	fail   error  // instead of an answer
}

func newEndpoint(first ...answer) *endpoint { return &endpoint{first: first} }

func (e *endpoint) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if e.slow > 0 {
		select {
		case <-time.After(e.slow):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	a := e.next(string(body))
	if a.fail != nil {
		return nil, a.fail
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}
	if name, value, ok := strings.Cut(a.header, ": "); ok {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

func (e *endpoint) next(body string) answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count++
	e.request, _ = url.ParseQuery(body)
	if len(e.first) > 0 {
		a := e.first[0]
		e.first = e.first[1:]
		return a
	}
	return answer{status: 200, body: fmt.Sprintf(`{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 3600}`, e.count)}
}

func tokensFrom(e http.RoundTripper, change ...func(*Settings)) *tokens {
	return tokensThrough(settings(append([]func(*Settings){withOAuth}, change...)...), e)
}

func TestTokenRequest(t *testing.T) {
	e := newEndpoint()
	a, err := tokensFrom(e).Get(t.Context())
	if err != nil || a.Text != "token-1" {
		t.Errorf("%+v, %v", a, err)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app-1"}, "client_secret": {"cl1ent+s3cret"}, "scope": {"https://mail.corp.test/.default"}}
	if diff := cmp.Diff(want, e.request); diff != "" {
		t.Error(diff)
	}
}

// TestTokenRefused has a row for each kind of answer of the endpoint.
func TestTokenRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer answer
		want   string
		detail string
		wait   time.Duration
	}{
		{"wrong secret, repeated", answer{status: 401, body: `{"error": "invalid_client", "error_description": "AADSTS7000215: not cl1ent+s3cret or cl1ent%2Bs3cret"}`},
			"server: credentials: token endpoint: 401 invalid_client AADSTS7000215: not **** or ****", "check client id, client secret and scope: “401 invalid_client AADSTS7000215", 0},
		{"wrong scope", answer{status: 400, body: `{"error": "invalid_scope"}`}, "server: credentials: token endpoint: 400 invalid_scope", "check client id", 0},
		{"without words", answer{status: 403, body: `<html>`}, "server: credentials: token endpoint: 403", "“403”", 0},
		{"an error that says 200", answer{status: 200, body: `{"error": "unauthorized_client"}`}, "server: credentials: token endpoint: 400 unauthorized_client", "", 0},
		{"too many", answer{status: 429, body: `{}`, header: "Retry-After: 7"}, "server: throttled: token endpoint: 429", "no more access tokens for now", 7 * time.Second},
		{"out of order", answer{status: 503, body: `oops`}, "server: server_error: token endpoint: 503", "fault of its own", 0},
		{"another address", answer{status: 404, body: `<html>`}, "server: server_error: token endpoint: 404", "check its address", 0},
		{"elsewhere", answer{status: 302, header: "Location: http://169.254.169.254/"}, "server: server_error: token endpoint: 302", "check its address", 0},
		{"not JSON", answer{status: 200, body: `<html>`}, "server: server_error:", "login.corp.test gave an answer", 0},
		{"no token", answer{status: 200, body: `{"token_type": "Bearer"}`}, "server: server_error:", "login.corp.test gave an answer", 0},
		{"a token that ends too early", answer{status: 200, body: `{"access_token": "a\u0001auth=x"}`}, "server: server_error:", "login.corp.test gave an answer", 0},
		{"a token for something else", answer{status: 200, body: `{"access_token": "a", "token_type": "mac"}`}, "server: server_error:", "login.corp.test gave an answer", 0},
		{"no connection", answer{fail: errors.New("something with cl1ent+s3cret")}, "server: unreachable:", "There is no access token for OAuth 2.0. Could not connect to login.corp.test: the connection failed.", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tokensFrom(newEndpoint(tt.answer)).Get(t.Context())
			var s *setback
			if !errors.As(err, &s) {
				t.Fatalf("%+v, %v", a, err)
			}
			o := message.Fail(s.failure)
			if words := inWords(o); words != tt.want || s.stage != "token" || s.failure.RetryAfter != tt.wait {
				t.Errorf("%s, want %s; at %s; retry after %v", words, tt.want, s.stage, s.failure.RetryAfter)
			}
			checkSentences(t, settings(), []message.Outcome{o}, tt.detail)
			checkNoSecret(t, o)
		})
	}
}

// TestOneRefreshAtATime: many sessions wait for one request, and share its end whatever it is.
func TestOneRefreshAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answer{status: 503})
		e.slow = time.Second
		tokens := tokensFrom(e)
		if failed, _ := together(t, tokens, 20); failed != 20 || e.asked() != 1 {
			t.Errorf("%d failed, %d requests", failed, e.asked())
		}
		failed, got := together(t, tokens, 20)
		if failed != 0 || len(got) != 1 || e.asked() != 2 {
			t.Errorf("%d failed, %d tokens, %d requests", failed, len(got), e.asked())
		}
		for a := range got { // two sessions see the same one refused
			tokens.Forget(a)
			if b, err := tokens.Get(t.Context()); err != nil || b == a {
				t.Errorf("the refused one came back: %v", err)
			}
			tokens.Forget(a)
			if _, err := tokens.Get(t.Context()); err != nil || e.asked() != 3 {
				t.Errorf("%d requests, %v", e.asked(), err)
			}
		}
	})
}

// together gets a token many times at once.
func together(t *testing.T, from *tokens, n int) (failed int, got map[*channel.Access]bool) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	got = map[*channel.Access]bool{}
	for range n {
		all.Go(func() {
			a, err := from.Get(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
			} else {
				got[a] = true
			}
		})
	}
	all.Wait()
	return failed, got
}

// TestTokenEnds: how long a token is used. An endpoint that does not say has it used until it is refused.
func TestTokenEnds(t *testing.T) {
	for _, tt := range []struct {
		life string
		used time.Duration
	}{
		{`, "expires_in": 3600`, 58 * time.Minute},
		{`, "expires_in": "3600"`, 58 * time.Minute},
		{`, "expires_in": 60`, 54 * time.Second},
		{``, 1000 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newEndpoint(answer{status: 200, body: `{"access_token": "a"` + tt.life + `}`})
			tokens := tokensFrom(e)
			for _, step := range []struct {
				later time.Duration
				asked int
			}{{0, 1}, {tt.used - time.Second, 1}, {time.Second, 2}} {
				time.Sleep(step.later)
				if _, err := tokens.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
				if want := step.asked; e.asked() != want && (tt.life != "" || e.asked() != 1) {
					t.Errorf("%s: %d requests after %v, want %d", tt.life, e.asked(), step.later, want)
				}
			}
		})
	}
}

// TestTokenPatience: an endpoint that is silent is given up, and who does not wait any more need not.
func TestTokenPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint()
		e.slow = time.Hour
		tokens := tokensFrom(e)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := tokens.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_, err := tokens.Get(t.Context())
		var s *setback
		if !errors.As(err, &s) || s.failure.Reason != message.Timeout || s.failure.Scope != message.WholeServer {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenTransport: with a real connection, whom it trusts and where it does not go.
func TestTokenTransport(t *testing.T) {
	e := newEndpoint()
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, e.next(string(body)).body)
	})
	secured, plain := httptest.NewTLSServer(answers), httptest.NewServer(answers)
	defer secured.Close()
	defer plain.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}))
	for _, tt := range []struct {
		name, url, ca string
		want          string // empty = a token
		detail        string
	}{
		{"TLS", secured.URL, ca, "", ""},
		{"this machine", plain.URL, "", "", ""},
		{"unknown authority", secured.URL, "", "server: tls:", "authority that is not trusted"},
		{"link-local", "https://169.254.169.254/token", "", "server: unreachable:", "link-local"},
		{"link-local in IPv6", "https://[fe80::1]/token", "", "server: unreachable:", "link-local"},
		{"in clear to another machine", "http://192.0.2.1/token", "", "server: unreachable:", "the connection failed"},
		{"nobody there", fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)), "", "server: unreachable:", "refused the connection"},
		{"no such name", "https://login.corp.invalid/token", "", "server: unreachable:", "DNS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens := newTokens(settings(withOAuth, func(s *Settings) { s.OAuth.TokenURL, s.TrustedCA = tt.url, tt.ca }))
			_, err := tokens.Get(t.Context())
			var s *setback
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
			case !errors.As(err, &s):
				t.Errorf("got %v", err)
			case inWords(message.Fail(s.failure)) != tt.want || !strings.Contains(s.failure.Detail, tt.detail):
				t.Errorf("got %+v", s.failure)
			}
		})
	}
}

// TestTokenTrust: a private authority is added to the system's, because the mail server and the endpoint are seldom one's.
func TestTokenTrust(t *testing.T) {
	_, ca := certificate(t, func(*x509.Certificate) {})
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if got := tokenTLS(ca).RootCAs; got.Equal(system) {
		t.Error("the private authority is not trusted")
	}
	if tokenTLS("").RootCAs != nil {
		t.Error("not the system's authorities")
	}
}
