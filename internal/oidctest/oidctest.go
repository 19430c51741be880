// Package oidctest starts a real OpenID provider for tests: the certified oidc-provider, on Node.js.
//
// A client that was only tried with a fake of its own author agrees with that author. [Start] runs the provider in a
// process of its own, with the client and the people that the test names; whoever signs in says who they are and needs no
// password. scripts/deps.sh installs it, in the versions of package-lock.json, beside the repository.
//
// A machine without it is a failure that says so, never a skip. Only -short, which asks for the quick tests without real
// servers, skips.
package oidctest

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

//go:embed package-lock.json
var lock []byte

//go:embed provider.mjs
var script []byte

// Config says whom the provider knows.
type Config struct {
	Clients []Client         `json:"clients"`
	People  map[string]Claim `json:"people"`            // by what they say they are
	Conform bool             `json:"conform,omitempty"` // claims come by the userinfo endpoint alone, as OpenID Connect Core 5.4 has it
}

// Claim is what the provider says about somebody, beside who they are.
type Claim map[string]any

// Client is who may ask the provider.
type Client struct {
	ID             string   `json:"client_id"`
	Secret         string   `json:"client_secret,omitempty"`
	AuthMethod     string   `json:"token_endpoint_auth_method,omitempty"` // empty = client_secret_basic
	Redirects      []string `json:"redirect_uris"`
	LogoutRedirect []string `json:"post_logout_redirect_uris,omitempty"`
}

// Provider runs until its test ends.
type Provider struct{ Issuer string }

const startTime = time.Minute // CI machines are slow

// Start runs a provider.
func Start(tb testing.TB, c Config) *Provider {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: a real OpenID provider is left out")
	}
	modules, err := find()
	if err != nil {
		tb.Fatal(err)
	}
	config, err := json.Marshal(c)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "provider.mjs")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		tb.Fatal(err)
	}
	return run(tb, exec.Command("node", path, modules, string(config)))
}

func run(tb testing.TB, cmd *exec.Cmd) *Provider {
	tb.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	lifeline, err := cmd.StdinPipe() // it ends with us, however we end
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting the OpenID provider: %v", err)
	}
	late := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	late.Stop()
	if err != nil {
		_ = cmd.Wait()
		tb.Fatalf("the OpenID provider does not start: %s", said.String())
	}
	tb.Cleanup(func() {
		lifeline.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the OpenID provider ended with %v: %s", err, said.String())
		}
	})
	return &Provider{Issuer: strings.TrimSpace(line)}
}

// find is the directory where scripts/deps.sh installed the provider.
func find() (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("a real OpenID provider is needed, and it runs on Node.js, which is not in PATH (Debian: apt-get install nodejs npm; then make deps)")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "heliograph-tests", "oidc-provider")
	have, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil || !bytes.Equal(have, lock) {
		return "", fmt.Errorf("the OpenID provider is not installed in %s, or in another version: run make deps", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		return "", fmt.Errorf("the OpenID provider is not installed in %s: run make deps", dir)
	}
	return dir, nil
}

// SignIn walks through the provider's pages as a browser would, from its address for signing in, and gives the address
// that it leads back to, unopened. client keeps cookies.
func SignIn(tb testing.TB, client *http.Client, address, person string) (back *url.URL) {
	tb.Helper()
	walker := *client
	walker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Query().Has("state") && !strings.HasPrefix(r.URL.Path, "/auth") {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	for method, form := http.MethodGet, url.Values(nil); ; method, form = http.MethodPost, (url.Values{"login": {person}}) {
		answer := ask(tb, &walker, method, address, form)
		if back != nil {
			return back
		}
		if answer.Request.URL.String() == address && method == http.MethodPost || answer.StatusCode != http.StatusOK {
			tb.Fatalf("the provider answered %s at %s", answer.Status, answer.Request.URL.Path)
		}
		address = answer.Request.URL.String()
	}
}

func ask(tb testing.TB, client *http.Client, method, address string, form url.Values) *http.Response {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer
}
