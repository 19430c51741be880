package vonage

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"heliograph/channel"
	"heliograph/message"
)

// verdict is what one of the service's statuses means.
type verdict struct {
	scope  message.Scope
	reason message.Reason
	detail string
}

// statuses is the service's vocabulary (Vonage, "SMS API errors") in ours. 0 is accepted.
var statuses = map[int]verdict{
	1: {message.WholeServer, message.Throttled, "Vonage takes no more messages for now: the rate of this gateway is higher than that of the account."},

	2: {message.WholeMessage, message.BadMessage, "Vonage says that something is missing in the message."},
	3: {message.WholeMessage, message.BadMessage, "Vonage refuses something in the message as invalid."},
	6: {message.WholeMessage, message.BadMessage, "Vonage cannot handle the message."},

	4:  {message.WholeServer, message.Credentials, "Vonage refused the key and secret; check them in the settings of the SMS gateway."},
	8:  {message.WholeServer, message.Credentials, "Vonage has barred the account; ask Vonage why."},
	11: {message.WholeServer, message.Credentials, "The account may not send through this interface of Vonage (not enabled for HTTP)."},
	14: {message.WholeServer, message.Credentials, "Vonage refused the signature; check the signature secret and method, and this machine's clock."},
	32: {message.WholeServer, message.Credentials, "Vonage does not want a secret and a signature together."},

	5:  {message.Trouble, message.ServerError, "Vonage has a fault of its own."},
	10: {message.Trouble, message.ServerError, "Vonage has too many connections of this account."},

	7:  {message.RecipientFinal, message.NumberBarred, "The number is barred from receiving messages."},
	33: {message.RecipientFinal, message.NumberBarred, "The number is no longer in use."},
	15: {message.RecipientFinal, message.RefusedPolicy, "Vonage does not allow this sender for the number; numbers of North America want the virtual phone number of the account."},
	29: {message.RecipientFinal, message.RefusedPolicy, "The account is a trial, and the number is not on its list."},

	9: {message.WholeServer, message.Quota, "The account has no credit left; top it up at Vonage."},

	12: {message.WholeMessage, message.TooLarge, "The message is longer than Vonage takes; make it shorter."},
	22: {message.WholeMessage, message.BadMessage, "Vonage does not know the network of the message."},
	23: {message.WholeMessage, message.BadMessage, "Vonage cannot use the callback address for status reports; check the public address of this installation."},
}

// httpStatuses are answers that are not of the interface itself, which says 200 to everything.
var httpStatuses = map[int]verdict{
	http.StatusBadRequest:            {message.WholeMessage, message.BadMessage, "Vonage refused the form of the request."},
	http.StatusUnauthorized:          {message.WholeServer, message.Credentials, "Vonage refused the key and secret; check them in the settings of the SMS gateway."},
	http.StatusForbidden:             {message.WholeServer, message.Credentials, "Vonage refused the account; check it in the settings of the SMS gateway."},
	http.StatusRequestEntityTooLarge: {message.WholeMessage, message.TooLarge, "The message is longer than Vonage takes; make it shorter."},
	http.StatusTooManyRequests:       {message.WholeServer, message.Throttled, "Vonage takes no more messages for now."},
}

// What is said before the service is asked, or where no table speaks.
var (
	badNumber = message.Failure{Scope: message.RecipientFinal, Reason: message.NumberInvalid,
		Detail: "This is not a valid telephone number; correct it where it comes from."}
	invalidNumber = verdict{message.RecipientFinal, message.NumberInvalid, "Vonage does not take the telephone number as valid."}
	emptyText     = message.Failure{Scope: message.WholeMessage, Reason: message.BadMessage, Detail: "The message has no text."}
	longText      = message.Failure{Scope: message.WholeMessage, Reason: message.TooLarge,
		Detail: "The message has more than 3200 characters, and Vonage takes no more; make it shorter."}
	noVirtualNumber = message.Failure{Scope: message.RecipientFinal, Reason: message.RefusedPolicy,
		Detail: "Numbers of North America (+1) want a virtual phone number as sender; enter it in the settings of the SMS gateway."}
	notUnderstood = verdict{message.Trouble, message.ServerError, "The answer is not one of Vonage; check the endpoint."}
	cutAnswer     = verdict{message.LostAnswer, message.LostAnswerReason, "The answer of Vonage cannot be read; the message may have arrived."}
)

// aSecond is how long to wait when the service throttles and does not say how long.
const aSecond = time.Second

// printed is the table for people.
func printed() (list []channel.Rule) {
	row := func(answer string, v verdict) {
		list = append(list, channel.Rule{Answer: answer, Scope: v.scope, Reason: v.reason, Means: v.detail})
	}
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		row(strconv.Itoa(status), statuses[status])
		if status == 3 {
			row("3 naming `to`", invalidNumber)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(httpStatuses)) {
		row("HTTP "+strconv.Itoa(status), httpStatuses[status])
	}
	row("HTTP 200 with JSON that breaks off", cutAnswer)
	row("anything else", notUnderstood)
	return list
}

// answer is the body of a 200 (Vonage, "SMS API": response).
type answer struct {
	Messages []part `json:"messages"`
}

// part is one entry: what became of one part of the text.
type part struct {
	Status    word `json:"status"`
	ID        word `json:"message-id"`
	ErrorText word `json:"error-text"`
}

// word is a string. The service makes strings of its numbers, but those who stand in for it may not.
type word string

func (w *word) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(w))
	}
	if *w = word(raw); *w == "null" {
		*w = ""
	}
	return nil
}

// judge translates an answer. hide takes secrets out of what is shown.
func judge(r reply, hide func(string) string) message.Outcome {
	if r.status != http.StatusOK {
		return message.Fail(byHTTP(r))
	}
	var a answer
	if err := json.Unmarshal(r.body, &a); err != nil {
		return message.Fail(unreadable(r.body))
	}
	if len(a.Messages) == 0 {
		return message.Fail(notUnderstood.failure("HTTP 200"))
	}
	worst, id := message.Failure{}, ""
	for _, p := range a.Messages {
		f, ok := p.judge(hide)
		switch {
		case ok && id == "":
			id = string(p.ID)
		case !ok && rank[f.Scope] > rank[worst.Scope]:
			worst = f
		}
	}
	if worst.Scope != 0 {
		return message.Fail(worst)
	}
	return message.Accept(clean(id))
}

// rank orders what parts suffer: the wider a failure, the worse.
var rank = map[message.Scope]int{message.Trouble: 1, message.RecipientFinal: 2, message.WholeMessage: 3, message.WholeServer: 4}

// judge says why a part was not accepted, or that it was.
func (p part) judge(hide func(string) string) (f message.Failure, ok bool) {
	status, err := strconv.Atoi(strings.TrimSpace(string(p.Status)))
	if err == nil && status == 0 {
		return message.Failure{}, true
	}
	text := clean(hide(string(p.ErrorText)))
	v, known := statuses[status]
	switch {
	case err != nil:
		return notUnderstood.failure(strings.TrimSpace(clean(hide(string(p.Status))) + " " + text)), false
	case status == 3 && namesTo(text):
		v = invalidNumber
	case !known:
		v = notUnderstood
		v.detail = "Vonage refused the message with a status that is not known (" + strconv.Itoa(status) + ")."
	}
	f = v.failure(strings.TrimSpace(strconv.Itoa(status) + " " + text))
	if v.reason == message.Throttled {
		f.RetryAfter = waitIn(text)
	}
	return f, false
}

func (v verdict) failure(said string) message.Failure {
	return message.Failure{Scope: v.scope, Reason: v.reason, Detail: v.detail, Answer: said}
}

func byHTTP(r reply) message.Failure {
	v, ok := httpStatuses[r.status]
	switch {
	case ok:
	case r.status >= http.StatusInternalServerError:
		v = verdict{message.Trouble, message.ServerError, "Vonage is not available for now."}
	default:
		v = notUnderstood
	}
	f := v.failure("HTTP " + strconv.Itoa(r.status))
	f.RetryAfter = channel.RetryAfter(r.header, time.Now())
	return f
}

// unreadable tells JSON that broke off, behind which the service may have taken the message, from pages of others that
// answer in its place.
func unreadable(body []byte) message.Failure {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return cutAnswer.failure("HTTP 200")
	}
	return notUnderstood.failure("HTTP 200")
}

var pleaseWait = regexp.MustCompile(`(?i)wait\s*\[\s*(\d{1,9})\s*\]`)

// waitIn reads "please wait [ 250 ] and retry": milliseconds.
func waitIn(text string) time.Duration {
	found := pleaseWait.FindStringSubmatch(text)
	if found == nil {
		return aSecond
	}
	ms, err := strconv.Atoi(found[1])
	if err != nil || ms == 0 {
		return aSecond
	}
	return min(time.Duration(ms)*time.Millisecond, 24*time.Hour)
}

// verbs stand before a "to" that is not the parameter's name.
var verbs = []string{
	"able", "according", "allowed", "equal", "failed", "had", "has", "have", "limited", "need", "needs", "permitted", "related", "required",
	"set", "tried", "try", "trying", "unable", "want", "wants",
}

// namesTo reports whether the service speaks of the parameter to, as in "to address is not numeric".
func namesTo(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '_' })
	for i, w := range words {
		if w == "to" && (i == 0 || !slices.Contains(verbs, words[i-1])) {
			return true
		}
	}
	return false
}

const longestWords = 120 // bytes of what the service said

// clean makes one short line of what the service said.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= longestWords {
		return text
	}
	cut := longestWords
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
