package channel

import (
	"context"
	"strings"

	"heliograph/message"
)

// NewReport begins a report without steps.
func NewReport() Report { return Report{Steps: []Step{}, Dialogue: []string{}} }

// Did adds a step that went well.
func (r *Report) Did(name, detail string) {
	r.Steps = append(r.Steps, Step{Name: name, OK: true, Detail: detail})
}

// Failed adds the step at which the test ends.
func (r *Report) Failed(name string, f message.Failure) {
	r.Steps = append(r.Steps, Step{Name: name, Detail: f.Detail})
	r.OK, r.Reason, r.Detail = false, f.Reason, f.Detail
}

// Reach adds the steps resolve, connect and tls, and reports whether all went well. Nothing stays open.
func (r *Report) Reach(ctx context.Context, d Dialer, e Endpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	found, err := d.lookup(ctx, e.Host)
	if err != nil {
		r.Failed("resolve", ConnectFailure(e.Host, err))
		return false
	}
	r.Did("resolve", strings.Join(found, ", "))
	raw, err := d.connect(ctx, "tcp", e.Address)
	if err != nil {
		r.Failed("connect", ConnectFailure(e.Host, err))
		return false
	}
	r.Did("connect", raw.RemoteAddr().String())
	conn, err := d.secure(ctx, raw, e.Address)
	if err != nil {
		r.Failed("tls", ConnectFailure(e.Host, err))
		return false
	}
	_ = conn.Close()
	r.Did("tls", "")
	return true
}

// Sent adds the steps authenticate and send of a service that judges both in one answer, and ends the report.
func (r *Report) Sent(o message.Outcome) {
	switch f := o.Failure; {
	case o.Accepted:
		r.Did("authenticate", "")
		r.Did("send", o.ProviderID)
		r.OK = true
	case f == nil:
		r.Failed("send", message.Failure{Reason: message.Timeout, Detail: "The test was ended before the message was sent."})
	case f.Reason == message.Credentials:
		r.Failed("authenticate", *f)
	case f.Scope == message.WholeServer || f.Scope == message.LostAnswer || f.Scope == message.Trouble: // nobody judged who called
		r.Failed("send", *f)
	default:
		r.Did("authenticate", "")
		r.Failed("send", *f)
	}
	if o.Failure != nil && o.Failure.Answer != "" {
		r.Dialogue = append(r.Dialogue, o.Failure.Answer)
	}
}
