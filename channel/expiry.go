package channel

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

// Expiring is what Settings may say beside: the credentials within them that end by themselves. Keys, passwords and
// secrets do not say when they end, so they are not among them.
type Expiring interface{ Expires() []Expiry }

// Expiry is when one credential ends.
type Expiry struct {
	Field string // JSON name of the setting that holds it
	Whose string // the name on it, such as that of a certificate
	At    time.Time
}

// ExpirySoon is how long before its end a credential is spoken of.
const ExpirySoon = 60 * 24 * time.Hour

// Soon reports whether somebody should see to it.
func (e Expiry) Soon(now time.Time) bool { return e.At.Sub(now) <= ExpirySoon }

// Over reports whether it has ended.
func (e Expiry) Over(now time.Time) bool { return !e.At.After(now) }

// Expiries is when the credentials in settings end, the soonest first: one of each field, since a field may hold several
// that can stand in for each other. It is the next one to end, and when all have ended, the last of them.
func Expiries(s Settings, now time.Time) (list []Expiry) {
	expiring, ok := s.(Expiring)
	if !ok {
		return nil
	}
	for _, e := range expiring.Expires() {
		i := slices.IndexFunc(list, func(x Expiry) bool { return x.Field == e.Field })
		switch {
		case i < 0:
			list = append(list, e)
		case e.nearer(list[i], now):
			list[i] = e
		}
	}
	slices.SortStableFunc(list, func(a, b Expiry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Field, b.Field)) })
	return list
}

// nearer reports whether e tells more of a field than other does.
func (e Expiry) nearer(other Expiry, now time.Time) bool {
	if e.Over(now) || other.Over(now) {
		return e.At.After(other.At)
	}
	return e.At.Before(other.At)
}

// CertificateExpiries are those of the certificates in a text of PEM. What cannot be read is left out: Check refuses it.
func CertificateExpiries(field, text string) (list []Expiry) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			list = append(list, Expiry{Field: field, Whose: nameOn(certificate), At: certificate.NotAfter})
		}
	}
	return list
}

func nameOn(c *x509.Certificate) string { return cmp.Or(c.Subject.CommonName, c.Subject.String()) }
