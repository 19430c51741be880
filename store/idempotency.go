package store

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// idempotencyTime is how long the first answer to a request is kept, and given again to a repetition of it.
const idempotencyTime = 24 * time.Hour

// ErrOtherBody says that a caller's key for one request came with another.
var ErrOtherBody = errors.New("the idempotency key was used with another request")

// Answer is what was said to a request that may come again.
type Answer struct {
	Status   int
	Location string
	Body     []byte
}

// idempotencyLookup finds the answer that was given to a token's request under a key: nil when there is none or its
// time is over, ErrOtherBody when it was another request.
func idempotencyLookup(ctx context.Context, tx Tx, token, key string, bodyHash []byte, now time.Time) (*Answer, error) {
	var (
		a    Answer
		hash []byte
		body string
	)
	err := tx.QueryRow(ctx, `
		SELECT body_hash, status, location, response FROM idempotency_keys WHERE token = $1 AND key = $2 AND created_at > $3`,
		token, key, ms(now.Add(-idempotencyTime))).Scan(&hash, &a.Status, &a.Location, &body)
	switch {
	case errors.Is(err, ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case !bytes.Equal(hash, bodyHash):
		return nil, ErrOtherBody
	}
	a.Body = []byte(body)
	return &a, nil
}

// idempotencySave keeps an answer in the transaction of what it speaks of, over one whose time is over. Of two
// transactions with the same key one waits for the other, and then fails with ErrConflict.
func idempotencySave(ctx context.Context, tx Tx, token, key string, bodyHash []byte, a Answer, now time.Time) error {
	n, err := tx.Exec(ctx, `
		INSERT INTO idempotency_keys (token, key, body_hash, status, location, response, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (token, key) DO UPDATE SET body_hash = excluded.body_hash, status = excluded.status,
			location = excluded.location, response = excluded.response, created_at = excluded.created_at
		WHERE idempotency_keys.created_at <= $8`,
		token, key, bodyHash, a.Status, a.Location, string(a.Body), ms(now), ms(now.Add(-idempotencyTime)))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// KeptAnswer is the answer that a token's request under a key got within the last day. ok is false when there is none;
// ErrOtherBody when the key came with another request.
func (s *Store) KeptAnswer(ctx context.Context, token, key string, bodyHash []byte) (a Answer, ok bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		found, err := idempotencyLookup(ctx, tx, token, key, bodyHash, s.now())
		if found != nil {
			a, ok = *found, true
		}
		return err
	})
	return a, ok, err
}

// ForgetAnswers deletes at most limit kept answers whose time is over, and returns how many they were.
func (s *Store) ForgetAnswers(ctx context.Context, limit int) (n int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		n, err = tx.Exec(ctx, `
			DELETE FROM idempotency_keys WHERE (token, key) IN (
				SELECT token, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)`,
			ms(s.now().Add(-idempotencyTime)), limit)
		return err
	})
	return n, err
}
