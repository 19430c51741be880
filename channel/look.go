package channel

import (
	"context"

	"heliograph/message"
)

// Looking is what Settings may say beside: their server can be looked at without sending anything to anybody, as doctor
// does. The report has the steps of a test but the last.
type Looking interface {
	Look(ctx context.Context, env Env) Report
}

// Recognised ends the report of a look at a service that judges who calls together with what is called for: o is its
// answer to a message for an address that nobody has. When it speaks of that address, it knows the caller; an answer that
// was not understood, or that refuses the form of the request, may be anybody's.
func (r *Report) Recognised(o message.Outcome) {
	switch f := o.Failure; {
	case f == nil && !o.Accepted:
		r.Failed("authenticate", message.Failure{Reason: message.Timeout, Detail: "The look was ended before the service answered."})
	case f != nil && f.Scope != message.RecipientFinal && f.Scope != message.RecipientForNow:
		r.Failed("authenticate", *f)
	default:
		r.Did("authenticate", "")
		r.OK = true
	}
}
