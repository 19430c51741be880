package vonage

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"heliograph/sim/control"
)

// magicPrefix begins every number that does something on purpose: mobile numbers of the Falkland Islands, which are
// short, and which nobody chooses by chance.
const magicPrefix = "50050"

// special are the failures beside the statuses.
var special = []control.Magic{
	magicRule(100, control.Rule{Action: control.Hang}, "never answers"),
	magicRule(101, control.Rule{Action: control.Close}, "closes the connection, as if nothing had arrived"),
	magicRule(102, control.Rule{Action: control.Lose}, "accepts, then closes the connection without an answer"),
	magicRule(103, control.Rule{Action: control.Reset}, "tears the connection down"),
	magicRule(104, control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, "answers with bytes that are not HTTP"),
	magicRule(105, control.Rule{DelayMS: 3000}, "accepts after 3 seconds"),
	magicRule(106, control.Rule{HTTPStatus: http.StatusInternalServerError}, "HTTP 500"),
	magicRule(107, control.Rule{HTTPStatus: http.StatusServiceUnavailable}, "HTTP 503"),
	magicRule(108, control.Rule{HTTPStatus: http.StatusOK, Body: "<html>Sign in</html>"}, "HTTP 200 with a page that is no answer"),
	magicRule(109, control.Rule{Detail: "0,1"}, "accepts the first part and throttles the second"),
	magicRule(110, control.Rule{Status: 3, Reason: "Invalid value for parameter: to"}, "status 3 naming to: the number is not valid"),
}

// receiptNumbers get another receipt than delivered.
var receiptNumbers = map[int]Plan{
	300: {Status: "expired", ErrCode: 1},
	301: {Status: "rejected", ErrCode: 6},
	302: {Status: "accepted"},
	303: {Status: "buffered"},
	304: {Status: "unknown", ErrCode: 1},
	305: {Status: Silent},
}

// errCodes are those of receipts that say "failed".
var errCodes = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 50, 51, 52, 53, 54, 99}

// magicNumbers is what GET /_sim/magic shows.
var magicNumbers = func() []control.Magic {
	var list []control.Magic
	for _, status := range slices.Sorted(maps.Keys(texts)) {
		list = append(list, magicRule(status, control.Rule{Status: status}, fmt.Sprintf("status %d: %s", status, texts[status])))
	}
	list = append(list, special...)
	for _, code := range errCodes {
		list = append(list, magicRule(200+code, control.Rule{}, fmt.Sprintf("is accepted, and reported failed with err-code %d", code)))
	}
	for _, n := range slices.Sorted(maps.Keys(receiptNumbers)) {
		list = append(list, magicRule(n, control.Rule{}, "is accepted, and reported "+receiptNumbers[n].Status))
	}
	return list
}()

func magicRule(n int, rule control.Rule, does string) control.Magic {
	value := fmt.Sprintf("%s%03d", magicPrefix, n)
	return control.Magic{Value: value, Where: "the number is it", Does: does, Example: "+" + value, Rule: rule}
}

// magicOf finds the failure that a number asks for.
func magicOf(to string) (control.Rule, bool) {
	for _, m := range magicNumbers {
		if m.Value == to {
			return m.Rule, true
		}
	}
	return control.Rule{}, false
}

// magicPlan finds the receipt that a number asks for.
func magicPlan(to string) (Plan, bool) {
	for n, plan := range receiptNumbers {
		if fmt.Sprintf("%s%03d", magicPrefix, n) == to {
			return plan, true
		}
	}
	for _, code := range errCodes {
		if fmt.Sprintf("%s%03d", magicPrefix, 200+code) == to {
			return Plan{Status: "failed", ErrCode: code}, true
		}
	}
	return Plan{}, false
}
