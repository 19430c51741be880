package ews

import (
	"bytes"
	"encoding/binary"
)

// scan reads what servers really send: elements with plain ASCII names, attributes and texts of ASCII without references.
// False = there is something else in it, well-formed or not; d is then half filled and fallback decides. What scan accepts,
// fallback accepts with the same result (FuzzDecode).
func scan(text []byte, d *draft) bool {
	s := scanner{text: text, d: d, tokens: aroundRoot}
	s.places[0] = document
	return s.document()
}

type scanner struct {
	text   []byte
	at     int // what is read next
	d      *draft
	tokens int
	depth  int
	places [maxDepth + 1]place // of the open elements; [0] is the document
	names  [maxDepth + 1]piece // of the open elements, with their prefixes
	scope  scope
	given  [12]name // the attributes of the start tag that is being read; one with more is left to fallback
	gave   int
}

// aroundRoot are the tokens that scan does not count: space before and after the root.
const aroundRoot = 2

// piece is a part of the text.
type piece struct{ from, to int }

// Classes of bytes.
const (
	inName  = 1 << iota // letters, digits, '-', '.', '_'
	atStart             // may begin a name: letters and '_'
	inText              // may stand in a text or a value as it is
	isSpace
)

var classes = func() (table [256]byte) {
	for c := 0x20; c < 0x80; c++ {
		table[c] = inText
	}
	for _, c := range "<&>" {
		table[c] = 0
	}
	for _, c := range " \t\r\n" {
		table[c] = inText | isSpace
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" {
		table[c] |= inName | atStart
	}
	for _, c := range "0123456789-." {
		table[c] |= inName
	}
	return table
}()

// document reads one element with all that is in it, and space around it.
func (s *scanner) document() bool {
	s.space()
	for s.at < len(s.text) {
		if s.text[s.at] != '<' || !s.tag() {
			return false
		}
		if s.depth == 0 {
			s.space()
			return s.at == len(s.text)
		}
		if !s.content() {
			return false
		}
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) && classes[s.text[s.at]]&isSpace != 0 {
		s.at++
	}
}

// content reads the text up to the next tag. That of an element that also has elements is no text of ours: such an
// element with a kept text is left to fallback, which joins the parts.
func (s *scanner) content() bool {
	from := s.at
	s.at += plain(s.text[from:], '<')
	if s.at == len(s.text) || s.text[s.at] != '<' {
		return false
	}
	if from < s.at {
		s.tokens++
	}
	p := s.places[s.depth]
	if !p.kept() {
		return true
	}
	text := s.text[from:s.at]
	if !s.closing() || bytes.IndexByte(text, '\r') >= 0 { // line ends are made one kind by fallback
		return false
	}
	s.d.text(p, text)
	return true
}

// plain is how many bytes there are before end, or before one that may not stand in a text as it is. Ids are most of a body,
// so eight bytes are looked at in one go.
func plain(text []byte, end byte) int {
	i := 0
	for ; i+8 <= len(text) && ordinary(binary.LittleEndian.Uint64(text[i:]), uint64(end)*ones); i += 8 {
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == end || classes[c]&inText == 0 {
			return i
		}
	}
	return len(text)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ordinary reports whether eight bytes are ASCII from the space on, without '<', '&', '>' and the byte of ends. It may say no
// to such eight, never yes to others.
func ordinary(word, ends uint64) bool {
	strange := word | below(word, 0x20) | zero(word^ones*'<') | zero(word^ones*'>') | zero(word^ones*'&') | zero(word^ends)
	return strange&highs == 0
}

// zero has the high bit of each byte that is 0, and perhaps of others above one.
func zero(word uint64) uint64 { return (word - ones) &^ word }

// below has the high bit of each byte that is less than n, and perhaps of others above one; n is at most 0x80.
func below(word, n uint64) uint64 { return (word - ones*n) &^ word }

// closing reports whether an end tag is next.
func (s *scanner) closing() bool { return s.at+1 < len(s.text) && s.text[s.at+1] == '/' }

// tag reads a tag.
func (s *scanner) tag() bool {
	if s.tokens++; s.tokens > maxTokens {
		return false
	}
	s.at++ // '<'
	if s.at < len(s.text) && s.text[s.at] == '/' {
		s.at++
		return s.end()
	}
	return s.start()
}

func (s *scanner) end() bool {
	name, _, ok := s.name()
	if !ok || s.depth == 0 || !bytes.Equal(s.text[name.from:name.to], s.open()) {
		return false
	}
	s.space()
	if s.at == len(s.text) || s.text[s.at] != '>' {
		return false
	}
	s.at++
	s.scope.leave(s.depth)
	s.depth--
	return true
}

// open is the name of the innermost open element.
func (s *scanner) open() []byte {
	name := s.names[s.depth]
	return s.text[name.from:name.to]
}

func (s *scanner) start() bool {
	name, local, ok := s.name()
	if !ok || s.depth == maxDepth {
		return false
	}
	p := s.places[s.depth].inside(s.text[local:name.to])
	s.d.open(p, s.text[local:name.to])
	for s.gave = 0; ; {
		spaced := s.at
		s.space()
		if s.at == len(s.text) {
			return false
		}
		switch s.text[s.at] {
		case '>':
			s.at++
			s.depth++
			s.places[s.depth], s.names[s.depth] = p, name
			return s.named(name, local, s.depth)
		case '/':
			return s.named(name, local, s.depth+1) && s.empty(p)
		}
		if spaced == s.at || !s.attribute(p) {
			return false
		}
	}
}

// named enters an element, whose start tag was read.
func (s *scanner) named(element piece, local, level int) bool {
	given := s.given[:s.gave]
	for i := range given {
		for j := range given[:i] {
			if bytes.Equal(given[i].local, given[j].local) {
				return false // perhaps the same one twice
			}
		}
	}
	return s.scope.enter(s.parts(element, local), given, level) == nil
}

// parts is a name whose local part begins at local.
func (s *scanner) parts(of piece, local int) (n name) {
	if local > of.from {
		n.prefix = s.text[of.from : local-1]
	}
	n.local = s.text[local:of.to]
	return n
}

// empty ends an element that has nothing in it. Where a text is kept, it is the empty one.
func (s *scanner) empty(p place) bool {
	if s.at+1 >= len(s.text) || s.text[s.at+1] != '>' {
		return false
	}
	s.at += 2
	s.tokens++
	s.scope.leave(s.depth + 1)
	return !p.kept()
}

// name reads a name with at most one prefix; local is where what follows the prefix begins.
func (s *scanner) name() (name piece, local int, ok bool) {
	name.from, local = s.at, s.at
	if !s.part() {
		return name, local, false
	}
	if s.at < len(s.text) && s.text[s.at] == ':' {
		s.at++
		if local = s.at; !s.part() {
			return name, local, false
		}
	}
	name.to = s.at
	// Anything else that is in a name, such as a second colon or a letter beyond ASCII, is for fallback.
	return name, local, s.at < len(s.text) && s.text[s.at] < 0x80 && s.text[s.at] != ':'
}

func (s *scanner) part() bool {
	if s.at == len(s.text) || classes[s.text[s.at]]&atStart == 0 {
		return false
	}
	for i, c := range s.text[s.at:] {
		if classes[c]&inName == 0 {
			s.at += i
			return true
		}
	}
	s.at = len(s.text)
	return true
}

// attribute reads one, and tells those that mean something.
func (s *scanner) attribute(p place) bool {
	name, local, ok := s.name()
	if !ok || s.text[s.at] != '=' || s.at+1 >= len(s.text) || s.gave == len(s.given) {
		return false
	}
	given := s.parts(name, local)
	s.given[s.gave] = given
	s.gave++
	quote := s.text[s.at+1]
	if quote != '"' && quote != '\'' {
		return false
	}
	s.at += 2
	from := s.at
	s.at += plain(s.text[from:], quote)
	if s.at == len(s.text) || s.text[s.at] != quote {
		return false
	}
	text := s.text[from:s.at]
	s.at++
	if len(text) == 0 && given.declares() {
		return false
	}
	if p.wants(given.local) {
		if len(given.prefix) > 0 || bytes.IndexByte(text, '\r') >= 0 {
			return false // a prefixed one may be a declaration of a namespace
		}
		s.d.attribute(p, text)
	}
	return true
}
