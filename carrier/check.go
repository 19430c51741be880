package carrier

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"heliograph/fleet"
)

// Limits of what a gateway may hold, in characters.
const (
	maxCarrier = 128
	maxPrefix  = 32 // with the 15 digits of a number it stays within the 64 of RFC 5321 section 4.5.3.1.1
	maxNote    = 1000
	maxDomain  = 253
)

var (
	domain  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	country = regexp.MustCompile(`^\+[1-9][0-9]{0,2}$`)
	// prefix begins a dot-atom (RFC 5322 section 3.2.3) that the digits of a number end.
	prefix = regexp.MustCompile("^([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+\\.?)*$")
)

// Tidy is the gateway as it is stored: no blanks around words, the domain in small letters.
func (g Gateway) Tidy() Gateway {
	g.Carrier, g.Country, g.Prefix = strings.TrimSpace(g.Carrier), strings.TrimSpace(g.Country), strings.TrimSpace(g.Prefix)
	g.Domain = strings.ToLower(strings.TrimSpace(g.Domain))
	g.Note = strings.TrimSpace(g.Note)
	return g
}

// Check finds everything that is wrong with a tidy gateway, by the API's names of its fields. A gateway without a domain
// is a note about its carrier, and right; it needs no country.
func (g Gateway) Check() (found []fleet.Problem) {
	need := func(right bool, field, format string, args ...any) {
		if !right {
			found = append(found, fleet.Problem{Field: field, Detail: fmt.Sprintf(format, args...)})
		}
	}
	need(g.Carrier != "", "carrier", "is required")
	need(plain(g.Carrier, maxCarrier), "carrier", "must be one line of at most %d characters", maxCarrier)
	need(g.Domain == "" || ValidDomain(g.Domain), "domain", "is not the name of a host, such as txt.example.com")
	need(g.Country != "" || g.Domain == "", "country", "is required")
	need(g.Country == "" || country.MatchString(g.Country), "country", "is not a calling code, such as +1")
	need(len(g.Prefix) <= maxPrefix && prefix.MatchString(g.Prefix), "prefix", "cannot begin a mail address: at most %d letters, digits and signs such as + or -", maxPrefix)
	need(plain(strings.ReplaceAll(g.Note, "\n", " "), maxNote), "note", "must be text of at most %d characters", maxNote)
	return found
}

// ValidDomain reports whether a name, in small letters, can be a host's (RFC 1123 section 2.1).
func ValidDomain(name string) bool { return len(name) <= maxDomain && domain.MatchString(name) }

func plain(text string, limit int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= limit && !strings.ContainsFunc(text, unicode.IsControl)
}
