package ews

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
)

// utf8Text is the body in UTF-8, without byte order mark. UTF-16 is known by its mark, or by the zero beside the first
// '<' (XML 1.0 appendix F).
func utf8Text(body []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return body[3:], nil
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return fromUTF16(body[2:], binary.LittleEndian)
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return fromUTF16(body[2:], binary.BigEndian)
	case bytes.HasPrefix(body, []byte("<\x00")):
		return fromUTF16(body, binary.LittleEndian)
	case bytes.HasPrefix(body, []byte("\x00<")):
		return fromUTF16(body, binary.BigEndian)
	}
	return body, nil
}

func fromUTF16(body []byte, order binary.ByteOrder) ([]byte, error) {
	if len(body)%2 != 0 {
		return nil, Malformed
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}

// charset reads what an XML declaration promises. Text that was UTF-16 is UTF-8 by now; and a sender that declares UTF-16
// but writes single bytes (a string of .NET written into a byte stream) means UTF-8.
func charset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "unicode", "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "latin1", "windows-1252":
		// The bytes from 0x80 to 0x9F differ between the two; they stand in words for people, which nobody reads here.
		return latin1{input.(io.ByteReader)}, nil
	}
	return nil, Malformed
}

// latin1 reads bytes as the characters of the same number, in UTF-8, one byte at a time, as encoding/xml asks for them.
type latin1 struct{ input io.ByteReader }

func (l latin1) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, io.ErrShortBuffer
	}
	c, err := l.input.ReadByte()
	if err != nil {
		return 0, err
	}
	return len(append(p[:0], string(rune(c))...)), nil
}
