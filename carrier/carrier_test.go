package carrier

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/fleet"
)

func TestAddress(t *testing.T) {
	g := Gateway{Carrier: "Verizon", Domain: "vtext.com", Country: "+1"}
	for _, c := range []struct {
		name    string
		change  func(*Gateway)
		number  string
		address string
	}{
		{"national digits", func(*Gateway) {}, "+12025550123", "2025550123@vtext.com"},
		{"prefix", func(g *Gateway) { g.Prefix = "sms." }, "+12025550123", "sms.2025550123@vtext.com"},
		{"another country", func(*Gateway) {}, "+33612345678", ""},
		{"no domain", func(g *Gateway) { g.Domain = "" }, "+12025550123", ""},
		{"no country", func(g *Gateway) { g.Country = "" }, "+12025550123", ""},
	} {
		changed := g
		c.change(&changed)
		if got, ok := changed.Address(c.number); got != c.address || ok != (c.address != "") {
			t.Errorf("%s: %q, %v", c.name, got, ok)
		}
	}
}

func TestState(t *testing.T) {
	last := day(2027, time.March, 31)
	for _, c := range []struct {
		name string
		g    Gateway
		on   time.Time
		want State
	}{
		{"nothing against it", Gateway{Domain: "a.example"}, last, Open},
		{"said to lose messages", Gateway{Domain: "a.example", Doubtful: true}, last, Doubtful},
		{"the day before", Gateway{Domain: "a.example", EndsOn: last, Doubtful: true}, last.Add(-time.Second), Ending},
		{"on the day", Gateway{Domain: "a.example", EndsOn: last}, last, Closed},
		{"long after", Gateway{Domain: "a.example", EndsOn: last}, last.AddDate(3, 0, 0), Closed},
		{"closed, and no domain", Gateway{EndsOn: last}, last, Closed},
		{"no domain", Gateway{}, last, NoDomain},
		{"no domain, closing", Gateway{EndsOn: last}, last.AddDate(0, -1, 0), NoDomain},
	} {
		got := c.g.State(c.on)
		if got != c.want || c.g.Dead(c.on) != (got == Closed || got == NoDomain) {
			t.Errorf("%s: %s, dead %v", c.name, got, c.g.Dead(c.on))
		}
		if !slices.Contains(States, got) {
			t.Errorf("%s is not listed", got)
		}
	}
}

func TestServes(t *testing.T) {
	g := Gateway{Carrier: "T-Mobile"}
	for name, want := range map[string]bool{"T-Mobile": true, "t-mobile": true, " T-MOBILE ": true, "T Mobile": false, "": false} {
		if g.Serves(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if (Gateway{}).Serves("") {
		t.Error("a device without a carrier is served")
	}
}

func TestCheck(t *testing.T) {
	good := Gateway{Carrier: "Contoso", Domain: "sms.contoso.example", Country: "+351", Prefix: "sms+", Note: "two\nlines"}
	for _, c := range []struct {
		name   string
		change func(*Gateway)
		field  string // empty = nothing is wrong
	}{
		{"as it is", func(*Gateway) {}, ""},
		{"a name with an ampersand", func(g *Gateway) { g.Carrier = "AT&T" }, ""},
		{"no carrier", func(g *Gateway) { g.Carrier = "" }, "carrier"},
		{"two lines", func(g *Gateway) { g.Carrier = "A\nB" }, "carrier"},
		{"not UTF-8", func(g *Gateway) { g.Carrier = "\xff" }, "carrier"},
		{"a long name", func(g *Gateway) { g.Carrier = strings.Repeat("é", 128) }, ""},
		{"too long a name", func(g *Gateway) { g.Carrier = strings.Repeat("é", 129) }, "carrier"},
		{"a note about a carrier", func(g *Gateway) { g.Domain, g.Country = "", "" }, ""},
		{"one label", func(g *Gateway) { g.Domain = "gateway" }, ""},
		{"an address", func(g *Gateway) { g.Domain = "a@b.example" }, "domain"},
		{"with its at sign", func(g *Gateway) { g.Domain = "@b.example" }, "domain"},
		{"a URL", func(g *Gateway) { g.Domain = "https://b.example" }, "domain"},
		{"an IP address", func(g *Gateway) { g.Domain = "192.0.2.1" }, "domain"},
		{"an empty label", func(g *Gateway) { g.Domain = "a..example" }, "domain"},
		{"a dot at the end", func(g *Gateway) { g.Domain = "a.example." }, "domain"},
		{"a hyphen first", func(g *Gateway) { g.Domain = "-a.example" }, "domain"},
		{"a blank", func(g *Gateway) { g.Domain = "a example" }, "domain"},
		{"a line break", func(g *Gateway) { g.Domain = "a.example\n" }, "domain"},
		{"a label of 64", func(g *Gateway) { g.Domain = strings.Repeat("a", 64) + ".example" }, "domain"},
		{"254 characters", func(g *Gateway) { g.Domain = strings.Repeat("a.", 126) + "ab" }, "domain"},
		{"no country", func(g *Gateway) { g.Country = "" }, "country"},
		{"no plus", func(g *Gateway) { g.Country = "351" }, "country"},
		{"a country's name", func(g *Gateway) { g.Country = "Portugal" }, "country"},
		{"four digits", func(g *Gateway) { g.Country = "+1234" }, "country"},
		{"begins with 0", func(g *Gateway) { g.Country = "+01" }, "country"},
		{"no prefix", func(g *Gateway) { g.Prefix = "" }, ""},
		{"a dot last", func(g *Gateway) { g.Prefix = "a.b." }, ""},
		{"a dot first", func(g *Gateway) { g.Prefix = ".a" }, "prefix"},
		{"two dots", func(g *Gateway) { g.Prefix = "a..b" }, "prefix"},
		{"an at sign", func(g *Gateway) { g.Prefix = "a@" }, "prefix"},
		{"a blank within", func(g *Gateway) { g.Prefix = "a b" }, "prefix"},
		{"a line break within", func(g *Gateway) { g.Prefix = "a\r\nRCPT TO:<b>" }, "prefix"},
		{"quotes", func(g *Gateway) { g.Prefix = `"a"` }, "prefix"},
		{"accents", func(g *Gateway) { g.Prefix = "é" }, "prefix"},
		{"33 characters", func(g *Gateway) { g.Prefix = strings.Repeat("a", 33) }, "prefix"},
		{"a long note", func(g *Gateway) { g.Note = strings.Repeat("a", 1001) }, "note"},
		{"a bell", func(g *Gateway) { g.Note = "\a" }, "note"},
	} {
		g := good
		c.change(&g)
		var fields []string
		for _, p := range g.Check() {
			fields = append(fields, p.Field)
		}
		want := []string{c.field}
		if c.field == "" {
			want = nil
		}
		if !slices.Equal(fields, want) {
			t.Errorf("%s: %q is wrong, want %q", c.name, fields, want)
		}
	}
}

func TestTidy(t *testing.T) {
	got := Gateway{ID: "x", Carrier: " AT&T ", Domain: " TXT.att.net\n", Country: " +1", Prefix: "a ", Note: " n "}.Tidy()
	if diff := cmp.Diff(Gateway{ID: "x", Carrier: "AT&T", Domain: "txt.att.net", Country: "+1", Prefix: "a", Note: "n"}, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever passes the check makes an address that can stand in an envelope.
func FuzzAddress(f *testing.F) {
	f.Add("sms.", "txt.example.com")
	f.Add("a+b=", "gateway")
	f.Add("`", "xn--e1afmkfd.xn--80akhbyknj4f")
	f.Fuzz(func(t *testing.T, prefix, domain string) {
		g := Gateway{Carrier: "C", Country: "+1", Prefix: prefix, Domain: domain}.Tidy()
		if len(g.Check()) > 0 || len(g.Domain) > 180 || g.Domain == "" {
			return
		}
		if address, ok := g.Address("+12025550123"); !ok || !fleet.ValidMail(address) {
			t.Errorf("%+v makes the address %q", g, address)
		}
	})
}

func TestKnown(t *testing.T) {
	seen := map[string]bool{}
	names := map[string]bool{}
	for _, g := range Known() {
		if found := g.Check(); len(found) > 0 || g != g.Tidy() || g.ID != "" {
			t.Errorf("%+v: %v", g, found)
		}
		if key := fold(g.Carrier) + " " + g.Domain; seen[key] {
			t.Errorf("%s stands twice", key)
		} else {
			seen[key] = true
		}
		names[g.Carrier] = true
	}
	for _, name := range []string{
		"NONE", "Alltel", "AT&T", "Boost Mobile", "Bouygues Telecom", "Cingular", "Metro PCS", "Nextel", "Orange", "Powertel", "SFR", "Sprint",
		"SunCom", "T-Mobile", "US Cellular", "Verizon", "Virgin Mobile", "Cricket", "Google Fi",
	} {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
	Known()[0].Carrier = "changed"
	if Known()[0].Carrier == "changed" {
		t.Error("what is known can be changed from outside")
	}
	for name, want := range map[string]struct {
		domain string
		state  State
	}{
		"at&t": {"txt.att.net", Closed}, "VERIZON": {"vtext.com", Ending}, "T-Mobile": {"tmomail.net", Doubtful}, "Sprint": {"", NoDomain},
	} {
		if g, ok := KnownOf(name); !ok || g.Domain != want.domain || g.State(day(2026, time.November, 20)) != want.state {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if g, ok := KnownOf("Contoso"); ok {
		t.Errorf("Contoso is known: %+v", g)
	}
}

func TestOutlives(t *testing.T) {
	never, soon, later := Gateway{}, Gateway{EndsOn: day(2025, 1, 1)}, Gateway{EndsOn: day(2026, 1, 1)}
	for _, c := range []struct {
		a, b Gateway
		want bool
	}{{never, soon, true}, {later, soon, true}, {soon, later, false}, {soon, never, false}, {never, never, false}} {
		if outlives(c.a, c.b) != c.want {
			t.Errorf("%v outlives %v: %v", c.a.EndsOn, c.b.EndsOn, !c.want)
		}
	}
}

func TestDetect(t *testing.T) {
	now := day(2026, time.November, 20)
	table := []Gateway{
		{Carrier: "AT&T", Domain: "txt.att.net", Country: "+1", EndsOn: day(2025, time.June, 17)},
		{Carrier: "NONE"},
		{Carrier: "Orange", Country: "+33"},
		{Carrier: "Contoso", Domain: "old.example", Country: "+1", EndsOn: day(2020, 1, 1)},
		{Carrier: "Contoso", Domain: "new.example", Country: "+1"},
	}
	seen := []Seen{
		{"Orange", 4}, {"Contoso", 100}, {"contoso ", 1}, {"verizon", 2}, {"Verizon", 5}, {"Fabrikam", 7}, {"AT&T", 9}, {"NONE", 50}, {"", 3}, {"  ", 3},
		{"Adatum", 7},
	}
	got := Detect(seen, table, now)
	verizon, _ := KnownOf("Verizon")
	want := Detection{
		New:      []Found{{Seen{"Adatum", 7}, Gateway{}}, {Seen{"Fabrikam", 7}, Gateway{}}, {Seen{"Verizon", 7}, verizon}},
		Unserved: []Unserved{{Seen{"AT&T", 9}, table[0]}, {Seen{"Orange", 4}, table[2]}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if seen[0].Carrier != "Orange" {
		t.Error("Detect changed what it was given")
	}
	if got := Detect(nil, table, now); got.New != nil || got.Unserved != nil {
		t.Errorf("without devices: %+v", got)
	}
	if got := Detect([]Seen{{"Verizon", 1}}, append(table, Gateway{Carrier: "verizon", Domain: "x.example", Country: "+1"}), now); got.New != nil {
		t.Errorf("a carrier of the table is new: %+v", got)
	}
}

func TestUses(t *testing.T) {
	for use, want := range map[Use]bool{Never: true, NoSMSGateway: true, Preferred: true, "": false, "always": false} {
		if use.Known() != want {
			t.Errorf("%q: %v", use, !want)
		}
	}
}
