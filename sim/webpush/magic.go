package webpush

import (
	"net/http"
	"strings"

	"heliograph/sim/control"
)

// magicPrefix begins the names of subscriptions that fail on purpose.
const magicPrefix = "heliograph-sim-"

var magicNames = []control.Magic{
	magic("gone", control.Rule{Status: http.StatusGone}, "410: the subscription was ended"),
	magic("unknown", control.Rule{Status: http.StatusNotFound}, "404: there never was such a subscription"),
	magic("refused", control.Rule{Status: http.StatusForbidden}, "403: the key is not the one of the subscription"),
	magic("unauthorized", control.Rule{Status: http.StatusUnauthorized}, "401: the signature is refused"),
	magic("bad-message", control.Rule{Status: http.StatusBadRequest}, "400: the message is at fault"),
	magic("too-large", control.Rule{Status: http.StatusRequestEntityTooLarge}, "413: too large"),
	magic("throttled", control.Rule{Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "5"}}, "429, Retry-After 5 seconds"),
	magic("server-error", control.Rule{Status: http.StatusInternalServerError}, "500"),
	magic("unavailable", control.Rule{Status: http.StatusServiceUnavailable}, "503"),
	magic("hang", control.Rule{Action: control.Hang}, "reads the message and never answers"),
	magic("close", control.Rule{Action: control.Close}, "closes the connection, as if nothing had arrived"),
	magic("reset", control.Rule{Action: control.Reset}, "tears the connection down"),
	magic("lost", control.Rule{Action: control.Lose}, "takes the message, and its answer is lost"),
	magic("garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, "answers with something that is not HTTP"),
}

func magic(word string, rule control.Rule, does string) control.Magic {
	name := magicPrefix + word
	return control.Magic{Value: name, Where: "the endpoint is /push/" + name + ", or that with a dot and more", Does: does, Example: pushPath + name, Rule: rule}
}

func magicRule(name string) (control.Rule, bool) {
	if !strings.HasPrefix(name, magicPrefix) {
		return control.Rule{}, false
	}
	for _, m := range magicNames {
		if rest, ok := strings.CutPrefix(name, m.Value); ok && (rest == "" || rest[0] == '.') {
			return m.Rule, true
		}
	}
	return control.Rule{}, false
}
