package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

const (
	maxBody  = 1 << 20 // bytes of a body; imports are not limited
	bodyTime = 30 * time.Second
)

// payload is the JSON body of a request, for inputs to embed.
type payload[T any] struct {
	RawBody []byte `contentType:"application/json"`
	body    T
}

// bodied is an input with a payload.
type bodied interface {
	bodyType() reflect.Type
	read(schemas huma.Registry, schema *huma.Schema) error
}

func (p *payload[T]) bodyType() reflect.Type { return reflect.TypeFor[T]() }

func (p *payload[T]) read(schemas huma.Registry, schema *huma.Schema) error {
	if len(p.RawBody) == 0 { // only where the body may be left out
		return nil
	}
	return decode(schemas, schema, p.RawBody, &p.body)
}

// handler answers one request of an actor whose role was checked.
type handler[I, O any] func(ctx context.Context, actor access.Actor, in *I) (*O, error)

// operation registers one route: what the document says about it, and who answers.
func operation[I, O any](s *server, r path, do handler[I, O]) {
	o := r.Operation
	s.needs[o.Method+" "+prefix+o.Path] = r.needs
	schemas := s.huma.OpenAPI().Components.Schemas
	body, hasBody := any(new(I)).(bodied)
	checked := anyObject
	if hasBody {
		if r.bodySchema == nil {
			r.bodySchema = schemas.Schema(body.bodyType(), true, "")
		}
		if !r.loose {
			checked = r.bodySchema
		}
		o.RequestBody = &huma.RequestBody{Required: !r.optional}
		o.SkipValidateBody, o.MaxBodyBytes, o.BodyReadTimeout = true, maxBody+1, bodyTime
		o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
	}
	o.Errors = append(o.Errors, http.StatusUnauthorized, http.StatusForbidden)
	huma.Register(s.huma, o, func(ctx context.Context, in *I) (*O, error) {
		if hasBody {
			if err := any(in).(bodied).read(schemas, checked); err != nil {
				return nil, problemOf(ctx, s.log, err)
			}
		}
		out, err := do(ctx, actorOf(ctx), in)
		if err != nil {
			return nil, problemOf(ctx, s.log, err)
		}
		return out, nil
	})
	if hasBody { // in place of what huma says about bodies that it does not read itself
		o.RequestBody.Required = !r.optional
		o.RequestBody.Content = map[string]*huma.MediaType{"application/json": {Schema: r.bodySchema, Example: r.sample}}
	}
}

// anyObject is the schema of bodies that their handler looks at.
var anyObject = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{}}

// What operations answer with.
type (
	// found is one object, or the result of an action.
	found[T any] struct{ Body T }
	// made is an object that POST created.
	made[T any] struct {
		Location string `header:"Location" doc:"Where the object is."`
		Body     T
	}
	// stored is an object after PUT: 201 when it is new, else 200.
	stored[T any] struct {
		Status int
		Body   T
	}
	// nothing is the answer to DELETE: 204.
	nothing struct{}
	// page is a part of a list.
	page[T any] struct {
		Items      []T     `json:"items" doc:"Newest first."`
		NextCursor *string `json:"next_cursor" doc:"Give it as cursor to get what follows; null at the end."`
	}
)

func find[T any](value T, err error) (*found[T], error) {
	if err != nil {
		return nil, err
	}
	return &found[T]{value}, nil
}

func storedAs[T any](value T, created bool) *stored[T] {
	if created {
		return &stored[T]{http.StatusCreated, value}
	}
	return &stored[T]{http.StatusOK, value}
}

func pageOf[N, T any](nouns []N, next string, show func(N) T) *found[page[T]] {
	p := page[T]{Items: make([]T, 0, len(nouns))}
	for _, n := range nouns {
		p.Items = append(p.Items, show(n))
	}
	if next != "" {
		p.NextCursor = &next
	}
	return &found[page[T]]{p}
}

// Paged is the input of a list.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most entries of the answer."`
	Cursor string `query:"cursor" maxLength:"512" doc:"The next_cursor of the page before."`
}

// partOf pages through a short list by its places.
func partOf[T any](list []T, in Paged) (part []T, next string, err error) {
	from := 0
	if in.Cursor != "" {
		if from, err = strconv.Atoi(in.Cursor); err != nil || from < 0 {
			return nil, "", refused(Fault{"cursor", "was not made by this list"})
		}
	}
	to := min(from+in.Limit, len(list))
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	return list[min(from, to):to], next, nil
}

// ByID is the input of everything below one object.
type ByID struct {
	ID string `path:"id" maxLength:"128" doc:"The object's id."`
}

func (p Paged) page() store.Page { return store.Page{Limit: p.Limit, Cursor: p.Cursor} }

// sameID refuses a body that speaks of another object than the address.
func sameID(address, body string) error {
	switch {
	case !fleet.ValidID(address):
		return refused(Fault{"id", "must be 1 to 128 of A-Z a-z 0-9 . _ : @ -"})
	case body != "" && body != address:
		return refused(Fault{"/id", "must be the id in the address, or be left out"})
	}
	return nil
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func orNull[T ~string](text T) *string {
	if text == "" {
		return nil
	}
	plain := string(text)
	return &plain
}

// listOf and named make an empty list or object of nil, for JSON.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func named(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}
