// Package text is the catalogue of everything that the console says. Pages name a text by its key; nothing that people
// read stands in a template or in Go code. Texts with numbers come in forms: "key.one" and "key.other".
//
// Each area of the console has a file of its own here; a key is in exactly one.
package text

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Catalogue holds the texts of one language.
type Catalogue struct {
	Tag     language.Tag
	texts   map[string]string
	printer *message.Printer
}

// English is the language that every key exists in.
var English = newCatalogue(language.English, shell, signIn, dashboard, settings, server, smtpServer, smsServer, pushServer, carriers, device, notify, notification, network, expiry)

func newCatalogue(tag language.Tag, areas ...map[string]string) *Catalogue {
	c := &Catalogue{Tag: tag, texts: map[string]string{}, printer: message.NewPrinter(tag)}
	for _, area := range areas {
		for key, words := range area {
			if _, twice := c.texts[key]; twice {
				panic("text: key " + key + " stands in two areas")
			}
			c.texts[key] = words
		}
	}
	return c
}

// Keys lists every key, sorted.
func (c *Catalogue) Keys() []string { return slices.Sorted(maps.Keys(c.texts)) }

// Has reports whether there is a text of this key.
func (c *Catalogue) Has(key string) bool {
	_, has := c.texts[key]
	return has
}

// T is the text of a key, with its verbs (%s, %d …) filled in; numbers get their separators. A key that is missing is
// shown as it is, so that it is noticed.
func (c *Catalogue) T(key string, args ...any) string {
	words, has := c.texts[key]
	switch {
	case !has:
		return key
	case len(args) == 0:
		return words
	}
	return c.printer.Sprintf(message.Key(words, words), args...)
}

// N is the text of key in the form for n things: "key.one", "key.other". Its first verb is n.
func (c *Catalogue) N(key string, n int64, args ...any) string {
	return c.T(key+"."+c.form(n), append([]any{n}, args...)...)
}

func (c *Catalogue) form(n int64) string {
	if plural.Cardinal.MatchPlural(c.Tag, int(n), 0, 0, 0, 0) == plural.One {
		return "one"
	}
	return "other"
}

// Number writes n with the separators of the language.
func (c *Catalogue) Number(n int64) string { return c.printer.Sprintf("%d", n) }

// Percent writes a part of a whole; "0%" of nothing. What is not quite all is never 100 %.
func (c *Catalogue) Percent(part, whole int64) string {
	if whole <= 0 {
		return "0%"
	}
	percent := float64(part) * 100 / float64(whole)
	switch {
	case part < whole && percent > 99.9:
		return "99.9%"
	case part > 0 && percent < 0.1:
		return "<0.1%"
	case percent < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", percent), ".0") + "%"
	}
	return fmt.Sprintf("%.0f%%", min(percent, 100))
}
