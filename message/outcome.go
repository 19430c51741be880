package message

import "time"

// Outcome is what became of one message that was given to a Sender. The zero Outcome means that the message was not
// handed over at all: it stays queued and nothing is counted.
type Outcome struct {
	Accepted   bool     // the provider took responsibility for the message
	ProviderID string   // what the provider calls it; may be empty
	Failure    *Failure // nil unless the message was refused or lost

	// Turn orders outcomes by when they came, the first with the smallest; equal ones stand in the order of the batch.
	Turn int64
}

// Accept is the outcome of a message that the provider took.
func Accept(providerID string) Outcome { return Outcome{Accepted: true, ProviderID: providerID} }

// Fail is the outcome of a message that was refused or lost.
func Fail(f Failure) Outcome { return Outcome{Failure: &f} }

// Handed reports whether the message was given to the provider at all.
func (o Outcome) Handed() bool { return o.Accepted || o.Failure != nil }

// Failure says why a message was not accepted: whose fault it is, whether and when to try again, and one sentence that
// an administrator can act on. It never holds a secret.
type Failure struct {
	Reason     Reason
	Scope      Scope
	RetryAfter time.Duration // as the provider asked; 0 = it did not ask
	Detail     string        // one sentence for the administrator, with the server's own words where it had any
	Answer     string        // the protocol's answer as it was, such as "550 5.1.1 No such user" or "410 Unregistered"
	KeepToken  bool          // token_dead by an answer older than the token: try again, do not mark the token

	// Uncounted goes with RecipientForNow: the server behind this address is in trouble, and it is not everybody's (Web
	// Push has one for each browser). The delivery waits for RetryAfter, and no attempt is counted.
	Uncounted bool

	// Event is what befell this message and others together, such as a connection that broke; nil = it befell this one
	// alone. However many messages it hit, it is one trouble of the server.
	Event *Event
}

// Event is something that happened to several messages at once. It has nothing but its identity.
type Event struct{ _ byte }

// Scope says whom a failure concerns, and with that what happens next. See docs/flow.md.
type Scope uint8

const (
	// RecipientFinal fails this delivery; token_dead, token_mismatch, mailbox_unknown and number_barred mark the address.
	RecipientFinal Scope = iota + 1
	// RecipientForNow queues this delivery again, and counts the attempt.
	RecipientForNow
	// WholeMessage fails this delivery, and all others of the notification with the same (not personal) text.
	WholeMessage
	// WholeServer pauses the server; the delivery stays queued and nothing is counted.
	WholeServer
	// LostAnswer: it may have arrived. Queued again under the same identity; an SMS becomes unknown.
	LostAnswer
	// Trouble is a 5xx or an answer that was not understood: for now the recipient's, but three messages in a row
	// make it the server's (see channel.Streak). Timeouts and lost answers count towards the same three.
	Trouble
)

var scopeNames = map[Scope]string{
	RecipientFinal: "recipient, final", RecipientForNow: "recipient, for now", WholeMessage: "message",
	WholeServer: "server", LostAnswer: "lost answer", Trouble: "recipient, for now; server after three in a row",
}

func (s Scope) String() string { return scopeNames[s] }

// Mark is what a provider said for good of a mail address or a number.
type Mark struct {
	Reason Reason // mailbox_unknown or number_barred
	Detail string
	At     time.Time
}

// Reason is the closed set of words for a failure. It labels metrics, so it never holds free text.
type Reason string

const (
	TokenDead        Reason = "token_dead"
	TokenMismatch    Reason = "token_mismatch"
	MailboxUnknown   Reason = "mailbox_unknown"
	NumberInvalid    Reason = "number_invalid"
	NumberBarred     Reason = "number_barred"
	RefusedPolicy    Reason = "refused_policy"
	TooLarge         Reason = "too_large"
	BadMessage       Reason = "bad_message"
	Deferred         Reason = "deferred"
	Throttled        Reason = "throttled"
	Quota            Reason = "quota"
	Credentials      Reason = "credentials"
	Unreachable      Reason = "unreachable"
	Timeout          Reason = "timeout"
	TLS              Reason = "tls"
	ServerError      Reason = "server_error"
	NoAddress        Reason = "no_address"
	Unsupported      Reason = "unsupported"
	LeftAudience     Reason = "left_audience"
	CancelledByHand  Reason = "cancelled"
	Expired          Reason = "expired"
	LostAnswerReason Reason = "lost_answer"
)

// Reasons lists the whole set, in the order of the API's document.
var Reasons = []Reason{
	TokenDead, TokenMismatch, MailboxUnknown, NumberInvalid, NumberBarred, RefusedPolicy, TooLarge, BadMessage,
	Deferred, Throttled, Quota, Credentials, Unreachable, Timeout, TLS, ServerError, NoAddress, Unsupported,
	LeftAudience, CancelledByHand, Expired, LostAnswerReason,
}
