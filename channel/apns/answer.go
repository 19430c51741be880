package apns

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// remedy is what must be done before a message is sent again. A remedy is tried once for each message.
type remedy uint8

const (
	newToken remedy = 1 << iota
	olderToken
	newConnection
)

// verdict is what one of Apple's answers means.
type verdict struct {
	scope  message.Scope
	reason message.Reason
	detail string
	remedy remedy // first; the rest counts when the same answer comes again
}

// answers is Apple's vocabulary ("Handling notification responses from APNs", table 2) in ours. What is not here goes by
// its status alone.
var answers = map[string]verdict{
	"400 BadDeviceToken": {message.RecipientFinal, message.TokenMismatch,
		"APNs does not know this push token: it belongs to the other environment (production or sandbox), or it is damaged.", 0},
	"400 DeviceTokenNotForTopic": {message.RecipientFinal, message.TokenMismatch,
		"The push token belongs to another app than the bundle id of this provider.", 0},
	"410 ExpiredToken": {message.RecipientFinal, message.TokenDead, gone, 0},
	"410 Unregistered": {message.RecipientFinal, message.TokenDead, gone, 0},

	"400 BadTopic": {message.WholeServer, message.Credentials,
		"APNs does not accept the bundle id of this provider.", 0},
	"400 MissingTopic": {message.WholeServer, message.Credentials,
		"APNs wants the bundle id of the app; enter it in the provider's settings.", 0},
	"400 TopicDisallowed": {message.WholeServer, message.Credentials,
		"The credential of this provider may not push to its bundle id.", 0},

	"403 BadCertificate": {message.WholeServer, message.Credentials,
		"APNs refused the certificate; upload a valid one.", 0},
	"403 BadCertificateEnvironment": {message.WholeServer, message.Credentials,
		"The certificate is for the other environment (production or sandbox).", 0},
	"403 BadEnvironmentKeyIdInToken": {message.WholeServer, message.Credentials,
		"The key is limited to the other environment (production or sandbox).", 0},
	"403 Forbidden": {message.WholeServer, message.Credentials,
		"APNs refused this provider; check that its key or certificate was not revoked.", 0},
	"403 InvalidProviderToken": {message.WholeServer, message.Credentials,
		"APNs refused the signature; check the key, the key id and the team id, and this machine's clock.", 0},
	"403 MissingProviderToken": {message.WholeServer, message.Credentials,
		"APNs wants a key or a certificate; enter one in the provider's settings.", 0},
	"403 ExpiredProviderToken": {message.WholeServer, message.Credentials,
		"APNs takes a new provider token for an old one; check this machine's clock.", newToken},
	"403 UnrelatedKeyIdInToken": {message.WholeServer, message.Credentials,
		"APNs does not accept the key id, not even on a new connection; check that it belongs to the key.", newConnection},

	"400 IdleTimeout": {message.Trouble, message.ServerError,
		"APNs closed the connection as idle twice in a row.", newConnection},
	"429 TooManyProviderTokenUpdates": {message.WholeServer, message.Throttled,
		"APNs has seen too many provider tokens of this key; another system may be using the same key.", olderToken},
	"429 TooManyRequests": {message.RecipientForNow, message.Throttled,
		"APNs takes no more messages for this device for now.", 0},
}

const gone = "The app is no longer on the device, or notifications were turned off for good; its push token is dead."

// byStatus is for reasons that have no row of their own. What has no row here either was not understood.
var byStatus = map[int]verdict{
	http.StatusBadRequest:            {message.WholeMessage, message.BadMessage, "APNs refused the form of the message.", 0},
	http.StatusForbidden:             {message.WholeServer, message.Credentials, "APNs refused the credential of this provider.", 0},
	http.StatusNotFound:              {message.WholeMessage, message.BadMessage, "APNs refused the form of the request.", 0},
	http.StatusMethodNotAllowed:      {message.WholeMessage, message.BadMessage, "APNs refused the form of the request.", 0},
	http.StatusGone:                  {message.RecipientFinal, message.TokenDead, gone, 0},
	http.StatusRequestEntityTooLarge: {message.WholeMessage, message.TooLarge, "The message is larger than APNs takes; make it shorter.", 0},
	http.StatusTooManyRequests:       {message.RecipientForNow, message.Throttled, "APNs takes no more messages for this device for now.", 0},
	http.StatusInternalServerError:   {message.Trouble, message.ServerError, "APNs has a fault of its own.", 0},
	http.StatusServiceUnavailable:    {message.Trouble, message.ServerError, "APNs is not available for now.", 0},
}

var notUnderstood = verdict{message.Trouble, message.ServerError, "The answer is not one of APNs; check the endpoint.", 0}

var remedies = map[remedy]string{newToken: "a new token", olderToken: "the older token", newConnection: "a new connection"}

// printed is the table for people.
func printed() (list []channel.Rule) {
	for _, said := range slices.Sorted(maps.Keys(answers)) {
		v := answers[said]
		list = append(list, channel.Rule{Answer: said, First: remedies[v.remedy], Scope: v.scope, Reason: v.reason, Means: v.detail})
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		v := byStatus[status]
		list = append(list, channel.Rule{Answer: strconv.Itoa(status) + " otherwise", Scope: v.scope, Reason: v.reason, Means: v.detail})
	}
	return append(list, channel.Rule{Answer: "anything else", Scope: notUnderstood.scope, Reason: notUnderstood.reason, Means: notUnderstood.detail})
}

// afterUpdates is how long to wait when there is no older token to go back to.
const afterUpdates = 20 * time.Minute

// errorBody is the body of every answer but 200. Timestamp is when the token died, in Unix milliseconds.
type errorBody struct {
	Reason    string `json:"reason"`
	Timestamp int64  `json:"timestamp"`
}

// judge translates an answer. A remedy that is not 0 comes before the outcome.
func judge(a h2.Answer, m message.Message) (message.Outcome, remedy) {
	if a.Status == http.StatusOK {
		return message.Accept(idOf(a, m)), 0
	}
	var body errorBody
	_ = json.Unmarshal(a.Body, &body) // without a body the status alone says enough
	said := words(a.Status, body.Reason)
	v, ok := answers[said]
	if !ok {
		v, ok = byStatus[a.Status]
	}
	if !ok {
		v = notUnderstood
	}
	f := message.Failure{Reason: v.reason, Scope: v.scope, Detail: v.detail, Answer: said,
		RetryAfter: channel.RetryAfter(a.Header, time.Now())}
	if f.Reason == message.TokenDead {
		ofAnotherToken(&f, body.Timestamp, m.Arrived)
	}
	if v.remedy == olderToken && f.RetryAfter == 0 {
		f.RetryAfter = afterUpdates
	}
	return message.Fail(f), v.remedy
}

// ofAnotherToken spares a token that arrived after Apple last saw the one it speaks of: the app is back.
func ofAnotherToken(f *message.Failure, timestamp int64, arrived time.Time) {
	if timestamp <= 0 || arrived.IsZero() || time.UnixMilli(timestamp).After(arrived) {
		return
	}
	f.Scope, f.KeepToken = message.RecipientForNow, true
	f.Detail = "APNs calls the push token dead, but it arrived after that was found out; it is tried again."
}

func idOf(a h2.Answer, m message.Message) string {
	if id := a.Header.Get("Apns-Id"); id != "" && len(id) <= 64 {
		return id
	}
	return m.ID.UUID()
}

// words is an answer as people write it: "410 Unregistered".
func words(status int, reason string) string {
	said := strconv.Itoa(status)
	if reason == "" || len(reason) > 64 {
		return said
	}
	for _, c := range []byte(reason) {
		if c <= ' ' || c > '~' {
			return said
		}
	}
	return said + " " + reason
}
