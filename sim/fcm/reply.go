package fcm

import (
	"encoding/json"
	"fmt"
	"net/http"

	"heliograph/sim/control"
)

const (
	fcmError   = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
	badRequest = "type.googleapis.com/google.rpc.BadRequest"
)

// statusOf is the HTTP status of each errorCode.
var statusOf = map[string]int{
	"UNREGISTERED":           http.StatusNotFound,
	"INVALID_ARGUMENT":       http.StatusBadRequest,
	"SENDER_ID_MISMATCH":     http.StatusForbidden,
	"THIRD_PARTY_AUTH_ERROR": http.StatusUnauthorized,
	"QUOTA_EXCEEDED":         http.StatusTooManyRequests,
	"UNAVAILABLE":            http.StatusServiceUnavailable,
	"INTERNAL":               http.StatusInternalServerError,
}

// usualCode is the errorCode of a rule that names a status alone; "" = an error of the platform, without FcmError.
var usualCode = map[int]string{
	http.StatusBadRequest:          "INVALID_ARGUMENT",
	http.StatusForbidden:           "SENDER_ID_MISMATCH",
	http.StatusNotFound:            "UNREGISTERED",
	http.StatusTooManyRequests:     "QUOTA_EXCEEDED",
	http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
}

// canonical is google.rpc.Code by HTTP status.
var canonical = map[int]string{
	http.StatusBadRequest:          "INVALID_ARGUMENT",
	http.StatusUnauthorized:        "UNAUTHENTICATED",
	http.StatusForbidden:           "PERMISSION_DENIED",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
	http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
}

// failure is an error of the service before it is written.
type failure struct {
	status    int
	code      string // FcmError's errorCode; "" = no such detail
	message   string
	violation violation // BadRequest's; no description = no such detail
}

// detail is one entry of error.details.
type detail struct {
	Type       string      `json:"@type"`
	ErrorCode  string      `json:"errorCode,omitempty"`
	Violations []violation `json:"fieldViolations,omitempty"`
}

func (f failure) reply() control.Reply {
	status := canonical[f.status]
	if status == "" {
		status = "UNKNOWN"
	}
	details := []detail{}
	if f.code != "" {
		details = append(details, detail{Type: fcmError, ErrorCode: f.code})
	}
	if f.violation.Description != "" {
		details = append(details, detail{Type: badRequest, Violations: []violation{f.violation}})
	}
	body := map[string]any{"code": f.status, "message": f.message, "status": status}
	if len(details) > 0 {
		body["details"] = details
	}
	text, _ := json.Marshal(map[string]any{"error": body}) // strings and numbers always encode
	reason := f.code
	if reason == "" {
		reason = status
	}
	return control.Reply{Status: f.status, Reason: reason, Header: jsonHeader, Body: text}
}

var jsonHeader = map[string]string{"Content-Type": "application/json; charset=UTF-8"}

// accepted names the message that was sent.
func accepted(project string, number int64) control.Reply {
	body := fmt.Appendf(nil, "{\n  \"name\": %q\n}\n", fmt.Sprintf("projects/%s/messages/0:%016d%%sim", project, number))
	return control.Reply{Status: http.StatusOK, Header: jsonHeader, Body: body}
}

var unauthenticated = failure{status: http.StatusUnauthorized, message: "The request carries no valid access token."}

// badMessage is a fault of the payload: BadRequest names the field; FcmError beside it when the service itself judged.
func badMessage(code string, v violation) failure {
	return failure{status: http.StatusBadRequest, code: code, message: "Invalid request: " + v.Field + " " + v.Description, violation: v}
}

var badToken = failure{status: http.StatusBadRequest, code: "INVALID_ARGUMENT", message: "The registration token is not valid."}

// fromRule makes the failure that a rule asks for.
func fromRule(rule control.Rule) control.Reply {
	f := failure{status: rule.Status, code: rule.Reason, message: "A rule of the simulator refuses this message."}
	if f.code == "" {
		f.code = usualCode[f.status]
	}
	if (f.status == http.StatusUnauthorized || f.status == http.StatusForbidden) && f.code == canonical[f.status] {
		f.code = "" // the platform refuses before FCM sees the request
	}
	if rule.Detail == "BadRequest" {
		f.violation = violation{"message", "refused by a rule of the simulator"}
	}
	return f.reply()
}
