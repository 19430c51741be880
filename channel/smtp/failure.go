package smtp

import (
	"fmt"
	"strings"

	"heliograph/channel"
	"heliograph/message"
)

// rule says what a refusing answer means. The first one that fits counts.
type rule struct {
	Stage    string        // greeting, ehlo, starttls, auth, xoauth2, token, mail, rcpt, end; empty = any
	Codes    string        // codes; 4yz and 5yz stand for all of their kind
	Enhanced string        // codes as far as they matter: "5.1.", "x.3.4"; "none" = no enhanced code; empty = any
	Scope    message.Scope // whom it concerns
	Reason   message.Reason
	Detail   string // what the administrator reads; %s is the server's answer
}

// rules are the answers of a server that is not about to leave. The stage "end" is DATA and the final dot; "xoauth2" is
// AUTH with an access token, and "token" the HTTP status with which the token endpoint answered. Before them, 421 means:
// connect once more and count nothing; RCPT 452 4.5.3, or 552 after a recipient was taken: the rest goes in the next
// transaction; and AUTH 535 to an access token: try once with a new one.
//
// Codes of x.1.7 and x.1.8 in answers to RCPT speak of the sender: Postfix delays what it thinks of MAIL until then.
var rules = []rule{
	{"", "421", "", message.WholeServer, message.ServerError, "The mail server closes connections at the moment: %s"},

	{"greeting", "4yz", "", message.WholeServer, message.ServerError, "The mail server is not ready to take mail: %s"},
	{"greeting", "5yz", "", message.WholeServer, message.RefusedPolicy, "The mail server does not accept connections from this machine: %s"},
	{"ehlo", "4yz", "", message.WholeServer, message.ServerError, "The mail server is not ready to take mail: %s"},
	{"ehlo", "5yz", "", message.WholeServer, message.RefusedPolicy, "The mail server refused this machine's EHLO: %s"},
	{"starttls", "4yz 5yz", "", message.WholeServer, message.TLS, "The mail server offers STARTTLS but refused it: %s"},

	{"auth", "4yz", "", message.WholeServer, message.ServerError, "The mail server cannot check the user name and password at the moment: %s"},
	{"auth", "530 534 538", "", message.WholeServer, message.Credentials, "The mail server wants another way to sign in, or TLS: %s"},
	{"auth", "5yz", "", message.WholeServer, message.Credentials, "The mail server refused the user name or password: %s"},

	{"xoauth2", "5yz", "", message.WholeServer, message.Credentials, "The mail server refused the OAuth 2.0 access token for this user name: %s"},

	{"token", "400 401 403", "", message.WholeServer, message.Credentials, "The token endpoint gave no access token; check client id, client secret and scope: %s"},
	{"token", "429", "", message.WholeServer, message.Throttled, "The token endpoint gives no more access tokens for now: %s"},
	{"token", "5yz", "", message.WholeServer, message.ServerError, "The token endpoint has a fault of its own: %s"},
	{"token", "2yz 3yz 4yz", "", message.WholeServer, message.ServerError, "The answer is not that of an OAuth 2.0 token endpoint; check its address: %s"},

	{"mail", "530", "", message.WholeServer, message.RefusedPolicy, "The mail server wants authentication or TLS before it takes mail; turn it on in the settings: %s"},
	{"mail", "5yz", "", message.WholeServer, message.RefusedPolicy, "The mail server refused the sender's address; check From email: %s"},
	{"mail", "4yz", "", message.RecipientForNow, message.Deferred, "The mail server put the mail off: %s"},

	{"rcpt", "5yz", "5.1.7 5.1.8", message.WholeServer, message.RefusedPolicy, "The mail server refused the sender's address; check From email: %s"},
	{"rcpt", "5yz", "5.1.", message.RecipientFinal, message.MailboxUnknown, "The mail server does not know this address: %s"},
	{"rcpt", "550 551 553", "none", message.RecipientFinal, message.MailboxUnknown, "The mail server does not know this address: %s"},
	{"rcpt", "5yz", "", message.RecipientFinal, message.RefusedPolicy, "The mail server refused this recipient: %s"},
	{"rcpt", "4yz", "", message.RecipientForNow, message.Deferred, "The mail server put this recipient off: %s"},

	{"end", "4yz 5yz", "x.3.4", message.WholeMessage, message.TooLarge, "The mail is larger than the mail server takes: %s"},
	{"end", "552", "", message.WholeMessage, message.TooLarge, "The mail is larger than the mail server takes: %s"},
	{"end", "4yz", "", message.RecipientForNow, message.Deferred, "The mail server put the mail off: %s"},
	{"end", "5yz", "", message.WholeMessage, message.RefusedPolicy, "The mail server refused the mail: %s"},
}

// printed is the table for people.
func printed() (list []channel.Rule) {
	for _, one := range rules {
		answer := strings.TrimSpace(strings.ToUpper(one.Stage) + " " + one.Codes)
		if one.Enhanced != "" {
			answer += " with " + one.Enhanced
		}
		r := channel.Rule{Answer: answer, Scope: one.Scope, Reason: one.Reason, Means: strings.TrimSuffix(one.Detail, ": %s")}
		switch {
		case one.Codes == "421":
			r.First = "a new connection"
		case one.Stage == "xoauth2":
			r.First = "after 535, a new access token"
		}
		list = append(list, r)
	}
	return list
}

// judge finds what a refusal means. An answer that no rule knows was not understood.
func judge(stage string, r reply) message.Failure {
	for _, one := range rules {
		if one.fits(stage, r) {
			return one.failure(r)
		}
	}
	return puzzled(fmt.Sprintf("The mail server answered something unexpected to %s: %s", nameOf(stage), quoted(r)), r.String())
}

func (one rule) fits(stage string, r reply) bool {
	return (one.Stage == "" || one.Stage == stage) && fitsCode(one.Codes, r.code) && fitsEnhanced(one.Enhanced, r.enhanced)
}

func fitsCode(codes string, code int) bool {
	for word := range strings.FieldsSeq(codes) {
		if word == fmt.Sprint(code) || word == fmt.Sprintf("%dyz", code/100) {
			return true
		}
	}
	return false
}

func fitsEnhanced(patterns, enhanced string) bool {
	switch patterns {
	case "":
		return true
	case "none":
		return enhanced == ""
	}
	for p := range strings.FieldsSeq(patterns) {
		tail, anyClass := strings.CutPrefix(p, "x")
		switch {
		case anyClass && enhanced != "" && enhanced[1:] == tail:
			return true
		case strings.HasSuffix(p, ".") && strings.HasPrefix(enhanced, p), enhanced == p:
			return true
		}
	}
	return false
}

func (one rule) failure(r reply) message.Failure {
	return message.Failure{
		Reason: one.Reason, Scope: one.Scope,
		Detail: sentence(one.Detail, quoted(r)), Answer: r.String(),
	}
}

// puzzled is a failure of a conversation that went wrong without a refusal. Three in a row are the server's.
func puzzled(detail, answer string) message.Failure {
	return message.Failure{Reason: message.ServerError, Scope: message.Trouble, Detail: shorten(detail, detailLength), Answer: answer}
}

// detailLength is how many characters a sentence for the administrator has at most.
const detailLength = 300

func sentence(format string, args ...any) string {
	return shorten(fmt.Sprintf(format, args...), detailLength)
}

// quoted is the server's answer within a sentence.
func quoted(r reply) string { return "“" + shorten(r.String(), 180) + "”." }

var stageNames = map[string]string{
	"ehlo": "EHLO", "starttls": "STARTTLS", "auth": "AUTH", "mail": "MAIL FROM", "rcpt": "RCPT TO", "data": "DATA", "end": "the mail",
	"greeting": "the connection", "rset": "RSET",
}

func nameOf(stage string) string { return stageNames[stage] }

// setback is why no session could be opened.
type setback struct {
	stage   string
	failure message.Failure
	closing bool // the server said 421: one more try is free
}

func (s *setback) Error() string { return s.failure.Detail }

// serverDown makes a setback of the whole server.
func serverDown(stage string, reason message.Reason, format string, args ...any) *setback {
	return &setback{stage: stage, failure: message.Failure{
		Reason: reason, Scope: message.WholeServer, Detail: sentence(format, args...),
	}}
}

// refused makes a setback of an answer during the opening of a session.
func refused(stage string, r reply) *setback {
	f := judge(stage, r)
	f.Scope = message.WholeServer // also what was not understood: nobody's message was there yet
	return &setback{stage: stage, failure: f, closing: r.code == 421}
}
