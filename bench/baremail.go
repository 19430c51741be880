package bench

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"heliograph/sim"
)

// mailWidth is how many sessions there are: as many as Heliograph has.
const mailWidth = 4

// bareMail sends mails with PIPELINING (RFC 2920): the envelope in one write, the mail in another.
func bareMail(ctx context.Context, ready sim.Ready, group, n int) error {
	return spread((n+group-1)/group, mailWidth, func() (func(int) error, func(), error) {
		s, err := openMail(ctx, ready.Sims[sim.SMTP])
		if err != nil {
			return nil, nil, err
		}
		return func(i int) error { return s.mail(i*group, min(n, (i+1)*group)) }, s.close, nil
	})
}

// mailSession is one connection to the mail server.
type mailSession struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func openMail(ctx context.Context, address string) (*mailSession, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &mailSession{conn: conn, in: bufio.NewReader(conn)}
	if err := s.expect("220"); err != nil {
		return nil, err
	}
	s.out = append(s.out, "EHLO bench.example\r\n"...)
	return s, s.exchange("250")
}

func (s *mailSession) close() { _ = s.conn.Close() }

// mail sends one mail to the people from first to before last.
func (s *mailSession) mail(first, last int) error {
	s.out = append(s.out, "MAIL FROM:<"+mailFrom+">\r\n"...)
	answers := []string{"250"}
	for i := first; i < last; i++ {
		s.out = append(append(append(s.out, "RCPT TO:<"...), address(i)...), ">\r\n"...)
		answers = append(answers, "250")
	}
	s.out = append(s.out, "DATA\r\n"...)
	if err := s.exchange(append(answers, "354")...); err != nil {
		return err
	}
	name := fmt.Sprintf("%s Example %d", givenNames[first%len(givenNames)], first)
	s.out = fmt.Appendf(s.out, "From: <%s>\r\nTo: %s\r\nSubject: %s, your device needs an update\r\nDate: Wed, 04 Mar 2026 09:30:00 +0000\r\n"+
		"Message-ID: <%d@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"+
		"Hello %s,\r\n\r\n%s.\r\n", mailFrom, address(first), name, first, name, wireBody)
	return s.exchange("250")
}

// wireBody is the text with the line ends of the wire.
var wireBody = strings.ReplaceAll(body, "\n", "\r\n")

// exchange writes what was collected and reads one answer for each code.
func (s *mailSession) exchange(codes ...string) error {
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	if err != nil {
		return err
	}
	for _, code := range codes {
		if err := s.expect(code); err != nil {
			return err
		}
	}
	return nil
}

func (s *mailSession) expect(code string) error {
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) < 4 || string(line[:3]) != code {
			return fmt.Errorf("the simulator answered %q instead of %s", line, code)
		}
		if line[3] != '-' {
			return nil
		}
	}
}
