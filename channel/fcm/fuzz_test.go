package fcm

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"heliograph/channel/h2"
	"heliograph/message"
)

// FuzzJudge: whatever an answer says, it becomes an outcome that the rest understands, and only 200 accepts.
func FuzzJudge(f *testing.F) {
	f.Add(200, `{"name": "projects/p/messages/1"}`, "")
	f.Add(200, "<html>", "")
	f.Add(404, `{"error": {"status": "NOT_FOUND", "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]}}`, "")
	f.Add(400, `{"error": {"status": "INVALID_ARGUMENT", "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "message.token"}]}]}}`, "")
	f.Add(429, `{"error": {"details": [null, {"fieldViolations": [null]}]}}`, "99999999999999999999")
	f.Add(503, `[]`, "Wed, 21 Oct 2065 07:28:00 GMT")
	f.Add(0, "\xff{", "-1")
	f.Fuzz(func(t *testing.T, status int, body, retry string) {
		outcome, _ := judge(h2.Answer{Status: status, Header: h2.Header{{Name: "retry-after", Value: retry}}, Body: []byte(body)})
		if outcome.Failure == nil {
			if status != http.StatusOK {
				t.Errorf("%d %q is taken for success", status, body)
			}
			return
		}
		if !slices.Contains(message.Reasons, outcome.Failure.Reason) || outcome.Failure.Detail == "" || outcome.Failure.RetryAfter < 0 {
			t.Errorf("%s %q becomes %+v", strconv.Itoa(status), body, outcome.Failure)
		}
	})
}
