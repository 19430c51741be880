package api

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// optional is a field of a body where absence and null say different things: absence keeps, null clears.
type optional[T any] struct {
	Set   bool // it was there, with a value
	Null  bool // it was there, as null
	Value T
}

func some[T any](value T) optional[T] { return optional[T]{Set: true, Value: value} }

// IsZero makes omitzero leave an absent field out.
func (o optional[T]) IsZero() bool { return !o.Set && !o.Null }

func (o optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Set {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

func (o *optional[T]) UnmarshalJSON(raw []byte) error {
	if o.Null = string(raw) == "null"; o.Null {
		return nil
	}
	o.Set = true
	return json.Unmarshal(raw, &o.Value)
}

// Schema is that of the value, or null.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	return nullable(r.Schema(reflect.TypeFor[T](), true, ""))
}

func nullable(s *huma.Schema) *huma.Schema {
	if s.Ref == "" {
		copied := *s
		copied.Nullable = true
		return &copied
	}
	return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}}
}

// maybe is a parameter that may be absent.
type maybe[T any] struct {
	Value T
	IsSet bool
}

// pointer is nil for an absent parameter.
func (m maybe[T]) pointer() *T {
	if !m.IsSet {
		return nil
	}
	return &m.Value
}

// Schema, Receiver and OnParamSet are how huma reads a parameter of a type of ours.
func (m maybe[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}
func (m *maybe[T]) Receiver() reflect.Value      { return reflect.ValueOf(m).Elem().Field(0) }
func (m *maybe[T]) OnParamSet(isSet bool, _ any) { m.IsSet = isSet }
