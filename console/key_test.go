package console

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/seal"
	"heliograph/store"
)

type fakeKeys store.KeyStatus

func (f fakeKeys) KeyStatus(context.Context) (store.KeyStatus, error) { return store.KeyStatus(f), nil }

func TestAboutSaysHowFarTheKeysAre(t *testing.T) {
	inUse := store.KeysInUse{Sealing: "1a2b3c4d", Index: "0123456789abcdef"}
	before := store.KeysInUse{Sealing: "00000000", Index: "0123456789abcdef"}
	now := time.Now()
	for name, c := range map[string]struct {
		status fakeKeys
		want   string
	}{
		"never rotated": {fakeKeys{InUse: inUse}, "1a2b3c4d seals"},
		"being sealed again": {fakeKeys{InUse: inUse, Reseals: []store.Reseal{
			{Keys: inUse, Seen: 5, Total: 5, FinishedAt: now}, {Keys: inUse, Seen: 1200, Total: 3000},
		}}, "1a2b3c4d seals; 1,205 of 3,005 secrets gone through"},
		"all sealed again":   {fakeKeys{InUse: inUse, Reseals: []store.Reseal{{Keys: inUse, Seen: 5, Total: 5, FinishedAt: now}}}, "1a2b3c4d seals"},
		"an older rotation":  {fakeKeys{InUse: inUse, Reseals: []store.Reseal{{Keys: before, Seen: 1, Total: 5}}}, "1a2b3c4d seals"},
		"a node lacks a key": {fakeKeys{InUse: inUse, Nodes: []store.KeyNode{{Keys: []seal.KeyID{"a", "b"}}, {Keys: []seal.KeyID{"a"}}}}, "1a2b3c4d seals until every node has the new key"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Keys = c.status })
			f.get("/enter/let-me-in", http.StatusOK)
			words := f.get("/settings/about", http.StatusOK).one(t, "main").words()
			_, after, _ := strings.Cut(words, "Keys of stored secrets")
			said, _, found := strings.Cut(after, "Licence")
			if !found || strings.TrimSpace(said) != c.want {
				t.Errorf("the page says %q in %q, want %q", said, words, c.want)
			}
		})
	}
}
