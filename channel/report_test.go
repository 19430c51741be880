package channel

import (
	"testing"

	"heliograph/message"
)

// TestReportOfOneAnswer: a service that judges caller and message at once has recognised the caller when it speaks of the
// message, and not when it fails, or when somebody else answers in its place.
func TestReportOfOneAnswer(t *testing.T) {
	fail := func(scope message.Scope, reason message.Reason) message.Outcome {
		return message.Fail(message.Failure{Scope: scope, Reason: reason, Detail: "Why."})
	}
	for _, c := range []struct {
		outcome    message.Outcome
		recognised bool
		last       string
		looks      bool // well, when the address is nobody's
	}{
		{message.Accept("id"), true, "send", true},
		{fail(message.RecipientFinal, message.TokenDead), true, "send", true},
		{fail(message.RecipientForNow, message.Throttled), true, "send", true},
		{fail(message.WholeMessage, message.BadMessage), true, "send", false},
		{fail(message.WholeServer, message.Credentials), false, "authenticate", false},
		{fail(message.WholeServer, message.Throttled), false, "send", false},
		{fail(message.Trouble, message.ServerError), false, "send", false},
		{fail(message.LostAnswer, message.LostAnswerReason), false, "send", false},
		{message.Outcome{}, false, "send", false},
	} {
		sent, looked := NewReport(), NewReport()
		sent.Sent(c.outcome)
		looked.Recognised(c.outcome)
		recognised := sent.Steps[0] == Step{Name: "authenticate", OK: true}
		if last := sent.Steps[len(sent.Steps)-1]; recognised != c.recognised || last.Name != c.last || sent.OK != c.outcome.Accepted {
			t.Errorf("%+v: sent %+v", c.outcome, sent)
		}
		if looked.OK != c.looks {
			t.Errorf("%+v: looked %+v", c.outcome, looked)
		}
	}
}
