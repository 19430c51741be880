package smtp

import (
	"strings"

	"heliograph/sim/control"
)

// magicAddresses fail by their local part, up to a plus sign, in any domain; some are user names. Nobody's real
// address begins with "sim-" followed by one of these words.
var magicAddresses = []control.Magic{
	magic("sim-bounce", stageRcpt, control.Rule{Status: 550, Reason: "5.1.1 no such mailbox"}, "550 5.1.1: the mailbox does not exist"),
	magic("sim-policy", stageRcpt, control.Rule{Status: 550, Reason: "5.7.1 refused by policy"}, "550 5.7.1: policy refuses the recipient"),
	magic("sim-full", stageRcpt, control.Rule{Status: 452, Reason: "4.2.2 the mailbox is full"}, "452 4.2.2: the mailbox is full, later"),
	magic("sim-greylist", stageRcpt, control.Rule{Status: 451, Reason: "4.7.1 greylisted, try later"}, "451 4.7.1: later, every time"),
	magic("sim-many", stageRcpt, control.Rule{Status: 452, Reason: "4.5.3 too many recipients"}, "452 4.5.3: too many recipients"),
	magic("sim-shutdown", stageRcpt, control.Rule{Status: 421, Reason: "4.3.2 shutting down"}, "421 at RCPT, and the connection closes"),
	magic("sim-sender", stageMail, control.Rule{Status: 550, Reason: "5.7.1 this sender may not send"}, "550 5.7.1 at MAIL: as the sender"),
	magic("sim-silent", stageData, control.Rule{Action: control.Hang}, "never answers DATA"),
	magic("sim-reject", stageEnd, control.Rule{Status: 554, Reason: "5.7.1 the content is refused"}, "554 5.7.1 after the message"),
	magic("sim-large", stageEnd, control.Rule{Status: 552, Reason: "5.3.4 the message is too large"}, "552 5.3.4 after the message"),
	magic("sim-defer", stageEnd, control.Rule{Status: 451, Reason: "4.3.0 try later"}, "451 4.3.0 after the message"),
	magic("sim-close", stageEnd, control.Rule{Action: control.Close}, "closes after the message, as if nothing had arrived"),
	magic("sim-lose", stageEnd, control.Rule{Action: control.Lose}, "accepts the message, then closes without an answer"),
	magic("sim-hang", stageEnd, control.Rule{Action: control.Hang}, "never answers after the message"),
	magic("sim-reset", stageEnd, control.Rule{Action: control.Reset}, "tears the connection down after the message"),
	magic("sim-garbage", stageEnd, control.Rule{Action: control.Garbage, Body: "HTTP/1.1 200 OK\r\n"}, "answers the message with bytes that are not SMTP"),
	magic("sim-slow", stageEnd, control.Rule{DelayMS: 3000}, "accepts the message after 3 seconds"),
	magic("sim-wrong-password", stageAuth, control.Rule{Status: 535, Reason: "5.7.8 user name or password is wrong"}, "535 5.7.8: as the user name"),
	magic("sim-no-auth", stageAuth, control.Rule{Status: 530, Reason: "5.7.0 authentication needs TLS"}, "530 5.7.0: as the user name"),
	magic("sim-other-way", stageAuth, control.Rule{Status: 534, Reason: "5.7.9 another mechanism is needed"}, "534 5.7.9: as the user name"),
	magic("sim-needs-tls", stageAuth, control.Rule{Status: 538, Reason: "5.7.11 encryption is needed"}, "538 5.7.11: as the user name"),
	magic("sim-auth-later", stageAuth, control.Rule{Status: 454, Reason: "4.7.0 the directory does not answer"}, "454 4.7.0: as the user name"),
	magic("sim-wrong-token", stageAuth, control.Rule{Status: 334, Reason: challenge}, "334 with the reason in JSON, then 535 5.7.8: as the user name"),
}

func magic(word, stage string, rule control.Rule, does string) control.Magic {
	rule.Stage = stage
	m := control.Magic{Value: word, Where: "local part of the recipient, also with +anything", Does: does, Example: word + "+1@example.com", Rule: rule}
	switch stage {
	case stageAuth:
		m.Where, m.Example = "the user name", word
	case stageMail:
		m.Where = "local part of the sender, also with +anything"
	}
	return m
}

// magicRule finds what one of the subjects asks for at this stage.
func magicRule(stage string, subjects []string) (control.Rule, bool) {
	for _, subject := range subjects {
		if len(subject) < 4 || !strings.EqualFold(subject[:4], "sim-") {
			continue
		}
		word, _, _ := strings.Cut(strings.ToLower(subject), "@")
		word, _, _ = strings.Cut(word, "+")
		for _, m := range magicAddresses {
			if m.Value == word && m.Rule.Stage == stage {
				return m.Rule, true
			}
		}
	}
	return control.Rule{}, false
}
