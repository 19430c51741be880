package smtp

import (
	"errors"
	"net/mail"
	"strings"
	"unicode/utf8"
)

var errAddress = errors.New("this is not an e-mail address")

// addressLength is the longest path of RFC 5321 section 4.5.3.1.3 without its brackets.
const addressLength = 254

// mailbox checks a bare address and returns it as it goes between < and >. Nothing that it returns can end a command or
// a header line.
func mailbox(address string) (string, error) {
	if len(address) > addressLength || !utf8.ValidString(address) {
		return "", errAddress
	}
	if plainMailbox(address) {
		return address, nil
	}
	if strings.ContainsFunc(address, isControl) || strings.ContainsAny(address, "<>") {
		return "", errAddress
	}
	parsed, err := mail.ParseAddress("<" + address + ">") // quoted local parts, address literals
	if err != nil || strings.HasPrefix(address, " ") || strings.HasSuffix(address, " ") {
		return "", errAddress
	}
	quoted := (&mail.Address{Address: parsed.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(quoted, "<"), ">"), nil
}

// plainMailbox recognises what nearly all addresses are: dot-atoms on both sides, or the same in UTF-8.
func plainMailbox(address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 {
		return false
	}
	return dotAtom(address[:at]) && dotAtom(address[at+1:])
}

func dotAtom(s string) bool {
	before := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.' && before == '.':
			return false
		case c < '!' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0:
			return false
		}
		before = c
	}
	return before != '.' && !strings.ContainsFunc(s, isControl)
}

// isControl also finds the C1 controls and the line separators of Unicode, which some readers take for line ends.
func isControl(r rune) bool {
	return r < ' ' || 0x7f <= r && r <= 0x9f || r == '\u2028' || r == '\u2029'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// domain is what stands behind the @.
func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// author is who a mail comes from.
type author struct {
	name    string
	address string // as mailbox returns it
}

// by reads a sender as a text has it: a name, an address or both. What it leaves out comes from a; but an address without
// a name stays without one, because the server's name need not be its.
func (a author) by(sender string) author {
	sender = strings.TrimSpace(clean(sender))
	if sender == "" {
		return a
	}
	if address, err := mailbox(sender); err == nil {
		return author{address: address}
	}
	if parsed, err := mail.ParseAddress(sender); err == nil {
		if address, err := mailbox(bare(parsed)); err == nil {
			return author{name: parsed.Name, address: address}
		}
	}
	if open := strings.LastIndexByte(sender, '<'); open >= 0 && strings.HasSuffix(sender, ">") {
		if address, err := mailbox(sender[open+1 : len(sender)-1]); err == nil { // such as: IT, Desk <it@example.org>
			return author{name: strings.Trim(sender[:open], ` "`), address: address}
		}
	}
	return author{name: sender, address: a.address}
}

func bare(a *mail.Address) string {
	return strings.Trim((&mail.Address{Address: a.Address}).String(), "<>")
}

// clean makes a value safe for a header line: CR, LF and NUL are dropped, broken UTF-8 is replaced.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.ContainsAny(s, "\r\n\x00") {
		s = strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s)
	}
	return s
}
