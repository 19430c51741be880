package store

import (
	"context"

	"heliograph/access"
)

// TokenOwner is the name of the device that a push token belongs to, or its id when it has no name; ErrNotFound when it
// is nobody's.
func (s *Store) TokenOwner(ctx context.Context, scope access.Scope, token string) (name string, err error) {
	if !scope.All() {
		return "", ErrNotFound // a token tells nobody outside of its groups whose it is
	}
	hashes, err := jsonBytes(s.tokenHashes(token))
	if err != nil {
		return "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		return notFound(tx.QueryRow(ctx, `
			SELECT CASE WHEN d.name <> '' THEN d.name ELSE d.id END
			FROM push_tokens t JOIN devices d ON d.key = t.device_key
			WHERE t.token_hash IN `+s.listed("$1", bytesKind), hashes).Scan(&name))
	})
	return name, err
}
