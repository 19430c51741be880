package channel

import (
	"errors"
	"time"

	"heliograph/message"
)

// Receiver is what Settings may do beside: read what a service reports of a message after it took it.
type Receiver interface {
	// ReadReceipt understands one report that came to Env.Callback. The error is ErrReceipt or ErrSignature, or wraps
	// one of them; it holds nothing of the report.
	ReadReceipt(r Incoming) (Receipt, error)
}

// Incoming is a request to a callback, as far as a receipt can be in it.
type Incoming struct {
	Method      string
	Query       string // raw, without the question mark
	ContentType string
	Body        []byte
}

var (
	// ErrReceipt is the answer to a request that is no receipt.
	ErrReceipt = errors.New("this is not a delivery receipt")
	// ErrSignature is the answer to a receipt that is not signed as the settings say.
	ErrSignature = errors.New("the signature of the delivery receipt does not fit")
)

// Receipt is what a service reports of one part of a message: it gives one for each.
type Receipt struct {
	Delivery   message.DeliveryID // our own reference; 0 = it has none of ours
	ProviderID string             // what the service calls the part
	State      message.State      // Delivered or Failed; 0 = it changes nothing
	Reason     message.Reason     // of Failed
	Detail     string             // one sentence for the administrator
	Answer     string             // the service's words, such as "failed 4"
	At         time.Time          // when the service says that it happened; zero = it does not say
}

// Settles reports whether the receipt changes a delivery that stands at from. Parts of one text have receipts of their
// own: one part that failed makes the text fail, whatever the others say and whichever comes first. What waits for
// another try is settled by the news that it arrived.
func (r Receipt) Settles(from message.State) bool {
	switch from {
	case message.Sending, message.Sent, message.Unknown:
		return r.State != 0
	case message.Queued:
		return r.State == message.Delivered
	case message.Delivered:
		return r.State == message.Failed
	}
	return false
}

// Rated is what Settings may say beside: how many messages a second all nodes together may send to an address. 0 = as
// many as the service takes.
type Rated interface{ Rate(address string) float64 }
