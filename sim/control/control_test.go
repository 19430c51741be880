package control

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRulesAreAskedNewestFirstAndCountDown(t *testing.T) {
	rules := &Rules{}
	add(t, rules, Rule{Status: 500})
	add(t, rules, Rule{Match: "b", Status: 429, Times: 2})
	var got []string
	for _, subject := range []string{"abc", "xyz", "abc", "abc"} {
		rule, ok := rules.Take("", subject)
		got = append(got, fmt.Sprintf("%s%d %t", subject, rule.Status, ok))
	}
	want := []string{"abc429 true", "xyz500 true", "abc429 true", "abc500 true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rules.Clear()
	if _, ok := rules.Take("", "abc"); ok {
		t.Error("a rule survives Clear")
	}
}

func TestRulesRefuse(t *testing.T) {
	for name, rule := range map[string]Rule{
		"action":   {Action: "explode"},
		"times":    {Times: -1},
		"delay_ms": {DelayMS: -1},
		"status":   {Status: 7},
		"headers":  {Headers: map[string]string{"a b": "c"}},
	} {
		if err := new(Rules).Add(rule); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error = %v, want one that names the field", name, err)
		}
	}
}

// The ring must behave like a slice of everything of which only the tail is remembered.
func TestHistoryIsTheTailOfEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 9).Draw(t, "size")
		h := NewHistory[int](size)
		var all []Entry[int]
		cleared := 0
		total := 0
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 15).Draw(t, "dice") == 0 {
				h.Clear()
				all, cleared = nil, total
				continue
			}
			total++
			h.Add(200, "", total)
			all = append(all, Entry[int]{Seq: int64(total), Status: 200, Record: total})
		}
		kept := all[max(0, len(all)-size):]
		limit := rapid.IntRange(0, 12).Draw(t, "limit")
		after := rapid.IntRange(0, total+2).Draw(t, "after")
		newest := h.Newest(limit)
		if got, want := seqs(newest.Entries), seqs(kept[max(0, len(kept)-limit):]); !cmp.Equal(got, want) {
			t.Fatalf("Newest(%d) = %v, want %v", limit, got, want)
		}
		if newest.Count != int64(total-cleared) || newest.Last != int64(total) {
			t.Fatalf("count %d last %d, want %d %d", newest.Count, newest.Last, total-cleared, total)
		}
		var later []Entry[int]
		for _, e := range kept {
			if e.Seq > int64(after) && len(later) < limit {
				later = append(later, e)
			}
		}
		if got, want := seqs(h.After(int64(after), limit).Entries), seqs(later); !cmp.Equal(got, want) {
			t.Fatalf("After(%d, %d) = %v, want %v", after, limit, got, want)
		}
	})
}

func TestHistoryTellsThoseWhoWait(t *testing.T) {
	h := NewHistory[int](3)
	for name, change := range map[string]func(){"add": func() { h.Add(200, "", 1) }, "clear": h.Clear} {
		changed := h.Changed()
		change()
		select {
		case <-changed:
		default:
			t.Errorf("%s: nobody was told", name)
		}
	}
}

func TestPlane(t *testing.T) {
	history := NewHistory[string](10)
	for i := range 4 {
		history.Add(200, "", fmt.Sprint("m", i+1))
	}
	rules := &Rules{}
	plane := Plane{
		Rules:   rules,
		Magic:   []Magic{{Value: "magic", Does: "fails"}},
		History: func(q Query) Page { return PageOf(history.Read(q), func(e Entry[string]) string { return e.Record }) },
		Reset:   func() { history.Clear(); rules.Clear() },
	}
	handler := plane.Handler()
	for _, step := range []struct {
		name, method, target, body string
		header                     [2]string
		status                     int
		want                       string
	}{
		{name: "newest last", method: "GET", target: "/_sim/history", status: 200, want: `{"count":4,"items":["m1" ,"m2" ,"m3" ,"m4" ]}`},
		{name: "limit gives the newest", method: "GET", target: "/_sim/history?limit=2", status: 200, want: `{"count":4,"items":["m3" ,"m4" ]}`},
		{name: "after pages on", method: "GET", target: "/_sim/history?after=1&limit=2", status: 200, want: `{"count":4,"items":["m2" ,"m3" ]}`},
		{name: "nothing", method: "GET", target: "/_sim/history?limit=0", status: 200, want: `{"count":4,"items":[]}`},
		{name: "bad limit", method: "GET", target: "/_sim/history?limit=x", status: 422, want: "limit"},
		{name: "bad after", method: "GET", target: "/_sim/history?after=-1", status: 422, want: "after"},
		{name: "magic", method: "GET", target: "/_sim/magic", status: 200, want: `"value":"magic"`},
		{name: "not JSON", method: "POST", target: "/_sim/fail", body: `{`, status: 400, want: "cannot be read"},
		{name: "two values", method: "POST", target: "/_sim/fail", body: `{}{}`, status: 400, want: "follows"},
		{name: "unknown field", method: "POST", target: "/_sim/fail", body: `{"time":1}`, status: 422, want: "time"},
		{name: "wrong type", method: "POST", target: "/_sim/fail", body: `{"times":"1"}`, status: 422, want: "times"},
		{name: "wrong action", method: "POST", target: "/_sim/fail", body: `{"action":"x"}`, status: 422, want: "action"},
		{name: "one time unless said", method: "POST", target: "/_sim/fail", body: `{"status":429}`, status: 200, want: `"times":1`},
		{name: "rules", method: "GET", target: "/_sim/fail", status: 200, want: `"status":429`},
		{name: "foreign page", method: "POST", target: "/_sim/reset", header: [2]string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		{name: "foreign name", method: "GET", target: "http://evil.example/_sim/history", status: 403},
		{name: "reset", method: "POST", target: "/_sim/reset", status: 200, want: "{}"},
		{name: "forgotten", method: "GET", target: "/_sim/history", status: 200, want: `{"count":0,"items":[]}`},
		{name: "no rules", method: "GET", target: "/_sim/fail", status: 200, want: `{"items":[]}`},
		{name: "unknown path", method: "GET", target: "/_sim/other", status: 404},
	} {
		t.Run(step.name, func(t *testing.T) {
			r := httptest.NewRequest(step.method, step.target, strings.NewReader(step.body))
			if r.Host == "example.com" {
				r.Host = "127.0.0.1:1234"
			}
			if step.header[0] != "" {
				r.Header.Set(step.header[0], step.header[1])
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Result().Body)
			got := strings.ReplaceAll(string(body), "\n", " ")
			if w.Code != step.status || !strings.Contains(got, step.want) {
				t.Errorf("%d %s, want %d and %s", w.Code, got, step.status, step.want)
			}
			if w.Code >= 400 && step.name != "unknown path" && step.name != "foreign page" && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", ":0", "example.com:0", "127.0.0.1"} {
		if l, err := ListenLoopback(addr); err == nil {
			l.Close()
			t.Errorf("%s is accepted", addr)
		}
	}
}

func add(t *testing.T, rules *Rules, rule Rule) {
	t.Helper()
	if err := rules.Add(rule); err != nil {
		t.Fatal(err)
	}
}

func seqs(entries []Entry[int]) []int64 {
	out := make([]int64, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}
