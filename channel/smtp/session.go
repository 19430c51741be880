package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"heliograph/message"
)

// session is a connection that is ready for transactions. It belongs to one goroutine at a time.
type session struct {
	srv     *server
	conn    net.Conn
	in      *bufio.Reader
	out     []byte // what is about to be written; its memory is used again and again
	ext     extensions
	secured bool
	secrets []string // what was sent to sign in, encoded
	trial   *trial   // of a test; nil otherwise

	dirty  bool      // a transaction may be open on the server: RSET comes first
	rested bool      // it came from the pool and has carried nothing since: it may have died there
	since  time.Time // when it was put into the pool
}

// extensions are what the server offered in EHLO, as far as we use it.
type extensions struct {
	pipelining, eightBitMIME, smtpUTF8, startTLS bool
	auth                                         []string
}

// open makes a session. Its error is ctx's when ctx ended, else a *setback.
func (srv *server) open(ctx context.Context, t *trial) (*session, error) {
	conn, err := srv.dial(ctx)
	if err != nil {
		return nil, orEnded(ctx, err)
	}
	t.step("connect", conn.RemoteAddr().String())
	s := &session{srv: srv, trial: t}
	s.use(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = s.prepare(ctx)
	if err == nil && stop() {
		return s, nil
	}
	conn.Close()
	return nil, orEnded(ctx, err)
}

// orEnded prefers the end of ctx as the reason.
func orEnded(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

func (s *session) use(conn net.Conn) {
	s.conn, s.in = conn, bufio.NewReader(conn)
}

// prepare goes all the way from a connection to being allowed to send.
func (s *session) prepare(ctx context.Context) error {
	steps := []func() error{s.greeting, s.sayHello}
	switch s.srv.Security {
	case SSL:
		steps = []func() error{s.encrypt, s.greeting, s.sayHello}
	case TLS:
		steps = []func() error{s.greeting, s.sayHello, s.startTLS, s.sayHello}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return s.signIn(ctx)
}

func (s *session) greeting() error {
	r, err := s.read()
	switch {
	case errors.Is(err, errGarbled):
		return serverDown("greeting", message.ServerError, "%s does not greet as a mail server does; check the port.", s.srv.address())
	case isTimeout(err):
		return serverDown("greeting", message.Timeout, "%s accepted the connection but did not greet within %v; the port may want SSL.", s.srv.address(), s.srv.timeout())
	case err != nil:
		return serverDown("greeting", message.Unreachable, "%s closed the connection without a greeting.", s.srv.address())
	case r.code != 220:
		return refused("greeting", r)
	}
	s.trial.step("greeting", r.String())
	return nil
}

// sayHello asks for the extensions. Servers from before 1995 know HELO only, which is enough to send in clear.
func (s *session) sayHello() error {
	name := s.srv.helloFor(s.conn)
	r, err := s.ask("ehlo", "EHLO "+name)
	if err == nil && (r.code == 500 || r.code == 502) && s.srv.Security == None && !s.srv.Authentication {
		r, err = s.ask("ehlo", "HELO "+name)
		r.text, _, _ = strings.Cut(r.text, "\n")
	}
	switch {
	case err != nil:
		return err
	case r.code != 250:
		return refused("ehlo", r)
	}
	s.ext = readExtensions(r.text)
	s.trial.step("ehlo", "as "+name)
	return nil
}

// readExtensions reads the lines of an answer to EHLO (RFC 5321 section 4.1.1.1).
func readExtensions(text string) (ext extensions) {
	_, lines, _ := strings.Cut(text, "\n")
	for line := range strings.SplitSeq(strings.ToUpper(lines), "\n") {
		keyword, rest, _ := strings.Cut(strings.Replace(line, "AUTH=", "AUTH ", 1), " ") // AUTH= is what old servers say
		switch keyword {
		case "PIPELINING":
			ext.pipelining = true
		case "8BITMIME":
			ext.eightBitMIME = true
		case "SMTPUTF8":
			ext.smtpUTF8 = true
		case "STARTTLS":
			ext.startTLS = true
		case "AUTH":
			ext.auth = append(ext.auth, strings.Fields(rest)...)
		}
	}
	return ext
}

// startTLS turns to TLS; a server that does not offer it, or somebody between who hides the offer, gets no mail.
func (s *session) startTLS() error {
	if !s.ext.startTLS {
		return serverDown("starttls", message.TLS, "The mail server does not offer STARTTLS on this port, and TLS is required.")
	}
	r, err := s.ask("starttls", "STARTTLS")
	switch {
	case err != nil:
		return err
	case r.code != 220:
		return refused("starttls", r)
	case s.in.Buffered() > 0: // sent in clear, to be taken for the protected part
		return serverDown("starttls", message.TLS, "The mail server, or somebody on the way, sent more after STARTTLS in clear.")
	}
	s.ext = extensions{}
	return s.encrypt()
}

func (s *session) encrypt() error {
	conn, err := s.srv.secure(s.conn)
	if err != nil {
		return err
	}
	s.use(conn)
	s.secured = true
	s.trial.step("tls", tlsDetail(conn.ConnectionState()))
	return nil
}

func tlsDetail(state tls.ConnectionState) string {
	return fmt.Sprintf("%s, certificate for %s", tls.VersionName(state.Version), names(state.PeerCertificates[0]))
}

// ask sends one line and waits for its answer, while the session is being opened. Its error is a *setback.
func (s *session) ask(stage, line string) (reply, error) {
	s.command(line)
	err := s.flush()
	if err == nil {
		var r reply
		if r, err = s.read(); err == nil {
			if r.code != 334 { // a challenge is read, not shown
				r.text = s.mask(r.text)
			}
			return r, nil
		}
	}
	switch {
	case isTimeout(err):
		err = serverDown(stage, message.Timeout, "The mail server did not answer %s within %v.", nameOf(stage), s.srv.timeout())
	case errors.Is(err, errGarbled):
		err = serverDown(stage, message.ServerError, "The mail server's answer to %s was not understood.", nameOf(stage))
	default:
		err = serverDown(stage, message.ServerError, "The mail server closed the connection at %s.", nameOf(stage))
	}
	return reply{}, err
}

// command adds a line to what is about to be written.
func (s *session) command(parts ...string) {
	if s.trial != nil {
		s.trial.client(strings.Join(parts, ""))
	}
	for _, p := range parts {
		s.out = append(s.out, p...)
	}
	s.out = append(s.out, "\r\n"...)
}

// flush writes what command collected.
func (s *session) flush() error {
	defer func() { s.out = s.out[:0] }()
	if err := s.conn.SetDeadline(time.Now().Add(s.srv.timeout())); err != nil {
		return err
	}
	_, err := s.conn.Write(s.out)
	return err
}

// read waits for one answer.
func (s *session) read() (reply, error) {
	if s.in.Buffered() == 0 {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.srv.timeout())); err != nil {
			return reply{}, err
		}
	}
	r, err := readReply(s.in)
	if err == nil && s.trial != nil {
		s.trial.server(r, s.mask)
	}
	return r, err
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// alive asks a session that has rested whether it is still there, without much patience.
func (s *session) alive() bool {
	s.command("NOOP")
	err := s.flush()
	if err == nil {
		err = s.conn.SetDeadline(time.Now().Add(min(s.srv.timeout(), noopTimeout)))
	}
	if err != nil {
		return false
	}
	r, err := readReply(s.in)
	return err == nil && r.code == 250
}

// noopTimeout is how long a session may take to show that it lives.
const noopTimeout = 5 * time.Second

// quit says good-bye without waiting for the answer.
func (s *session) quit() {
	s.command("QUIT")
	if s.conn.SetDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = s.conn.Write(s.out) // a server that is gone needs no good-bye
	}
	s.conn.Close()
}
