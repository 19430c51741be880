package macro

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"
)

// dateLetters are the fields of a date pattern. Everything else in a pattern stands
// for itself, so that 'dd de MMMM de yyyy' needs no quotes.
const dateLetters = "yyyy MM MMM MMMM dd EEE EEEE HH mm ss"

// calendar holds the names of months and days of one language.
type calendar struct {
	months, shortMonths [12]string
	days, shortDays     [7]string // from Sunday
}

// The names follow the Unicode CLDR, in the form used inside a date.
var (
	english = calendar{
		months:      [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		shortMonths: [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		days:        [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		shortDays:   [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
	}
	french = calendar{
		months:      [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
		shortMonths: [12]string{"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."},
		days:        [7]string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"},
		shortDays:   [7]string{"dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."},
	}
	portuguese = calendar{
		months:      [12]string{"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"},
		shortMonths: [12]string{"jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."},
		days:        [7]string{"domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"},
		shortDays:   [7]string{"dom.", "seg.", "ter.", "qua.", "qui.", "sex.", "sáb."},
	}

	frenchBase, _     = language.French.Base()
	portugueseBase, _ = language.Portuguese.Base()
)

// calendarOf picks the names of a language, English for those it does not have.
func calendarOf(tag language.Tag) *calendar {
	switch base, _ := tag.Base(); base {
	case frenchBase:
		return &french
	case portugueseBase:
		return &portuguese
	default:
		return &english
	}
}

func date(w walk, args []expr) string {
	value := w.eval(&args[0])
	t, ok := moment(value, w.location)
	if !ok {
		return value
	}
	return formatDate(t, args[1].source, calendarOf(w.language))
}

// moment reads RFC 3339, shown in the location, or a date such as 2026-11-30, which is
// the same day everywhere.
func moment(value string, location *time.Location) (time.Time, bool) {
	if len(value) == len(time.DateOnly) {
		t, err := time.Parse(time.DateOnly, value)
		return t, err == nil
	}
	if len(value) < len("2006-01-02T15:04:05Z") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, false
	}
	if location == nil {
		location = time.UTC
	}
	return t.In(location), true
}

func formatDate(t time.Time, pattern string, names *calendar) string {
	var space [64]byte
	b := space[:0]
	for run := ""; pattern != ""; {
		run, pattern = cutRun(pattern)
		b = appendField(b, run, t, names)
	}
	return string(b)
}

// cutRun splits off the first run of one byte: "yyyy" of "yyyy-MM".
func cutRun(pattern string) (run, rest string) {
	n := 1
	for n < len(pattern) && pattern[n] == pattern[0] {
		n++
	}
	return pattern[:n], pattern[n:]
}

func appendField(b []byte, run string, t time.Time, names *calendar) []byte {
	switch run {
	case "yyyy":
		return appendNumber(b, t.Year(), 4)
	case "MM":
		return appendNumber(b, int(t.Month()), 2)
	case "MMM":
		return append(b, names.shortMonths[t.Month()-1]...)
	case "MMMM":
		return append(b, names.months[t.Month()-1]...)
	case "dd":
		return appendNumber(b, t.Day(), 2)
	case "EEE":
		return append(b, names.shortDays[t.Weekday()]...)
	case "EEEE":
		return append(b, names.days[t.Weekday()]...)
	case "HH":
		return appendNumber(b, t.Hour(), 2)
	case "mm":
		return appendNumber(b, t.Minute(), 2)
	case "ss":
		return appendNumber(b, t.Second(), 2)
	}
	return append(b, run...)
}

func appendNumber(b []byte, n, width int) []byte {
	for limit := 10; width > 1; width, limit = width-1, limit*10 {
		if n < limit {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// checkPattern warns of what looks like a field and is none ("DD", "hh", a lone "d"),
// because it would be printed as it stands.
func checkPattern(c *checker, _ int, arg *expr) {
	for _, word := range strings.FieldsFunc(arg.source, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if run := strayField(word); run != "" {
			c.warnings.add(fault{at: arg.at, detail: fmt.Sprintf("%q in the date pattern stands for itself; the fields are %s", run, dateLetters)})
		}
	}
}

// strayField finds the first run of a word that looks like a field without being one.
// Single letters within a word are words of a language or marks ("de", "HHhmm").
func strayField(word string) string {
	for run, rest := "", word; rest != ""; {
		run, rest = cutRun(rest)
		known := strings.Contains(" "+dateLetters+" ", " "+run+" ")
		alone := len(run) == 1 && run == word && strings.Contains("MdEHms", run)
		if !known && (alone || len(run) > 1 && strings.Contains("yYuMLdDeEhHkKmsSaZzXx", run[:1])) {
			return run
		}
	}
	return ""
}
