package gsm

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

func TestNumber(t *testing.T) {
	cases := []struct {
		written, country, want string
		err                    error
	}{
		{"+93701234567", "+93", "+93701234567", nil},
		{"0701234567", "+93", "+93701234567", nil},
		{"701 234 567", "+93", "+93701234567", nil},
		{"0093 70 123 4567", "+93", "+93701234567", nil},
		{"+49 (0)171 1234567", "+93", "+491711234567", nil},
		{"0171/1234567", "+49", "+491711234567", nil},
		{" +1 202-555-0143 ", "+93", "+12025550143", nil},
		{"(202) 555-0143", "+1", "+12025550143", nil},
		{"+44 7911 123456", "", "+447911123456", nil},
		{"12", "+93", "", ErrNumber},
		{"+999123456789", "+93", "", ErrNumber},
		{"+1 999 555 0143 0143 0143", "+93", "", ErrNumber},
		{"+12025550143 ext. 5", "+93", "", ErrNumber},
		{"1-800-FLOWERS", "+1", "", ErrNumber},
		{"tel:+12025550143", "+1", "", ErrNumber},
		{"", "+93", "", ErrNumber},
		{"\x00", "+93", "", ErrNumber},
		{strings.Repeat("7", 1000), "+93", "", ErrNumber},
		{"0701234567", "", "", ErrCountry},
		{"0701234567", "93", "", ErrCountry},
		{"0701234567", "+999", "", ErrCountry},
		{"0701234567", "+800", "", ErrCountry}, // free phone, of no country
		{"0701234567", "+093", "", ErrCountry},
	}
	for _, c := range cases {
		got, err := Number(c.written, c.country)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q in %q: %q, %v; want %q, %v", c.written, c.country, got, err, c.want, c.err)
		}
	}
}

func TestCountries(t *testing.T) {
	list := Countries(language.English)
	if len(list) < 200 || list[0] != (Country{"AF", "Afghanistan", "+93", true}) {
		t.Fatalf("%d countries, first %+v", len(list), list[0])
	}
	seen, mains := map[string]bool{}, map[string]string{}
	for _, c := range list {
		if c.Main {
			mains[c.Code] += c.Region
		}
		if !ValidCountry(c.Code) || seen[c.Region] || c.Name == "" {
			t.Errorf("%+v", c)
		}
		seen[c.Region] = true
	}
	for _, c := range list {
		if len(mains[c.Code]) != 2 {
			t.Errorf("%s is known by %q", c.Code, mains[c.Code])
		}
	}
	if mains["+1"] != "US" || mains["+44"] != "GB" {
		t.Errorf("known by %q and %q", mains["+1"], mains["+44"])
	}
	if got := Countries(language.German)[1].Name; got != "Ägypten" {
		t.Errorf("the second in German is %q", got)
	}
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"+93701234567", "0701234567", "", "+", "٠٧٠١٢٣٤٥٦٧", "tel:+1;ext=5", "\xff"} {
		f.Add(seed)
	}
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	f.Fuzz(func(t *testing.T, written string) {
		got, err := Number(written, "+93")
		if err != nil {
			if got != "" || !errors.Is(err, ErrNumber) {
				t.Fatalf("%q: %q, %v", written, got, err)
			}
			return
		}
		if !e164.MatchString(got) {
			t.Fatalf("%q became %q", written, got)
		}
		if again, err := Number(got, "+93"); err != nil || again != got {
			t.Fatalf("%q became %q, and that %q, %v", written, got, again, err)
		}
	})
}
