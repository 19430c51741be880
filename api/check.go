package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/web"
)

// Bodies are checked here and not by huma, whose paths cannot be turned into JSON pointers (a property may be named
// "a.b") and whose messages hold values. The schema is the one that the OpenAPI document shows.

const (
	maxDepth  = 32  // levels of a body; the deepest that we understand has 5
	maxFaults = 100 // that are worth telling
)

// checker compares a parsed body with a schema.
type checker struct {
	schemas huma.Registry
	faults  []Fault
}

func (c *checker) add(at, format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, Fault{at, fmt.Sprintf(format, args...)})
	}
}

// value checks one value. null stands for absence, and was dealt with before, except in lists and at the top.
func (c *checker) value(s *huma.Schema, at string, v any) {
	s = c.resolve(s)
	if v == nil && s.Type != "" {
		c.add(at, "must not be null")
		return
	}
	switch s.Type {
	case huma.TypeObject:
		c.object(s, at, v)
	case huma.TypeArray:
		c.array(s, at, v)
	case huma.TypeString:
		c.text(s, at, v)
	case huma.TypeInteger, huma.TypeNumber:
		c.number(s, at, v)
	case huma.TypeBoolean:
		if _, ok := v.(bool); !ok {
			c.add(at, "must be true or false")
		}
	}
}

// resolve follows references, and takes the part of "something or null" that says something.
func (c *checker) resolve(s *huma.Schema) *huma.Schema {
	for {
		switch {
		case s.Ref != "":
			s = c.schemas.SchemaFromRef(s.Ref)
		case len(s.AnyOf) > 0:
			s = s.AnyOf[0]
		default:
			return s
		}
	}
}

func (c *checker) object(s *huma.Schema, at string, v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		c.add(at, "must be an object")
		return
	}
	for _, name := range s.Required {
		if fields[name] == nil {
			c.add(pointer(at, name), "is required")
		}
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.field(s, pointer(at, name), name, fields[name])
	}
}

func (c *checker) field(s *huma.Schema, at, name string, v any) {
	field, known := s.Properties[name]
	if !known {
		field, known = s.AdditionalProperties.(*huma.Schema)
	}
	switch {
	case !known:
		c.add(at, "is not a field that is known here")
	case v == nil: // as if it were absent
	default:
		c.value(field, at, v)
	}
}

func (c *checker) array(s *huma.Schema, at string, v any) {
	items, ok := v.([]any)
	if !ok {
		c.add(at, "must be a list")
		return
	}
	if s.MaxItems != nil && len(items) > *s.MaxItems {
		c.add(at, "holds more than %d entries", *s.MaxItems)
		return
	}
	if s.MinItems != nil && len(items) < *s.MinItems {
		c.add(at, "must have at least %d of them", *s.MinItems)
	}
	for i, item := range items {
		c.value(s.Items, pointer(at, i), item)
	}
}

func (c *checker) text(s *huma.Schema, at string, v any) {
	text, ok := v.(string)
	switch n := utf8.RuneCountInString(text); {
	case !ok:
		c.add(at, "must be a text")
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		c.add(at, "must be one of %s", words(s.Enum))
	case s.MinLength != nil && *s.MinLength == 1 && n == 0:
		c.add(at, "must not be empty")
	case s.MinLength != nil && n < *s.MinLength:
		c.add(at, "is shorter than %d characters", *s.MinLength)
	case s.MaxLength != nil && n > *s.MaxLength:
		c.add(at, "is longer than %d characters", *s.MaxLength)
	case s.Format == "date-time" && !isTime(text):
		c.add(at, notTime)
	}
}

const notTime = "is not a time as RFC 3339 writes it, such as 2026-01-31T08:00:00Z"

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func words(list []any) string {
	var texts []string
	for _, word := range list {
		if word != nil {
			texts = append(texts, fmt.Sprint(word))
		}
	}
	return strings.Join(texts, ", ")
}

func (c *checker) number(s *huma.Schema, at string, v any) {
	number, ok := v.(json.Number)
	if !ok {
		c.add(at, "must be a number")
		return
	}
	if _, err := number.Int64(); s.Type == huma.TypeInteger && err != nil {
		c.add(at, "must be a whole number")
		return
	}
	n, err := number.Float64()
	switch {
	case err != nil:
		c.add(at, "is too large a number")
	case s.Minimum != nil && n < *s.Minimum:
		c.add(at, "must be at least %s", plainly(*s.Minimum))
	case s.Maximum != nil && n > *s.Maximum:
		c.add(at, "must be at most %s", plainly(*s.Maximum))
	}
}

// plainly writes a bound without an exponent.
func plainly(bound float64) string { return strconv.FormatFloat(bound, 'f', -1, 64) }

// decode checks a body against the schema of its type, and reads it.
func decode(schemas huma.Registry, schema *huma.Schema, raw []byte, into any) error {
	value, err := web.ParseJSON(raw, maxDepth)
	if err != nil {
		return malformed(err.Error())
	}
	c := checker{schemas: schemas}
	c.value(schema, "", value)
	if len(c.faults) > 0 {
		return refused(c.faults...)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading a body into %s that its schema allows: %w", reflect.TypeOf(into), err)
	}
	return nil
}
