package macro

import (
	"strings"
)

// kind is what an expression is.
type kind uint8

const (
	propertyExpr kind = iota // a value that is looked up
	textExpr                 // '…'
	numberExpr               // digits
	callExpr                 // a function and its arguments
)

// style is how a call was written. It matters to the printer alone.
type style uint8

const (
	bracketed style = iota // upper(user.sn)
	piped                  // user.sn | upper
	fallback               // user.sn 'none', a call of default
)

// An expr is the inside of one macro, or a part of it. Pipes and defaults are calls
// whose first argument is what stands before them.
type expr struct {
	kind   kind
	style  style
	source string // property: its path as written; text: its content; number: its digits; call: the function's name
	number int
	slot   int // property: index of its slot
	call   *Function
	args   []expr

	at, end int // byte offsets: its first character; for a call the bracket that closes it, or the place where one could have opened
}

// piece is a stretch of literal text, or a macro.
type piece struct {
	literal string
	value   *expr // nil: literal
}

// rebased returns a copy of the expression with other slot indexes.
func (e *expr) rebased(index []int) *expr {
	c := *e
	if e.kind == propertyExpr {
		c.slot = index[e.slot]
	}
	c.args = make([]expr, len(e.args))
	for i := range e.args {
		c.args[i] = *e.args[i].rebased(index)
	}
	return &c
}

func (p piece) print(b *strings.Builder) {
	if p.value == nil {
		b.WriteString(strings.ReplaceAll(p.literal, "${", "$${"))
		return
	}
	b.WriteString("${")
	p.value.print(b)
	b.WriteString("}")
}

func (e *expr) print(b *strings.Builder) {
	switch e.kind {
	case textExpr:
		b.WriteString(quote(e.source))
	case callExpr:
		e.printCall(b)
	default:
		b.WriteString(e.source)
	}
}

func (e *expr) printCall(b *strings.Builder) {
	switch e.style {
	case bracketed:
		b.WriteString(e.source)
		printArguments(b, e.args)
	case fallback:
		e.args[0].print(b)
		b.WriteString(" ")
		e.args[1].print(b)
	case piped:
		e.args[0].print(b)
		b.WriteString(" | " + e.source)
		if len(e.args) > 1 {
			printArguments(b, e.args[1:])
		}
	}
}

func printArguments(b *strings.Builder, args []expr) {
	b.WriteString("(")
	for i := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		args[i].print(b)
	}
	b.WriteString(")")
}

func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
