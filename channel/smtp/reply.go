package smtp

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// reply is one answer of the server (RFC 5321 section 4.2).
type reply struct {
	code     int    // 200 to 599
	enhanced string // "5.1.1" (RFC 3463); empty when there is none
	text     string // without codes; several lines are separated by \n
}

// replyLines is how many lines an answer may have, so that no server can make us read for ever.
const replyLines = 100

// errGarbled is an answer that is not SMTP.
var errGarbled = errors.New("the answer is not SMTP")

// readReply reads one answer. Its error is errGarbled, or the connection's.
func readReply(r *bufio.Reader) (reply, error) {
	var got reply
	for range replyLines {
		line, err := readLine(r)
		if err != nil {
			return reply{}, err
		}
		code, more, ok := splitReply(line)
		if !ok || got.code != 0 && code != got.code {
			return reply{}, errGarbled
		}
		got.add(code, line)
		if !more {
			return got, nil
		}
	}
	return reply{}, errGarbled
}

// readLine reads up to LF; the line is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errGarbled
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// splitReply reads the code, and whether more lines follow.
func splitReply(line []byte) (code int, more, ok bool) {
	if len(line) < 3 {
		return 0, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	if code < 200 || code > 599 {
		return 0, false, false
	}
	if len(line) == 3 {
		return code, false, true
	}
	return code, line[3] == '-', line[3] == '-' || line[3] == ' '
}

// add takes one line; a code that is repeated on each is kept once.
func (r *reply) add(code int, line []byte) {
	text := ""
	if len(line) > 4 {
		text = string(line[4:])
	}
	enhanced, rest := splitEnhanced(code, text)
	if r.code == 0 {
		r.code, r.enhanced, r.text = code, enhanced, rest
		return
	}
	if enhanced != r.enhanced {
		rest = text
	}
	r.text += "\n" + rest
}

// splitEnhanced cuts off an enhanced status code. One whose class differs from the code's is a server's slip, and text.
func splitEnhanced(code int, text string) (enhanced, rest string) {
	word, rest, _ := strings.Cut(text, " ")
	if len(word) < 5 || int(word[0]-'0') != code/100 || !isEnhanced(word) {
		return "", text
	}
	return word, rest
}

// isEnhanced checks for class.subject.detail, with up to three digits in the last two.
func isEnhanced(word string) bool {
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, found := strings.Cut(rest, ".")
	return found && (class == "2" || class == "4" || class == "5") && shortNumber(subject) && shortNumber(detail)
}

func shortNumber(s string) bool {
	return 1 <= len(s) && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// class is the code's first digit.
func (r reply) class() int { return r.code / 100 }

// String is the answer in one line fit for people: no control characters, at most answerLength long.
func (r reply) String() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(r.code))
	if r.enhanced != "" {
		b.WriteByte(' ')
		b.WriteString(r.enhanced)
	}
	if words := oneLine(r.text); words != "" {
		b.WriteByte(' ')
		b.WriteString(words)
	}
	return shorten(b.String(), answerLength)
}

// answerLength is how many characters of an answer are kept.
const answerLength = 300

// oneLine makes any bytes printable on one line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// shorten cuts s to at most n characters.
func shorten(s string, n int) string {
	count := 0
	for i := range s {
		if count++; count == n {
			if next := s[i:]; len([]rune(next)) > 1 {
				return s[:i] + "…"
			}
			return s
		}
	}
	return s
}

// queueMarks stand before the name that a server gives to a mail it accepted: Postfix, Exim, Exchange.
var queueMarks = []string{"queued as ", "Queued as ", "id=", "InternalId="}

// queueEnd stands behind it: Sendmail, OpenSMTPD.
const queueEnd = " Message accepted for delivery"

// queueID is what the server calls the mail, or empty.
func (r reply) queueID() string {
	for _, mark := range queueMarks {
		if _, after, found := strings.Cut(r.text, mark); found {
			return leadingID(after)
		}
	}
	if before, _, found := strings.Cut(r.text, queueEnd); found {
		return leadingID(before)
	}
	return ""
}

// leadingID is the word at the beginning of s if it can be a queue id.
func leadingID(s string) string {
	n := 0
	for n < len(s) && (s[n] == '.' || s[n] == '-' || s[n] == '_' || isAlnum(s[n])) {
		n++
	}
	if n < 4 || n > 64 {
		return ""
	}
	return strings.TrimRight(s[:n], ".-_")
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
