package store

import "context"

// KeepAnswer keeps an answer by itself: outside of tests it goes with what it speaks of, in one transaction.
func (s *Store) KeepAnswer(ctx context.Context, token, key string, bodyHash []byte, a Answer) error {
	return s.Write(ctx, func(tx Tx) error { return idempotencySave(ctx, tx, token, key, bodyHash, a, s.now()) })
}
