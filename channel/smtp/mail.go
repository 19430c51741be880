package smtp

import (
	"bytes"
	"encoding/base64"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/message"
)

// lineLength is the longest line of RFC 5322 section 2.1.1, without CRLF.
const lineLength = 998

// form is how a text travels (RFC 2045 section 6).
type form string

const (
	sevenBit        form = "7bit"
	eightBit        form = "8bit"
	quotedPrintable form = "quoted-printable"
)

// formOf chooses how text travels. Without 8BITMIME only ASCII may go as it is.
func formOf(text string, eightBitMIME bool) form {
	ascii, length, longest := true, 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n' || c == '\r':
			length = 0
			continue
		case c >= utf8.RuneSelf:
			ascii = false
		}
		length++
		longest = max(longest, length)
	}
	switch {
	case longest > lineLength || !ascii && !eightBitMIME:
		return quotedPrintable
	case ascii:
		return sevenBit
	default:
		return eightBit
	}
}

// letterhead is what all mails of one server have in common.
type letterhead struct {
	author  author
	domain  string // of the author's address, for Message-ID
	nowhere string // To of a mail that has many recipients
}

func newLetterhead(a author) letterhead {
	return letterhead{author: a, domain: domain(a.address), nowhere: "undisclosed-recipients:;"}
}

// appendMail writes a whole mail as it follows DATA, with the dots doubled and the last one at the end. id is the left
// side of its Message-ID, to the content of its To line.
func (h letterhead) appendMail(b []byte, m *message.Message, to, id string, how form, now time.Time) []byte {
	b = appendAuthor(append(b, "From: "...), h.author.by(m.Sender))
	b = append(append(append(b, "\r\nTo: "...), to...), "\r\nSubject: "...)
	b = appendText(b, clean(m.Subject))
	b = now.UTC().AppendFormat(append(b, "\r\nDate: "...), "Mon, 02 Jan 2006 15:04:05 -0700")
	b = append(append(append(b, "\r\nMessage-ID: <"...), id...), '@')
	b = append(append(b, h.domain...), ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"...)
	b = append(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "...)
	b = append(append(b, how...), "\r\n\r\n"...)
	b = appendBody(b, m.Text, how)
	return append(b, ".\r\n"...)
}

func appendAuthor(b []byte, a author) []byte {
	if a.name != "" {
		b = append(appendPhrase(b, clean(a.name)), ' ')
	}
	b = append(append(b, '<'), a.address...)
	return append(b, '>')
}

// appendPhrase writes a display name (RFC 5322 section 3.2.5): quoted when it is ASCII.
func appendPhrase(b []byte, name string) []byte {
	if !plainText(name) {
		return appendWords(b, name)
	}
	b = append(b, '"')
	for i := range len(name) {
		if name[i] == '"' || name[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, name[i])
	}
	return append(b, '"')
}

func appendText(b []byte, s string) []byte {
	if plainText(s) {
		return append(b, s...)
	}
	return appendWords(b, s)
}

// plainLength leaves room in a header line for its name.
const plainLength = 900

// plainText reports whether s can stand in a header as it is.
func plainText(s string) bool {
	if len(s) > plainLength || strings.Contains(s, "=?") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// wordBytes fit into one encoded-word of at most 75 characters (RFC 2047 section 2).
const wordBytes = 45

// appendWords writes encoded-words, one a line, never cutting a character in two.
func appendWords(b []byte, s string) []byte {
	for first := true; len(s) > 0; first = false {
		n := len(s)
		if n > wordBytes {
			for n = wordBytes; !utf8.RuneStart(s[n]); n-- {
			}
		}
		if !first {
			b = append(b, "\r\n "...)
		}
		b = append(b, "=?utf-8?b?"...)
		b = base64.StdEncoding.AppendEncode(b, []byte(s[:n]))
		b = append(b, "?="...)
		s = s[n:]
	}
	return b
}

func appendBody(b []byte, text string, how form) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if how == quotedPrintable {
		text = quote(text)
	}
	return appendLines(b, text)
}

func quote(text string) string {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	// Writing to memory does not fail.
	_, _ = w.Write(appendPlainLines(nil, text))
	_ = w.Close()
	return out.String()
}

// appendPlainLines writes text without NUL, with LF for each of CRLF, LF and CR.
func appendPlainLines(b []byte, text string) []byte {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text)
	return append(b, text...)
}

// appendLines writes text with CRLF at the end of each line, the last one too; with dots at the beginning of lines
// doubled (RFC 5321 section 4.5.2) and without NUL. Whatever the text holds, no CR or LF stands alone in what is written
// and no line is a single dot, so that no server can be made to see an end where there is none (SMTP smuggling).
func appendLines(b []byte, text string) []byte {
	start := true // of a line
	for len(text) > 0 {
		n := strings.IndexAny(text, "\r\n\x00")
		if n < 0 {
			n = len(text)
		}
		if n > 0 {
			if start && text[0] == '.' {
				b = append(b, '.')
			}
			b = append(b, text[:n]...)
			start = false
			text = text[n:]
			continue
		}
		if text[0] != 0 {
			b = append(b, "\r\n"...)
			start = true
		}
		text = text[lineEnd(text):]
	}
	if !start {
		b = append(b, "\r\n"...)
	}
	return b
}

// lineEnd is the length of the line end or NUL at the beginning of s.
func lineEnd(s string) int {
	if strings.HasPrefix(s, "\r\n") {
		return 2
	}
	return 1
}
