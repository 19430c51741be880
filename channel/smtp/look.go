package smtp

import (
	"context"

	"heliograph/channel"
	"heliograph/message"
)

// Look connects and signs in, and sends nothing.
func (s *Settings) Look(ctx context.Context, env channel.Env) channel.Report {
	t := &trial{report: channel.NewReport()}
	srv, err := newServer(*s, env)
	if err != nil {
		t.failed("settings", message.Failure{Reason: message.TLS, Detail: "The settings cannot be used: " + err.Error() + "."})
		return t.report
	}
	if err := srv.look(ctx, t); err != nil {
		t.failed(err.stage, err.failure)
		return t.report
	}
	t.report.OK = true
	return t.report
}

func (srv *server) look(ctx context.Context, t *trial) *setback {
	if err := srv.resolve(ctx, t); err != nil {
		return err
	}
	s, err := srv.open(ctx, t)
	if err != nil {
		return asSetback(err)
	}
	s.quit()
	return nil
}
