package smtp

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"heliograph/sim/control"
)

const (
	idleTimeout = 5 * time.Minute // RFC 5321 section 4.5.3.2.7
	maxLine     = 16 << 10        // bytes of a command; long enough for every AUTH response
)

// errOver ends a dialogue without another word.
var errOver = errors.New("the dialogue is over")

// reply is one answer of the server.
type reply struct {
	code int
	text string // several lines, as EHLO's, are separated by \n
}

func (r reply) good() bool { return r.code/100 == 2 || r.code/100 == 3 }

// dialogue is one connection with its state.
type dialogue struct {
	server *Server
	raw    net.Conn
	conn   net.Conn // raw, or TLS on it
	in     *bufio.Reader
	out    *bufio.Writer

	secure bool
	helo   string
	user   string // who signed in
	mail   *transaction
}

// transaction is a message on its way, from MAIL to the final dot.
type transaction struct {
	from       string
	recipients []string
	utf8       bool
}

func newDialogue(s *Server, conn net.Conn, secure bool) *dialogue {
	d := &dialogue{server: s, raw: conn}
	if secure {
		d.use(tls.Server(conn, s.tls))
		d.secure = true
	} else {
		d.use(conn)
	}
	return d
}

func (d *dialogue) use(conn net.Conn) {
	d.conn, d.in, d.out = conn, bufio.NewReaderSize(conn, maxLine), bufio.NewWriterSize(conn, 4<<10)
}

func (d *dialogue) run() {
	err := d.conn.SetDeadline(time.Now().Add(idleTimeout))
	if err == nil {
		err = d.greet()
	}
	for err == nil {
		var line string
		if line, err = d.readLine(); err == nil {
			err = d.command(line)
		}
	}
	_ = d.out.Flush() // the last words, if somebody still listens
	_ = d.conn.Close()
	if !errors.Is(err, errOver) && !errors.Is(err, io.EOF) {
		d.server.logger.Debug("the mail client went away", "error", err)
	}
}

func (d *dialogue) greet() error {
	peer := d.raw.RemoteAddr().String()
	ready := reply{220, d.server.options.Hostname + " ESMTP Heliograph simulator"}
	return d.answer(stageConnect, ready, func(r reply) error {
		if r.code != 220 {
			return errOver // a server that refuses service has nothing more to say
		}
		return nil
	}, peer)
}

// verbs are all commands. Each is given what follows its name.
var verbs = map[string]func(d *dialogue, argument string) error{
	"EHLO":     (*dialogue).ehlo,
	"HELO":     (*dialogue).ehloOld,
	"STARTTLS": (*dialogue).startTLS,
	"AUTH":     (*dialogue).auth,
	"MAIL":     (*dialogue).mailFrom,
	"RCPT":     (*dialogue).rcptTo,
	"DATA":     (*dialogue).data,
	"RSET":     (*dialogue).reset,
	"NOOP":     func(d *dialogue, _ string) error { return d.say(reply{250, "2.0.0 still here"}) },
	"VRFY":     func(d *dialogue, _ string) error { return d.say(reply{252, "2.5.0 send it and see"}) },
	"HELP":     func(d *dialogue, _ string) error { return d.say(reply{214, "2.0.0 see RFC 5321"}) },
	"QUIT": func(d *dialogue, _ string) error {
		return errors.Join(d.say(reply{221, "2.0.0 goodbye"}), errOver)
	},
}

func (d *dialogue) command(line string) error {
	name, argument, _ := strings.Cut(line, " ")
	verb, ok := verbs[strings.ToUpper(name)]
	if !ok {
		return d.say(reply{500, "5.5.1 no such command"})
	}
	return verb(d, strings.TrimSpace(argument))
}

// say answers. Replies to pipelined commands leave together (RFC 2920 section 3.2).
func (d *dialogue) say(r reply) error {
	code := strconv.Itoa(r.code)
	for more, rest := true, r.text; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		separator := " "
		if more {
			separator = "-"
		}
		for _, piece := range [...]string{code, separator, line, "\r\n"} {
			_, _ = d.out.WriteString(piece) // an error stays in the writer until Flush
		}
	}
	if d.in.Buffered() > 0 {
		return nil
	}
	return d.out.Flush()
}

// readLine reads one command. A bare LF is forgiven here, as people type commands by hand.
func (d *dialogue) readLine() (string, error) {
	if err := d.conn.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
		return "", err
	}
	line, err := d.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errors.Join(d.say(reply{500, "5.5.2 the line is too long"}), errOver)
	case err != nil:
		return "", err
	}
	return string(bytes.TrimRight(line, "\r\n")), nil
}

// answer gives the ordinary reply of a stage, or what a rule or a magic address asks for. then is called with the reply
// after it was said.
func (d *dialogue) answer(stage string, ordinary reply, then func(reply) error, subjects ...string) error {
	return d.answerRecorded(stage, ordinary, func(int, string) {}, then, subjects...)
}

func (d *dialogue) answerRecorded(stage string, ordinary reply, record func(status int, reason string), then func(reply) error, subjects ...string) error {
	rule, found := d.server.rules.Take(stage, subjects...)
	if !found && ordinary.good() {
		rule, found = magicRule(stage, subjects)
	}
	if !found {
		record(ordinary.code, reasonOf(ordinary))
		return errors.Join(d.say(ordinary), then(ordinary))
	}
	answer := ruled(rule, ordinary)
	switch rule.Action {
	case control.Hang, control.Reset, control.Garbage:
		record(0, string(rule.Action))
	case control.Close:
	default:
		record(answer.code, reasonOf(answer))
	}
	if err := d.pause(rule.Delay()); err != nil {
		return err
	}
	return d.perform(rule, answer, then)
}

// perform does what a rule says, after its delay.
func (d *dialogue) perform(rule control.Rule, answer reply, then func(reply) error) error {
	switch rule.Action {
	case control.Hang:
		return d.hang()
	case control.Close, control.Lose:
		d.out.Reset(io.Discard) // nothing more leaves, not even what waits
		_ = d.raw.Close()
		return errOver
	case control.Reset:
		d.out.Reset(io.Discard)
		if tcp, ok := d.raw.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = d.raw.Close()
		return errOver
	case control.Garbage:
		_, _ = d.out.WriteString(rule.Body)
		return d.lastWords()
	case control.GoAway:
		return errors.Join(d.say(answer), d.say(reply{421, "4.3.2 closing"}), errOver)
	}
	if err := d.say(answer); err != nil {
		return err
	}
	if answer.code == 421 { // the server closes after it, RFC 5321 section 3.8
		return errOver
	}
	return then(answer)
}

// ruled is the reply that a rule asks for.
func ruled(rule control.Rule, ordinary reply) reply {
	if rule.Status == 0 {
		return ordinary
	}
	text := strings.NewReplacer("\r", " ", "\n", " ").Replace(rule.Reason)
	if text == "" {
		text = "as a rule of the simulator asks"
	}
	return reply{rule.Status, text}
}

// reasonOf is the text for the history; what was accepted needs none.
func reasonOf(r reply) string {
	if r.code/100 == 2 {
		return ""
	}
	return r.text
}

func (d *dialogue) pause(delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	if err := d.out.Flush(); err != nil {
		return err
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.server.stopping:
		return errOver
	}
}

// lastWords ends the sending side and waits for the client to go: closing at once could tear down what was just sent.
func (d *dialogue) lastWords() error {
	_ = d.out.Flush()
	if secure, ok := d.conn.(*tls.Conn); ok {
		_ = secure.CloseWrite()
	}
	if tcp, ok := d.raw.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, d.raw)
	return errOver
}

// hang says nothing until the client goes or the simulator stops, which closes the connection.
func (d *dialogue) hang() error {
	_ = d.out.Flush()
	_ = d.conn.SetDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, d.in)
	return errOver
}
