package apns

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"heliograph/sim/control"
)

const devicePath = "/3/device/"

// Limits of the service.
const (
	maxToken      = 400 // hexadecimal digits; Apple promises no length
	maxPayload    = 4096
	maxVoIP       = 5120
	maxCollapseID = 64
)

// pushTypes are the push types and the suffix that each asks of the topic.
var pushTypes = map[string]string{
	"alert":        "",
	"background":   "",
	"complication": ".complication",
	"controls":     ".push-type.controls",
	"fileprovider": ".pushkit.fileprovider",
	"liveactivity": ".push-type.liveactivity",
	"location":     ".location-query",
	"mdm":          "",
	"pushtotalk":   ".voip-ptt",
	"voip":         ".voip",
	"widgets":      ".push-type.widgets",
}

// statusOf is the status that goes with each reason; what is not here is a 400.
var statusOf = map[string]int{
	"BadCertificate":              http.StatusForbidden,
	"BadCertificateEnvironment":   http.StatusForbidden,
	"BadEnvironmentKeyIdInToken":  http.StatusForbidden,
	"ExpiredProviderToken":        http.StatusForbidden,
	"Forbidden":                   http.StatusForbidden,
	"InvalidProviderToken":        http.StatusForbidden,
	"MissingProviderToken":        http.StatusForbidden,
	"UnrelatedKeyIdInToken":       http.StatusForbidden,
	"BadPath":                     http.StatusNotFound,
	"MethodNotAllowed":            http.StatusMethodNotAllowed,
	"ExpiredToken":                http.StatusGone,
	"Unregistered":                http.StatusGone,
	"PayloadTooLarge":             http.StatusRequestEntityTooLarge,
	"TooManyProviderTokenUpdates": http.StatusTooManyRequests,
	"TooManyRequests":             http.StatusTooManyRequests,
	"InternalServerError":         http.StatusInternalServerError,
	"ServiceUnavailable":          http.StatusServiceUnavailable,
	"Shutdown":                    http.StatusServiceUnavailable,
}

// usualReason is the reason of a rule that names a status alone.
var usualReason = map[int]string{
	http.StatusBadRequest:            "BadDeviceToken",
	http.StatusForbidden:             "InvalidProviderToken",
	http.StatusNotFound:              "BadPath",
	http.StatusMethodNotAllowed:      "MethodNotAllowed",
	http.StatusGone:                  "Unregistered",
	http.StatusRequestEntityTooLarge: "PayloadTooLarge",
	http.StatusTooManyRequests:       "TooManyRequests",
	http.StatusInternalServerError:   "InternalServerError",
	http.StatusServiceUnavailable:    "ServiceUnavailable",
}

// checks are asked in this order, after the credential.
var checks = []func(r *http.Request, body []byte) string{checkHeaders, checkTopic, checkPayload}

// judge says why the service refuses a request; "" = accepted. A wrong path or token is told before a wrong credential.
func (s *Server) judge(r *http.Request, token string, body []byte, rec *record) string {
	reason, text := s.authenticate(r)
	rec.authorization = text
	if first := checkTarget(r, token); first != "" {
		return first
	}
	for _, check := range checks {
		if reason != "" {
			break
		}
		reason = check(r, body)
	}
	return reason
}

func checkTarget(r *http.Request, token string) string {
	switch {
	case !strings.HasPrefix(r.URL.Path, devicePath):
		return "BadPath"
	case r.Method != http.MethodPost:
		return "MethodNotAllowed"
	case token == "":
		return "MissingDeviceToken"
	case !wellFormed(token):
		return "BadDeviceToken"
	}
	return ""
}

// single are the headers that may come once.
var single = []string{"Apns-Id", "Apns-Topic", "Apns-Push-Type", "Apns-Priority", "Apns-Expiration", "Apns-Collapse-Id"}

func checkHeaders(r *http.Request, _ []byte) string {
	for _, name := range single {
		if len(r.Header[name]) > 1 {
			return "DuplicateHeaders"
		}
	}
	kind := header(r, "Apns-Push-Type")
	_, known := pushTypes[kind]
	switch {
	case kind != "" && !known:
		return "InvalidPushType"
	case header(r, "Apns-Id") != "" && !validID(header(r, "Apns-Id")):
		return "BadMessageId"
	case !validExpiration(header(r, "Apns-Expiration")):
		return "BadExpirationDate"
	case !validPriority(header(r, "Apns-Priority"), kind):
		return "BadPriority"
	case len(header(r, "Apns-Collapse-Id")) > maxCollapseID:
		return "BadCollapseId"
	}
	return ""
}

func checkTopic(r *http.Request, _ []byte) string {
	topic := header(r, "Apns-Topic")
	switch {
	case topic == "" && peer(r) == nil: // a certificate for one app needs no topic
		return "MissingTopic"
	case topic != "" && strings.ContainsAny(topic, " /\t"):
		return "BadTopic"
	case topic != "" && !strings.HasSuffix(topic, pushTypes[header(r, "Apns-Push-Type")]):
		return "TopicDisallowed"
	}
	return ""
}

func checkPayload(r *http.Request, body []byte) string {
	limit := maxPayload
	if header(r, "Apns-Push-Type") == "voip" {
		limit = maxVoIP
	}
	switch {
	case len(body) > limit:
		return "PayloadTooLarge"
	case !isObject(body):
		return "PayloadEmpty"
	}
	return ""
}

func isObject(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{' && json.Valid(body)
}

func wellFormed(token string) bool {
	if len(token) > maxToken || len(token)%2 != 0 {
		return false
	}
	return allHex(token)
}

func allHex(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

func validExpiration(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n >= 0
}

// validPriority: a background push must say 5; what is not said is 10.
func validPriority(text, kind string) bool {
	switch text {
	case "", "10":
		return kind != "background"
	case "5", "1":
		return text == "5" || kind != "background"
	}
	return false
}

// validID wants the canonical form, 8-4-4-4-12 hexadecimal digits.
func validID(id string) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	return allHex(id[:8]) && allHex(id[9:13]) && allHex(id[14:18]) && allHex(id[19:23]) && allHex(id[24:])
}

// newID is a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// refusal is the reply for a reason; "" accepts.
func refusal(id, reason string, timestamp int64) control.Reply {
	reply := control.Reply{Status: http.StatusOK, Reason: reason, Header: map[string]string{"Apns-Id": id}}
	if reason == "" {
		return reply
	}
	reply.Status = http.StatusBadRequest
	if status, ok := statusOf[reason]; ok {
		reply.Status = status
	}
	body := map[string]any{"reason": reason}
	if timestamp != 0 {
		body["timestamp"] = timestamp
	}
	reply.Body, _ = json.Marshal(body) // a string and a number always encode
	reply.Header["Content-Type"] = "application/json"
	return reply
}

func header(r *http.Request, canonical string) string {
	if values := r.Header[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}
