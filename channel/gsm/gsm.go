// Package gsm knows what mobile networks make of a text and of a number.
//
// A text goes over the air in one of two alphabets. If every character is in the GSM 7-bit alphabet, 160 of them fit into
// one message; a few, such as € and [, count as two. Any other character makes the whole text UCS-2, of which 70 units
// fit. What is longer travels in parts, each a little shorter for the header that joins them again. Each part is paid
// for, so Measure tells how many there are before anything is sent.
//
// A number is written in many ways; Number makes one of them, E.164, and refuses what cannot be dialled.
package gsm

import (
	"strings"
	"unicode/utf8"
)

// Alphabet is how a text is coded (3GPP TS 23.038 section 4).
type Alphabet string

const (
	GSM7 Alphabet = "gsm7" // units are septets
	UCS2 Alphabet = "ucs2" // units are 16 bits; characters beyond U+FFFF take two
)

// capacity is how many units a text, or one part of a longer text, may have: 140 bytes, less the six of the header that
// joins parts (3GPP TS 23.040 section 9.2.3.24.1).
type capacity struct{ alone, part int }

var capacities = map[Alphabet]capacity{
	GSM7: {160, 153},
	UCS2: {70, 67},
}

// Size is what a text takes.
type Size struct {
	Alphabet Alphabet
	Units    int // septets or 16-bit units
	Parts    int // messages on the air, and on the bill; an empty text takes one
	Left     int // units that still fit before another part begins
}

// Measure counts a text.
func Measure(text string) Size {
	alphabet := AlphabetOf(text)
	size := Size{Alphabet: alphabet, Parts: 1}
	limit := capacities[alphabet]
	last := 0 // units of the last part, if the text has parts
	for _, r := range text {
		n := units(alphabet, r)
		size.Units += n
		if last += n; last > limit.part {
			size.Parts, last = size.Parts+1, n
		}
	}
	if size.Units <= limit.alone {
		size.Parts, size.Left = 1, limit.alone-size.Units
		return size
	}
	size.Left = limit.part - last
	return size
}

// AlphabetOf is GSM7 when every character of the text is in it. Bytes that are not UTF-8 stand for U+FFFD, which is not.
func AlphabetOf(text string) Alphabet {
	for _, r := range text {
		if septets(r) == 0 {
			return UCS2
		}
	}
	return GSM7
}

func units(a Alphabet, r rune) int {
	switch {
	case a == GSM7:
		return septets(r)
	case r > 0xffff:
		return 2
	}
	return 1
}

// The GSM 7-bit default alphabet in the order of its codes, without the escape at 0x1B, and its extension table
// (3GPP TS 23.038 sections 6.2.1 and 6.2.1.1).
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// ascii is the number of septets of each character below U+0080; 0 = not in the alphabet.
var ascii = func() (table [utf8.RuneSelf]uint8) {
	for r := range rune(utf8.RuneSelf) {
		table[r] = lookup(r)
	}
	return table
}()

// septets is how many a character takes; 0 = it is not in the alphabet.
func septets(r rune) int {
	if r >= 0 && r < utf8.RuneSelf {
		return int(ascii[r])
	}
	return int(lookup(r))
}

func lookup(r rune) uint8 {
	switch {
	case r == utf8.RuneError:
		return 0
	case strings.ContainsRune(basic, r):
		return 1
	case strings.ContainsRune(extension, r):
		return 2
	}
	return 0
}
