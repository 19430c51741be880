package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
	"heliograph/web"
)

// The documents of the API: OpenAPI as JSON and YAML, and a page that shows it. All are open to everybody: they say
// nothing about an installation.

const about = `Heliograph notifies people about their mobile devices. This interface feeds it with the fleet, sends notifications and follows each of them to its end.

**Tokens.** Send ` + "`Authorization: Bearer TOKEN`" + `. Tokens are made in the console under Settings, with ` + "`heliograph token create`" + ` or here.

**Bodies** are JSON of at most 1 MiB, names in snake_case, times as RFC 3339 in UTC. Fields that are not known are refused. Imports stream and have no limit.

**Errors** are problem details (RFC 9457): each entry of ` + "`errors`" + ` has a JSON pointer into the body, or the name of a parameter, and a sentence. Values are never repeated. 400 the body cannot be read · 401 no or bad token · 403 the role does not allow it · 404 not there · 409 conflict or in use · 413 larger than 1 MiB · 422 refused content · 429 too much at once, see Retry-After.

**PUT** creates or replaces the whole object. Fields that can only be written (secrets, push tokens) are the exception: absent keeps what is stored, null clears it, and GET shows ` + "`…_set`" + ` instead. What GET shows can be sent back with PUT.

**Lists** take ` + "`limit`" + ` and ` + "`cursor`" + `, answer with ` + "`items`" + ` and ` + "`next_cursor`" + `, newest first. Other parameters are filters.

**Repetition.** With an ` + "`Idempotency-Key`" + ` a request that may have been lost can be sent again: within 24 hours the first answer comes back with ` + "`Idempotency-Replayed: true`" + ` and nothing happens twice.`

//go:embed docs
var docs embed.FS

// describe completes what huma knows from the types.
func (s *server) describe() *huma.OpenAPI {
	o := s.huma.OpenAPI()
	o.Info.Description = about
	o.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token."},
	}
	for _, tag := range []string{devices, people, sending, servers, carriers, providers, mailPush, templates, macros, ourselves, apiTokens, admins, signingIn, auditLog} {
		o.Tags = append(o.Tags, &huma.Tag{Name: tag})
	}
	for _, schema := range o.Components.Schemas.Map() {
		for _, field := range schema.Properties {
			if field.Nullable && len(field.Enum) > 0 {
				field.Enum = append(field.Enum, nil) // an enum is the whole list of what is allowed
			}
		}
	}
	for _, item := range o.Paths {
		for _, operation := range methodsOf(item) {
			if created := operation.Responses["201"]; created != nil && created.Content == nil && operation.Responses["200"] != nil {
				created.Content = operation.Responses["200"].Content
			}
			for status, response := range operation.Responses {
				if response.Description == "" {
					response.Description = statusText(status)
				}
			}
		}
	}
	return o
}

func statusText(status string) string {
	var code int
	_, _ = fmt.Sscan(status, &code)
	return http.StatusText(code)
}

// documents serves them. They are made once: what could go wrong there is a mistake in this package, which its tests
// would have shown.
func (s *server) documents() {
	o := s.describe()
	asJSON, err := json.Marshal(o)
	if err != nil {
		panic("api: the OpenAPI document cannot be written: " + err.Error())
	}
	asYAML, err := o.YAML()
	if err != nil {
		panic("api: the OpenAPI document cannot be written: " + err.Error())
	}
	s.yaml = asYAML
	s.mux.Handle("GET "+prefix+"/openapi.json", access.Open, serve("application/json", asJSON))
	s.mux.Handle("GET "+prefix+"/openapi.yaml", access.Open, serve("application/yaml", asYAML))
	s.page()
}

// page serves the page that renders the document.
func (s *server) page() {
	names := map[string]string{"docs.css": "docs/docs.css", "docs.js": "docs/docs.js", "icon.svg": "docs/icon.svg"}
	assets, err := web.NewAssets(docs, "/api/docs/", names)
	if err != nil {
		panic("api: the page of the document: " + err.Error())
	}
	var html bytes.Buffer
	frame := template.Must(template.New("docs.html").Funcs(template.FuncMap{"asset": assets.Path}).ParseFS(docs, "docs/docs.html"))
	if err := frame.Execute(&html, prefix); err != nil {
		panic("api: the page of the document: " + err.Error())
	}
	s.mux.Handle("GET /api/docs", access.Open, serve("text/html; charset=utf-8", html.Bytes()))
	s.mux.Handle("GET /api/docs/", access.Open, assets)
	s.mux.Handle("GET /api/{$}", access.Open, http.RedirectHandler("/api/docs", http.StatusFound))
}

func serve(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(content) // a client that went away is no error of ours
	}
}
