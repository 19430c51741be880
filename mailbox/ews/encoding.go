package ews

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf8Text is what the readers read: the body in UTF-8, without byte order mark and XML declaration. UTF-16 is known by its
// mark, or by the zero beside the first '<' (XML 1.0 appendix F).
func utf8Text(body []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return undeclared(body[3:], nil)
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return undeclared(fromUTF16(body[2:], binary.LittleEndian))
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return undeclared(fromUTF16(body[2:], binary.BigEndian))
	case bytes.HasPrefix(body, []byte("<\x00")):
		return undeclared(fromUTF16(body, binary.LittleEndian))
	case bytes.HasPrefix(body, []byte("\x00<")):
		return undeclared(fromUTF16(body, binary.BigEndian))
	}
	text, encoding, err := declared(body)
	switch {
	case err != nil:
		return nil, err
	case encoding == "" || known[encoding]:
		return text, nil
	case singleByte(encoding):
		return fromSingleBytes(text), nil
	}
	return nil, Malformed
}

// undeclared takes the declaration off a text whose bytes have said what they are.
func undeclared(text []byte, err error) ([]byte, error) {
	if err == nil {
		text, _, err = declared(text)
	}
	return text, err
}

// declarations are the XML declarations that servers write.
var declarations = [][]byte{
	[]byte(`<?xml version="1.0" encoding="utf-8"?>`),
	[]byte(`<?xml version="1.0" encoding="UTF-8"?>`),
	[]byte(`<?xml version='1.0' encoding='UTF-8'?>`),
	[]byte(`<?xml version="1.0"?>`),
}

// declaration is XML 1.0 section 2.8. Every 1.x is read as 1.0, as its fifth edition asks for.
var declaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*(?:"1\.[0-9]+"|'1\.[0-9]+')` +
	`(?:\s+encoding\s*=\s*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>`)

// declared parts the declaration from what follows, and reads the encoding that it promises, in small letters; "" = none.
func declared(text []byte) (rest []byte, encoding string, err error) {
	if !bytes.HasPrefix(text, []byte("<?xml")) {
		return text, "", nil
	}
	for _, d := range declarations {
		if bytes.HasPrefix(text, d) {
			return text[len(d):], "", nil
		}
	}
	found := declaration.FindSubmatch(text)
	if found == nil {
		return nil, "", Malformed
	}
	return text[len(found[0]):], strings.ToLower(string(found[1]) + string(found[2])), nil
}

// known are the encodings of which nothing is to be done. A sender that declares UTF-16 but writes single bytes (a string of
// .NET written into a byte stream) means UTF-8.
var known = map[string]bool{
	"utf-8": true, "utf8": true, "utf-16": true, "utf-16le": true, "utf-16be": true, "unicode": true, "us-ascii": true, "ascii": true,
}

// singleByte reports whether each byte is a character, and the first 128 are those of ASCII.
func singleByte(encoding string) bool {
	for _, family := range []string{"iso-8859-", "windows-125", "latin", "koi8-"} {
		if strings.HasPrefix(encoding, family) {
			return true
		}
	}
	return false
}

// fromSingleBytes reads bytes as the characters of the same number. Beyond ASCII that is right for ISO 8859-1 alone, but
// such letters stand in words for people, which nobody reads here.
func fromSingleBytes(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

func fromUTF16(body []byte, order binary.ByteOrder) ([]byte, error) {
	if len(body)%2 != 0 {
		return nil, Malformed
	}
	out := make([]byte, 0, len(body))
	for ; len(body) > 0; body = body[2:] {
		r := rune(order.Uint16(body))
		if utf16.IsSurrogate(r) {
			if len(body) < 4 {
				return nil, Malformed
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(body[2:]))); r == utf8.RuneError {
				return nil, Malformed
			}
			body = body[2:]
		}
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}

// characters reports whether a text is UTF-8, and has no character that XML does not (XML 1.0 section 2.2).
func characters(text []byte) bool {
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		switch {
		case r < ' ' && r != '\t' && r != '\r' && r != '\n', r == utf8.RuneError && n == 1, r == 0xfffe, r == 0xffff:
			return false
		}
		i += n
	}
	return true
}
