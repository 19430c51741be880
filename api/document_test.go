package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.yaml again")

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
