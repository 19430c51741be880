package api

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// FuzzBody: a body is refused as 400 or 422 with places that begin at its root, or it fits the type; never is it a mistake
// of ours, and never does an answer repeat a text that was sent.
func FuzzBody(f *testing.F) {
	for _, text := range []string{
		sampleSend, `{"audience": {"filter": {"property": [{"name": "A", "op": "eq", "value": "b"}]}}}`, `{"a": 1}`, `[]`, `{`, `{"audience": null, "send_at": "never"}`,
		`{"ad_hoc": {"push": {"message": "x", "badge": 1e999}}}`, `{"audience": {"all": true, "all": false}}`, "\xff", `{"expires_in_seconds": -1.5}`, strings.Repeat("[", 40),
	} {
		f.Add(text)
	}
	schemas := huma.NewMapRegistry(schemaRef, huma.DefaultSchemaNamer)
	var bodies []body
	for _, like := range []any{NewNotification{}, Device{}, User{}, OpenIDProvider{}} {
		shape := reflect.TypeOf(like)
		bodies = append(bodies, body{shape, schemas.Schema(shape, true, "")})
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, b := range bodies {
			err := decode(schemas, b.schema, []byte(text), reflect.New(b.shape).Interface())
			if err == nil {
				continue
			}
			var refused *Problem
			if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest && refused.Status != http.StatusUnprocessableEntity {
				t.Errorf("%q as %s: %v", text, b.shape, err)
				continue
			}
			for _, fault := range refused.Errors {
				if fault.Pointer != "" && fault.Pointer[0] != '/' {
					t.Errorf("%q as %s: the place is %q", text, b.shape, fault.Pointer)
				}
			}
		}
	})
}

type body struct {
	shape  reflect.Type
	schema *huma.Schema
}

const sampleSend = `{"audience": {"all": true}, "ad_hoc": {"push": {"message": "x"}}, "send_at": "2026-03-04T09:30:00Z"}`
