package fleet

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestVersionKey(t *testing.T) {
	for version, want := range map[string]string{
		"": "", "16.2": "00016.00002", "16": "00016", "16.0": "00016", "16.0.0": "00016", "0": "00000", "0.9": "00000.00009",
		"10.0.19045": "00010.00000.19045", "13b2": "00013b2", "x": "00000x", " 17.1 ": "00017.00001", "100000": "100000",
	} {
		if got := VersionKey(version); got != want {
			t.Errorf("%q: %q instead of %q", version, got, want)
		}
	}
}

func TestVersionKeyOrdersByNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := func(name string) []int { return rapid.SliceOfN(rapid.IntRange(0, 99_999), 1, 4).Draw(t, name) }
		a, b := numbers("a"), numbers("b")
		if got, want := strings.Compare(VersionKey(dotted(a)), VersionKey(dotted(b))), slices.Compare(withoutZeros(a), withoutZeros(b)); got != want {
			t.Fatalf("%s and %s: %d instead of %d", dotted(a), dotted(b), got, want)
		}
		if back := VersionOfKey(VersionKey(dotted(a))); back != dotted(withoutZeros(a)) {
			t.Fatalf("%s became %s", dotted(a), back)
		}
	})
}

func dotted(parts []int) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = strconv.Itoa(p)
	}
	return strings.Join(words, ".")
}

func withoutZeros(parts []int) []int {
	for len(parts) > 1 && parts[len(parts)-1] == 0 {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// wrong gives the fields of problems.
func wrong(problems []Problem) string {
	fields := make([]string, len(problems))
	for i, p := range problems {
		fields[i] = p.Field
	}
	return strings.Join(fields, " ")
}

func TestDeviceCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Device)
		want   string
	}{
		{"plain", func(*Device) {}, ""},
		{"no id", func(d *Device) { d.ID = "" }, "id"},
		{"a blank in the id", func(d *Device) { d.ID = "a b" }, "id"},
		{"a long id", func(d *Device) { d.ID = DeviceID(strings.Repeat("x", 129)) }, "id"},
		{"a long name", func(d *Device) { d.Name = strings.Repeat("é", 257) }, "name"},
		{"a name as long as may be", func(d *Device) { d.Name = strings.Repeat("é", 256) }, ""},
		{"bad UTF-8", func(d *Device) { d.Model = "\xff" }, "model"},
		{"NUL", func(d *Device) { d.Carrier = "a\x00" }, "carrier"},
		{"platform", func(d *Device) { d.Platform = "symbian" }, "platform"},
		{"ownership", func(d *Device) { d.Ownership = "" }, "ownership"},
		{"number", func(d *Device) { d.PhoneNumber = "0612345678" }, "phone_number"},
		{"user", func(d *Device) { d.User = "a/b" }, "user"},
		{"groups", func(d *Device) { d.Groups = []string{" "} }, "groups"},
		{"properties", func(d *Device) { d.Properties = map[string]string{"a\nb": "x"} }, "properties"},
		{"token", func(d *Device) { d.Push = &PushToken{Provider: APNs, Token: "xyz", App: "a", Environment: Sandbox} }, "push.token"},
		{"a token that is to go", func(d *Device) { d.Push = &PushToken{Removed: true} }, ""},
		{"nothing about a token", func(d *Device) { d.Push = &PushToken{} }, "push.provider push.environment push.app"},
	} {
		d := NewDevice("d-1")
		c.change(&d)
		if got := wrong(d.Check()); got != c.want {
			t.Errorf("%s: wrong is %q instead of %q", c.name, got, c.want)
		}
	}
}

func TestUserCheck(t *testing.T) {
	for _, c := range []struct {
		user User
		want string
	}{
		{User{ID: "ana", Mail: "ana@example.org", Mobile: "+33612345678", Language: "pt-BR"}, ""},
		{User{ID: "ana é"}, "id"},
		{User{ID: "a", Mail: "Ana <ana@example.org>"}, "mail"},
		{User{ID: "a", Mail: "ana@example.org\r\nBcc: x@example.org"}, "mail"},
		{User{ID: "a", Mobile: "+0612345678"}, "mobile"},
		{User{ID: "a", Language: "not a language"}, "language"},
	} {
		if got := wrong(c.user.Check()); got != c.want {
			t.Errorf("%+v: wrong is %q instead of %q", c.user, got, c.want)
		}
	}
}

func TestAudienceCheck(t *testing.T) {
	many := make([]DeviceID, maxListed+1)
	days := -1
	for _, c := range []struct {
		name     string
		audience Audience
		want     string
	}{
		{"all", Audience{All: true}, ""},
		{"all and a list", Audience{All: true, UserIDs: []UserID{"a"}}, "/all"},
		{"too many", Audience{DeviceIDs: many}, "/device_ids"},
		{"addresses", Audience{Addresses: &Addresses{Mail: []string{"a@b.c", "x"}, Mobile: []string{"1"}}}, "/addresses/mail/1 /addresses/mobile/0"},
		{"filter", Audience{Filter: &Filter{Platform: []Platform{IOS, "x"}, Ownership: []Ownership{"y"}, InactiveDaysMin: &days,
			OSVersion: &VersionCondition{Op: "like"}, Property: []PropertyCondition{{Name: "A", Op: Eq, Value: "1"}, {Name: "", Op: "~"}}}},
			"/filter/platform/1 /filter/ownership/0 /filter/inactive_days_min /filter/os_version/op /filter/property/1/name /filter/property/1/op"},
		{"compared with nothing", Audience{Filter: &Filter{OSVersion: &VersionCondition{Op: Lt},
			Property: []PropertyCondition{{Name: "A", Op: Exists}, {Name: "A", Op: Eq}, {Name: "A", Op: Missing}}}},
			"/filter/os_version/value /filter/property/1/value"},
	} {
		if got := wrong(c.audience.Check()); got != c.want {
			t.Errorf("%s: wrong is %q instead of %q", c.name, got, c.want)
		}
	}
}
