package macro

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of one text. A text beyond them is refused with an error.
const (
	TextLimit  = 64 << 10 // bytes of a text
	pathLimit  = 256      // bytes of a path
	depthLimit = 16       // brackets inside brackets
	pipeLimit  = 16       // pipes of one macro
)

// parser reads the syntax. After a fault inside a macro it goes on behind that macro,
// so that all of them are found. A text with problemLimit faults is not read to its end.
type parser struct {
	text   string
	at     int // byte offset of the next character
	start  int // offset of the macro being read
	depth  int // brackets open around the next character
	faults faults
}

// pieces reads the whole text. Each macro that could be read is handed to check.
func (p *parser) pieces(check func(*expr)) []piece {
	var all []piece
	var literal strings.Builder
	for !p.faults.full() {
		escaped, found := p.literal(&literal)
		if !found {
			break
		}
		if escaped {
			literal.WriteString("${")
			continue
		}
		if literal.Len() > 0 {
			all = append(all, piece{literal: literal.String()})
			literal.Reset()
		}
		value, ok := p.macro()
		if !ok {
			p.skip()
			continue
		}
		check(&value)
		all = append(all, piece{value: &value})
	}
	if literal.Len() > 0 {
		all = append(all, piece{literal: literal.String()})
	}
	return all
}

// literal copies up to the next "${" and steps over it. Escaped: it was "$${".
func (p *parser) literal(to *strings.Builder) (escaped, found bool) {
	rest := p.text[p.at:]
	i := strings.Index(rest, "${")
	if i < 0 {
		to.WriteString(rest)
		p.at = len(p.text)
		return false, false
	}
	p.start = p.at + i
	p.at = p.start + len("${")
	if i > 0 && rest[i-1] == '$' {
		to.WriteString(rest[:i-1])
		return true, true
	}
	to.WriteString(rest[:i])
	return false, true
}

// skip steps behind the macro that could not be read: behind the next "}", or to
// the next "${" when that comes first.
func (p *parser) skip() {
	rest := p.text[p.at:]
	end, next := strings.IndexByte(rest, '}'), strings.Index(rest, "${")
	switch {
	case next >= 0 && (end < 0 || next < end):
		p.at += next
	case end >= 0:
		p.at += end + 1
	default:
		p.at = len(p.text)
	}
}

// macro reads from behind "${" to behind "}".
func (p *parser) macro() (expr, bool) {
	p.depth = 0
	p.blanks()
	value, ok := p.value()
	if !ok {
		return expr{}, false
	}
	value, ok = p.fallback(value)
	for pipes := 1; ok && p.take('|'); pipes++ {
		if pipes > pipeLimit {
			return expr{}, p.fail(p.at-1, "more than "+strconv.Itoa(pipeLimit)+" pipes in one macro")
		}
		value, ok = p.pipe(value)
	}
	if !ok {
		return expr{}, false
	}
	if !p.take('}') {
		return expr{}, p.unexpected(`"}"`)
	}
	return value, true
}

// fallback reads a default, 'text' or ['text'], if one follows.
func (p *parser) fallback(value expr) (expr, bool) {
	p.blanks()
	at := p.at
	inBrackets := p.take('[')
	p.blanks()
	if !p.sees('\'') {
		if inBrackets {
			return expr{}, p.unexpected("the default in quotes, as in ['none']")
		}
		return value, true
	}
	text, ok := p.quoted()
	if ok && inBrackets && !p.take(']') {
		return expr{}, p.unexpected(`"]"`)
	}
	return expr{
		kind: callExpr, style: fallback, source: "default", args: []expr{value, text}, at: at, end: p.at,
	}, ok
}

// pipe reads the call behind a "|", which works on the value before it.
func (p *parser) pipe(value expr) (expr, bool) {
	p.blanks()
	at := p.at
	name, ok := p.path("a function after the pipe")
	if !ok {
		return expr{}, false
	}
	p.blanks()
	call := expr{kind: callExpr, style: piped, source: name, args: []expr{value}, at: at, end: p.at}
	if !p.sees('(') {
		return call, true
	}
	args, end, ok := p.arguments()
	call.args, call.end = append(call.args, args...), end
	return call, ok
}

// value reads a path, or a call with brackets.
func (p *parser) value() (expr, bool) {
	at := p.at
	path, ok := p.path("a name such as user.mail")
	if !ok {
		return expr{}, false
	}
	p.blanks()
	if !p.sees('(') {
		return expr{kind: propertyExpr, source: path, at: at}, true
	}
	args, end, ok := p.arguments()
	return expr{kind: callExpr, style: bracketed, source: path, args: args, at: at, end: end}, ok
}

// arguments reads "(", the arguments and ")", and says where the last one stood.
func (p *parser) arguments() (args []expr, end int, ok bool) {
	if p.depth == depthLimit {
		return nil, 0, p.fail(p.at, "more than "+strconv.Itoa(depthLimit)+" brackets inside each other")
	}
	p.depth++
	p.take('(')
	p.blanks()
	for !p.sees(')') {
		if len(args) > 0 && !p.take(',') {
			return nil, 0, p.unexpected(`"," or ")"`)
		}
		p.blanks()
		arg, ok := p.argument()
		if !ok {
			return nil, 0, false
		}
		args = append(args, arg)
		p.blanks()
	}
	p.depth--
	end = p.at
	p.take(')')
	return args, end, true
}

func (p *parser) argument() (expr, bool) {
	switch r := p.peek(); {
	case r == '\'':
		return p.quoted()
	case r == '-' || isDigit(r):
		return p.numeral()
	case !unicode.IsLetter(r):
		return expr{}, p.unexpected("a name, a text in quotes or a number")
	}
	return p.value()
}

// path reads names and the dots between them.
func (p *parser) path(want string) (string, bool) {
	at := p.at
	var path strings.Builder
	for {
		if !p.name(&path) {
			return "", p.unexpected(want)
		}
		if path.Len() > pathLimit {
			return "", p.fail(at, "a name longer than "+strconv.Itoa(pathLimit)+" bytes")
		}
		behind := p.at
		if !p.take('.') {
			p.at = behind
			return path.String(), true
		}
		path.WriteByte('.')
		p.blanks()
		want = "a name after the dot"
	}
}

// name reads letter { letter | digit | "_" | "-" }.
func (p *parser) name(to *strings.Builder) bool {
	rest := p.text[p.at:]
	n := 0
	for i, r := range rest {
		if !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && r != '_' && r != '-') {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	to.WriteString(rest[:n])
	p.at += n
	return n > 0
}

// quoted reads '…', in which ” is one quote.
func (p *parser) quoted() (expr, bool) {
	at := p.at
	var text strings.Builder
	for rest := p.text[p.at+1:]; ; {
		i := strings.IndexByte(rest, '\'')
		if i < 0 {
			return expr{}, p.fail(at, "this text in quotes is never closed")
		}
		text.WriteString(rest[:i])
		rest = rest[i+1:]
		if !strings.HasPrefix(rest, "'") {
			p.at = len(p.text) - len(rest)
			return expr{kind: textExpr, source: text.String(), at: at}, true
		}
		text.WriteByte('\'')
		rest = rest[1:]
	}
}

// numeral reads a whole number. A sign is read so that the function can refuse it in
// words; a number too large for the machine is its largest one.
func (p *parser) numeral() (expr, bool) {
	at := p.at
	negative := p.take('-')
	digits := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	if p.at == digits {
		return expr{}, p.unexpected("digits")
	}
	n, err := strconv.ParseInt(p.text[digits:p.at], 10, 32)
	if err != nil {
		n = math.MaxInt32
	}
	source := strconv.Itoa(int(n))
	if negative {
		n, source = -n, "-"+source
	}
	return expr{kind: numberExpr, source: source, number: int(n), at: at}, true
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func (p *parser) blanks() {
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !unicode.IsSpace(r) {
			return
		}
		p.at += size
	}
}

// peek is the next character, or 0 at the end of the text.
func (p *parser) peek() rune {
	if p.at == len(p.text) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return r
}

func (p *parser) sees(mark byte) bool {
	return p.at < len(p.text) && p.text[p.at] == mark
}

// take steps over blanks and the mark, if it comes next.
func (p *parser) take(mark byte) bool {
	p.blanks()
	if !p.sees(mark) {
		return false
	}
	p.at++
	return true
}

// fail records a fault; it returns false, for the caller to pass on.
func (p *parser) fail(at int, detail string) bool {
	p.faults.add(fault{at: at, detail: detail})
	return false
}

// unexpected records that something else was wanted at the next character.
func (p *parser) unexpected(want string) bool {
	if p.at == len(p.text) {
		return p.fail(p.start, `this "${" is never closed: expected `+want+" before the end of the text")
	}
	found := p.peek()
	detail := fmt.Sprintf("expected %s, found %q", want, string(found))
	if strings.ContainsRune("\"`´‘’‚‛“”„«»", found) {
		detail += " (texts stand between straight single quotes: 'text')"
	}
	return p.fail(p.at, detail)
}
