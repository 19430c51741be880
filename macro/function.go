package macro

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValueLimit is the size in bytes beyond which replace and urlencode let no value
// grow: chained, they could make gigabytes of one short text.
const ValueLimit = 64 << 10

// A Function works on a value: in ${user.sn | substring(0, 1)} on user.sn, which is
// its first argument.
type Function struct {
	Name        string `json:"name"`
	Usage       string `json:"usage"` // as written behind a pipe: "substring(from[, to])"
	Min         int    `json:"min"`   // fewest arguments, counting the value it works on
	Max         int    `json:"max"`   // most arguments, counting the value; -1: any number
	Description string `json:"description"`

	alternatives bool // its arguments stand in for one another: none is missed when one is there

	rest  argKind                            // what every argument but the first must be
	check func(c *checker, i int, arg *expr) // looks at argument i > 0 of the right kind; may be nil
	apply func(w walk, args []expr) string   // evaluates what it needs of args
}

// argKind is what an argument may be.
type argKind uint8

const (
	valueArg  argKind = iota // a property, a call or a text
	textArg                  // a text in quotes
	numberArg                // a whole number
)

func (k argKind) takes(given kind) bool {
	switch k {
	case textArg:
		return given == textExpr
	case numberArg:
		return given == numberExpr
	default:
		return given != numberExpr
	}
}

func (k argKind) String() string {
	return [...]string{"a property or a text", "a text in quotes", "a number"}[k]
}

// functions is the table of all functions. A new one is one row.
var functions = []Function{
	{
		Name: "firstnotnull", Usage: "firstnotnull(a, b, …)", Min: 1, Max: -1,
		Description:  "the first of several properties and texts that is not missing",
		alternatives: true, apply: firstNotNull,
	},
	{
		Name: "default", Usage: "default('text')", Min: 2, Max: 2,
		Description: "the text, when the value is missing or the result so far is empty",
		rest:        textArg, apply: firstNotNull,
	},
	{
		Name: "upper", Usage: "upper", Min: 1, Max: 1,
		Description: "in capital letters",
		apply:       each(strings.ToUpper),
	},
	{
		Name: "lower", Usage: "lower", Min: 1, Max: 1,
		Description: "in small letters",
		apply:       each(strings.ToLower),
	},
	{
		Name: "capitalize", Usage: "capitalize", Min: 1, Max: 1,
		Description: "with a capital first letter, the rest as it is",
		apply:       each(capitalize),
	},
	{
		Name: "trim", Usage: "trim", Min: 1, Max: 1,
		Description: "without blanks at the beginning and the end",
		apply:       each(strings.TrimSpace),
	},
	{
		Name: "substring", Usage: "substring(from[, to])", Min: 2, Max: 3,
		Description: "the characters from the position from (the first is 0) up to, not including, the position to; to the end without it",
		rest:        numberArg, check: notNegative, apply: substring,
	},
	{
		Name: "replace", Usage: "replace('old', 'new')", Min: 3, Max: 3,
		Description: "with every occurrence of old replaced by new",
		rest:        textArg, check: notEmptyOld, apply: replace,
	},
	{
		Name: "urlencode", Usage: "urlencode", Min: 1, Max: 1,
		Description: "percent-encoded for use in a link; a blank is %20",
		apply:       each(urlencode),
	},
	{
		Name: "date", Usage: "date('dd.MM.yyyy HH:mm')", Min: 2, Max: 2,
		Description: "a date or a moment written as the pattern says (" + dateLetters + "), in the organisation's time zone and the text's language",
		rest:        textArg, check: checkPattern, apply: date,
	},
}

// Functions returns the table of functions, for help pages and pickers.
func Functions() []Function { return slices.Clone(functions) }

func functionNamed(name string) *Function {
	for i := range functions {
		if functions[i].Name == name {
			return &functions[i]
		}
	}
	return nil
}

func functionNames() []string {
	all := make([]string, 0, len(functions)+1)
	for i := range functions {
		all = append(all, functions[i].Name)
	}
	return all
}

// each makes a function of one value.
func each(convert func(string) string) func(walk, []expr) string {
	return func(w walk, args []expr) string { return convert(w.eval(&args[0])) }
}

func firstNotNull(w walk, args []expr) string {
	for i := range args {
		if value := w.eval(&args[i]); value != "" {
			return value
		}
	}
	return ""
}

func capitalize(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if title := unicode.ToTitle(first); size > 0 && title != first {
		return string(title) + s[size:]
	}
	return s
}

func notNegative(c *checker, _ int, arg *expr) {
	if strings.HasPrefix(arg.source, "-") { // "-0" too
		c.errors.add(fault{at: arg.at, detail: "a position in substring must not be negative: the first character is 0"})
	}
}

func substring(w walk, args []expr) string {
	s := w.eval(&args[0])
	from := offset(s, args[1].number)
	if len(args) == 2 {
		return s[from:]
	}
	return s[from:max(from, offset(s, args[2].number))]
}

// offset is where the character n begins, or the end.
func offset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func notEmptyOld(c *checker, i int, arg *expr) {
	if i == 1 && arg.source == "" {
		c.errors.add(fault{at: arg.at, detail: "replace needs something to look for: its first text is empty"})
	}
}

func replace(w walk, args []expr) string {
	s, from, to := w.eval(&args[0]), args[1].source, args[2].source
	size := len(s) + strings.Count(s, from)*(len(to)-len(from))
	if size <= max(len(s), ValueLimit) {
		return strings.ReplaceAll(s, from, to)
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, from)
		if !found || b.Len()+len(before)+len(to) > ValueLimit {
			return cut(b.String()+before, ValueLimit)
		}
		b.WriteString(before + to)
		s = after
	}
}

// urlencode encodes all but the unreserved characters of RFC 3986, section 2.3.
func urlencode(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || !unreserved(byte(r)) }) < 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + 16)
	limit := max(len(s), ValueLimit)
	for i := 0; i < len(s) && b.Len()+3 <= limit; i++ {
		if c := s[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// cut shortens s to at most limit bytes, between characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
