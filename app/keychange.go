package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/seal"
	"heliograph/store"
)

// ChangeKeys makes other keys of those of a database and writes the key file. do is given the store, which knows the
// keys, and returns what the file shall hold. Keys from the environment cannot be written: their new content is returned,
// for whoever runs the processes to put there; it is empty where there is a file.
func ChangeKeys(ctx context.Context, d Database, do func(context.Context, *store.Store) (*seal.Keys, error)) (content string, err error) {
	s, err := OpenWithKeys(ctx, d)
	if err != nil {
		return "", err
	}
	defer s.Close()
	if d.Keys != "" {
		keys, err := do(ctx, s)
		if err != nil {
			return "", err
		}
		return string(keys.Text()), nil
	}
	var changed *seal.Keys
	err = seal.Change(d.keyFile(), func(read *seal.Keys) (*seal.Keys, error) {
		if err := s.UseKeys(ctx, read); err != nil { // the file may have changed since it was opened
			return nil, err
		}
		changed, err = do(ctx, s)
		return changed, err
	})
	if err != nil {
		return "", err
	}
	return "", noteKeys(ctx, s, changed)
}

// noteKeys notes which keys there are now, by their fingerprints. The file is no part of a transaction, so this follows.
func noteKeys(ctx context.Context, s *store.Store, now *seal.Keys) error {
	view := func(k *seal.Keys) any { return map[string]any{"sealing": k.Sealing(), "index": k.Index()} }
	return s.Audit(ctx, access.CommandLine.Did(access.Rotate, access.Object{Kind: access.AKey}, view(s.Keys()), view(now)))
}

// KeyPlace is where the keys of a database are, in words.
func (d Database) KeyPlace() string {
	if d.Keys != "" {
		return "environment variable " + KeysEnv
	}
	return d.keyFile()
}

// RotateSealing adds a sealing key.
func RotateSealing(_ context.Context, s *store.Store) (*seal.Keys, error) {
	keys := s.Keys()
	if newest := last(keys.Sealing()); newest != keys.Seals() {
		return nil, notYet("sealing", newest)
	}
	return keys.WithSealing(), nil
}

// RotateIndex adds an index key.
func RotateIndex(_ context.Context, s *store.Store) (*seal.Keys, error) {
	keys := s.Keys()
	if newest := last(keys.Index()); newest != keys.Fingerprint() {
		return nil, notYet("index", newest)
	}
	return keys.WithIndex(), nil
}

func notYet(kind string, id seal.KeyID) error {
	return fmt.Errorf("the %s key %s of the last rotation is not in use yet: start heliograph serve, and give every node this key file; heliograph keys status says who lacks it", kind, id)
}

func last(list []seal.KeyID) seal.KeyID { return list[len(list)-1] }

// PruneKeys takes away the keys that are older than those in use. It refuses while anything needs one of them.
func PruneKeys(ctx context.Context, s *store.Store) (*seal.Keys, error) {
	keys := s.Keys()
	sealing, index := before(keys.Sealing(), keys.Seals()), before(keys.Index(), keys.Fingerprint())
	counts, err := s.SealedCounts(ctx)
	if err != nil {
		return nil, err
	}
	var needed []string
	for _, c := range counts {
		for _, id := range sealing {
			if n := c.ByKey[id]; n > 0 {
				needed = append(needed, fmt.Sprintf("%d values of %s are still sealed with the key %s", n, c.Place, id))
			}
		}
		if len(index) > 0 && c.OldHash > 0 {
			needed = append(needed, fmt.Sprintf("%d rows of %s are still found by an older index key", c.OldHash, c.Place))
		}
	}
	if len(index) > 0 {
		unheard, err := s.UnheardHashes(ctx)
		if err != nil {
			return nil, err
		}
		if unheard > 0 {
			needed = append(needed, fmt.Sprintf("%d subscriptions were not heard of since the index key changed (those that stay silent are forgotten after 60 days)", unheard))
		}
	}
	if len(needed) > 0 {
		return nil, fmt.Errorf("the old keys are still needed: %s. A running heliograph serve seals again in the background; heliograph keys status shows how far it is", strings.Join(needed, "; "))
	}
	return keys.Without(slices.Concat(sealing, index)...), nil
}

// before are the keys older than one.
func before(list []seal.KeyID, id seal.KeyID) []seal.KeyID {
	return list[:max(slices.Index(list, id), 0)]
}
