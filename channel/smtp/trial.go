package smtp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// trial takes down what a test does. The nil trial takes down nothing.
type trial struct {
	report channel.Report
	signIn string // mechanism of AUTH that has begun and has not ended: what is said is secret; empty = none
}

func (t *trial) step(name, detail string) {
	if t != nil {
		t.report.Steps = append(t.report.Steps, channel.Step{Name: name, OK: true, Detail: detail})
	}
}

func (t *trial) heard(name string, r reply) {
	if t != nil {
		t.step(name, r.String())
	}
}

func (t *trial) failed(name string, f message.Failure) {
	if name == "end" {
		name = "data"
	}
	t.report.Steps = append(t.report.Steps, channel.Step{Name: name, Detail: f.Detail})
	t.report.Reason, t.report.Detail = f.Reason, f.Detail
}

// client takes down a line of ours; what proves who we are is masked.
func (t *trial) client(line string) {
	switch mechanism, found := strings.CutPrefix(line, "AUTH "); {
	case found:
		word, _, more := strings.Cut(mechanism, " ")
		t.signIn, line = word, "AUTH "+word
		if more {
			line += " ****"
		}
	case t.signIn != "" && line != "":
		line = "****"
	}
	t.report.Dialogue = append(t.report.Dialogue, "C: "+line)
}

// server takes down an answer, line by line.
func (t *trial) server(r reply, mask func(string) string) {
	lines := strings.Split(mask(r.text), "\n")
	switch {
	case r.code != 334:
		t.signIn = ""
	case t.signIn == "XOAUTH2": // no challenge, but why the token is refused
		lines = []string{mask(decoded(r.text))}
	case t.signIn != "":
		lines = []string{"****"}
	}
	for i, line := range lines {
		mark := "-"
		if i == len(lines)-1 {
			mark = " "
		}
		if r.enhanced != "" {
			line = r.enhanced + " " + line
		}
		t.report.Dialogue = append(t.report.Dialogue, shorten(fmt.Sprintf("S: %d%s%s", r.code, mark, oneLine(line)), answerLength))
	}
}

// try sends m and reports each step.
func (srv *server) try(ctx context.Context, m message.Message) channel.Report {
	t := &trial{report: channel.Report{Steps: []channel.Step{}, Dialogue: []string{}}}
	if err := srv.tryOpen(ctx, t, m); err != nil {
		t.failed(err.stage, err.failure)
		return t.report
	}
	t.report.OK = true
	return t.report
}

func (srv *server) tryOpen(ctx context.Context, t *trial, m message.Message) *setback {
	if err := srv.resolve(ctx, t); err != nil {
		return err
	}
	s, err := srv.open(ctx, t)
	if err != nil {
		return asSetback(err)
	}
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	defer s.quit()
	return s.trySend(m)
}

// resolve looks the name up by itself, so that a report can say what it found.
func (srv *server) resolve(ctx context.Context, t *trial) *setback {
	if _, err := netip.ParseAddr(srv.Host); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, srv.timeout())
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, srv.Host)
	if err != nil {
		return asSetback(srv.connectError(err))
	}
	t.step("resolve", shorten(strings.Join(found, ", "), detailLength))
	return nil
}

func asSetback(err error) *setback {
	var s *setback
	if errors.As(err, &s) {
		return s
	}
	return serverDown("connect", message.Timeout, "The test was broken off before it came to an end.")
}

// trySend carries the message, as a Send would.
func (s *session) trySend(m message.Message) *setback {
	tx := s.newTransaction([]*message.Message{testMail(m)})
	if m.ID == 0 {
		tx.id = "t." + strings.ToLower(rand.Text()) // two tests are two mails
	}
	broken := tx.run(time.Now())
	o := tx.outcomes[0]
	switch {
	case broken != nil && o.Failure == nil:
		return &setback{stage: tx.stage, failure: broken.failure(s.srv)}
	case o.Failure != nil:
		return &setback{stage: tx.stage, failure: *o.Failure}
	}
	return nil
}

// testMail makes sure that the mail says something.
func testMail(m message.Message) *message.Message {
	if m.Subject == "" && m.Text == "" {
		m.Subject = "Test of the mail server"
		m.Text = "This mail shows that Heliograph can send mail through this server."
	}
	m.Shared = ""
	return &m
}
