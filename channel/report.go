package channel

import (
	"context"
	"net"
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
	found, err := net.DefaultResolver.LookupHost(ctx, e.Host)
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
