package macro

import (
	"fmt"
	"strings"
)

// reason is the one property that takes an argument.
const reason = "outofcompliance.reason"

// checker gives the names in parsed macros their meaning: slots, functions, and the
// faults that the grammar alone cannot see.
type checker struct {
	slots    []Slot
	index    map[Slot]int
	errors   faults
	warnings faults
}

func (c *checker) expr(e *expr) {
	switch {
	case e.kind == propertyExpr:
		c.property(e)
	case e.kind == callExpr && e.source == reason && e.style == bracketed:
		c.reason(e)
	case e.kind == callExpr:
		c.function(e)
	}
}

func (c *checker) property(e *expr) {
	if e.source == reason {
		e.source += "()"
	}
	namespace, _, qualified := strings.Cut(e.source, ".")
	if !qualified {
		c.need(e, "custom."+Slot(e.source))
		return
	}
	if !isNamespace(namespace) {
		c.errors.add(fault{at: e.at, detail: fmt.Sprintf("unknown namespace %q, the nearest is %q",
			namespace, nearest(namespace, namespaceNames()))})
		return
	}
	c.need(e, Slot(e.source))
}

// need gives the property its slot, and warns when the table does not know it.
func (c *checker) need(e *expr, s Slot) {
	i, seen := c.index[s]
	if !seen {
		i = len(c.slots)
		c.index[s] = i
		c.slots = append(c.slots, s)
	}
	e.slot = i
	if !inTable(s) && !c.warnings.full() {
		c.warnings.add(fault{at: e.at, slot: s, detail: unknownProperty(e.source)})
	}
}

func unknownProperty(source string) string {
	detail := fmt.Sprintf("unknown property %q", source)
	if !strings.Contains(source, ".") {
		detail = fmt.Sprintf("unknown custom property %q", source)
	}
	if near, found := nearProperty(source); found {
		return detail + fmt.Sprintf(", the nearest known is %q", near)
	}
	return detail
}

// reason turns outofcompliance.reason(which) into a property of its own.
func (c *checker) reason(e *expr) {
	source := reason + "()"
	switch {
	case len(e.args) > 1:
		c.errors.add(fault{at: e.args[1].at, detail: reason + " takes one argument at most"})
		return
	case len(e.args) == 1 && !isName(e.args[0]):
		c.errors.add(fault{at: e.args[0].at, detail: reason + " takes the name of a reason, such as smg_block"})
		return
	case len(e.args) == 1:
		source = reason + "(" + e.args[0].source + ")"
	}
	*e = expr{kind: propertyExpr, source: source, at: e.at, end: e.end}
	c.need(e, Slot(source))
}

// isName tells whether the argument is one name, quoted or not.
func isName(arg expr) bool {
	if arg.kind != textExpr && arg.kind != propertyExpr {
		return false
	}
	var name strings.Builder
	p := parser{text: arg.source}
	return p.name(&name) && p.at == len(arg.source)
}

func (c *checker) function(e *expr) {
	e.call = functionNamed(e.source)
	if e.call == nil {
		c.unknownFunction(e)
	} else {
		c.count(e)
		c.kinds(e)
	}
	for i := range e.args {
		c.expr(&e.args[i])
	}
}

func (c *checker) unknownFunction(e *expr) {
	candidates := functionNames()
	if e.style == bracketed {
		candidates = append(candidates, reason)
	}
	c.errors.add(fault{at: e.at, detail: fmt.Sprintf("unknown function %q, the nearest is %q",
		e.source, nearest(e.source, candidates))})
}

// count checks the number of arguments. What a pipe or a default hands on is not
// counted in what the author is told.
func (c *checker) count(e *expr) {
	handed := 0
	if e.style != bracketed {
		handed = 1
	}
	given, least, most := len(e.args), e.call.Min, e.call.Max
	at := e.end
	switch {
	case most >= 0 && given > most:
		at = e.args[most].at
	case given >= least:
		return
	}
	c.errors.add(fault{at: at, detail: fmt.Sprintf("%s takes %s here, not %d",
		e.source, counted(least-handed, most-handed), given-handed)})
}

// counted is "1 argument", "1 or 2 arguments", "at least 1 argument".
func counted(least, most int) string {
	word := "arguments"
	if most == 1 || most < 0 && least == 1 {
		word = "argument"
	}
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d %s", least, word)
	case most == 0:
		return "no " + word
	case least == most:
		return fmt.Sprintf("%d %s", least, word)
	default:
		return fmt.Sprintf("%d or %d %s", least, most, word)
	}
}

// kinds checks that each argument is of the kind that the function works with.
func (c *checker) kinds(e *expr) {
	for i := range e.args {
		arg, wants := &e.args[i], valueArg
		if i > 0 {
			wants = e.call.rest
		}
		if !wants.takes(arg.kind) {
			c.errors.add(fault{at: arg.at, detail: fmt.Sprintf("%s takes %s here", e.source, wants)})
		} else if i > 0 && e.call.check != nil {
			e.call.check(c, i, arg)
		}
	}
}
