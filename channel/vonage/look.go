package vonage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"heliograph/channel"
	"heliograph/message"
)

// Look asks for the balance of the account, which costs nothing. A gateway that only looks like Vonage may not know that
// question: then it was reached, and whether it takes the key shows with the first message.
func (s *Settings) Look(ctx context.Context, env channel.Env) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, env)
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: "The settings cannot be used."})
		return report
	}
	defer sender.Close()
	if !sender.wire.reach(ctx, &report) {
		return report
	}
	status, failure := sender.wire.balance(ctx, s.Key, s.Secret)
	switch {
	case failure != nil:
		report.Failed("authenticate", *failure)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		report.Failed("authenticate", message.Failure{Reason: message.Credentials, Detail: "Vonage refused the key and secret; check them in the settings of the SMS gateway."})
	case status == http.StatusOK:
		report.Did("authenticate", "")
		report.OK = true
	default:
		report.Did("authenticate", fmt.Sprintf("not checked: it answered %d to the question for the balance", status))
		report.OK = true
	}
	return report
}

// balance asks https://developer.vonage.com/en/api/account#getAccountBalance. The address holds the secret, so it stands
// in no error.
func (w *wire) balance(ctx context.Context, key, secret string) (status int, _ *message.Failure) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	question := url.Values{"api_key": {key}, "api_secret": {secret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.endpoint.Origin+"/account/get-balance?"+question.Encode(), http.NoBody)
	if err != nil {
		return 0, &message.Failure{Reason: message.Unreachable, Scope: message.WholeServer, Detail: "The endpoint is not an address."}
	}
	r.Header["Accept"], r.Header["User-Agent"] = jsonType, agent
	answer, err := w.transport.RoundTrip(r)
	if err != nil {
		f := channel.ConnectFailure(w.endpoint.Host, err)
		return 0, &f
	}
	_ = answer.Body.Close()
	return answer.StatusCode, nil
}
