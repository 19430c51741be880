package fcm

import (
	"net/http"
	"strings"

	"heliograph/sim/control"
)

// magicPrefix begins every token that fails on purpose. Real tokens have a colon after 22 characters, and no words.
const magicPrefix = "heliograph-sim-"

var magicTokens = []control.Magic{
	magic("unregistered", control.Rule{Status: http.StatusNotFound, Reason: "UNREGISTERED"}, "404 UNREGISTERED: the app was removed"),
	magic("invalid-token", control.Rule{Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT", Detail: "FcmError"}, "400 INVALID_ARGUMENT with FcmError alone: not a token"),
	magic("bad-message", control.Rule{Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT", Detail: "BadRequest"}, "400 INVALID_ARGUMENT with BadRequest: the payload is at fault"),
	magic("sender-mismatch", control.Rule{Status: http.StatusForbidden, Reason: "SENDER_ID_MISMATCH"}, "403 SENDER_ID_MISMATCH: the token of another project"),
	magic("third-party", control.Rule{Status: http.StatusUnauthorized, Reason: "THIRD_PARTY_AUTH_ERROR"}, "401 THIRD_PARTY_AUTH_ERROR: Firebase's credential for APNs or web push is wrong"),
	magic("unauthenticated", control.Rule{Status: http.StatusUnauthorized, Reason: "UNAUTHENTICATED"}, "401 UNAUTHENTICATED, every time"),
	magic("forbidden", control.Rule{Status: http.StatusForbidden, Reason: "PERMISSION_DENIED"}, "403 PERMISSION_DENIED: the service account may not send"),
	magic("quota", control.Rule{Status: http.StatusTooManyRequests, Reason: "QUOTA_EXCEEDED", Headers: map[string]string{"Retry-After": "60"}}, "429 QUOTA_EXCEEDED, Retry-After 60"),
	magic("unavailable", control.Rule{Status: http.StatusServiceUnavailable, Reason: "UNAVAILABLE", Headers: map[string]string{"Retry-After": "30"}}, "503 UNAVAILABLE, Retry-After 30"),
	magic("internal", control.Rule{Status: http.StatusInternalServerError, Reason: "INTERNAL"}, "500 INTERNAL"),
	magic("hang", control.Rule{Action: control.Hang}, "never answers"),
	magic("close", control.Rule{Action: control.Close}, "closes the connection, as if nothing had arrived"),
	magic("lose", control.Rule{Action: control.Lose}, "accepts, then closes the connection without an answer"),
	magic("goaway", control.Rule{Action: control.GoAway}, "accepts, then sends GOAWAY"),
	magic("slow", control.Rule{DelayMS: 3000}, "accepts after 3 seconds"),
	magic("reset", control.Rule{Action: control.Reset}, "tears the connection down"),
	magic("garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, "answers with bytes that are not HTTP"),
}

func magic(word string, rule control.Rule, does string) control.Magic {
	return control.Magic{
		Value:   magicPrefix + word,
		Where:   "the registration token is it, or begins with it and a colon",
		Does:    does,
		Example: magicPrefix + word + ":1",
		Rule:    rule,
	}
}

// magicRule finds what a token of this kind asks for.
func magicRule(token string) (control.Rule, bool) {
	if !strings.HasPrefix(token, magicPrefix) {
		return control.Rule{}, false
	}
	word, _, _ := strings.Cut(token, ":")
	for _, m := range magicTokens {
		if m.Value == word {
			return m.Rule, true
		}
	}
	return control.Rule{}, false
}
