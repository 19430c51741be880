package text

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// customs are how a language writes numbers and dates.
type customs struct {
	region  language.Tag // whose separators and plural forms these are
	decimal string       // point or comma
	percent string       // with the space before it, where there is one
	first   string       // what follows the first day of a month
	months  []string     // short, as within a date
}

// customsOf are English for a language without customs of its own.
func customsOf(tag language.Tag) customs {
	switch tag {
	case language.French:
		return customs{language.French, ",", "\u00a0%", "er",
			[]string{"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."}}
	case language.Portuguese:
		return customs{language.EuropeanPortuguese, ",", "%", "",
			[]string{"jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."}}
	}
	return customs{language.English, ".", "%", "",
		[]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}}
}

// Number writes n with the separators of the language.
func (c *Catalogue) Number(n int64) string { return c.printer.Sprintf("%d", n) }

// Percent writes a part of a whole; "0%" of nothing. What is not quite all is never 100 %.
func (c *Catalogue) Percent(part, whole int64) string {
	if whole <= 0 {
		return "0" + c.customs.percent
	}
	percent := float64(part) * 100 / float64(whole)
	switch {
	case part < whole && percent > 99.9:
		return c.portion("99.9")
	case part > 0 && percent < 0.1:
		return "<" + c.portion("0.1")
	case percent < 9.95:
		return c.portion(strings.TrimSuffix(fmt.Sprintf("%.1f", percent), ".0"))
	}
	return c.portion(fmt.Sprintf("%.0f", min(percent, 100)))
}

// portion writes a number of percent as the language does.
func (c *Catalogue) portion(number string) string {
	return strings.Replace(number, ".", c.customs.decimal, 1) + c.customs.percent
}

// Date writes a day, such as "21 Mar 2026".
func (c *Catalogue) Date(at time.Time) string {
	return c.Day(at) + " " + at.Format("2006")
}

// Day writes a day of this year, such as "21 Mar".
func (c *Catalogue) Day(at time.Time) string {
	day := at.Format("2")
	if at.Day() == 1 {
		day += c.customs.first
	}
	return day + " " + c.customs.months[at.Month()-1]
}

// Moment writes a time with its zone, such as "21 Mar 2026, 14:05 CET".
func (c *Catalogue) Moment(at time.Time) string {
	return c.Date(at) + ", " + at.Format("15:04") + " " + Zone(at)
}

// Zone is the short name of a time's zone, such as "CET"; "UTC−03" for one that has none.
func Zone(at time.Time) string {
	name := at.Format("MST")
	if strings.HasPrefix(name, "-") || strings.HasPrefix(name, "+") {
		return "UTC" + strings.Replace(name, "-", "−", 1)
	}
	return name
}
