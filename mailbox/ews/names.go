package ews

import "bytes"

// Limits of names. Servers give an element eight attributes and declare six prefixes at most.
const (
	mostAttributes = 64 // of an element
	mostPrefixes   = 32 // in scope
)

// name is one with its prefix, as it is written; no prefix = empty.
type name struct{ prefix, local []byte }

// declares reports whether the attribute of this name declares a prefix: that is then its local part.
func (n name) declares() bool { return string(n.prefix) == "xmlns" }

// scope are the prefixes that are declared where a reader is (Namespaces in XML 1.0 section 6.1). What they stand for is
// not looked at: elements are told by their local names.
type scope struct {
	prefixes [mostPrefixes]prefix
	n        int
}

type prefix struct {
	name  []byte
	level int // of the element that declares it
}

// enter begins an element. Reasons: Malformed = one of its prefixes is declared by nobody; TooLarge = it declares too many.
func (s *scope) enter(element name, attributes []name, level int) error {
	for _, a := range attributes {
		if !a.declares() {
			continue
		}
		if s.n == len(s.prefixes) {
			return TooLarge
		}
		s.prefixes[s.n] = prefix{a.local, level}
		s.n++
	}
	for _, a := range attributes {
		if len(a.prefix) > 0 && !a.declares() && !s.has(a.prefix) {
			return Malformed
		}
	}
	if len(element.prefix) > 0 && !s.has(element.prefix) {
		return Malformed
	}
	return nil
}

// leave forgets what an element at a level declared.
func (s *scope) leave(level int) {
	for s.n > 0 && s.prefixes[s.n-1].level >= level {
		s.n--
	}
}

func (s *scope) has(wanted []byte) bool {
	for i := s.n - 1; i >= 0; i-- {
		if bytes.Equal(s.prefixes[i].name, wanted) {
			return true
		}
	}
	return string(wanted) == "xml" // section 3: declared by being there
}

// startTag reads the names in a start tag that encoding/xml has taken, so that everything in it is there. False = there is no
// space before an attribute, on which encoding/xml does not insist.
func startTag(raw []byte) (element name, attributes []name, ok bool) {
	element, rest := cutName(raw[1:])
	for {
		spaced := bytes.TrimLeft(rest, " \t\r\n")
		if spaced[0] == '>' || spaced[0] == '/' {
			return element, attributes, true
		}
		if len(spaced) == len(rest) {
			return element, attributes, false
		}
		var a name
		a, rest = cutName(spaced)
		rest = bytes.TrimLeft(rest, " =\t\r\n")
		rest = rest[2+bytes.IndexByte(rest[1:], rest[0]):]
		attributes = append(attributes, a)
	}
}

func cutName(text []byte) (n name, rest []byte) {
	end := bytes.IndexAny(text, " =/>\t\r\n")
	prefix, local, prefixed := bytes.Cut(text[:end], []byte(":"))
	if !prefixed {
		prefix, local = nil, prefix
	}
	return name{prefix, local}, text[end:]
}
