package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const (
		pass = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet please\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
		closing = `{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	)
	tests := []struct {
		name, events string
		complete     bool
		want, not    []string
	}{
		{"all pass", pass + closing, true, []string{"ok  \tp\t0.1s\n", "1 tests passed, 0 failed, 0 skipped"}, []string{"quiet", "PASS", "RUN"}},
		{"nothing ran", closing, false, []string{"0 tests passed"}, nil},
		{"a skip", pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: no printer here\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
` + closing, false, []string{"no printer here", "skipped: p.TestB", "A skipped test is a failure"}, nil},
		{"package without tests", pass + closing + `{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}
`, true, []string{"[no test files]"}, []string{"skipped:"}},
		{"a failure", pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`, false, []string{"got 1, want 2", "FAIL\tp", "failed:  p.TestB"}, []string{"quiet"}},
		{"a panic", `{"Action":"output","Package":"p","Test":"TestB","Output":"panic: boom\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`, false, []string{"panic: boom", "failed:  p"}, nil},
		{"does not build", `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`, false, []string{"syntax error", "failed:  p"}, nil},
		{"not JSON", "go: cannot find main module\n" + pass + closing, true, []string{"cannot find main module"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			r.close()
			if r.complete() != tt.complete {
				t.Errorf("complete: %v, want %v", r.complete(), tt.complete)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, &out)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("the report has %q:\n%s", not, &out)
				}
			}
		})
	}
}

// TestSecondLook checks what is run once more: few failures of tests that ran.
func TestSecondLook(t *testing.T) {
	fail := func(pkg, test string) event { return event{Action: "fail", Package: pkg, Test: test} }
	part := []event{fail("p", "TestA/one"), fail("p", "TestA"), fail("p", "TestB"), fail("p", ""), fail("q", "")}
	var many []event
	for _, name := range strings.Split("ABCDEFGHI", "") {
		many = append(many, fail("p", "Test"+name))
	}
	tests := []struct {
		name     string
		failures []event
		skipped  []string
		unbuilt  []string
		want     []string
	}{
		{"nothing failed", nil, nil, nil, nil},
		{"tests and a whole package", part, nil, nil, []string{"-race -run=^(TestA|TestB)$ p", "-race q"}},
		{"too many", many, nil, nil, nil},
		{"a skip beside", part, []string{"p.TestC"}, nil, nil},
		{"something does not build", part, nil, []string{"r"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReport(io.Discard)
			r.failures, r.skipped, r.unbuilt = tt.failures, tt.skipped, tt.unbuilt
			var got []string
			for _, s := range r.again() {
				got = append(got, strings.Join(s.args([]string{"-race"}), " "))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("again: %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRun runs go test on a module of its own: a test that fails once is named and forgiven, one that fails twice is not.
func TestRun(t *testing.T) {
	tests := []struct {
		name, body string
		ok         bool
		want       string
	}{
		{"fails once", `if _, err := os.Stat("seen"); err != nil { os.WriteFile("seen", nil, 0o600); t.Fatal("busy") }`, true, "passed alone): m.TestOne"},
		{"fails twice", `_ = os.Args; t.Fatal("broken")`, false, "failed:  m.TestOne"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go.mod":    "module m\n",
				"m_test.go": "package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestOne(t *testing.T) { " + tt.body + " }\n\nfunc TestTwo(*testing.T) {}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			var out strings.Builder
			ok, err := run([]string{"-count=1", "./..."}, &out)
			if err != nil || ok != tt.ok {
				t.Errorf("run: %v, %v, want %v; it says\n%s", ok, err, tt.ok, &out)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("the report lacks %q:\n%s", tt.want, &out)
			}
		})
	}
}
