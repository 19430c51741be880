package vonage

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Statuses of a message that the checks give.
const (
	statusOK         = 0
	statusThrottled  = 1
	statusMissing    = 2
	statusInvalid    = 3
	statusAccount    = 4
	statusTooLong    = 12
	statusSignature  = 14
	statusSender     = 15
	statusCallback   = 23
	statusBothSecret = 32
)

// texts are the service's words for its statuses.
var texts = map[int]string{
	1:  "Throughput Rate Exceeded - please wait [ 250 ] and retry",
	2:  "Missing mandatory parameter",
	3:  "Invalid value for parameter: text",
	4:  "Bad Credentials",
	5:  "Internal Error",
	6:  "Unroutable message - rejected",
	7:  "Number barred",
	8:  "Partner account barred",
	9:  "Partner quota violation",
	10: "Too many existing binds",
	11: "Account not enabled for HTTP",
	12: "Message too long",
	14: "Invalid Signature",
	15: "Illegal Sender Address - rejected",
	22: "Invalid Network Code",
	23: "Invalid Callback Url",
	29: "Non White-listed Destination - rejected",
	32: "Signature And API Secret Disallowed",
	33: "Number De-activated",
}

// refusal is what the service finds wrong with a request; status 0 = nothing.
type refusal struct {
	status int
	text   string
}

func refuse(status int, text string) refusal {
	if text == "" {
		text = texts[status]
	}
	if text == "" {
		text = "Refused"
	}
	return refusal{status, text}
}

func invalid(parameter string) refusal {
	return refuse(statusInvalid, "Invalid value for parameter: "+parameter)
}

func missing(parameter string) refusal { return refuse(statusMissing, "Missing "+parameter) }

// flat takes the first value of each parameter.
func flat(form url.Values) map[string]string {
	parameters := make(map[string]string, len(form))
	for name, values := range form {
		parameters[name] = values[0]
	}
	return parameters
}

// authenticate says who is calling.
func (c Credentials) authenticate(p map[string]string) refusal {
	secret, bySecret := p["api_secret"]
	_, bySignature := p["sig"]
	switch {
	case p["api_key"] == "":
		return missing("api_key")
	case bySecret && bySignature:
		return refuse(statusBothSecret, "")
	case !bySecret && !bySignature:
		return missing("api_secret")
	case p["api_key"] != c.Key || bySecret && secret != c.Secret:
		return refuse(statusAccount, "")
	case bySignature && (!number(p["timestamp"], 1, 1<<40) || !signed(p, c.SignatureSecret)):
		return refuse(statusSignature, "")
	}
	return refusal{}
}

var types = []string{"", "text", "unicode", "binary", "wappush", "vcal", "vcard"}

// Limits of the parameters.
const (
	maxCharacters    = 3200
	maxReference     = 40
	minTTL, maxTTL   = 20_000, 604_800_000 // milliseconds
	maxSenderLetters = 11
)

// check finds the first thing that the service refuses in a message.
func check(p map[string]string) refusal {
	for _, name := range []string{"from", "to", "text"} {
		if p[name] == "" {
			return missing(name)
		}
	}
	switch {
	case !digits(p["to"], 7, 15):
		return invalid("to")
	case !slices.Contains(types, p["type"]):
		return invalid("type")
	case p["ttl"] != "" && !number(p["ttl"], minTTL, maxTTL):
		return invalid("ttl")
	case p["message-class"] != "" && !number(p["message-class"], 0, 3):
		return invalid("message-class")
	case len(p["client-ref"]) > maxReference:
		return invalid("client-ref")
	case p["callback"] != "" && !webAddress(p["callback"]):
		return refuse(statusCallback, "")
	case utf8.RuneCountInString(p["text"]) > maxCharacters:
		return refuse(statusTooLong, "")
	}
	return checkSender(p["from"], p["to"])
}

// checkSender: digits, or a few letters; North America takes numbers alone.
func checkSender(from, to string) refusal {
	switch {
	case digits(from, 1, 15):
		return refusal{}
	case utf8.RuneCountInString(from) > maxSenderLetters, strings.HasPrefix(to, "1"):
		return refuse(statusSender, "")
	}
	return refusal{}
}

func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func number(s string, least, most int64) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && least <= n && n <= most
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// parts is how many parts the service makes of a text. Its way is its own, so that it is a witness for the client's.
func parts(text, kind string) int {
	if kind == "unicode" {
		return segments(len(utf16.Encode([]rune(text))), 70, 67)
	}
	septets := 0
	for _, r := range text {
		septets++
		if strings.ContainsRune("\f^{}\\[~]|€", r) {
			septets++
		}
	}
	return segments(septets, 160, 153)
}

func segments(units, alone, part int) int {
	if units <= alone {
		return 1
	}
	return (units + part - 1) / part
}
