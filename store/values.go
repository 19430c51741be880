package store

import (
	"encoding/json"
	"strings"
)

// valuesText writes the values of macros as a JSON array; nil when there are none.
func valuesText(values []*string) any {
	if len(values) == 0 {
		return nil
	}
	out := append(make([]byte, 0, 64), '[')
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		if value == nil {
			out = append(out, "null"...)
			continue
		}
		out = appendJSONString(out, *value)
	}
	return string(append(out, ']'))
}

// readValues reads what valuesText wrote. Without an escape in it, nothing has to be decoded, and the values are parts
// of the text.
func readValues(text string) (values []*string, err error) {
	if text == "" {
		return nil, nil
	}
	if !strings.Contains(text, `\`) {
		if values, ok := plainValues(text); ok {
			return values, nil
		}
	}
	err = json.Unmarshal([]byte(text), &values)
	return values, err
}

// plainValues reads an array of nulls and of strings without escapes, as valuesText writes it. ok is false for any other
// text, right or wrong.
func plainValues(text string) (values []*string, ok bool) {
	rest, ok := strings.CutPrefix(text, "[")
	for ok {
		if after, null := strings.CutPrefix(rest, "null"); null {
			values, rest = append(values, nil), after
		} else {
			var value string
			if rest, ok = strings.CutPrefix(rest, `"`); !ok {
				break
			}
			if value, rest, ok = strings.Cut(rest, `"`); !ok {
				break
			}
			values = append(values, &value)
		}
		if rest == "]" {
			return values, true
		}
		rest, ok = strings.CutPrefix(rest, ",")
	}
	return nil, false
}
