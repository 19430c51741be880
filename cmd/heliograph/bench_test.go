package main

import (
	"encoding/json"
	"strings"
	"testing"

	"heliograph/bench"
	"heliograph/internal/pgtest"
)

// benched runs a bench whose helpers are this test program, and returns its results.
func benched(t *testing.T, args ...string) (results []bench.Result) {
	t.Helper()
	t.Setenv(asEnv, "1")
	t.Setenv("HELIOGRAPH_LOG_LEVEL", "warn")
	var out, problems strings.Builder
	if code := run(append([]string{"bench"}, args...), terminal{strings.NewReader(""), &out, &problems}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, problems.String())
	}
	lines := json.NewDecoder(strings.NewReader(out.String()))
	lines.DisallowUnknownFields()
	for lines.More() {
		var r bench.Result
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	return results
}

// TestBench measures little, to see that everything that is promised is there. The bench itself fails when a message
// does not arrive.
func TestBench(t *testing.T) {
	for _, c := range []struct {
		what  string
		args  []string
		cases string
	}{
		{"push", []string{"--latency", "0,5"}, "personal personal shared shared"},
		{"smtp", nil, "personal shared"},
		{"sms", []string{"--latency", "0"}, "personal shared"},
		{"expand", nil, "personal"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var cases []string
			for _, r := range benched(t, append([]string{c.what, "--sizes", "500", "--runs", "1"}, c.args...)...) {
				cases = append(cases, r.Case)
				if r.Bench != c.what || r.Database != "sqlite" || r.Items != 500 || r.Rate <= 0 || r.CPU <= 0 || r.PeakMiB <= 0 || r.DatabaseCPU != 0 {
					t.Errorf("%+v", r)
				}
				if sends := c.what != "expand"; sends != (r.BareCPU > 0) || sends != (r.Ratio > 0) || sends != (r.LatencyMS != nil) || sends != (r.Connections > 0) {
					t.Errorf("%+v", r)
				}
			}
			if got := strings.Join(cases, " "); got != c.cases {
				t.Errorf("cases %s, want %s", got, c.cases)
			}
		})
	}
}

// TestBenchOfManyRequests: what is accepted in a burst arrives, and ten by hand do not wait for a large notification.
func TestBenchOfManyRequests(t *testing.T) {
	for _, r := range benched(t, "burst", "--sizes", "300", "--runs", "1") {
		if r.Case != "single" || r.Items != 300 || r.Rate <= 0 || r.AskRate < r.Rate || r.P99 < r.P50 || r.P50 <= 0 {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range benched(t, "fair", "--sizes", "5000", "--runs", "1") {
		if r.Items != 5000 || r.P50 <= 0 || r.P99 > 15_000 {
			t.Errorf("%+v", r)
		}
	}
}

func TestBenchOnPostgres(t *testing.T) {
	results := benched(t, "smtp", "--sizes", "500", "--runs", "1", "--database", pgtest.Database(t))
	if len(results) != 2 {
		t.Fatalf("%d results, want 2", len(results))
	}
	for _, r := range results {
		if r.Database != "postgres" || r.DatabaseCPU <= 0 || r.DiskBytes <= 0 {
			t.Errorf("%+v", r)
		}
	}
}
