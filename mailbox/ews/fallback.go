package ews

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// fallback reads everything that is well-formed, slowly, and says what is wrong with the rest: what encoding/xml finds, and
// some more that it lets pass.
func fallback(text []byte, d *draft) error {
	if !characters(text) {
		return Malformed
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	w := walker{d: d, places: []place{document}}
	for {
		from := decoder.InputOffset()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return w.finish()
		}
		if err != nil {
			return Malformed // not err: it quotes names of the body
		}
		if err := w.token(token, text[from:decoder.InputOffset()]); err != nil {
			return err
		}
	}
}

// walker follows the tokens of a document.
type walker struct {
	d      *draft
	places []place // of the open elements; [0] is the document
	scope  scope
	tokens int
	rooted bool   // the root element began
	text   []byte // of the innermost element, where it is kept; each element's own, as the grammar has none inside another
	held   place  // whose text it is; aside = nobody's
	level  int    // its depth
}

// token takes one, with the part of the text that it was read from.
func (w *walker) token(token xml.Token, raw []byte) error {
	if w.tokens++; w.tokens > maxTokens {
		return TooLarge
	}
	switch t := token.(type) {
	case xml.StartElement:
		return w.start(t, raw)
	case xml.EndElement:
		w.end()
	case xml.CharData:
		return w.chars(t, raw)
	case xml.ProcInst:
		if !instruction(t.Target, raw) {
			return Malformed
		}
	case xml.Directive:
		if len(t) >= 7 && strings.EqualFold(string(t[:7]), "DOCTYPE") {
			return Doctype
		}
		return Malformed
	}
	return nil
}

// instruction reports whether a processing instruction may stand here. The declaration is gone by now.
func instruction(target string, raw []byte) bool {
	rest := raw[len("<?")+len(target):]
	return !strings.EqualFold(target, "xml") && !strings.Contains(target, ":") && (string(rest) == "?>" || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

func (w *walker) here() place { return w.places[len(w.places)-1] }

func (w *walker) start(t xml.StartElement, raw []byte) error {
	if len(w.places) == 1 && w.rooted {
		return Malformed // two roots
	}
	w.rooted = true
	if len(w.places) > maxDepth {
		return TooDeep
	}
	if err := w.names(t, raw); err != nil {
		return err
	}
	name := []byte(t.Name.Local)
	p := w.here().inside(name)
	w.d.open(p, name)
	for _, attribute := range t.Attr {
		if attribute.Name.Space != "xmlns" && p.wants([]byte(attribute.Name.Local)) {
			w.d.attribute(p, []byte(attribute.Value))
		}
	}
	w.places = append(w.places, p)
	if p.kept() {
		w.text, w.held, w.level = nil, p, len(w.places)
	}
	return nil
}

// names finds what is wrong with the names of an element and its attributes, and enters the element.
func (w *walker) names(t xml.StartElement, raw []byte) error {
	if len(t.Attr) > mostAttributes {
		return TooLarge
	}
	element, attributes, ok := startTag(raw)
	if !ok || strayReference(raw) || misnamed(t) {
		return Malformed
	}
	return w.scope.enter(element, attributes, len(w.places))
}

// misnamed reports whether an element has an attribute twice, a name that is not one on both sides of its colon, or a
// prefix that stands for nothing.
func misnamed(t xml.StartElement) bool {
	if !local(t.Name.Local) {
		return true
	}
	for i, a := range t.Attr {
		if !local(a.Name.Local) || a.Name.Space == "xmlns" && a.Value == "" {
			return true
		}
		for _, before := range t.Attr[:i] {
			if before.Name == a.Name {
				return true
			}
		}
	}
	return false
}

// local reports whether what encoding/xml takes for the local part of a name is one: it looks at the name as a whole.
func local(part string) bool {
	return !strings.Contains(part, ":") && strings.IndexAny(part, "-.0123456789") != 0
}

// strayReference reports whether there is a reference to half a character of UTF-16, of which encoding/xml makes U+FFFD.
func strayReference(raw []byte) bool {
	for {
		_, rest, found := bytes.Cut(raw, []byte("&#"))
		if !found {
			return false
		}
		digits, _, _ := bytes.Cut(rest, []byte(";"))
		base := 10
		if bytes.HasPrefix(digits, []byte("x")) {
			digits, base = digits[1:], 16
		}
		if n, err := strconv.ParseUint(string(digits), base, 32); err == nil && utf16.IsSurrogate(rune(n)) { //nolint:gosec // encoding/xml takes none beyond Unicode
			return true
		}
		raw = rest
	}
}

func (w *walker) end() {
	if w.held != aside && w.level == len(w.places) {
		w.d.text(w.held, w.text)
		w.held = aside
	}
	w.places = w.places[:len(w.places)-1]
	w.scope.leave(len(w.places))
}

func (w *walker) chars(t xml.CharData, raw []byte) error {
	if len(w.places) == 1 {
		if len(bytes.Trim(raw, " \t\r\n")) > 0 {
			return Malformed
		}
		return nil
	}
	if !bytes.HasPrefix(raw, []byte("<![CDATA[")) && strayReference(raw) {
		return Malformed
	}
	if w.held != aside && w.level == len(w.places) {
		w.text = append(w.text, t...)
	}
	return nil
}

func (w *walker) finish() error {
	if !w.rooted {
		return Malformed
	}
	return nil
}
