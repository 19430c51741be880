package main

import (
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
{"Action":"fail","Package":"p"}
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
