package apns

import (
	"fmt"
	"net/http"
	"strings"

	"heliograph/sim/control"
)

// magicPrefix begins every token that fails on purpose. Sixteen fixed digits are not hit by accident: one chance in
// 2^64 for each real token.
const magicPrefix = "feedfacedeadbeef"

// longAgo is a time before any token was uploaded: 2020-01-01, in milliseconds.
const longAgo = 1_577_836_800_000

// magicTokens: the prefix, four digits that say what happens, then whatever makes the token one's own.
var magicTokens = []control.Magic{
	magic("0400", control.Rule{Status: http.StatusBadRequest, Reason: "BadDeviceToken"}, "400 BadDeviceToken: no token of this environment"),
	magic("0401", control.Rule{Status: http.StatusBadRequest, Reason: "DeviceTokenNotForTopic"}, "400 DeviceTokenNotForTopic: the token of another app"),
	magic("0403", control.Rule{Status: http.StatusForbidden, Reason: "BadEnvironmentKeyIdInToken"}, "403 BadEnvironmentKeyIdInToken: the key is not for this environment"),
	magic("0404", control.Rule{Status: http.StatusForbidden, Reason: "ExpiredProviderToken"}, "403 ExpiredProviderToken, every time"),
	magic("0405", control.Rule{Status: http.StatusBadRequest, Reason: "BadTopic"}, "400 BadTopic: the bundle id is not the credential's"),
	magic("0406", control.Rule{Status: http.StatusForbidden, Reason: "UnrelatedKeyIdInToken"}, "403 UnrelatedKeyIdInToken, every time"),
	magic("0407", control.Rule{Status: http.StatusBadRequest, Reason: "BadExpirationDate"}, "400 BadExpirationDate: the message is at fault"),
	magic("0408", control.Rule{Status: http.StatusBadRequest, Reason: "IdleTimeout"}, "400 IdleTimeout, every time"),
	magic("0410", control.Rule{Status: http.StatusGone, Reason: "Unregistered"}, "410 Unregistered since now: the app was removed"),
	magic("0411", control.Rule{Status: http.StatusGone, Reason: "ExpiredToken"}, "410 ExpiredToken since now"),
	magic("0412", control.Rule{Status: http.StatusGone, Reason: "Unregistered", TimestampMS: longAgo}, "410 Unregistered since 2020: older than the token's upload"),
	magic("0413", control.Rule{Status: http.StatusRequestEntityTooLarge, Reason: "PayloadTooLarge"}, "413 PayloadTooLarge"),
	magic("0428", control.Rule{Status: http.StatusTooManyRequests, Reason: "TooManyProviderTokenUpdates"}, "429 TooManyProviderTokenUpdates, every time"),
	magic("0429", control.Rule{Status: http.StatusTooManyRequests, Reason: "TooManyRequests"}, "429 TooManyRequests for this device"),
	magic("0500", control.Rule{Status: http.StatusInternalServerError, Reason: "InternalServerError"}, "500 InternalServerError"),
	magic("0503", control.Rule{Status: http.StatusServiceUnavailable, Reason: "ServiceUnavailable"}, "503 ServiceUnavailable"),
	magic("0a01", control.Rule{Action: control.Hang}, "never answers"),
	magic("0a02", control.Rule{Action: control.Close}, "closes the connection, as if nothing had arrived"),
	magic("0a03", control.Rule{Action: control.Lose}, "accepts, then closes the connection without an answer"),
	magic("0a04", control.Rule{Action: control.GoAway}, "accepts, then sends GOAWAY"),
	magic("0a05", control.Rule{DelayMS: 3000}, "accepts after 3 seconds"),
	magic("0a06", control.Rule{Action: control.Reset}, "tears the connection down"),
	magic("0a07", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, "answers with bytes that are not HTTP"),
}

func magic(digits string, rule control.Rule, does string) control.Magic {
	value := magicPrefix + digits
	return control.Magic{
		Value:   value,
		Where:   "the device token begins with it",
		Does:    does,
		Example: fmt.Sprintf("%s%044d", value, 1),
		Rule:    rule,
	}
}

// magicRule finds what a token of this kind asks for.
func magicRule(token string) (control.Rule, bool) {
	if len(token) < len(magicPrefix) || !strings.EqualFold(token[:len(magicPrefix)], magicPrefix) {
		return control.Rule{}, false
	}
	token = strings.ToLower(token)
	for _, m := range magicTokens {
		if strings.HasPrefix(token, m.Value) {
			return m.Rule, true
		}
	}
	return control.Rule{}, false
}
