package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"heliograph/app"
	"heliograph/internal/child"
)

// program is heliograph in a process of its own.
type program struct {
	t       *testing.T
	process *child.Process
	output  *child.Output
	ready   string // path of its ready file
}

// start runs heliograph with arguments and a ready file, without waiting for it. What a killed process left in the
// file's place is removed, so that whoever waits for it waits for this process.
func start(t *testing.T, ready string, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.RemoveReady(ready); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, output: &child.Output{}, ready: ready}
	cmd := exec.Command(self, append(args, "--ready-file", ready, "--log-level", "warn")...)
	cmd.Env = append(os.Environ(), asEnv+"=1")
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if p.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	return p
}

// read waits for the ready file and reads it.
func (p *program) read(into any) {
	p.t.Helper()
	var text []byte
	ok := eventually(func() (yes bool) {
		select {
		case <-p.process.Done():
			p.t.Fatalf("heliograph ended before it was ready: %v\n%s", p.process.Err(), p.output)
		default:
		}
		var err error
		text, err = os.ReadFile(p.ready)
		return err == nil
	})
	if !ok {
		p.t.Fatalf("not ready within %v:\n%s", patience, p.output)
	}
	if err := json.Unmarshal(text, into); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9.
func (p *program) kill() {
	if err := p.process.Stop(syscall.SIGKILL, patience); err != nil {
		p.t.Error(err)
	}
	<-p.process.Done()
}

// stop asks it to stop and wants it to end well.
func (p *program) stop() {
	p.t.Helper()
	if err := p.process.Stop(syscall.SIGTERM, patience); err != nil {
		p.t.Fatalf("%v\n%s", err, p.output)
	}
	if err := p.process.Err(); err != nil {
		p.t.Errorf("ended with %v:\n%s", err, p.output)
	}
	if _, err := os.Stat(p.ready); err == nil {
		p.t.Error("the ready file is still there after a clean stop")
	}
}

// readyFile is what api.md says about it, as far as the tests look.
type readyFile struct {
	API     string `json:"api"`
	Console string `json:"console"`
	Metrics string `json:"metrics"`

	Registration string `json:"registration"`
	Listener     string `json:"listener"`

	SignIn      string            `json:"sign_in"`
	Token       string            `json:"token"`
	Apps        map[string]string `json:"apps"`
	Sims        map[string]string `json:"sims"`
	CAFile      string            `json:"ca_file"`
	Credentials map[string]object `json:"credentials"`
}

// object is JSON as a script sees it.
type object = map[string]any

// caller speaks HTTP as a script would.
type caller struct {
	t     *testing.T
	base  string
	token string
	http  *http.Client
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   object
}

// try calls with a JSON body (nil = none) or a raw one; an error means that nobody answered.
func (c caller) try(method, path string, body any, header ...string) (answer, error) {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.base+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			c.t.Fatalf("%s %s answered no JSON object: %q", method, path, text)
		}
	}
	return a, nil
}

// call is try with a status that must come.
func (c caller) call(want int, method, path string, body any, header ...string) answer {
	c.t.Helper()
	a, err := c.try(method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	if a.status != want {
		c.t.Fatalf("%s %s answered %d, want %d: %v", method, path, a.status, want, a.body)
	}
	return a
}

func newCaller(t *testing.T, base, token string, client *http.Client) caller {
	return caller{t, base, token, client}
}

// waitDone polls a notification until it is done.
func (c caller) waitDone(id string) object {
	c.t.Helper()
	var n object
	if !eventually(func() bool {
		n = c.call(http.StatusOK, "GET", "/notifications/"+id, nil).body
		return n["state"] == "done"
	}) {
		c.t.Fatalf("not done within %v: %v", patience, n)
	}
	return n
}

// allItems reads a list page by page.
func (c caller) allItems(path string) (items []object) {
	c.t.Helper()
	for cursor := ""; ; {
		page := c.call(http.StatusOK, "GET", path+cursor, nil).body
		for _, item := range list(page["items"]) {
			items = append(items, item.(object))
		}
		next, more := page["next_cursor"].(string)
		if !more || next == "" {
			return items
		}
		cursor = "&cursor=" + next
	}
}

// history is everything that a simulator remembers.
func (c caller) history() []object {
	c.t.Helper()
	page := c.call(http.StatusOK, "GET", "/_sim/history?limit=1000000", nil).body
	items := list(page["items"])
	if float64(len(items)) != page["count"] {
		c.t.Errorf("history has %d items, but says that it read %v requests", len(items), page["count"])
	}
	out := make([]object, len(items))
	for i, item := range items {
		out[i] = item.(object)
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// text finds a string inside of an object by its path; "" when it is not there.
func text(o any, path ...string) string {
	for _, name := range path {
		m, ok := o.(object)
		if !ok {
			return ""
		}
		o = m[name]
	}
	s, _ := o.(string)
	return s
}

// flat is an object as JSON text, to search in.
func flat(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// trusting is a client that trusts the authority in a file, and nobody else.
func trusting(t *testing.T, caFile string) *http.Client {
	t.Helper()
	config, err := trust(caFile)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func temp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// count is the number of deliveries in a state, over all channels.
func count(n object, state string) (sum int) {
	counts, _ := n["counts"].(object)
	for _, c := range counts {
		if v, ok := c.(object)[state].(float64); ok {
			sum += int(v)
		}
	}
	return sum
}
