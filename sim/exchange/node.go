package exchange

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// maxNesting bounds what a client or a listener sends.
const maxNesting = 64

// node is an element by its local name; namespaces and prefixes are the other side's choice.
type node struct {
	name  string
	attrs map[string]string
	text  string
	kids  []*node
}

var errNotXML = errors.New("the body is not well-formed XML")

// parse reads a document and returns its root.
func parse(body []byte) (*node, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	open := []*node{{}}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(open) > maxNesting {
			return nil, errNotXML
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			child := &node{name: t.Name.Local, attrs: map[string]string{}}
			for _, attribute := range t.Attr {
				child.attrs[attribute.Name.Local] = attribute.Value
			}
			last.kids = append(last.kids, child)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(t)
		}
	}
	if len(open[0].kids) != 1 {
		return nil, errNotXML
	}
	return open[0].kids[0], nil
}

// find follows names downwards, the first of each; nil = there is none. It is fine on nil.
func (n *node) find(path ...string) *node {
	for _, name := range path {
		var next *node
		for _, kid := range n.children() {
			if kid.name == name {
				next = kid
				break
			}
		}
		n = next
	}
	return n
}

func (n *node) children() []*node {
	if n == nil {
		return nil
	}
	return n.kids
}

// content is the text of an element without the space around it; "" when there is no element.
func (n *node) content() string {
	if n == nil {
		return ""
	}
	return strings.TrimSpace(n.text)
}

// attr is an attribute; "" = none.
func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	return n.attrs[name]
}
