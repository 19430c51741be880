package gsm

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestMeasure(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	ya := func(n int) string { return strings.Repeat("я", n) }
	cases := []struct {
		name, text string
		want       Size
	}{
		{"empty", "", Size{GSM7, 0, 1, 160}},
		{"one", "a", Size{GSM7, 1, 1, 159}},
		{"full", a(160), Size{GSM7, 160, 1, 0}},
		{"one too many", a(161), Size{GSM7, 161, 2, 145}},
		{"two parts", a(306), Size{GSM7, 306, 2, 0}},
		{"three parts", a(307), Size{GSM7, 307, 3, 152}},
		{"four parts", a(612), Size{GSM7, 612, 4, 0}},
		{"extension", "€", Size{GSM7, 2, 1, 158}},
		{"every extension", "\f^{}\\[~]|€", Size{GSM7, 20, 1, 140}},
		{"extension fits", a(158) + "€", Size{GSM7, 160, 1, 0}},
		{"extension does not fit", a(159) + "€", Size{GSM7, 161, 2, 145}},
		{"a pair at the seam goes to the next part", a(152) + "€" + a(10), Size{GSM7, 164, 2, 141}},
		{"a pair at the seam costs a part", a(152) + "€" + a(151) + "a", Size{GSM7, 306, 3, 152}},
		{"letters of the alphabet", "Ärger mit ñ, Ø, Σ und §\r\n", Size{GSM7, 25, 1, 135}},
		{"a small ç is not in it", "ça", Size{UCS2, 2, 1, 68}},
		{"a grave accent is not in it", "`", Size{UCS2, 1, 1, 69}},
		{"a tabulator is not in it", "\t", Size{UCS2, 1, 1, 69}},
		{"full", ya(70), Size{UCS2, 70, 1, 0}},
		{"one too many", ya(71), Size{UCS2, 71, 2, 63}},
		{"two parts", ya(134), Size{UCS2, 134, 2, 0}},
		{"three parts", ya(135), Size{UCS2, 135, 3, 66}},
		{"one that is not in it changes all", a(70) + "я", Size{UCS2, 71, 2, 63}},
		{"surrogates", "👋", Size{UCS2, 2, 1, 68}},
		{"surrogates fit", ya(68) + "👋", Size{UCS2, 70, 1, 0}},
		{"surrogates at the seam", ya(66) + "👋" + ya(5), Size{UCS2, 73, 2, 60}},
		{"not UTF-8", "a\xff", Size{UCS2, 2, 1, 68}},
	}
	for _, c := range cases {
		if got := Measure(c.text); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if parts := split(c.text); len(parts) != c.want.Parts {
			t.Errorf("%s: split into %d", c.name, len(parts))
		}
	}
}

// TestAlphabet: 127 characters without the escape, and ten behind it; none of them twice.
func TestAlphabet(t *testing.T) {
	seen := map[rune]bool{}
	for _, r := range basic + extension {
		if seen[r] {
			t.Errorf("%q is there twice", r)
		}
		seen[r] = true
	}
	if n := utf8.RuneCountInString(basic); n != 127 {
		t.Errorf("the alphabet has %d characters", n)
	}
	if n := utf8.RuneCountInString(extension); n != 10 {
		t.Errorf("the extension has %d characters", n)
	}
	for r := range rune(0x11000) {
		if got := septets(r) > 0; got != seen[r] {
			t.Errorf("%q: %d septets", r, septets(r))
		}
	}
}

// texts are of one alphabet or the other, with many characters that count twice.
func texts() *rapid.Generator[string] {
	of := func(letters string) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.SampledFrom([]rune(letters)), 0, 700, -1)
	}
	return rapid.OneOf(of("ab€[{^~"), of(basic+extension), of("aяé👋🏽日"), rapid.String())
}

func TestPartsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		size, parts := Measure(text), split(text)
		if strings.Join(parts, "") != text {
			t.Fatalf("the parts joined are not the text: %q", parts)
		}
		if len(parts) != size.Parts {
			t.Fatalf("%d parts, measured %d", len(parts), size.Parts)
		}
		limit := capacities[size.Alphabet]
		room := limit.part
		if len(parts) == 1 {
			room = limit.alone
		}
		sum := 0
		for i, part := range parts {
			n := independent(size.Alphabet, part)
			sum += n
			if n > room || n == 0 && text != "" {
				t.Fatalf("part %d has %d units", i, n)
			}
			if !utf8.ValidString(part) {
				t.Fatalf("part %d is cut within a character: %q", i, part)
			}
			if i+1 < len(parts) {
				next, _ := utf8.DecodeRuneInString(parts[i+1])
				if n+independent(size.Alphabet, string(next)) <= room {
					t.Fatalf("part %d has room for the first character of the next", i)
				}
			}
		}
		last := independent(size.Alphabet, parts[len(parts)-1])
		if sum != size.Units || size.Left != room-last {
			t.Fatalf("%+v of %d units, %d in the last part", size, sum, last)
		}
	})
}

// independent counts units by another way than the package.
func independent(a Alphabet, s string) int {
	if a == UCS2 {
		return len(utf16.Encode([]rune(s)))
	}
	escaped := strings.NewReplacer("\f", "..", "^", "..", "{", "..", "}", "..", `\`, "..", "[", "..", "~", "..", "]", "..", "|", "..", "€", "..")
	return utf8.RuneCountInString(escaped.Replace(s))
}

// TestLeftFits: a longer text never has fewer parts, and what is Left is what fits.
func TestLeftFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		size := Measure(text)
		letter := "a"
		if more := Measure(text + strings.Repeat(letter, size.Left)); more.Parts != size.Parts || more.Left != 0 {
			t.Fatalf("%+v and %d more: %+v", size, size.Left, more)
		}
		if more := Measure(text + strings.Repeat(letter, size.Left+1)); more.Parts <= size.Parts {
			t.Fatalf("%+v and one more than fits: %+v", size, more)
		}
	})
}

func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{"", "hello", strings.Repeat("€", 100), strings.Repeat("👋", 50), "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if parts := split(text); strings.Join(parts, "") != text || len(parts) != Measure(text).Parts {
			t.Errorf("%q was split into %q", text, parts)
		}
	})
}

// split cuts a text into its parts. No character is cut: neither the escape from the character it belongs to, nor one
// half of a surrogate pair from the other. The parts joined are the text.
// It is how Measure is checked: by really cutting.
func split(text string) []string {
	alphabet := AlphabetOf(text)
	limit := capacities[alphabet]
	if Measure(text).Parts == 1 {
		return []string{text}
	}
	var parts []string
	start, used := 0, 0
	for i, r := range text {
		n := units(alphabet, r)
		if used += n; used > limit.part {
			parts = append(parts, text[start:i])
			start, used = i, n
		}
	}
	return append(parts, text[start:])
}
