package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// mailFrom opens a transaction.
func (d *dialogue) mailFrom(argument string) error {
	from, parameters, ok := path(argument, "FROM:")
	switch {
	case d.helo == "":
		return d.say(reply{503, "5.5.1 EHLO first"})
	case d.server.options.RequireAuth && d.user == "":
		return d.say(reply{530, "5.7.0 sign in first"})
	case d.mail != nil:
		return d.say(reply{503, "5.5.1 there is a transaction already"})
	case !ok:
		return d.say(reply{501, "5.5.4 say MAIL FROM:<address>"})
	}
	mail := &transaction{from: from}
	ordinary := reply{250, "2.1.0 sender ok"}
	if refused := d.mailParameters(mail, parameters); refused.code != 0 {
		ordinary = refused
	} else if refused := checkAddress(from, mail.utf8); from != "" && refused != "" {
		ordinary = reply{553, "5.1.7 sender: " + refused}
	}
	return d.answer(stageMail, ordinary, func(r reply) error {
		if r.good() {
			d.mail = mail
		}
		return nil
	}, from)
}

func (d *dialogue) mailParameters(mail *transaction, parameters []string) reply {
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		switch strings.ToUpper(name) {
		case "SIZE":
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < 0 {
				return reply{501, "5.5.4 SIZE needs a number"}
			}
			if size > int64(d.server.options.MaxSize) {
				return reply{552, "5.3.4 the message is too large"}
			}
		case "BODY":
			if v := strings.ToUpper(value); v != "7BIT" && v != "8BITMIME" {
				return reply{501, "5.5.4 BODY is 7BIT or 8BITMIME"}
			}
		case "SMTPUTF8":
			mail.utf8 = true
		case "AUTH":
		default:
			return reply{555, fmt.Sprintf("5.5.4 the parameter %q was not announced", name)}
		}
	}
	return reply{}
}

func (d *dialogue) rcptTo(argument string) error {
	to, parameters, ok := path(argument, "TO:")
	switch {
	case d.mail == nil:
		return d.say(reply{503, "5.5.1 MAIL first"})
	case !ok || to == "":
		return d.say(reply{501, "5.5.4 say RCPT TO:<address>"})
	case len(parameters) > 0:
		return d.say(reply{555, "5.5.4 no parameter was announced"})
	}
	ordinary := reply{250, "2.1.5 recipient ok"}
	if len(d.mail.recipients) >= d.server.options.MaxRecipients {
		ordinary = reply{452, "4.5.3 too many recipients"}
	} else if refused := checkAddress(to, d.mail.utf8); refused != "" {
		ordinary = reply{553, "5.1.3 recipient: " + refused}
	}
	return d.answer(stageRcpt, ordinary, func(r reply) error {
		if r.good() {
			d.mail.recipients = append(d.mail.recipients, to)
		}
		return nil
	}, to)
}

// data reads the message and ends the transaction, whatever the answer.
func (d *dialogue) data(string) error {
	switch {
	case d.mail == nil:
		return d.say(reply{503, "5.5.1 MAIL first"})
	case len(d.mail.recipients) == 0:
		return d.say(reply{554, "5.5.1 no valid recipients"})
	}
	mail := d.mail
	subjects := append([]string{mail.from}, mail.recipients...)
	return d.answer(stageData, reply{354, "end with <CRLF>.<CRLF>"}, func(r reply) error {
		if r.code != 354 {
			d.mail = nil
			return nil
		}
		if err := d.out.Flush(); err != nil {
			return err
		}
		body, refused, err := d.readMessage()
		if err != nil {
			return err
		}
		d.mail = nil
		ordinary := reply{250, "2.0.0 accepted"}
		if refused.code != 0 {
			ordinary = refused
		}
		rec := record{from: mail.from, recipients: mail.recipients, user: d.user, secure: d.secure, body: body}
		record := func(status int, reason string) { d.server.history.Add(status, reason, rec) }
		return d.answerRecorded(stageEnd, ordinary, record, func(reply) error { return nil }, subjects...)
	}, subjects...)
}

func (d *dialogue) reset(string) error {
	d.mail = nil
	return d.say(reply{250, "2.0.0 forgotten"})
}

// readMessage reads to the final dot and removes the dots that were stuffed. A message that is too large, or in which a
// line ends in a bare CR or LF (the root of SMTP smuggling), is read to its end and refused.
func (d *dialogue) readMessage() (body []byte, refused reply, err error) {
	if err := d.conn.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
		return nil, reply{}, err
	}
	lineStart, last := true, byte('\n')
	for {
		chunk, err := d.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, reply{}, err
		}
		if lineStart && string(chunk) == ".\r\n" {
			return body, refused, nil
		}
		if bare(chunk, last) {
			refused = reply{554, "5.6.0 a line ends in a bare CR or LF"}
		}
		last = chunk[len(chunk)-1]
		if lineStart && chunk[0] == '.' {
			chunk = chunk[1:]
		}
		lineStart = err == nil
		if len(body)+len(chunk) > d.server.options.MaxSize {
			refused = reply{552, "5.3.4 the message is too large"}
			continue
		}
		body = append(body, chunk...)
	}
}

// bare reports whether chunk, which follows the byte before, has a CR without LF or an LF without CR.
func bare(chunk []byte, before byte) bool {
	if before == '\r' && chunk[0] != '\n' {
		return true
	}
	end := len(chunk)
	if chunk[end-1] == '\n' {
		end--
		if end > 0 {
			before = chunk[end-1]
		}
		if before != '\r' {
			return true
		}
	}
	end = max(end-1, 0) // a CR at the very end may be followed by its LF
	return bytes.IndexByte(chunk[:end], '\r') >= 0
}

// path takes "FROM:<address> PARAMETER…" apart. A space after the colon is forgiven, as everybody does.
func path(argument, prefix string) (address string, parameters []string, ok bool) {
	if len(argument) < len(prefix) || !strings.EqualFold(argument[:len(prefix)], prefix) {
		return "", nil, false
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(argument[len(prefix):], " "), "<")
	if !ok {
		return "", nil, false
	}
	end := closing(rest)
	if end < 0 {
		return "", nil, false
	}
	return rest[:end], strings.Fields(rest[end+1:]), true
}

// closing finds the ">" that ends a path; one in a quoted local part does not. -1 = none.
func closing(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// checkAddress says what is wrong with an address; "" = it is well-formed.
func checkAddress(address string, utf8Allowed bool) string {
	at := strings.LastIndexByte(address, '@')
	switch {
	case at <= 0 || at == len(address)-1:
		return "needs the form local@domain"
	case at > 64 || len(address) > 254: // RFC 5321 section 4.5.3.1
		return "is too long"
	case !utf8.ValidString(address):
		return "is not UTF-8"
	}
	for _, c := range address {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' {
			return "has a character that does not belong there"
		}
		if c > 0x7f && !utf8Allowed {
			return "needs SMTPUTF8"
		}
	}
	return checkDomain(address[at+1:])
}

func checkDomain(domain string) string {
	if strings.HasPrefix(domain, "[") {
		if strings.HasSuffix(domain, "]") {
			return ""
		}
		return "has a broken address literal"
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsAny(label, "@_\"\\,;:()") {
			return "has a domain that cannot exist"
		}
	}
	return ""
}
