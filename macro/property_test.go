package macro

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// same compares the meaning of two texts: everything but where it stood.
var same = cmp.Options{
	cmp.AllowUnexported(piece{}, expr{}),
	cmpopts.IgnoreFields(expr{}, "at", "end", "call"),
	cmpopts.EquateEmpty(),
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", five, "$$${a}${b['x']}", "${user.mail 'it''s' | replace('a','b') | substring(1,2)}",
		"${outofcompliance.reason('smg_block')}", "${x ${y}", "${a(b(c('", "é\xff", "${date(a,'DD')|upper(",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := Parse(source)
		if err != nil {
			checkErrors(t, source, err)
			return
		}
		printed := text.String()
		again, err := Parse(printed)
		if err != nil {
			if len(printed) > TextLimit {
				return // the canonical form may be longer
			}
			t.Fatalf("%q prints %q: %v", source, printed, err)
		}
		if diff := cmp.Diff(text.pieces(), again.pieces(), same); diff != "" {
			t.Fatalf("%q prints %q:\n%s", source, printed, diff)
		}
		if again.String() != printed {
			t.Fatalf("%q prints %q, then %q", source, printed, again.String())
		}
		values := func(s Slot) (string, bool) { return string(s) + "é", len(s)%3 > 0 }
		got, missing := text.Render(Env{Values: values})
		other, otherMissing := again.Render(Env{Values: values})
		if got != other || !slices.Equal(missing, otherMissing) || !utf8.ValidString(got) {
			t.Fatalf("%q renders %q %v, then %q %v", source, got, missing, other, otherMissing)
		}
	})
}

func checkErrors(t *testing.T, source string, err error) {
	var problems Errors
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("%q: %v is no Errors", source, err)
	}
	last := 1
	for _, p := range problems {
		if p.Position < last || p.Position > utf8.RuneCountInString(source)+1 || p.Detail == "" {
			t.Fatalf("%q: %+v is out of order, outside or empty", source, p)
		}
		last = p.Position
	}
}

// part is a stretch of source and what it renders to.
type part struct{ source, want string }

// parts generates sources together with their meaning, written independently of the
// parser, over one value: user.mail = "ana@example.org"; user.mobile is missing.
func parts() *rapid.Generator[part] {
	blank := rapid.SampledFrom([]string{"", " ", "\n\t", "\u00a0"})
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab'}{$|ç ")), 1, 6, -1)
	return rapid.Custom(func(t *rapid.T) part {
		b := func() string { return blank.Draw(t, "blank") }
		literal := text.Draw(t, "text")
		quoted := "'" + strings.ReplaceAll(literal, "'", "''") + "'"
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return part{"$${", "${"}
		case 1:
			return part{"${" + b() + "user" + b() + "." + b() + "mail" + b() + "}", "ana@example.org"}
		case 2:
			return part{"${user.mobile" + b() + quoted + b() + "}", literal}
		case 3:
			return part{"${user.mobile" + b() + "[" + b() + quoted + b() + "]" + b() + "|" + b() + "upper}", strings.ToUpper(literal)}
		case 4:
			return part{"${firstnotnull(" + b() + "user.mobile" + b() + "," + b() + quoted + b() + ")}", literal}
		default:
			plain := strings.NewReplacer("$", "", "{", "").Replace(literal)
			return part{plain, plain}
		}
	})
}

func TestRenderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var source, want strings.Builder
		for _, p := range rapid.SliceOfN(parts(), 0, 8).Draw(t, "parts") {
			source.WriteString(p.source)
			want.WriteString(p.want)
		}
		text, err := Parse(source.String())
		if err != nil {
			t.Fatalf("%q: %v", source.String(), err)
		}
		if got, _ := text.Render(Env{Values: lookup}); got != want.String() {
			t.Fatalf("%q renders %q, want %q", source.String(), got, want.String())
		}
		again, err := Parse(text.String())
		if err != nil {
			t.Fatalf("%q prints %q: %v", source.String(), text, err)
		}
		if diff := cmp.Diff(text.pieces(), again.pieces(), same); diff != "" {
			t.Fatalf("%q prints %q:\n%s", source.String(), text, diff)
		}
	})
}

// TestValuesAreNotRead: whatever a value says, it comes out as it is.
func TestValuesAreNotRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.RuneFrom([]rune("${}user.mail'|()"))).Draw(t, "value")
		text, err := Parse("<${user.mail}>")
		if err != nil {
			t.Fatal(err)
		}
		got, _ := text.Render(Env{Values: func(Slot) (string, bool) { return value, true }})
		if got != "<"+value+">" {
			t.Fatalf("rendered %q", got)
		}
	})
}

// TestProgramAgreesWithTexts: compiled together, texts render as they do alone.
func TestProgramAgreesWithTexts(t *testing.T) {
	sources := rapid.SliceOfN(parts(), 1, 5)
	rapid.Check(t, func(t *rapid.T) {
		var texts []*Text
		for _, p := range sources.Draw(t, "sources") {
			text, err := Parse(p.source + "${device.name}${" + rapid.SampledFrom([]string{"a", "b", "user.mail"}).Draw(t, "more") + "}")
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
		program := Compile(texts...)
		values := program.Take(lookup)
		for i, text := range texts {
			want, missing := text.Render(Env{Values: lookup})
			if got := program.RenderEscaped(i, values, nil, Env{}.Language, nil); got != want {
				t.Fatalf("%q: %q in the program, %q alone", text, got, want)
			}
			if got := program.MissingIn(i, values); !slices.Equal(got, missing) {
				t.Fatalf("%q: misses %v in the program, %v alone", text, got, missing)
			}
		}
	})
}
