package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ParseJSON reads the one JSON value of a body, its numbers as they were written (json.Number), nested depth levels at
// most. An error says what is wrong with the body, in words that go on from "the body": "is not valid UTF-8". It never
// holds what came in.
func ParseJSON(raw []byte, depth int) (any, error) {
	switch {
	case !utf8.Valid(raw):
		return nil, errors.New("is not valid UTF-8")
	case deeperThan(raw, depth):
		return nil, fmt.Errorf("is nested deeper than %d levels", depth)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("is not JSON: %s", whereWrong(err, len(raw)))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("goes on after its end, at byte %d", d.InputOffset())
	}
	return value, nil
}

func whereWrong(err error, length int) string {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Sprintf("it goes wrong at byte %d", syntax.Offset)
	}
	return fmt.Sprintf("it breaks off after byte %d", length)
}

// deeperThan counts brackets outside of texts, before anything is built from them.
func deeperThan(raw []byte, limit int) bool {
	depth, inText := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
