package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.yaml again")

// The committed document is what clients were made from: a change must be seen by whoever makes it.
// TestEveryGroupIsListed: the page draws the groups that the document lists, and no operation outside of them.
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
