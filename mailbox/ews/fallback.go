package ews

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// fallback reads everything that is well-formed, slowly, and says what is wrong with the rest.
func fallback(text []byte, d *draft) error {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = charset
	w := walker{d: d, places: []place{document}}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return w.finish()
		}
		if err != nil {
			return Malformed // not err: it quotes names of the body
		}
		if err := w.token(token); err != nil {
			return err
		}
	}
}

// walker follows the tokens of a document.
type walker struct {
	d      *draft
	places []place // of the open elements; [0] is the document
	tokens int
	began  bool   // something was read
	rooted bool   // the root element began
	text   []byte // of the innermost element, where it is kept; each element's own, as the grammar has none inside another
	held   place  // whose text it is; aside = nobody's
	level  int    // its depth
}

func (w *walker) token(token xml.Token) error {
	if w.tokens++; w.tokens > maxTokens {
		return TooLarge
	}
	first := !w.began
	w.began = true
	switch t := token.(type) {
	case xml.StartElement:
		return w.start(t)
	case xml.EndElement:
		w.end()
	case xml.CharData:
		return w.chars(t)
	case xml.ProcInst:
		if t.Target == "xml" && !first {
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

func (w *walker) here() place { return w.places[len(w.places)-1] }

func (w *walker) start(t xml.StartElement) error {
	if len(w.places) == 1 && w.rooted {
		return Malformed // two roots
	}
	w.rooted = true
	if len(w.places) > maxDepth {
		return TooDeep
	}
	local := []byte(t.Name.Local)
	p := w.here().inside(local)
	w.d.open(p, local)
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

func (w *walker) end() {
	if w.held != aside && w.level == len(w.places) {
		w.d.text(w.held, w.text)
		w.held = aside
	}
	w.places = w.places[:len(w.places)-1]
}

func (w *walker) chars(t xml.CharData) error {
	if len(w.places) == 1 {
		if len(bytes.Trim(t, " \t\r\n")) > 0 {
			return Malformed
		}
		return nil
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
