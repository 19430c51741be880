package certificate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// ParseNames reads host names to get certificates for, and returns them in lower case and ASCII, each once. Others are
// refused: an authority on the internet gives none for addresses and names without a dot, and for a wildcard it wants
// something in the DNS, which this cannot write (RFC 8555 section 8.4).
func ParseNames(texts []string) (names []string, err error) {
	for _, text := range texts {
		name, err := parseName(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func parseName(text string) (string, error) {
	text = strings.TrimSpace(text)
	if _, err := netip.ParseAddr(text); err == nil {
		return "", fmt.Errorf("%q is an address, and certificates are for names", text)
	}
	if strings.Contains(text, "*") {
		return "", fmt.Errorf("%q: there are no certificates for wildcards by these challenges; list the names", text)
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil || !wholeName(name) {
		return "", fmt.Errorf("%q is not a whole host name such as notify.example.com", text)
	}
	return name, nil
}

// wholeName reports whether a name is one of the DNS with at least two labels (RFC 1123 section 2.1).
func wholeName(name string) bool {
	labels := strings.Split(name, ".")
	if len(labels) < 2 || len(name) > 253 {
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool {
		odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
		return label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-")
	})
}
