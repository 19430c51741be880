package api

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"heliograph/channel/all"
)

var update = flag.Bool("update", false, "write openapi.yaml again")

// The page draws the groups that the document lists, and no operation outside of them.
func TestEveryGroupIsListed(t *testing.T) {
	o := newHouse(t).server.huma.OpenAPI()
	listed := map[string]bool{}
	for _, tag := range o.Tags {
		listed[tag.Name] = true
	}
	for address, item := range o.Paths {
		for method, operation := range methodsOf(item) {
			if len(operation.Tags) != 1 || !listed[operation.Tags[0]] {
				t.Errorf("%s %s is in %v", method, address, operation.Tags)
			}
		}
	}
}

// Every setting of every kind of server says what it is, in the words of the console.
func TestSettingsAreExplained(t *testing.T) {
	h := newHouse(t)
	schemas := h.server.huma.OpenAPI().Components.Schemas.Map()
	for _, p := range all.Providers {
		for _, f := range p.Fields {
			in, name := holder(schemas[shapeNames[p.Kind]], f.Name)
			if field := in.Properties[name]; len(field.Description) < 3 {
				t.Errorf("%s: %s is explained as %q", p.Kind, f.Name, field.Description)
			}
		}
	}
	timeout := schemas["SMTPServer"].Properties["timeout_seconds"].Description
	if !strings.Contains(timeout, "Seconds, 1 to 600.") {
		t.Errorf("the timeout has no unit or no bounds: %q", timeout)
	}
}

// The committed document is what clients were made from: a change must be seen by whoever makes it.
func TestDocumentIsCommitted(t *testing.T) {
	h := newHouse(t)
	if *update {
		h.must(os.WriteFile("openapi.yaml", h.server.yaml, 0o644))
	}
	committed, err := os.ReadFile("openapi.yaml")
	h.must(err)
	if !bytes.Equal(committed, h.server.yaml) {
		t.Error("the API is not the one in openapi.yaml: look at what changed, then run go test ./api -update")
	}
}
