package gsm

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

var (
	// ErrNumber is the answer to what is no number that a network could know.
	ErrNumber = errors.New("this is not a valid telephone number")
	// ErrCountry is the answer to a calling code that no country has.
	ErrCountry = errors.New("no country has this calling code")
)

// Number makes E.164 (+ and at most 15 digits) of a number as people write it. country is the calling code, such as
// "+93", of numbers that are written without one. The error is ErrNumber or ErrCountry, and never holds the number.
func Number(written, country string) (string, error) {
	region := ""
	if !strings.HasPrefix(strings.TrimSpace(written), "+") {
		var err error
		if region, err = regionOf(country); err != nil {
			return "", err
		}
	}
	if len(written) > 250 || strings.ContainsFunc(written, isLetter) { // 1-800-FLOWERS is for keypads
		return "", ErrNumber
	}
	parsed, err := phonenumbers.Parse(written, region)
	if err != nil || parsed.GetExtension() != "" || !phonenumbers.IsValidNumber(parsed) {
		return "", ErrNumber
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), nil
}

func isLetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

// ValidCountry reports whether country is a calling code with its plus, such as "+93".
func ValidCountry(country string) bool {
	_, err := regionOf(country)
	return err == nil
}

func regionOf(country string) (string, error) {
	digits, ok := strings.CutPrefix(country, "+")
	code, err := strconv.ParseUint(digits, 10, 10)
	if !ok || err != nil || len(digits) > 3 || digits[0] == '0' {
		return "", ErrCountry
	}
	region := phonenumbers.GetRegionCodeForCountryCode(int(code))
	if region == phonenumbers.UNKNOWN_REGION || region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
		return "", ErrCountry
	}
	return region, nil
}

// Country is one line of a list of calling codes.
type Country struct {
	Region string // ISO 3166-1 alpha-2, such as AF
	Name   string // in the language that was asked for
	Code   string // such as +93; several countries may share one
	Main   bool   // the one that a shared code is known by, such as the United States of +1
}

// Countries lists every country by its name in a language; Afghanistan is the first in English.
func Countries(in language.Tag) []Country {
	names := display.Regions(in)
	if names == nil {
		names = display.Regions(language.English)
	}
	var list []Country
	for region := range phonenumbers.GetSupportedRegions() {
		parsed, err := language.ParseRegion(region)
		if err != nil || names.Name(parsed) == "" {
			continue
		}
		code := phonenumbers.GetCountryCodeForRegion(region)
		main := phonenumbers.GetRegionCodeForCountryCode(code) == region
		list = append(list, Country{Region: region, Name: names.Name(parsed), Code: "+" + strconv.Itoa(code), Main: main})
	}
	order := collate.New(in)
	slices.SortFunc(list, func(a, b Country) int {
		return cmp.Or(order.CompareString(a.Name, b.Name), cmp.Compare(a.Region, b.Region))
	})
	return list
}
