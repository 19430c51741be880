package channel

import (
	"unicode"
	"unicode/utf8"
)

// AppendJSON appends s as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; <, > and & stay as they
// are, because push services count bytes and nobody puts the result into a page.
func AppendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		dst = appendRune(dst, r)
		i += size
	}
	return append(dst, '"')
}

// ellipsis ends a text that was cut.
const ellipsis = "…"

// AppendJSONFit is AppendJSON with at most room bytes, the quotes included. A text that is longer is cut between
// characters, and ends in an ellipsis if there is room for one.
func AppendJSONFit(dst []byte, s string, room int) []byte {
	start := len(dst)
	dst = append(dst, '"')
	full, cut := start+room-1, start+room-1-len(ellipsis) // where the text, and where a cut text, must have ended
	end, joined := len(dst), true                         // of the part that stays if it is cut
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !joined && !continues(r) && len(dst) <= cut {
			end = len(dst)
		}
		joined = r == zeroWidthJoiner
		if dst = appendRune(dst, r); len(dst) > full {
			return appendCut(dst[:end], start, full)
		}
		i += size
	}
	return append(dst, '"')
}

func appendCut(dst []byte, start, full int) []byte {
	if len(dst)+len(ellipsis) <= full && len(dst) > start {
		dst = append(dst, ellipsis...)
	}
	return append(dst, '"')
}

const zeroWidthJoiner = '\u200d'

// continues reports whether r belongs to the character before it: accents, variation selectors, skin tones, joiners.
func continues(r rune) bool {
	return r > unicode.MaxLatin1 && (unicode.Is(unicode.M, r) || r == zeroWidthJoiner || r >= 0x1f3fb && r <= 0x1f3ff)
}

func appendRune(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r >= ' ':
		return utf8.AppendRune(dst, r)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
}
