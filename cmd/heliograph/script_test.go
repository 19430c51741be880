package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"heliograph/internal/pgtest"
)

// suite runs the tests and then stops what they share.
type suite struct{ *testing.M }

func (s suite) Run() int { return pgtest.Run(s.M) }

// The test binary is also the program: scripts run it as "heliograph", the end-to-end tests by asEnv.
const asEnv = "HELIOGRAPH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asEnv) != "" {
		main()
	}
	testscript.Main(suite{m}, map[string]func(){"heliograph": main})
}

// TestScripts runs testdata/*.txtar. Beside testscript's own commands there are:
//
//	exits CODE COMMAND…        runs a command that must end with this code
//	ready FILE                 waits for a ready file and sets $console, $api, $metrics, $inbox and $HELIOGRAPH_TOKEN from it
//	gone FILE                  waits until a file is gone
//	fromfile VARIABLE FILE     sets a variable to what is in a file
//	http STATUS METHOD URL     calls, must get this status, and shows the body as stdout
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HELIOGRAPH_LOG_LEVEL", "warn")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "gone": gone, "http": call, "fromfile": fromFile,
		},
	})
}

// patience is the deadline of a condition that another process brings about.
const patience = 2 * time.Minute

// eventually asks again and again until yes says so. It is for what other processes do, which cannot signal us.
func eventually(yes func() bool) bool {
	for end := time.Now().Add(patience); ; {
		if yes() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		<-time.After(10 * time.Millisecond)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("running %s: %v", args[1], err)
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	var text []byte
	if !eventually(func() (yes bool) {
		var err error
		text, err = os.ReadFile(ts.MkAbs(args[0]))
		return err == nil
	}) {
		ts.Fatalf("%s was not written within %v", args[0], patience)
	}
	var r struct {
		Console, API, Metrics, Registration, Token, SignIn string
		Sims                                               map[string]string
	}
	ts.Check(json.Unmarshal(text, &r))
	for name, value := range map[string]string{
		"console": r.Console, "api": r.API, "metrics": r.Metrics, "registration": r.Registration,
		"inbox": r.Sims["inbox"], "apns": r.Sims["apns"],
	} {
		ts.Setenv(name, value)
	}
	if r.Token != "" {
		ts.Setenv(tokenEnv, r.Token)
	}
}

func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone FILE")
	}
	if !eventually(func() bool { _, err := os.Stat(ts.MkAbs(args[0])); return errors.Is(err, os.ErrNotExist) }) {
		ts.Fatalf("%s is still there after %v", args[0], patience)
	}
}

func fromFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fromfile VARIABLE FILE")
	}
	ts.Setenv(args[0], ts.ReadFile(args[1]))
}

func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: http STATUS METHOD URL")
	}
	request, err := http.NewRequest(args[1], args[2], nil)
	ts.Check(err)
	if token := ts.Getenv(tokenEnv); token != "" && strings.HasPrefix(args[2], ts.Getenv("api")) {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", body)
	if strconv.Itoa(answer.StatusCode) != args[0] {
		ts.Fatalf("%s %s answered %s, want %s:\n%s", args[1], args[2], answer.Status, args[0], body)
	}
}
