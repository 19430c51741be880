package webpush

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// verdict is what an answer means. The scope WholeServer is that of one push service: see origin.
type verdict struct {
	scope  message.Scope
	reason message.Reason
	detail string // after "The push service" and its host
}

// statuses is the vocabulary of RFC 8030, RFC 8292 and the push services of browsers in ours. What has no row here goes
// by its hundred.
//
// Nothing here is about the whole message, not even 413: the endpoint comes from a device, and whoever put it there could
// end a notification for everybody with one answer.
var statuses = map[int]verdict{
	http.StatusUnauthorized:          {message.WholeServer, message.Credentials, "does not accept this provider's VAPID key or subject; check the subject and this machine's clock."},
	http.StatusForbidden:             {message.WholeServer, message.Credentials, "does not accept this provider's VAPID key or subject; check the subject and this machine's clock."},
	http.StatusNotFound:              {message.RecipientFinal, message.TokenDead, gone},
	http.StatusRequestTimeout:        {message.Trouble, message.ServerError, "did not get the message in time."},
	http.StatusGone:                  {message.RecipientFinal, message.TokenDead, gone},
	http.StatusRequestEntityTooLarge: {message.RecipientFinal, message.TooLarge, "does not take a message of 4096 bytes, as every push service must."},
	http.StatusTooManyRequests:       {message.WholeServer, message.Throttled, "takes no more messages for now."},
}

const gone = "does not know the subscription any more; the app must subscribe again."

var (
	badMessage    = verdict{message.RecipientFinal, message.BadMessage, "refused the form of the message."}
	serverFault   = verdict{message.Trouble, message.ServerError, "has a fault of its own."}
	notUnderstood = verdict{message.Trouble, message.ServerError, "gave an answer that is not one of Web Push."}
)

// refusedOne replaces a refusal of the key by a push service that takes it for others: then it is the subscription that
// was made with another key, or the push service changed its mind, which the next two messages show.
var refusedOne = verdict{message.Trouble, message.Credentials,
	"does not accept this provider's VAPID key for the subscription, and does for others; the app must subscribe again with the provider's public key."}

// throttlePause is how long to wait when a 429 does not say.
const throttlePause = time.Minute

// printed is the table for people.
func printed() (list []channel.Rule) {
	row := func(answer, first string, v verdict) {
		list = append(list, channel.Rule{Answer: answer, First: first, Scope: v.scope, Reason: v.reason, Means: "The push service " + v.detail})
	}
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		row(strconv.Itoa(status), "", statuses[status])
	}
	row("401 and 403 after it took others", "", refusedOne)
	row("other 4xx", "", badMessage)
	row("5xx", "", serverFault)
	row("anything else", "", notUnderstood)
	return append(list, channel.Rule{Answer: "an address that is not public", Scope: message.RecipientFinal, Reason: message.RefusedPolicy,
		Means: sentence("the push service", string(notPublic))})
}

// judge translates an answer. The body is not looked at: it comes from whoever a device named.
func judge(host string, m message.Message, status int, header http.Header) message.Outcome {
	if status >= 200 && status < 300 {
		// The Location of the answer is not kept: whoever knows it can take the message back.
		return message.Accept(topicOf(m))
	}
	v := verdictOf(status)
	f := message.Failure{Scope: v.scope, Reason: v.reason, Detail: "The push service " + host + " " + v.detail,
		Answer: strconv.Itoa(status), RetryAfter: channel.RetryAfter(header, time.Now())}
	if f.Reason == message.Throttled && f.RetryAfter == 0 {
		f.RetryAfter = throttlePause
	}
	return message.Fail(f)
}

func verdictOf(status int) verdict {
	if v, ok := statuses[status]; ok {
		return v
	}
	switch status / 100 {
	case 4:
		return badMessage
	case 5:
		return serverFault
	}
	return notUnderstood
}

func sentence(who, what string) string { return "Could not connect to " + who + ": " + what + "." }
