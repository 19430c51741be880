package console

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// element is a piece of a page. Pages are well-formed enough for the lenient mode of encoding/xml, and a test that cannot
// read one fails.
type element struct {
	name     string
	attr     map[string]string
	text     strings.Builder // with that of its children
	own      strings.Builder // without
	parent   *element
	children []*element
}

// parse reads a page.
func parse(t *testing.T, page string) *element {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &element{}
	at := root
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("the page cannot be read: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			child := &element{name: token.Name.Local, attr: map[string]string{}, parent: at}
			for _, a := range token.Attr {
				child.attr[a.Name.Local] = a.Value
			}
			at.children = append(at.children, child)
			at = child
		case xml.EndElement:
			at = at.parent
			for e := at; e != nil; e = e.parent {
				e.text.WriteByte(' ') // elements beside each other are words of their own
			}
		case xml.CharData:
			at.own.Write(token)
			at.own.WriteByte(' ')
			for e := at; e != nil; e = e.parent {
				e.text.Write(token)
			}
		}
	}
}

// find gives the elements that a selector matches: "name", "#id", ".class", "[attr]", "[attr=value]", glued together;
// with spaces between them, one inside the other.
func (e *element) find(selector string) (list []*element) {
	steps := strings.Fields(selector)
	for _, child := range e.children {
		if child.is(steps[0]) {
			if len(steps) == 1 {
				list = append(list, child)
			} else {
				list = append(list, child.find(strings.Join(steps[1:], " "))...)
			}
		}
		list = append(list, child.find(selector)...)
	}
	return list
}

func (e *element) is(step string) bool {
	for step != "" {
		end := strings.IndexAny(step[1:], "#.[") + 1
		if step[0] == '[' {
			end = strings.IndexByte(step, ']') + 1
		}
		if end == 0 {
			end = len(step)
		}
		if !e.has(step[:end]) {
			return false
		}
		step = step[end:]
	}
	return true
}

func (e *element) has(part string) bool {
	switch part[0] {
	case '#':
		return e.attr["id"] == part[1:]
	case '.':
		for _, class := range strings.Fields(e.attr["class"]) {
			if class == part[1:] {
				return true
			}
		}
		return false
	case '[':
		name, value, valued := strings.Cut(strings.Trim(part, "[]"), "=")
		got, has := e.attr[name]
		return has && (!valued || got == value)
	}
	return e.name == part
}

func (e *element) words() string { return strings.Join(strings.Fields(e.text.String()), " ") }

// one is the only element that a selector matches.
func (e *element) one(t *testing.T, selector string) *element {
	t.Helper()
	list := e.find(selector)
	if len(list) != 1 {
		t.Fatalf("%d elements match %s, want 1", len(list), selector)
	}
	return list[0]
}

func TestFind(t *testing.T) {
	page := parse(t, `<!DOCTYPE html><main id="m"><p class="a b">One <b>two</b></p><input name="x" disabled><p class="a">Three</p></main>`)
	for selector, want := range map[string]int{"p": 2, "p.a": 2, "p.a.b": 1, "#m b": 1, "main p b": 1, "[name=x]": 1, "input[disabled]": 1, "[name=y]": 0, "b p": 0} {
		if got := len(page.find(selector)); got != want {
			t.Errorf("%s matches %d, want %d", selector, got, want)
		}
	}
	if got := page.one(t, "p.b").words(); got != "One two" {
		t.Errorf("words %q", got)
	}
}
