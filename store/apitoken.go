package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heliograph/access"
)

// tokenUse is how exact the time of a token's last use is: an API that is called all day writes it once a minute.
const tokenUse = time.Minute

const tokenColumns = `id, name, role, created_at, expires_at, last_used`

func scanToken(r Row) (t access.Token, err error) {
	var created, expires, used int64
	err = r.Scan(&t.ID, &t.Name, &t.Role, &created, &expires, &used)
	t.CreatedAt, t.ExpiresAt, t.LastUsed = at(created), at(expires), at(used)
	return t, notFound(err)
}

// CreateToken makes an API token. The secret is returned this once; the database keeps its hash. A zero expires means
// that it never ends.
func (s *Store) CreateToken(ctx context.Context, name string, role access.Role, expires time.Time) (secret string, t access.Token, err error) {
	now := s.now()
	secret = access.NewSecret(access.TokenPrefix)
	t = access.Token{ID: newID(now), Name: name, Role: role, CreatedAt: at(ms(now)), ExpiresAt: at(ms(expires))}
	err = s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO api_tokens (id, name, role, secret_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			t.ID, t.Name, string(t.Role), access.HashSecret(secret), ms(t.CreatedAt), ms(t.ExpiresAt))
		return err
	})
	if err != nil {
		return "", access.Token{}, err
	}
	return secret, t, nil
}

// UseToken finds the token of a secret and notes that it was used, once a minute at most. ErrNotFound when there is
// none or its time is over.
func (s *Store) UseToken(ctx context.Context, secret string) (t access.Token, err error) {
	if !strings.HasPrefix(secret, access.TokenPrefix) {
		return t, ErrNotFound
	}
	err = s.Read(ctx, func(tx Tx) error {
		t, err = scanToken(tx.QueryRow(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE secret_hash = $1`, access.HashSecret(secret)))
		return err
	})
	now := s.now()
	switch {
	case err != nil:
		return access.Token{}, err
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return access.Token{}, ErrNotFound
	case now.Sub(t.LastUsed) < tokenUse:
		return t, nil
	}
	t.LastUsed = at(ms(now))
	return t, s.noteTokenUse(ctx, t.ID, now)
}

// noteTokenUse writes nothing when another request of the same minute was faster.
func (s *Store) noteTokenUse(ctx context.Context, id string, now time.Time) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE api_tokens SET last_used = $2 WHERE id = $1 AND last_used <= $3`, id, ms(now), ms(now.Add(-tokenUse)))
		return err
	})
}

// Token reads one API token.
func (s *Store) Token(ctx context.Context, id string) (t access.Token, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		t, err = scanToken(tx.QueryRow(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE id = $1`, id))
		return err
	})
	return t, err
}

// ListTokens lists API tokens, newest first, those that ended too. Their ids are in the order of time.
func (s *Store) ListTokens(ctx context.Context, p Page) (list []access.Token, next string, err error) {
	q := s.query()
	if p.Cursor != "" {
		c, err := parseCursor(p.Cursor)
		if err != nil || len(c.Values) != 1 {
			return nil, "", ErrCursor
		}
		q.where("id < %s", q.arg(c.Values[0]))
	}
	tail := fmt.Sprintf(` ORDER BY id DESC LIMIT %d`, p.limit()+1)
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE `+q.clause()+tail, q.args...)
		list, err = all(rows, err, scanToken)
		return err
	})
	list, next = cut(p, list, func(t access.Token) ([]string, int64) { return []string{t.ID}, 0 })
	return list, next, err
}

// DeleteToken ends an API token at once.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx Tx) error { return deleted(tx.Exec(ctx, `DELETE FROM api_tokens WHERE id = $1`, id)) })
}
