package macro

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found is a problem as the tables write it: its position and a part of its detail.
type found struct {
	position int
	detail   string
}

func compare(t *testing.T, source string, got []Problem, want []found) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%q: %d problems, want %d: %v", source, len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].Position != w.position || !strings.Contains(got[i].Detail, w.detail) {
			t.Errorf("%q: problem %d is %+v, want position %d and %q", source, i, got[i], w.position, w.detail)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   []found
	}{
		{"Hello ${", []found{{7, "never closed"}}},
		{"Hello ${user.mail", []found{{7, "never closed"}}},
		{"Hello ${user.mail ", []found{{7, "never closed"}}},
		{"Olá 世界 ${user.mail | ", []found{{8, "never closed"}}},
		{"${user.mail and more", []found{{13, `expected "}", found "a"`}}},
		{"${firstnotnull(user.mail", []found{{1, "never closed"}}},
		{"${}", []found{{3, `expected a name such as user.mail, found "}"`}}},
		{"${ }", []found{{4, "expected a name"}}},
		{"${'text'}", []found{{3, "expected a name"}}},
		{"${1a}", []found{{3, "expected a name"}}},
		{"${_a}", []found{{3, "expected a name"}}},
		{"${.mail}", []found{{3, "expected a name"}}},
		{"${user.}", []found{{8, "expected a name after the dot"}}},
		{"${user..mail}", []found{{8, "expected a name after the dot"}}},
		{"${user.mail.}", []found{{13, "expected a name after the dot"}}},
		{"${user mail}", []found{{8, `found "m"`}}},
		{"${user.mail | }", []found{{15, "expected a function after the pipe"}}},
		{"${user.mail || upper}", []found{{14, "expected a function after the pipe"}}},
		{"${user.mail 'a' 'b'}", []found{{17, `expected "}"`}}},
		{"${user.mail | upper 'b'}", []found{{21, `expected "}"`}}},
		{"${user.mail 'it's off'}", []found{{17, `expected "}", found "s"`}}},
		{"${user.mail 'open}", []found{{13, "never closed"}}},
		{"${user.mail ['x'}", []found{{17, `expected "]"`}}},
		{"${user.mail [x]}", []found{{14, "the default in quotes"}}},
		{"${user.mail []}", []found{{14, "the default in quotes"}}},
		{"${user.mail \"x\"}", []found{{13, "straight single quotes"}}},
		{"${user.mail ‘x’}", []found{{13, "straight single quotes"}}},
		{"${firstnotnull(user.mail,)}", []found{{26, "expected a name, a text in quotes or a number"}}},
		{"${firstnotnull(,user.mail)}", []found{{16, "expected a name, a text"}}},
		{"${firstnotnull(user.mail user.sn)}", []found{{26, `expected "," or ")"`}}},
		{"${firstnotnull(user.mail}", []found{{25, `expected "," or ")"`}}},
		{"${user.mail | substring(1.5)}", []found{{26, `expected "," or ")"`}}},
		{"${user.mail | substring(-)}", []found{{26, "expected digits"}}},
		{"${a ${user.mail}", []found{{5, `expected "}", found "$"`}}},

		{"${usr.mail}", []found{{3, `unknown namespace "usr", the nearest is "user"`}}},
		{"${User.mail}", []found{{3, `unknown namespace "User", the nearest is "user"`}}},
		{"ação ${ devise.name }", []found{{9, `unknown namespace "devise", the nearest is "device"`}}},
		{"${settings.x}", []found{{3, "unknown namespace"}}},
		{"${firstnotnull(user.mail, dev.name)}", []found{{27, `the nearest is "device"`}}},
		{"${user.mail | uper}", []found{{15, `unknown function "uper", the nearest is "upper"`}}},
		{"${user.mail | Upper}", []found{{15, `the nearest is "upper"`}}},
		{"${user.mail | user.upper}", []found{{15, `unknown function "user.upper"`}}},
		{"${user.mail | outofcompliance.reason(smg_block)}", []found{{15, "unknown function"}}},
		{"${firstnonnull(user.mail)}", []found{{3, `the nearest is "firstnotnull"`}}},
		{"${outofcompliance.reasons(smg_block)}", []found{{3, `the nearest is "outofcompliance.reason"`}}},
		{"${user.mail(1)}", []found{{3, `unknown function "user.mail"`}}},
		{"${firstnotnull(usr.mail, dvice.name)}", []found{{16, "usr"}, {26, "dvice"}}},

		{"${firstnotnull()}", []found{{16, "firstnotnull takes at least 1 argument here, not 0"}}},
		{"${upper()}", []found{{9, "upper takes 1 argument here, not 0"}}},
		{"${upper(user.mail, user.sn)}", []found{{20, "upper takes 1 argument here, not 2"}}},
		{"${user.mail | upper('x')}", []found{{21, "upper takes no arguments here, not 1"}}},
		{"${user.mail | replace('x')}", []found{{26, "replace takes 2 arguments here, not 1"}}},
		{"${user.mail | replace}", []found{{22, "replace takes 2 arguments here, not 0"}}},
		{"${user.mail | replace('x', 'y', 'z')}", []found{{33, "replace takes 2 arguments here, not 3"}}},
		{"${user.mail | substring()}", []found{{25, "substring takes 1 or 2 arguments here, not 0"}}},
		{"${user.mail | substring(1, 2, 3)}", []found{{31, "substring takes 1 or 2 arguments here, not 3"}}},
		{"${user.mail | date}", []found{{19, "date takes 1 argument here, not 0"}}},
		{"${user.mail | default}", []found{{22, "default takes 1 argument here, not 0"}}},
		{"${outofcompliance.reason(smg_block, x)}", []found{{37, "one argument at most"}}},

		{"${user.mail | substring(-1)}", []found{{25, "must not be negative"}}},
		{"${user.mail | substring(-0)}", []found{{25, "must not be negative"}}},
		{"${user.mail | substring(1, -2)}", []found{{28, "must not be negative"}}},
		{"${user.mail | substring('1')}", []found{{25, "substring takes a number here"}}},
		{"${user.mail | replace('', 'x')}", []found{{23, "its first text is empty"}}},
		{"${user.mail | replace(a, 'x')}", []found{{23, "replace takes a text in quotes here"}}},
		{"${user.mail | default(none)}", []found{{23, "default takes a text in quotes here"}}},
		{"${firstnotnull(5)}", []found{{16, "firstnotnull takes a property or a text here"}}},
		{"${firstnotnull(user.mail, 5)}", []found{{27, "firstnotnull takes a property or a text here"}}},
		{"${outofcompliance.reason(5)}", []found{{26, "takes the name of a reason"}}},
		{"${outofcompliance.reason(user.mail)}", []found{{26, "takes the name of a reason"}}},
		{"${outofcompliance.reason('a b')}", []found{{26, "takes the name of a reason"}}},

		{"a\xffb", []found{{2, "not valid UTF-8"}}},
		{"é\xc3", []found{{2, "not valid UTF-8"}}},

		{"${usr.a} ${user.mail} ${x y} ${user.mail | uper}", []found{{3, "usr"}, {27, `found "y"`}, {44, "uper"}}},
		{"${user.mail 'open} ${usr.x} ${", []found{{13, "never closed"}, {22, "usr"}, {29, "never closed"}}},
		{"${user.mail ${usr.mail}", []found{{13, `found "$"`}, {15, "usr"}}},
	} {
		text, err := Parse(tt.source)
		var problems Errors
		if !errors.As(err, &problems) {
			t.Errorf("Parse(%q): error %v, want Errors", tt.source, err)
			continue
		}
		if text != nil {
			t.Errorf("Parse(%q): a text beside an error", tt.source)
		}
		compare(t, tt.source, problems, tt.want)
	}
}

func TestErrorsNameThePlaces(t *testing.T) {
	_, err := Parse("${usr.mail} ${}")
	want := `character 3: unknown namespace "usr", the nearest is "user"; character 15: expected a name such as user.mail, found "}"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string {
		return "${" + strings.Repeat("upper(", n) + "user.sn" + strings.Repeat(")", n) + "}"
	}
	piped := func(n int) string { return "${user.sn" + strings.Repeat("|trim", n) + "}" }
	for name, tt := range map[string]struct {
		source string
		want   []found
	}{
		"text at the limit":   {strings.Repeat("a", TextLimit), nil},
		"text beyond":         {strings.Repeat("é", TextLimit/2) + "a", []found{{TextLimit/2 + 1, "longer than 64 KiB"}}},
		"text beyond, in é":   {"a" + strings.Repeat("é", TextLimit/2), []found{{TextLimit/2 + 1, "longer than 64 KiB"}}},
		"brackets at limit":   {nested(depthLimit), nil},
		"brackets beyond":     {nested(depthLimit + 1), []found{{2 + 6*depthLimit + 6, "brackets inside each other"}}},
		"brackets far beyond": {nested(4000), []found{{2 + 6*depthLimit + 6, "brackets inside each other"}}},
		"pipes at the limit":  {piped(pipeLimit), nil},
		"pipes beyond":        {piped(pipeLimit + 1), []found{{10 + 5*pipeLimit, "pipes in one macro"}}},
		"path beyond":         {"${a." + strings.Repeat("b", pathLimit) + "}", []found{{3, "a name longer than"}}},
	} {
		_, err := Parse(tt.source)
		var problems Errors
		errors.As(err, &problems)
		t.Run(name, func(t *testing.T) { compare(t, name, problems, tt.want) })
	}
}

func TestProblemsAreLimited(t *testing.T) {
	for _, source := range []string{"${", "${a.b}", "${a|b}"} {
		_, err := Parse(strings.Repeat(source, TextLimit/len(source)))
		var problems Errors
		if errors.As(err, &problems); len(problems) != problemLimit {
			t.Errorf("%d problems of %q", len(problems), source)
		}
	}
	if warnings := mustParse(t, strings.Repeat("${x}", TextLimit/4)).Warnings(); len(warnings) != problemLimit {
		t.Errorf("%d warnings", len(warnings))
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   []found
	}{
		{"${user.mail} ${device.TEL_NUMBER} ${enrollment.ios.url} ${organization.administrators}", nil},
		{"${outofcompliance.reason(smg_block)}${outofcompliance.reason()}${outofcompliance.reason(whitelist_blacklist_apps_name)}", nil},
		{"é ${user.mial}", []found{{5, `unknown property "user.mial", the nearest known is "user.mail"`}}},
		{"${user.MAIL}", []found{{3, `"user.mail"`}}},
		{"${device.tel_number 'x'}", []found{{3, `"device.TEL_NUMBER"`}}},
		{"${user.zzzzzzzzzzzz}", []found{{3, `unknown property "user.zzzzzzzzzzzz"`}}},
		{"${COLOR}", []found{{3, `unknown custom property "COLOR", the nearest known is "device.COLOR"`}}},
		{"${mail}", []found{{3, `"user.mail"`}}},
		{"${custom.Shade}", []found{{3, `unknown property "custom.Shade"`}}},
		{"${x} ${user.a} ${x}", []found{{3, `"x"`}, {8, `"user.a"`}, {18, `"x"`}}},
		{"${outofcompliance.reason(smg_blok)}", []found{{3, `"outofcompliance.reason(smg_block)"`}}},
		{"${firstnotnull(a1, user.mail)}", []found{{16, `"a1"`}}},
		{"${action.deadline | date('dd.MM.yyyy EEEE EEE MMM MMMM HH:mm:ss')}", nil},
		{"${action.deadline | date('dd de MMMM de yyyy, HHhmm')}", nil},
		{"${action.deadline | date('DD.MM.YYYY hh:mm')}", []found{{26, `"DD"`}, {26, `"YYYY"`}, {26, `"hh"`}}},
		{"${action.deadline | date('d.M.yy')}", []found{{26, `"d"`}, {26, `"M"`}, {26, `"yy"`}}},
	} {
		compare(t, tt.source, mustParse(t, tt.source).Warnings(), tt.want)
	}
}

func TestWarningsKnowing(t *testing.T) {
	text := mustParse(t, "${COLOR} ${device.shelf} ${action.deadline | date('DD')}")
	known := func(s Slot) bool { return s == "custom.COLOR" }
	compare(t, text.String(), text.WarningsKnowing(known), []found{{12, "device.shelf"}, {51, `"DD"`}})
}

func TestSlots(t *testing.T) {
	text := mustParse(t, "${device.name | upper} ${COLOR} ${firstnotnull(user.mobile, device.name)} ${custom.COLOR} "+
		"${outofcompliance.reason('smg_block')} ${outofcompliance.reason} ${user.mail 'x'}")
	want := []Slot{"device.name", "custom.COLOR", "user.mobile", "outofcompliance.reason(smg_block)", "outofcompliance.reason()", "user.mail"}
	if diff := cmp.Diff(want, text.Slots()); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"device", "custom", "user", "outofcompliance"}, text.Namespaces()); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	if !text.Uses("user") || text.Uses("action") || !text.HasMacros() {
		t.Error("Uses or HasMacros is wrong")
	}
	plain := mustParse(t, "no $${macros}")
	if plain.HasMacros() || plain.Uses("user") || len(plain.Slots()) > 0 {
		t.Error("a plain text needs nothing")
	}
	if !mustParse(t, "${upper('a')}").HasMacros() {
		t.Error("a macro without properties is a macro")
	}
}

func TestSlotParts(t *testing.T) {
	for slot, want := range map[Slot][3]string{
		"user.mail":                         {"user", "mail", ""},
		"enrollment.ios.url":                {"enrollment", "ios.url", ""},
		"outofcompliance.reason(smg_block)": {"outofcompliance", "reason", "smg_block"},
		"outofcompliance.reason()":          {"outofcompliance", "reason", ""},
	} {
		if got := [3]string{slot.Namespace(), slot.Property(), slot.Argument()}; got != want {
			t.Errorf("%s: %q, want %q", slot, got, want)
		}
	}
}

func TestCanonicalSource(t *testing.T) {
	for source, want := range map[string]string{
		"":                                       "",
		"a $${b} $5 $$":                          "a $${b} $5 $$",
		"$$${b}":                                 "$$${b}",
		"$${${user.mail}":                        "$${${user.mail}",
		"${ user . mail[ 'it''s' ]|upper( ) }":   "${user.mail 'it''s' | upper}",
		"${user.mail|substring( 01 ,2 )}":        "${user.mail | substring(1, 2)}",
		"${firstnotnull(a,'b',lower(user.c))}":   "${firstnotnull(a, 'b', lower(user.c))}",
		"${outofcompliance.reason('smg_block')}": "${outofcompliance.reason(smg_block)}",
		"${outofcompliance.reason}":              "${outofcompliance.reason()}",
		"${user.mobile|default('x')|trim}":       "${user.mobile | default('x') | trim}",
		"${default(user.mobile, 'x')}":           "${default(user.mobile, 'x')}",
	} {
		if got := mustParse(t, source).String(); got != want {
			t.Errorf("%q prints %q, want %q", source, got, want)
		}
	}
}

func TestTextIsSafeForConcurrentUse(t *testing.T) {
	text := mustParse(t, "${user.mail} ${user.mobile 'x' | upper}")
	slots := text.Slots()
	slots[0] = "changed"
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if got, _ := text.Render(Env{Values: lookup}); got != "ana@example.org X" {
					t.Errorf("rendered %q", got)
				}
			}
		})
	}
	all.Wait()
}

func TestTable(t *testing.T) {
	seen := map[Slot]bool{}
	for _, m := range Table() {
		if m.Description == "" || seen[m.Slot()] {
			t.Errorf("%s: described badly or twice", m.Source())
		}
		seen[m.Slot()] = true
		text := mustParse(t, m.Source())
		if got := text.Slots(); !slices.Equal(got, []Slot{m.Slot()}) || len(text.Warnings()) > 0 {
			t.Errorf("%s: slots %v, warnings %v", m.Source(), got, text.Warnings())
		}
	}
	for _, s := range []Slot{"user.mail", "user.asmpersongrade", "device.name", "device.serialNumber", "device.WIFI_MAC",
		"device.GPS_VERTICAL_ACCURACY_FROM_NETWORK", "server.error", "credential.expires"} {
		if !seen[s] {
			t.Errorf("%s is not in the table", s)
		}
	}
}

// TestFunctionTable writes every function as its usage says.
func TestFunctionTable(t *testing.T) {
	for _, f := range Functions() {
		if f.Description == "" || f.Min < 1 || f.Max >= 0 && f.Max < f.Min {
			t.Errorf("%s: bad row %+v", f.Name, f)
		}
		usage := strings.NewReplacer("from[, to]", "1, 2", "(a, b, …)", "(user.mail)").Replace(f.Usage)
		mustParse(t, "${user.mail | "+usage+"}")
	}
}

func TestNamespacesHaveProperties(t *testing.T) {
	for _, n := range Namespaces() {
		has := slices.ContainsFunc(Table(), func(m Macro) bool { return m.Namespace == n.Name })
		if n.Description == "" || has == (n.Name == "custom") {
			t.Errorf("namespace %s: %q, in the table: %t", n.Name, n.Description, has)
		}
	}
}
