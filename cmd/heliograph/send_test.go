package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeAPI answers like the API and remembers what it was asked.
type fakeAPI struct {
	answers map[string][]string // "METHOD path" → "status body" in turn; the last one stays
	path    string
	header  http.Header
	body    string
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	key := r.Method + " " + r.URL.Path
	turn := f.answers[key]
	if len(turn) == 0 {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPost {
		f.path, f.header, f.body = r.URL.RequestURI(), r.Header, string(text)
	}
	if len(turn) > 1 {
		f.answers[key] = turn[1:]
	}
	number, body, _ := strings.Cut(turn[0], " ")
	status, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// command runs heliograph against the fake, in this process.
func (f *fakeAPI) command(t *testing.T, stdin string, args ...string) (code int, out, problems string) {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	t.Setenv(tokenEnv, "hel_planted")
	t.Setenv("HELIOGRAPH_API", server.URL)
	var stdout, stderr strings.Builder
	code = run(args, terminal{strings.NewReader(stdin), &stdout, &stderr})
	if strings.Contains(stdout.String()+stderr.String(), "planted") {
		t.Error("the token was shown")
	}
	return code, stdout.String(), stderr.String()
}

// What stands on the command line becomes this request.
func TestSendAsks(t *testing.T) {
	for _, c := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"all", "", []string{"--all", "--push", "Hi"},
			`{"audience": {"all": true}, "ad_hoc": {"push": {"message": "Hi"}}}`},
		{"template", "", []string{"--all", "--template", "Out of Compliance"},
			`{"audience": {"all": true}, "template": "Out of Compliance"}`},
		{"template that knows whom to reach", "", []string{"--template", "On call", "--channel", "smtp,sms", "--subject", "Now", "--badge", "0"},
			`{"template": "On call", "channels": ["smtp", "sms"], "overrides": {"smtp": {"subject": "Now"}, "push": {"badge": 0}}}`},
		{"template with texts in a file", `{"sms": {"message": "Hi"}}`, []string{"--all", "--template", "t", "--content-file", "-"},
			`{"audience": {"all": true}, "template": "t", "overrides": {"sms": {"message": "Hi"}}}`},
		{"lists", "", []string{"--device", "a,b", "--device", "c", "--user", "u", "--group", "Süd, West", "--push", "Hi"},
			`{"audience": {"device_ids": ["a,b", "c"], "user_ids": ["u"], "groups": ["Süd, West"]}, "ad_hoc": {"push": {"message": "Hi"}}}`},
		{"filter", "", []string{
			"--platform", "ios,ipados", "--ownership", "byod", "--compliant", "--no-jailbroken", "--no-managed", "--inactive-days", "0",
			"--os-version", "<17.2", "--property", "floor>=3", "--property", "cost centre != a=b", "--push", "Hi"},
			`{"audience": {"filter": {"platform": ["ios", "ipados"], "ownership": ["byod"], "compliant": true, "jailbroken": false, "managed": false,
			  "inactive_days_min": 0, "os_version": {"op": "lt", "value": "17.2"},
			  "property": [{"name": "floor", "op": "ge", "value": "3"}, {"name": "cost centre", "op": "ne", "value": "a=b"}]}}, "ad_hoc": {"push": {"message": "Hi"}}}`},
		{"all that match", "", []string{"--all", "--platform", "ios", "--os-version", "17", "--push", "Hi"},
			`{"audience": {"filter": {"platform": ["ios"], "os_version": {"op": "eq", "value": "17"}}}, "ad_hoc": {"push": {"message": "Hi"}}}`},
		{"addresses alone", "", []string{"--mail-to", "a@example.com", "--subject", "S", "--mail", "M", "--recipient", "r", "--sender", "s"},
			`{"audience": {"addresses": {"mail": ["a@example.com"]}}, "ad_hoc": {"smtp": {"subject": "S", "message": "M", "recipient": "r", "sender": "s"}}}`},
		{"text messages", "", []string{"--user", "u", "--sms-to", "+33612345678", "--sms", "Hi", "--sms-recipient", "+33612345679"},
			`{"audience": {"user_ids": ["u"], "addresses": {"mobile": ["+33612345678"]}}, "ad_hoc": {"sms": {"message": "Hi", "recipient": "+33612345679"}}}`},
		{"text message in place of a template's", "Now\n", []string{"--all", "--template", "t", "--sms-file", "-"},
			`{"audience": {"all": true}, "template": "t", "overrides": {"sms": {"message": "Now"}}}`},
		{"text from standard input", "Grüße\nan alle\n", []string{"--all", "--push-file", "-", "--sound", "bell", "--badge", "0"},
			`{"audience": {"all": true}, "ad_hoc": {"push": {"message": "Grüße\nan alle", "sound": "bell", "badge": 0}}}`},
		{"content as it is", `{"sms": {"message": "later"}}`, []string{"--all", "--content-file", "-"},
			`{"audience": {"all": true}, "ad_hoc": {"sms": {"message": "later"}}}`},
		{"later, and not for ever", "", []string{"--all", "--push", "Hi", "--at", "2026-01-31T10:00:00+01:00", "--expires", "90m"},
			`{"audience": {"all": true}, "ad_hoc": {"push": {"message": "Hi"}}, "send_at": "2026-01-31T09:00:00Z", "expires_in_seconds": 5400}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeAPI{answers: map[string][]string{"POST /api/v1/notifications": {`202 {"id": "n1"}`}}}
			code, out, problems := f.command(t, c.stdin, append([]string{"send", "--idempotency-key", "k"}, c.args...)...)
			if code != exitDone || out != "n1\n" {
				t.Errorf("exit code %d, %q, %q", code, out, problems)
			}
			var want, got any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(f.body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if f.header.Get("Authorization") != "Bearer hel_planted" || f.header.Get("Idempotency-Key") != "k" {
				t.Errorf("headers = %v", f.header)
			}
		})
	}
}

func TestSendWaits(t *testing.T) {
	const path = "GET /api/v1/notifications/n1"
	for _, c := range []struct {
		name  string
		looks []string
		code  int
		out   string
		err   string
	}{
		{"all well", []string{
			`200 {"id": "n1", "state": "expanding", "recipients": 0}`,
			`200 {"id": "n1", "state": "sending", "recipients": 3, "counts": {"push": {"queued": 2, "sent": 1}}}`,
			`200 {"id": "n1", "state": "done", "recipients": 3, "counts": {"push": {"sent": 2, "skipped": 1}}}`,
		}, exitDone, "n1 done, 3 deliveries\n  push 2 sent, 1 skipped\n", "sending: 1 of 3"},
		{"one failed", []string{
			`200 {"id": "n1", "state": "done", "recipients": 2, "counts": {"push": {"sent": 1}, "smtp": {"failed": 1}}}`,
		}, exitFailed, "n1 done, 2 deliveries\n  push 1 sent\n  smtp 1 failed\n", "done: 2 of 2"},
		{"cancelled by somebody", []string{
			`200 {"id": "n1", "state": "cancelled", "recipients": 2, "counts": {"push": {"cancelled": 2}}}`,
		}, exitDone, "n1 cancelled, 2 deliveries\n  push 2 cancelled\n", "cancelled"},
		{"the API goes away", []string{`503 {"title": "Service Unavailable", "detail": "not now"}`},
			exitFailed, "", "notification n1, which goes on: the API answered 503: not now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeAPI{answers: map[string][]string{"POST /api/v1/notifications": {`202 {"id": "n1"}`}, path: c.looks}}
			code, out, problems := f.command(t, "", "send", "--all", "--push", "Hi", "--wait")
			if code != c.code || out != c.out || !strings.Contains(problems, c.err) {
				t.Errorf("exit code %d, %q, %q; want %d, %q, …%q…", code, out, problems, c.code, c.out, c.err)
			}
		})
	}
}

func TestRefusalsNameTheirPlaces(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{`422 {"title": "Unprocessable Entity", "detail": "It was refused.", "errors": [{"pointer": "/audience", "detail": "reaches nobody"}, {"detail": "and more"}]}`,
			"heliograph: the API answered 422: It was refused.\n  /audience: reaches nobody\n  and more\n"},
		{`401 {"title": "Unauthorized"}`, "heliograph: the API answered 401: Unauthorized\n"},
		{`502 <html>a proxy</html>`, "heliograph: the API answered 502 Bad Gateway\n"},
		{`202 <html>a proxy</html>`, "does not answer like Heliograph's API"},
	} {
		f := &fakeAPI{answers: map[string][]string{"POST /api/v1/notifications": {c.answer}}}
		code, out, problems := f.command(t, "", "send", "--all", "--push", "Hi")
		if code != exitFailed || out != "" || !strings.Contains(problems, c.want) {
			t.Errorf("%s: exit code %d, %q, %q; want %q", c.answer, code, out, problems, c.want)
		}
	}
}

func TestImportReports(t *testing.T) {
	const path = "POST /api/v1/import/devices"
	report := `200 {"rows": 4, "created": 1, "updated": 1, "unchanged": 0, "rejected": 2, "errors": [{"line": 3, "column": "platform", "detail": "must be ios"}]}`
	f := &fakeAPI{answers: map[string][]string{path: {report}}}
	code, out, problems := f.command(t, "id\nx\n", "import", "--format", "csv", "--dry-run", "-")
	want := "line 3, platform: must be ios\n… and 1 more rows rejected\n4 rows: 1 created, 1 updated, 0 unchanged, 2 rejected (dry run: nothing was stored)\n"
	if code != exitFailed || out != want || problems != "" {
		t.Errorf("exit code %d, %q, %q; want %q", code, out, problems, want)
	}
	if f.body != "id\nx\n" || f.header.Get("Content-Type") != "text/csv" || f.path != "/api/v1/import/devices?dry_run=true" {
		t.Errorf("asked %s with %q as %s", f.path, f.body, f.header.Get("Content-Type"))
	}
	code, out, _ = f.command(t, "{}", "import", "--format", "ndjson", "--json", "-")
	if code != exitFailed || out != strings.TrimPrefix(report, "200 ")+"\n" || f.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("exit code %d, %q", code, out)
	}
}
