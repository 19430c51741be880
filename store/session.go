package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"
)

// Sessions keeps the console's sessions. It is a store of scs, which hands over a hash of the token (HashTokenInStore):
// who reads the table cannot become anybody.
type Sessions struct{ s *Store }

// Sessions gives the store of sessions.
func (s *Store) Sessions() Sessions { return Sessions{s} }

// sessionSlack is how much later an expiry may be before it is written again, so that each click is not a write.
const sessionSlack = time.Minute

// FindCtx gives the data of a session that has not expired.
func (v Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	data, _, err = v.find(ctx, token)
	if errors.Is(err, ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (v Sessions) find(ctx context.Context, token string) (data []byte, expires time.Time, err error) {
	err = v.s.Read(ctx, func(tx Tx) error {
		var until int64
		err := tx.QueryRow(ctx, `SELECT data, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2`,
			tokenKey(token), ms(v.s.now())).Scan(&data, &until)
		expires = at(until)
		return err
	})
	return data, expires, err
}

// CommitCtx keeps the data of a session until its expiry. A new session sweeps out those that have expired.
func (v Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	known, expires, err := v.find(ctx, token)
	switch {
	case err == nil && bytes.Equal(known, data) && expiry.Sub(expires).Abs() < sessionSlack:
		return nil
	case err != nil && !errors.Is(err, ErrNoRows):
		return err
	}
	return v.s.Write(ctx, func(tx Tx) error {
		if known == nil {
			if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, ms(v.s.now())); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO sessions (token_hash, data, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`,
			tokenKey(token), data, ms(expiry))
		return err
	})
}

// DeleteCtx ends a session; one that is not there is ended already.
func (v Sessions) DeleteCtx(ctx context.Context, token string) error {
	return v.s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, tokenKey(token))
		return err
	})
}

// tokenKey is the hash that scs made, as bytes.
func tokenKey(token string) []byte {
	if raw, err := base64.RawURLEncoding.DecodeString(token); err == nil {
		return raw
	}
	return []byte(token)
}

// Find, Commit and Delete are scs's older names; it calls those with a context.

func (v Sessions) Find(token string) ([]byte, bool, error) {
	return v.FindCtx(context.Background(), token)
}

func (v Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return v.CommitCtx(context.Background(), token, data, expiry)
}

func (v Sessions) Delete(token string) error { return v.DeleteCtx(context.Background(), token) }
