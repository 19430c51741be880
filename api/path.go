package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
)

// path is what the document says about one operation. Its methods add to it, so that a route is one line.
type path struct {
	huma.Operation
	needs      access.Permission
	bodySchema *huma.Schema // nil = that of the body's type
	loose      bool         // the handler compares the body with its schema, not the operation
	optional   bool         // the body may be left out
	sample     any          // an example of the body
}

func route(method, address string, needs access.Permission, tag, id, summary string) path {
	return path{needs: needs, Operation: huma.Operation{
		OperationID: id, Method: method, Path: address, Tags: []string{tag}, Summary: summary, Description: whoMay(needs),
		Responses: map[string]*huma.Response{}, Security: []map[string][]string{{"token": {}}},
		DefaultStatus: map[string]int{http.MethodDelete: http.StatusNoContent}[method],
	}}
}

// whoMay says which roles have a permission, for the document.
func whoMay(needs access.Permission) string {
	var whole, limited []string
	for _, role := range access.Roles {
		if access.Grants(role, false, needs) {
			whole = append(whole, string(role))
		}
		if role.Limitable() && access.Grants(role, true, needs) {
			limited = append(limited, string(role))
		}
	}
	words := "Roles: " + strings.Join(whole, ", ") + "."
	if len(limited) > 0 {
		return words + " Within its groups when the role is limited to some."
	}
	return words
}

func (p path) fails(status int) path {
	p.Errors = append(slices.Clone(p.Errors), status)
	return p
}

// missing: there may be nothing under the address.
func (p path) missing() path { return p.fails(http.StatusNotFound) }

// conflicts: a name may be taken, or the object in use.
func (p path) conflicts() path { return p.fails(http.StatusConflict) }

// made: the answer is a new object.
func (p path) made() path {
	p.DefaultStatus = http.StatusCreated
	return p
}

// creates: PUT answers 201 for a new object and 200 for one that was there.
func (p path) creates() path {
	p.Responses["201"] = &huma.Response{Description: "Created; the body is the same."}
	return p.fails(http.StatusUnprocessableEntity)
}

// accepts: the answer is a notification that was taken and is not done yet.
func (p path) accepts(s *server) path {
	p.DefaultStatus = http.StatusAccepted
	return p.answers(s, Notification{})
}

// answers documents the shape of an answer that is written as bytes.
func (p path) answers(s *server, like any) path {
	return p.shows(s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(like), true, ""))
}

// shows documents the shape of an answer that no type of ours has.
func (p path) shows(shape *huma.Schema) path {
	status := max(p.DefaultStatus, http.StatusOK)
	p.Responses[strconv.Itoa(status)] = &huma.Response{
		Content: map[string]*huma.MediaType{"application/json": {Schema: shape}},
	}
	return p
}

// lists documents a page of such answers.
func (p path) lists(shape *huma.Schema) path {
	return p.shows(&huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"items":       {Type: huma.TypeArray, Items: shape, Description: "Newest first."},
		"next_cursor": {Type: huma.TypeString, Nullable: true, Description: "Give it as cursor to get what follows; null at the end."},
	}})
}

// takes documents the shape of a body that no type of ours has; the handler checks it.
func (p path) takes(shape *huma.Schema) path {
	p.bodySchema, p.loose = shape, true
	return p
}

func (p path) example(sample any) path {
	p.sample = sample
	return p
}

// emptyBody: the body is {} or absent.
func (p path) emptyBody() path {
	p.optional = true
	return p.example(map[string]any{})
}

// Examples of bodies, for the document.
var (
	previewExample = map[string]any{"audience": map[string]any{"filter": map[string]any{
		"platform": []string{"ios", "ipados"}, "os_version": map[string]any{"op": "lt", "value": "18.0"},
	}}}
	sendExample = map[string]any{
		"audience": map[string]any{"groups": []string{"Sales"}},
		"ad_hoc": map[string]any{
			"push": map[string]any{"message": "Hello ${user.givenname}, please update ${device.name}."},
			"smtp": map[string]any{"subject": "Please update your device", "message": "Hello ${user.displayname},\n\nthere is an update for ${device.name}."},
		},
	}
	templateExample = map[string]any{
		"name": "Office closed", "type": "ad_hoc",
		"smtp":     map[string]any{"active": true, "subject": "The office is closed", "message": "Hello ${user.givenname 'colleague'},\n\nthe office is closed tomorrow."},
		"variants": map[string]any{"fr": map[string]any{"smtp": map[string]any{"subject": "Le bureau est fermé", "message": "Bonjour ${user.givenname},\n\nle bureau est fermé demain."}}},
	}
	retryExample        = map[string]any{"states": []string{"failed"}, "channel": "smtp"}
	mailSettingsExample = map[string]any{
		"region": "EMEA", "registration_url": "https://register.emea.example.com", "listener_url": "https://listener.emea.example.com", "wake": "rich",
	}
	configurationExample = map[string]any{"ios_app": "com.example.mail", "app_key": "hgk_…"}
	renderExample        = map[string]any{"text": "Hello ${user.givenname['colleague']}", "device_id": "d-1001"}
)

// methodsOf lists what can be done at one address.
func methodsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
	}
	maps.DeleteFunc(all, func(_ string, o *huma.Operation) bool { return o == nil })
	return all
}
