package oidc

import (
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/access"
	"heliograph/internal/oidctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const console = "http://127.0.0.1:1"

func newClient(t *testing.T) *Client {
	c := New(func() string { return console }, nil)
	t.Cleanup(c.Close)
	return c
}

// browser keeps cookies.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

var registered = oidctest.Client{
	ID: "heliograph", Secret: "secret & colon:ed", Redirects: []string{console + Callback}, LogoutRedirect: []string{console + SignedOut},
}

// startProvider runs one that knows ada, who is in two groups.
func startProvider(t *testing.T, change ...func(*oidctest.Config)) access.IdentityProvider {
	c := oidctest.Config{
		Clients: []oidctest.Client{registered},
		People: map[string]oidctest.Claim{"ada": {
			"groups": []string{"staff", "mobility"}, "realm": map[string]any{"roles": []string{"deep"}},
			"email": "ada@example.com", "email_verified": true, "preferred_username": "Ada",
		}},
	}
	for _, f := range change {
		f(&c)
	}
	p := access.DefaultProvider
	p.Issuer, p.ClientID, p.Secret = oidctest.Start(t, c).Issuer, registered.ID, registered.Secret
	p.Scopes = append(slices.Clone(p.Scopes), "groups")
	p.Rules = []access.GroupRule{{Group: "mobility", Role: access.Operator}}
	return p
}

func TestSignIn(t *testing.T) {
	for name, conform := range map[string]bool{"claims in the ID token": false, "claims at the userinfo endpoint": true} {
		t.Run(name, func(t *testing.T) {
			c, p := newClient(t), startProvider(t, func(o *oidctest.Config) { o.Conform = conform })
			flow, address, err := c.Begin(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			back := oidctest.SignIn(t, browser(t), address, "ada")
			got, err := c.Finish(t.Context(), p, flow, back.Query())
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != "ada" || got.Issuer != p.Issuer || got.Name != "Ada" || got.Mail != "ada@example.com" ||
				!slices.Equal(got.Groups, []string{"staff", "mobility"}) || got.IDToken == "" {
				t.Errorf("it is %+v", got)
			}
			if _, err := c.Finish(t.Context(), p, flow, back.Query()); kindOf(err) != Stale {
				t.Errorf("a code that was used: %v", err)
			}
		})
	}
}

// TestPeers: other hosts than the issuer's are known once it was discovered.
func TestPeers(t *testing.T) {
	c, p := newClient(t), startProvider(t)
	if peers := c.Peers(p); len(peers) != 1 || peers[0].Host != "127.0.0.1" || peers[0].Protocol != "HTTP" {
		t.Errorf("before: %+v", peers)
	}
	if _, _, err := c.Begin(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if peers := c.Peers(p); len(peers) != 4 || peers[3].Port != peers[0].Port {
		t.Errorf("discovered: %+v", peers)
	}
}

// What comes back in the address may be anybody's: each case changes one thing of a sign-in that would be fine.
func TestSignInOfOthersIsRefused(t *testing.T) {
	c, p := newClient(t), startProvider(t)
	for name, test := range map[string]struct {
		change func(f *Flow, q url.Values)
		want   Kind
	}{
		"another state":    {func(_ *Flow, q url.Values) { q.Set("state", "x") }, Stale},
		"no flow":          {func(f *Flow, q url.Values) { *f = Flow{}; q.Set("state", "") }, Stale},
		"another nonce":    {func(f *Flow, _ url.Values) { f.Nonce = "x" }, Stale},
		"another verifier": {func(f *Flow, _ url.Values) { f.Verifier = strings.Repeat("x", 43) }, Stale},
		"another code":     {func(_ *Flow, q url.Values) { q.Set("code", "x") }, Stale},
		"no code":          {func(_ *Flow, q url.Values) { q.Del("code") }, Refused},
		"another issuer":   {func(_ *Flow, q url.Values) { q.Set("iss", "https://evil.example.com") }, Refused},
		"no issuer":        {func(_ *Flow, q url.Values) { q.Del("iss") }, Refused},
		"an error":         {func(_ *Flow, q url.Values) { q.Set("error", "<script>") }, Refused},
	} {
		flow, address, err := c.Begin(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		q := oidctest.SignIn(t, browser(t), address, "ada").Query()
		test.change(&flow, q)
		got, err := c.Finish(t.Context(), p, flow, q)
		if kindOf(err) != test.want || got.Subject != "" {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
		if err != nil && strings.Contains(err.Error(), "<") {
			t.Errorf("%s: the error repeats what came: %v", name, err)
		}
	}
}

func TestWhoeverDeclinesIsNotSignedIn(t *testing.T) {
	c, p := newClient(t), startProvider(t)
	flow, address, err := c.Begin(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	back := oidctest.SignIn(t, browser(t), address, "nobody")
	if _, err := c.Finish(t.Context(), p, flow, back.Query()); kindOf(err) != Denied {
		t.Errorf("%v", err)
	}
}

func TestSignOutAtTheProvider(t *testing.T) {
	c, p := newClient(t), startProvider(t)
	flow, address, err := c.Begin(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	visitor := browser(t)
	identity, err := c.Finish(t.Context(), p, flow, oidctest.SignIn(t, visitor, address, "ada").Query())
	if err != nil {
		t.Fatal(err)
	}
	u := c.SignOutURL(t.Context(), p, identity.IDToken)
	answer, err := visitor.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Request.URL.String(), p.Issuer) {
		t.Errorf("%s answered %s", u, answer.Status)
	}
}

func TestProbe(t *testing.T) {
	c, p := newClient(t), startProvider(t)
	if r := c.Test(t.Context(), p); !r.OK || len(r.Steps) != len(Steps) {
		t.Errorf("a provider that is set up right: %+v", r)
	}
	wrong := p
	wrong.Secret = "wrong"
	if r := c.Test(t.Context(), wrong); r.OK || last(r.Steps).Name != "client" || !strings.Contains(r.Detail, "invalid_client") {
		t.Errorf("a wrong secret: %+v", r)
	}
	other := p
	other.Issuer = p.Issuer + "/"
	if r := c.Test(t.Context(), other); r.OK || last(r.Steps).Name != "discovery" || r.Detail == "" {
		t.Errorf("another issuer: %+v", r)
	}
}

func last[T any](list []T) T { return list[len(list)-1] }

func TestProvidersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status int
		want   Kind
	}{
		"not found": {"nothing here: s3cret", 404, Unusable},
		"no JSON":   {"<html>s3cret", 200, Unusable},
		"another":   {`{"issuer": "https://s3cret.example.com"}`, 200, Unusable},
		"endless":   {strings.Repeat(" ", 2*largestBody), 200, Unusable},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.answer))
		}))
		p := access.DefaultProvider
		p.Issuer = server.URL
		_, _, err := newClient(t).Begin(t.Context(), p)
		if kindOf(err) != c.want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

func TestAddressesThatAreNotCalled(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for issuer, want := range map[string]string{
		"http://169.254.169.254": "link-local", "http://[fe80::1%25lo]:1": "link-local", "http://" + closed.Addr().String(): "refused",
	} {
		p := access.DefaultProvider
		p.Issuer = issuer
		_, _, err := newClient(t).Begin(t.Context(), p)
		if kindOf(err) != Unreachable || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestTrustedCA(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"issuer": "` + server.URL + `", "authorization_endpoint": "` + server.URL + `/auth"}`))
	}))
	t.Cleanup(server.Close)
	c, p := newClient(t), access.IdentityProvider{Issuer: server.URL, ClientID: "x"}
	if _, _, err := c.Begin(t.Context(), p); kindOf(err) != Unreachable || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("an authority that nobody trusts: %v", err)
	}
	p.TrustedCA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if _, _, err := c.Begin(t.Context(), p); err != nil {
		t.Errorf("an authority that the settings trust: %v", err)
	}
}

func TestDiscoveryIsRemembered(t *testing.T) {
	asked := 0
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"issuer": "` + server.URL + `", "authorization_endpoint": "` + server.URL + `/auth"}`))
	}))
	t.Cleanup(server.Close)
	now := time.Now()
	c := New(func() string { return console }, func() time.Time { return now })
	t.Cleanup(c.Close)
	p := access.IdentityProvider{Issuer: server.URL, ClientID: "x"}
	for _, step := range []time.Duration{0, time.Minute, knownFor} {
		now = now.Add(step)
		if _, address, err := c.Begin(t.Context(), p); err != nil || !strings.Contains(address, "code_challenge_method=S256") {
			t.Fatal(address, err)
		}
	}
	if asked != 2 {
		t.Errorf("discovered %d times, want 2", asked)
	}
}

func kindOf(err error) Kind {
	var problem *Problem
	if errors.As(err, &problem) {
		return problem.Kind
	}
	return ""
}

func TestClaims(t *testing.T) {
	claims := map[string]any{
		"groups": []any{"a", 1, "b"}, "one": "x", "realm": map[string]any{"roles": []any{"r"}, "in.ner": "dots"}, "urn:x.y": []any{"whole"},
	}
	for path, want := range map[string]string{
		"groups": "a b", "one": "x", "realm.roles": "r", "realm.in.ner": "dots", "urn:x.y": "whole", "": "", "none": "", "one.x": "", "realm": "",
	} {
		if got := strings.Join(textsOf(claimAt(claims, path)), " "); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	for want, claims := range map[string]map[string]any{
		"": {"email": "a@example.com"}, "b@example.com": {"email": "b@example.com", "email_verified": true},
	} {
		if got := mailOf(claims); got != want {
			t.Errorf("%v: %q", claims, got)
		}
	}
}
