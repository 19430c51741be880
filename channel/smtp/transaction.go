package smtp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/message"
)

// transaction carries one mail to its recipients: MAIL, RCPT…, DATA (RFC 5321 section 3.3).
type transaction struct {
	s        *session
	to       []*message.Message // same text; at least one
	paths    []string           // their addresses as they go between < and >; empty = not asked for
	outcomes []message.Outcome  // zero = not settled: the server takes no more in this transaction
	accepted []int              // recipients that the server took
	id       string             // left side of the Message-ID
	stage    string             // where the conversation stands
	over     bool               // the server has said its last word on the mail: no RSET is needed
	utf8     bool               // addresses are not ASCII
	how      form
}

// pipelineWidth is how many RCPT leave in one write. All of them and their answers fit into the buffers of any TCP, so
// that we and the server cannot wait for each other to read (RFC 2920 section 3.1).
const pipelineWidth = 100

func (s *session) newTransaction(to []*message.Message) *transaction {
	tx := &transaction{
		s: s, to: to, stage: "mail",
		paths: make([]string, len(to)), outcomes: make([]message.Outcome, len(to)),
		id: "d." + to[0].ID.String(), how: formOf(to[0].Text, s.ext.eightBitMIME),
	}
	if shared := to[0].Shared; shared != "" {
		tx.id = "n." + idText(shared)
	}
	return tx
}

// idText keeps what may stand in a Message-ID.
func idText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r < 0x80 && isAlnum(byte(r)) {
			return r
		}
		return -1
	}, s)
}

// run has the conversation. It returns nil when the session can go on; outcomes that are still zero then belong to the
// next transaction. Otherwise the session is of no use any more, and the interruption says what that means for the
// recipients without outcome.
func (tx *transaction) run(now time.Time) *interruption {
	if !tx.address() {
		return nil
	}
	err := tx.envelope()
	if err == nil && len(tx.accepted) > 0 && tx.stage == "content" {
		err = tx.content(now)
	}
	tx.s.dirty = !tx.over
	tx.s.rested = tx.s.rested && err != nil
	return err
}

// address checks what can be checked without the server, and reports whether there is anything left to do.
func (tx *transaction) address() bool {
	tx.utf8 = !isASCII(tx.s.srv.head.author.address)
	left := 0
	for i, m := range tx.to {
		path, err := mailbox(m.Address)
		switch {
		case err != nil:
			tx.outcomes[i] = message.Fail(message.Failure{Reason: message.NoAddress, Scope: message.RecipientFinal,
				Detail: "This is not an e-mail address; nothing was sent."})
			continue
		case !isASCII(path) && !tx.s.ext.smtpUTF8:
			tx.outcomes[i] = message.Fail(message.Failure{Reason: message.RefusedPolicy, Scope: message.RecipientFinal,
				Detail: "The address has letters outside ASCII, and the mail server does not offer SMTPUTF8, which they need."})
			continue
		}
		tx.utf8 = tx.utf8 || !isASCII(path)
		tx.paths[i] = path
		left++
	}
	return left > 0 && tx.authorFits()
}

// authorFits makes sure that the sender's address can be said to this server.
func (tx *transaction) authorFits() bool {
	h := tx.s.srv.head
	if by := h.author.by(tx.to[0].Sender).address; !isASCII(by) {
		tx.utf8 = true
	}
	if !tx.utf8 || tx.s.ext.smtpUTF8 {
		return true
	}
	f := message.Failure{Reason: message.RefusedPolicy, Scope: message.WholeMessage,
		Detail: "The sender's address has letters outside ASCII, and the mail server does not offer SMTPUTF8, which they need."}
	if !isASCII(h.author.address) {
		f.Scope = message.WholeServer
	}
	tx.settle(message.Fail(f))
	return false
}

// settle gives an outcome to all recipients that have none.
func (tx *transaction) settle(o message.Outcome) {
	for i := range tx.outcomes {
		if !tx.outcomes[i].Handed() {
			tx.outcomes[i] = o
		}
	}
}

// envelope says MAIL, RCPT and DATA. After it the stage is "content" when the server waits for the mail.
func (tx *transaction) envelope() *interruption {
	waiting := []awaited{}
	say := func(stage string, take func(reply), parts ...string) {
		tx.s.command(parts...)
		waiting = append(waiting, awaited{stage, take})
	}
	hear := func() *interruption {
		err := tx.hear(waiting)
		waiting = waiting[:0]
		return err
	}
	refused := false
	if tx.s.dirty {
		say("rset", func(reply) {}, "RSET")
	}
	say("mail", func(r reply) { refused = tx.takeMail(r) }, "MAIL FROM:<", tx.s.srv.head.author.address, ">", tx.parameters())
	for i, path := range tx.paths {
		if path == "" {
			continue
		}
		if !tx.s.ext.pipelining || len(waiting) >= pipelineWidth {
			if err := hear(); err != nil || refused {
				return err
			}
		}
		say("rcpt", func(r reply) { tx.takeRecipient(i, r, refused) }, "RCPT TO:<", path, ">")
	}
	if !tx.s.ext.pipelining {
		if err := hear(); err != nil || len(tx.accepted) == 0 {
			return err
		}
	}
	say("data", func(r reply) { tx.takeData(r, refused) }, "DATA")
	if err := hear(); err != nil {
		return err
	}
	return tx.dismiss()
}

// awaited is a command that was said and is not answered yet.
type awaited struct {
	stage string // of the command, should the conversation end at it
	take  func(reply)
}

// hear sends what was said and reads an answer for each.
func (tx *transaction) hear(waiting []awaited) *interruption {
	if err := tx.s.flush(); err != nil {
		return tx.interrupted(err)
	}
	for _, one := range waiting {
		r, err := tx.s.read()
		if err != nil {
			tx.stage = one.stage
			return tx.interrupted(err)
		}
		if r.code == 421 {
			tx.stage = one.stage
			return &interruption{kind: closing, answer: r, stage: tx.stage}
		}
		one.take(r)
	}
	return nil
}

func (tx *transaction) parameters() string {
	p := ""
	if tx.how == eightBit || tx.utf8 && tx.s.ext.eightBitMIME {
		p = " BODY=8BITMIME"
	}
	if tx.utf8 {
		p += " SMTPUTF8"
	}
	return p
}

// takeMail reports whether the sender was refused.
func (tx *transaction) takeMail(r reply) bool {
	if r.class() == 2 {
		tx.s.trial.heard("mail", r)
		tx.stage = "rcpt"
		return false
	}
	tx.settle(message.Fail(judge("mail", r)))
	return true
}

func (tx *transaction) takeRecipient(i int, r reply, refused bool) {
	switch {
	case refused: // with the sender: the server has to say something, and it means nothing
	case r.class() == 2:
		tx.accepted = append(tx.accepted, i)
		tx.s.trial.heard("rcpt", r)
	case len(tx.accepted) > 0 && tooMany(r): // stays without outcome
	default:
		tx.outcomes[i] = message.Fail(judge("rcpt", r))
	}
}

// tooMany recognises the limit of recipients of one mail (RFC 5321 section 4.5.3.1.10). A full mailbox says 552 too, but
// in newer servers with a code of its own.
func tooMany(r reply) bool {
	return r.code == 452 && r.enhanced == "4.5.3" || r.code == 552 && (r.enhanced == "" || r.enhanced == "5.5.3")
}

func (tx *transaction) takeData(r reply, refused bool) {
	switch {
	case r.code == 354 && (refused || len(tx.accepted) == 0):
		tx.stage = "dismiss"
	case r.code == 354:
		tx.stage = "content"
	case len(tx.accepted) > 0:
		tx.stage = "end"
		tx.finish(message.Fail(judge("end", r)))
	}
}

// dismiss ends a DATA that the server wants although it took nobody (RFC 2920 section 3.1): with an empty mail.
func (tx *transaction) dismiss() *interruption {
	if tx.stage != "dismiss" {
		return nil
	}
	tx.s.command(".")
	return tx.hear([]awaited{{"data", func(reply) { tx.stage = "rcpt" }}})
}

// content sends the mail and waits for the last word on it.
func (tx *transaction) content(now time.Time) *interruption {
	s := tx.s
	tx.stage = "end"
	before := len(s.out)
	s.out = s.srv.head.appendMail(s.out, tx.to[0], tx.header(), tx.id, tx.how, now)
	if s.trial != nil {
		s.trial.client(fmt.Sprintf("(the mail, %d bytes)", len(s.out)-before-len(".\r\n")))
		s.trial.client(".")
	}
	if err := s.flush(); err != nil {
		return tx.cutShort(err)
	}
	r, err := s.read()
	switch {
	case errors.Is(err, errGarbled):
		return tx.interrupted(err)
	case err != nil:
		return &interruption{kind: unanswered, stage: tx.stage, late: isTimeout(err)}
	case r.code == 421:
		return &interruption{kind: closing, answer: r, stage: tx.stage}
	case r.class() == 2:
		tx.finish(message.Accept(r.queueID()))
		s.trial.heard("data", r)
	default:
		tx.finish(message.Fail(judge("end", r)))
	}
	tx.over = true
	return nil
}

// cutShort is a write that failed: the final dot did not leave as a whole. The server may have said why.
func (tx *transaction) cutShort(err error) *interruption {
	if !isTimeout(err) {
		if r, readErr := tx.s.read(); readErr == nil && r.class() >= 4 && r.code != 421 {
			tx.finish(message.Fail(judge("end", r)))
		}
	}
	return tx.interrupted(err)
}

// header is what To says.
func (tx *transaction) header() string {
	if tx.to[0].Shared != "" {
		return tx.s.srv.head.nowhere
	}
	return tx.paths[0]
}

// finish gives the last word to the recipients that were taken.
func (tx *transaction) finish(o message.Outcome) {
	for _, i := range tx.accepted {
		tx.outcomes[i] = o
	}
}

// giveUp gives an interruption's failure to those that it concerns: after the final dot, only those that were taken.
func (tx *transaction) giveUp(i *interruption) {
	o := message.Fail(i.failure(tx.s.srv))
	if i.stage == "end" && !i.again() {
		tx.finish(o)
		return
	}
	tx.settle(o)
}

// interruption is a conversation that came to no end.
type interruption struct {
	kind   interruptionKind
	stage  string
	answer reply // of closing
	late   bool  // of unanswered: the server is there, but silent
}

type interruptionKind int

const (
	closing    interruptionKind = iota // 421: the server goes, and takes nothing along
	lost                               // the connection broke before the final dot
	silent                             // no answer in time, before the final dot
	garbled                            // an answer that is not SMTP
	unanswered                         // the final dot left, and no answer came: the mail may have been taken
)

func (tx *transaction) interrupted(err error) *interruption {
	kind := lost
	switch {
	case isTimeout(err):
		kind = silent
	case errors.Is(err, errGarbled):
		kind = garbled
	}
	return &interruption{kind: kind, stage: tx.stage}
}

// again reports whether a new connection may well help, and nothing was handed over.
func (i *interruption) again() bool { return i.kind == closing || i.kind == lost }

// failure is what an interruption means for the recipients that have no outcome.
func (i *interruption) failure(srv *server) message.Failure {
	switch i.kind {
	case closing:
		return judge(i.stage, i.answer)
	case silent:
		return message.Failure{Reason: message.Timeout, Scope: message.RecipientForNow,
			Detail: sentence("The mail server did not answer %s within %v.", nameOf(i.stage), srv.timeout())}
	case unanswered:
		how := "closed the connection after the mail without an answer"
		if i.late {
			how = fmt.Sprintf("did not answer within %v after the mail", srv.timeout())
		}
		return message.Failure{Reason: message.LostAnswerReason, Scope: message.LostAnswer,
			Detail: sentence("The mail server %s, so it may have arrived; a repeat has the same Message-ID.", how)}
	case garbled:
		return puzzled(fmt.Sprintf("The mail server's answer to %s was not understood.", nameOf(i.stage)), "")
	default:
		return puzzled(fmt.Sprintf("The mail server closed the connection at %s.", nameOf(i.stage)), "")
	}
}
