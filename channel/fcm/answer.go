package fcm

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// verdict is what one of FCM's answers means.
type verdict struct {
	scope  message.Scope
	reason message.Reason
	detail string
}

// codes is the vocabulary of FcmError's errorCode (Google, "ErrorCode") in ours. What is not here goes by its status.
var codes = map[string]verdict{
	"UNREGISTERED":           {message.RecipientFinal, message.TokenDead, "The app is no longer on the device; its push token is dead."},
	"INVALID_ARGUMENT":       {message.RecipientFinal, message.TokenDead, "FCM does not take this for a push token."},
	"SENDER_ID_MISMATCH":     {message.RecipientFinal, message.TokenMismatch, "The push token belongs to another Firebase project than this provider's."},
	"THIRD_PARTY_AUTH_ERROR": {message.WholeServer, message.Credentials, "The APNs or web push credential in the Firebase project is missing or wrong; upload it in the Firebase console."},
	"QUOTA_EXCEEDED":         {message.WholeServer, message.Throttled, "The quota of the Firebase project is used up for now."},
}

// statuses is for answers without a code of their own. What has no row here was not understood.
var statuses = map[int]verdict{
	http.StatusBadRequest:            {message.WholeMessage, message.BadMessage, "FCM refused the form of the message."},
	http.StatusUnauthorized:          {message.WholeServer, message.Credentials, "FCM refused the access token twice; check the service account."},
	http.StatusForbidden:             {message.WholeServer, message.Credentials, "The service account may not send in its Firebase project; give it the role Firebase Cloud Messaging API Admin and enable the API."},
	http.StatusNotFound:              {message.WholeMessage, message.BadMessage, "FCM does not know the address of the request; check the service account's project."},
	http.StatusMethodNotAllowed:      {message.WholeMessage, message.BadMessage, "FCM refused the form of the request."},
	http.StatusRequestEntityTooLarge: {message.WholeMessage, message.TooLarge, "The message is larger than FCM takes; make it shorter."},
	http.StatusTooManyRequests:       {message.WholeServer, message.Throttled, "The quota of the Firebase project is used up for now."},
	http.StatusInternalServerError:   {message.Trouble, message.ServerError, "FCM has a fault of its own."},
	http.StatusServiceUnavailable:    {message.Trouble, message.ServerError, "FCM is not available for now."},
}

var (
	badMessage    = verdict{message.WholeMessage, message.BadMessage, "FCM refused the form of the message."}
	overloaded    = verdict{message.WholeServer, message.Throttled, "FCM is overloaded and asks to wait."}
	notUnderstood = verdict{message.Trouble, message.ServerError, "The answer is not one of FCM; check the endpoint."}
)

// printed is the table for people.
func printed() (list []channel.Rule) {
	row := func(answer string, v verdict) {
		r := channel.Rule{Answer: answer, Scope: v.scope, Reason: v.reason, Means: v.detail}
		if answer == "401 otherwise" {
			r.First = "a new access token"
		}
		list = append(list, r)
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		row(code, codes[code])
	}
	row("400 with BadRequest that names more than the token", badMessage)
	row("503 with Retry-After", overloaded)
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		row(strconv.Itoa(status)+" otherwise", statuses[status])
	}
	row("anything else", notUnderstood)
	return list
}

// quotaPause is how long to wait when a 429 does not say (Google, "Throttling and quotas").
const quotaPause = time.Minute

// errorBody is google.rpc.Status in JSON.
type errorBody struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Type       string      `json:"@type"`
			ErrorCode  string      `json:"errorCode"`
			Violations []violation `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

type violation struct {
	Field string `json:"field"`
}

// code is FcmError's, if there is one.
func (b errorBody) code() string {
	for _, d := range b.Error.Details {
		if strings.HasSuffix(d.Type, "google.firebase.fcm.v1.FcmError") {
			return d.ErrorCode
		}
	}
	return ""
}

// blamesMessage reports whether a BadRequest names anything but the token.
func (b errorBody) blamesMessage() bool {
	for _, d := range b.Error.Details {
		if !strings.HasSuffix(d.Type, "google.rpc.BadRequest") {
			continue
		}
		if len(d.Violations) != 1 || d.Violations[0].Field != "message.token" {
			return true
		}
	}
	return false
}

// judge translates an answer. refused says that a fresh access token may help.
func judge(a h2.Answer) (o message.Outcome, refused bool) {
	if a.Status == http.StatusOK && !foreign(a.Body) {
		return message.Accept(nameOf(a.Body)), false
	}
	var body errorBody
	_ = json.Unmarshal(a.Body, &body) // without a body the status alone says enough
	code := body.code()
	f := message.Failure{RetryAfter: channel.RetryAfter(a.Header, time.Now()), Answer: words(a.Status, code, body.Error.Status)}
	v := verdictOf(a.Status, code, body.blamesMessage(), f.RetryAfter)
	f.Scope, f.Reason, f.Detail = v.scope, v.reason, v.detail
	if f.Reason == message.Throttled && f.RetryAfter == 0 {
		f.RetryAfter = quotaPause
	}
	return message.Fail(f), a.Status == http.StatusUnauthorized && code != "THIRD_PARTY_AUTH_ERROR"
}

func verdictOf(status int, code string, messageBlamed bool, retryAfter time.Duration) verdict {
	if code == "INVALID_ARGUMENT" && messageBlamed {
		return badMessage
	}
	if v, ok := codes[code]; ok {
		return v
	}
	if status == http.StatusServiceUnavailable && retryAfter > 0 {
		return overloaded
	}
	if v, ok := statuses[status]; ok {
		return v
	}
	return notUnderstood
}

// foreign says that a 200 is not FCM's: the page of a proxy or of a sign-in portal, or some other JSON. A body that broke
// off is FCM's own, and says as much as the whole one: the message was taken.
func foreign(body []byte) bool {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return false
	case body[0] != '{':
		return true
	}
	return nameOf(body) == "" && json.Valid(body)
}

// nameOf is the message's name, "projects/…/messages/…"; empty when the answer broke off.
func nameOf(body []byte) string {
	name, ok := plainName(body)
	if !ok {
		name = decodedName(body)
	}
	if len(name) > 256 {
		return ""
	}
	return name
}

func decodedName(body []byte) string {
	var sent struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &sent) != nil {
		return ""
	}
	return sent.Name
}

// plainName reads {"name": "…"} with nothing else in it and nothing escaped, which is what FCM says a million times in a
// row; decoding that as any JSON is a tenth of the whole cost.
func plainName(body []byte) (string, bool) {
	rest := body
	for _, token := range []string{`{`, `"name"`, `:`, `"`} {
		var ok bool
		if rest, ok = bytes.CutPrefix(trimSpace(rest), []byte(token)); !ok {
			return "", false
		}
	}
	name, rest, ok := bytes.Cut(rest, []byte{'"'})
	if !ok || string(trimSpace(rest)) != "}" {
		return "", false
	}
	for _, c := range name {
		if c < ' ' || c > '~' || c == '\\' {
			return "", false
		}
	}
	return string(name), true
}

// trimSpace removes JSON's white space.
func trimSpace(text []byte) []byte { return bytes.Trim(text, " \t\r\n") }

// words is an answer as people write it: "404 UNREGISTERED".
func words(status int, said ...string) string {
	for _, word := range said {
		if plainWord(word) {
			return strconv.Itoa(status) + " " + word
		}
	}
	return strconv.Itoa(status)
}

func plainWord(word string) bool {
	for _, c := range []byte(word) {
		if c != '_' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return word != "" && len(word) <= 64
}
