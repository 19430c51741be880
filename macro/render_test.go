package macro

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
)

// people is what the tables below look values up in. Values present but empty are
// missing like absent ones.
var people = map[Slot]string{
	"user.username":                     "aferreira",
	"user.mail":                         "ana@example.org",
	"user.givenname":                    "Ana Sofia",
	"user.sn":                           "conceição",
	"user.mobile":                       "",
	"user.description":                  "  two  blanks ",
	"device.name":                       "Ana's iPhone",
	"device.serialNumber":               "c02x",
	"device.ACTIVE_ITUNES":              "${user.mail}",
	"custom.COLOR":                      "blue & grün",
	"custom.a-b_1":                      "odd name",
	"custom.user":                       "a property called user",
	"custom.Größe":                      "klein",
	"action.deadline":                   "2026-11-30T23:30:00Z",
	"enrollment.expires":                "2026-03-01",
	"enrollment.ios.url":                "https://example.org/e?x=1",
	"outofcompliance.reason(smg_block)": "blocked",
	"outofcompliance.reason()":          "blocked, passcode",
}

func lookup(s Slot) (string, bool) {
	v, ok := people[s]
	return v, ok
}

func render(t *testing.T, source string, lang language.Tag) (string, []string) {
	t.Helper()
	text, err := Parse(source)
	if err != nil {
		t.Fatalf("Parse(%q): %v", source, err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return text.Render(Env{Values: lookup, Location: paris, Language: lang})
}

func TestRender(t *testing.T) {
	for _, tt := range []struct {
		name, source, want string
		missing            []string
	}{
		{"empty", "", "", nil},
		{"plain", "Olá, 世界", "Olá, 世界", nil},
		{"one", "${user.mail}", "ana@example.org", nil},
		{"around", "Hello ${user.givenname}, your ${device.name}!", "Hello Ana Sofia, your Ana's iPhone!", nil},
		{"adjacent", "${user.username}${device.serialNumber}", "aferreirac02x", nil},
		{"blanks everywhere", "${ user . mail  |\n upper ( ) }", "ANA@EXAMPLE.ORG", nil},
		{"no-break space", "${\u00a0user.mail\u00a0}", "ana@example.org", nil},
		{"deep name", "${enrollment.ios.url}", "https://example.org/e?x=1", nil},

		{"escape", "$${user.mail}", "${user.mail}", nil},
		{"escape after dollar", "$$${user.mail}", "$${user.mail}", nil},
		{"escape then macro", "$${${user.username}}", "${aferreira}", nil},
		{"macro then escape", "${user.username}$${x}", "aferreira${x}", nil},
		{"lone dollars", "$ $5 $$ $user.mail $", "$ $5 $$ $user.mail $", nil},
		{"lone braces", "} { {}", "} { {}", nil},

		{"bare is custom", "${COLOR}", "blue & grün", nil},
		{"custom", "${custom.COLOR}", "blue & grün", nil},
		{"odd name", "${a-b_1}", "odd name", nil},
		{"letters of any script", "${Größe}", "klein", nil},
		{"bare namespace is custom", "${user}", "a property called user", nil},

		{"missing", "[${user.pager}]", "[]", []string{"user.pager"}},
		{"empty is missing", "[${user.mobile}]", "[]", []string{"user.mobile"}},
		{"missing bare", "[${SHADE}]", "[]", []string{"SHADE"}},
		{"missing once", "${user.pager}${user.pager}", "", []string{"user.pager"}},
		{"bare and custom are one", "${custom.SHADE}${SHADE}", "", []string{"custom.SHADE"}},
		{"missing in order", "${user.pager}${device.IMEI}", "", []string{"user.pager", "device.IMEI"}},

		{"default unused", "${user.mail 'n/a'}", "ana@example.org", nil},
		{"default", "${user.mobile 'n/a'}", "n/a", []string{"user.mobile"}},
		{"default in brackets", "${user.mobile['n/a']}", "n/a", []string{"user.mobile"}},
		{"default in brackets, blanks", "${user.mobile [ 'n/a' ] }", "n/a", []string{"user.mobile"}},
		{"default glued", "${user.mobile'n/a'}", "n/a", []string{"user.mobile"}},
		{"default before pipes", "${user.mobile 'n/a' | upper}", "N/A", []string{"user.mobile"}},
		{"default of unknown property", "${user.shoe '42'}", "42", []string{"user.shoe"}},
		{"quote in a text", "${user.mobile 'it''s off'}", "it's off", []string{"user.mobile"}},
		{"only a quote", "${user.mobile ''''}", "'", []string{"user.mobile"}},
		{"empty default", "[${user.mobile ''}]", "[]", []string{"user.mobile"}},
		{"brace in a text", "${user.mobile '}'}", "}", []string{"user.mobile"}},
		{"macro in a text is text", "${user.mobile '${user.mail}'}", "${user.mail}", []string{"user.mobile"}},
		{"macro in a value is text", "${device.ACTIVE_ITUNES}", "${user.mail}", nil},

		{"firstnotnull first", "${firstnotnull(user.mail, user.mobile)}", "ana@example.org", nil},
		{"firstnotnull second", "${firstnotnull(user.mobile,user.mail)}", "ana@example.org", nil},
		{"firstnotnull text", "${firstnotnull(user.mobile, 'none')}", "none", nil},
		{"firstnotnull none", "${firstnotnull(device.TEL_NUMBER, user.mobile)}", "", []string{"device.TEL_NUMBER", "user.mobile"}},
		{"firstnotnull of empty texts", "${firstnotnull(user.mobile, '')}", "", []string{"user.mobile"}},
		{"firstnotnull default", "${firstnotnull(device.TEL_NUMBER, user.mobile) 'x'}", "x", []string{"device.TEL_NUMBER", "user.mobile"}},
		{"firstnotnull piped", "${user.mobile | firstnotnull(user.mail)}", "ana@example.org", nil},
		{"firstnotnull of one", "${firstnotnull(user.mail)}", "ana@example.org", nil},
		{"firstnotnull of calls", "${firstnotnull(upper(user.mobile), lower(user.sn))}", "conceição", nil},
		{"firstnotnull bare", "${firstnotnull(COLOR, user.mail)}", "blue & grün", nil},

		{"upper", "${user.sn | upper}", "CONCEIÇÃO", nil},
		{"brackets may stay", "${user.sn | upper()}", "CONCEIÇÃO", nil},
		{"as a call", "${upper(user.sn)}", "CONCEIÇÃO", nil},
		{"lower", "${user.givenname | lower}", "ana sofia", nil},
		{"capitalize", "${user.sn | capitalize}", "Conceição", nil},
		{"capitalize leaves the rest", "${device.serialNumber | upper | capitalize}", "C02X", nil},
		{"capitalize nothing", "${user.mobile | capitalize}", "", []string{"user.mobile"}},
		{"capitalize first only", "${user.mobile 'élan vital' | capitalize}", "Élan vital", []string{"user.mobile"}},
		{"trim", "[${user.description | trim}]", "[two  blanks]", nil},
		{"chain", "${user.sn | upper | lower | capitalize}", "Conceição", nil},

		{"substring", "${user.sn | substring(0, 3)}", "con", nil},
		{"substring counts characters", "${user.sn | substring(6,8)}", "çã", nil},
		{"substring to the end", "${user.sn | substring(5)}", "ição", nil},
		{"substring clamped", "${user.sn | substring(5, 99)}", "ição", nil},
		{"substring beyond", "[${user.sn | substring(99)}]", "[]", nil},
		{"substring backwards", "[${user.sn | substring(4, 2)}]", "[]", nil},
		{"substring huge", "[${user.sn | substring(99999999999999999999)}]", "[]", nil},

		{"replace", "${user.sn | replace('ç', 'c')}", "conceicão", nil},
		{"replace every", "${user.givenname | replace('a', '')}", "An Sofi", nil},
		{"replace literally", "${user.mail | replace('.', '*')}", "ana@example*org", nil},
		{"urlencode", "${COLOR | urlencode}", "blue%20%26%20gr%C3%BCn", nil},
		{"urlencode reserved", "${enrollment.ios.url | urlencode}", "https%3A%2F%2Fexample.org%2Fe%3Fx%3D1", nil},
		{"urlencode unreserved", "${user.mobile 'a-Z_0.~' | urlencode}", "a-Z_0.~", []string{"user.mobile"}},

		{"default function", "${user.mobile | default('x')}", "x", []string{"user.mobile"}},
		{"default function sees an empty result", "${user.mail | substring(99) | default('x')}", "x", nil},
		{"default function keeps", "${user.mail | default('x')}", "ana@example.org", nil},
		{"both defaults", "${user.mobile '' | default('x')}", "x", []string{"user.mobile"}},

		{"date", "${action.deadline | date('dd.MM.yyyy HH:mm')}", "01.12.2026 00:30", nil},
		{"date names", "${action.deadline | date('EEEE dd MMMM')}", "Tuesday 01 December", nil},
		{"date short names", "${action.deadline | date('EEE dd MMM HH:mm:ss')}", "Tue 01 Dec 00:30:00", nil},
		{"a day is the same everywhere", "${enrollment.expires | date('dd.MM.yyyy HH:mm')}", "01.03.2026 00:00", nil},
		{"glued fields", "${enrollment.expires | date('yyyyMMdd')}", "20260301", nil},
		{"letters around", "${enrollment.expires | date('dd de MMMM, HHhmm')}", "01 de March, 00h00", nil},
		{"no date", "${user.sn | date('dd')}", "conceição", nil},
		{"nearly a date", "${user.mobile '2026-13-01' | date('dd')}", "2026-13-01", []string{"user.mobile"}},
		{"missing date", "[${user.mobile | date('dd')}]", "[]", []string{"user.mobile"}},
		{"date with offset", "${user.mobile '2026-07-01T00:00:00.5+05:00' | date('dd HH:mm')}", "30 21:00", []string{"user.mobile"}},
		{"date by default text", "${user.mobile '2026-02-29' | date('dd')}", "2026-02-29", []string{"user.mobile"}},

		{"reason", "${outofcompliance.reason(smg_block)}", "blocked", nil},
		{"reason in quotes", "${outofcompliance.reason( 'smg_block' )}", "blocked", nil},
		{"all reasons", "${outofcompliance.reason()}", "blocked, passcode", nil},
		{"all reasons without brackets", "${outofcompliance.reason}", "blocked, passcode", nil},
		{"missing reason", "${outofcompliance.reason(allowlist_blocklist_apps_name)}", "", []string{"outofcompliance.reason(allowlist_blocklist_apps_name)"}},
		{"reason in a call", "${firstnotnull(outofcompliance.reason(smg_block), 'none') | upper}", "BLOCKED", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, missing := render(t, tt.source, language.English)
			if got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(tt.missing, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDateLanguages(t *testing.T) {
	const source = "${action.deadline | date('EEEE EEE dd MMMM MMM')}"
	for _, tt := range []struct {
		lang language.Tag
		want string
	}{
		{language.French, "mardi mar. 01 décembre déc."},
		{language.CanadianFrench, "mardi mar. 01 décembre déc."},
		{language.Portuguese, "terça-feira ter. 01 dezembro dez."},
		{language.EuropeanPortuguese, "terça-feira ter. 01 dezembro dez."},
		{language.BritishEnglish, "Tuesday Tue 01 December Dec"},
		{language.Japanese, "Tuesday Tue 01 December Dec"},
		{language.Und, "Tuesday Tue 01 December Dec"},
	} {
		if got, _ := render(t, source, tt.lang); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.lang, got, tt.want)
		}
	}
}

func TestDateWithoutLocationIsUTC(t *testing.T) {
	text := mustParse(t, "${action.deadline | date('dd HH:mm')}")
	if got, _ := text.Render(Env{Values: lookup}); got != "30 23:30" {
		t.Errorf("rendered %q", got)
	}
}

func TestEscape(t *testing.T) {
	text := mustParse(t, "a<b ${COLOR} ${user.mobile '<none>'}")
	html := strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace
	if got, _ := text.Render(Env{Values: lookup, Escape: html}); got != "a<b blue &amp; grün &lt;none>" {
		t.Errorf("rendered %q", got)
	}
}

func TestOneLine(t *testing.T) {
	if got := OneLine("a\r\nBcc: x\n"); got != "aBcc: x" {
		t.Errorf("got %q", got)
	}
}

func TestRenderWithoutValues(t *testing.T) {
	got, missing := mustParse(t, "Hi ${user.mail 'you'}").Render(Env{})
	if got != "Hi you" || !cmp.Equal(missing, []string{"user.mail"}) {
		t.Errorf("rendered %q, missing %v", got, missing)
	}
	if got, _ := new(Text).Render(Env{}); got != "" {
		t.Errorf("zero text rendered %q", got)
	}
}

// TestGrowthIsBounded chains what multiplies a value; unbounded it would be 10^15 bytes.
func TestGrowthIsBounded(t *testing.T) {
	replaces := strings.Repeat(" | replace('a', 'éaaaaaaaaaa')", 15)
	encodes := strings.Repeat(" | urlencode", 16)
	for _, source := range []string{"${user.mail" + replaces + "}", "${user.mail" + encodes + "}"} {
		got, _ := render(t, source, language.English)
		if len(got) > ValueLimit || len(got) == 0 || strings.ToValidUTF8(got, "") != got {
			t.Errorf("%.40s…: %d bytes", source, len(got))
		}
	}
	long := strings.Repeat("é", 40_000)
	text := mustParse(t, strings.Repeat("${user.mail} ", 4_000))
	got, _ := text.Render(Env{Values: func(Slot) (string, bool) { return long, true }})
	if len(got) > RenderLimit || len(got) < RenderLimit-4 || strings.ToValidUTF8(got, "") != got {
		t.Errorf("rendering has %d bytes, limit %d", len(got), RenderLimit)
	}
}

// TestLongValuesAreKept: the limit is on growth, not on what came from the data.
func TestLongValuesAreKept(t *testing.T) {
	long := strings.Repeat("a", ValueLimit+100)
	text := mustParse(t, "${user.mail | replace('b', 'ccc') | urlencode | upper}")
	got, _ := text.Render(Env{Values: func(Slot) (string, bool) { return long, true }})
	if len(got) != len(long) {
		t.Errorf("%d bytes left of %d", len(got), len(long))
	}
}

func mustParse(t testing.TB, source string) *Text {
	t.Helper()
	text, err := Parse(source)
	if err != nil {
		t.Fatalf("Parse(%q): %v", source, err)
	}
	return text
}
