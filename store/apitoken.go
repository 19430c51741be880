package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/access"
)

// tokenUse is how exact the time of a token's last use is: an API that is called all day writes it once a minute.
const tokenUse = time.Minute

const tokenColumns = `id, name, role, limited, maker, made_by, created_at, expires_at, last_used`

// scanToken reads all but the groups that a token is limited to.
func scanToken(r Row) (t access.Token, limited bool, err error) {
	var created, expires, used int64
	err = r.Scan(&t.ID, &t.Name, &t.Role, &limited, &t.Maker, &t.MadeBy, &created, &expires, &used)
	t.CreatedAt, t.ExpiresAt, t.LastUsed = at(created), at(expires), at(used)
	return t, limited, notFound(err)
}

// tokens reads tokens as they may be used now. what follows WHERE.
func tokens(ctx context.Context, tx Tx, what string, args ...any) (list []access.Token, err error) {
	var limited []bool
	rows, err := tx.Query(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE `+what, args...)
	list, err = all(rows, err, func(r Row) (access.Token, error) {
		t, isLimited, err := scanToken(r)
		limited = append(limited, isLimited)
		return t, err
	})
	for i := range list {
		if err == nil {
			list[i].Scope, list[i].Groups, err = tokenGroups.scope(ctx, tx, list[i].ID, limited[i])
		}
		if err == nil {
			err = withinMaker(ctx, tx, &list[i])
		}
	}
	return list, err
}

// withinMaker takes from a token what its maker does not have any more.
func withinMaker(ctx context.Context, tx Tx, t *access.Token) error {
	if t.Maker == "" {
		return nil
	}
	maker, err := account(ctx, tx, "id = $1", t.Maker)
	if errors.Is(err, ErrNotFound) { // deleted between two looks: so is the token
		t.Role, t.Scope = "", access.Scope{}
		return nil
	}
	if err != nil {
		return err
	}
	t.Role = access.Lesser(t.Role, maker.Role)
	if !maker.Scope.All() {
		t.Scope = t.Scope.Intersect(maker.Scope)
		t.Groups = slices.DeleteFunc(slices.Clone(maker.Groups), func(name string) bool {
			return t.Groups != nil && !slices.Contains(t.Groups, name)
		})
	}
	return nil
}

func oneToken(ctx context.Context, tx Tx, what string, args ...any) (access.Token, error) {
	list, err := tokens(ctx, tx, what, args...)
	if err == nil && len(list) == 0 {
		return access.Token{}, ErrNotFound
	}
	if err != nil {
		return access.Token{}, err
	}
	return list[0], nil
}

// CreateToken makes an API token that is not limited to groups and was made by nobody; see AddToken.
func (s *Store) CreateToken(ctx context.Context, name string, role access.Role, expires time.Time) (secret string, t access.Token, err error) {
	return s.AddToken(ctx, access.Token{Name: name, Role: role, Scope: access.Everything, ExpiresAt: expires})
}

// AddToken makes an API token with the role, scope, maker and expiry given. The secret is returned this once; the
// database keeps its hash. entry, which may be nil, makes what is noted about it.
func (s *Store) AddToken(ctx context.Context, t access.Token, entry ...func(access.Token) access.Entry) (secret string, made access.Token, err error) {
	now := s.now()
	secret = access.NewSecret(access.TokenPrefix)
	t.ID, t.CreatedAt, t.ExpiresAt = newID(now), at(ms(now)), at(ms(t.ExpiresAt))
	var entries []access.Entry
	for _, about := range entry {
		entries = append(entries, about(t))
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO api_tokens (id, name, role, limited, maker, made_by, secret_hash, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			t.ID, t.Name, string(t.Role), !t.Scope.All(), t.Maker, t.MadeBy, access.HashSecret(secret), ms(t.CreatedAt), ms(t.ExpiresAt))
		if err != nil {
			return err
		}
		return tokenGroups.save(ctx, tx, t.ID, t.Scope)
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
		t, err = oneToken(ctx, tx, `secret_hash = $1`, access.HashSecret(secret))
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
		t, err = oneToken(ctx, tx, `id = $1`, id)
		return err
	})
	return t, err
}

// ListTokens lists API tokens, newest first, those that ended too. Their ids are in the order of time.
func (s *Store) ListTokens(ctx context.Context, p Page) (list []access.Token, next string, err error) {
	q := s.query()
	if err := q.after(p); err != nil {
		return nil, "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		list, err = tokens(ctx, tx, q.clause()+newestIDs(p), q.args...)
		return err
	})
	list, next = cut(p, list, func(t access.Token) ([]string, int64) { return []string{t.ID}, 0 })
	return list, next, err
}

// after adds the condition of a page of rows whose ids are in the order of time, and which have no other key.
func (q *query) after(p Page) error {
	if p.Cursor == "" {
		return nil
	}
	c, err := parseCursor(p.Cursor)
	if err != nil || len(c.Values) != 1 {
		return ErrCursor
	}
	q.where("id < %s", q.arg(c.Values[0]))
	return nil
}

// newestIDs follows the conditions of such a page.
func newestIDs(p Page) string { return fmt.Sprintf(` ORDER BY id DESC LIMIT %d`, p.limit()+1) }

// CountTokensOf counts the API tokens that an account made: they end with it.
func (s *Store) CountTokensOf(ctx context.Context, account string) (n int, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM api_tokens WHERE maker = $1`, account).Scan(&n)
	})
	return n, err
}

// DeleteToken ends an API token at once.
func (s *Store) DeleteToken(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error { return deleted(tx.Exec(ctx, `DELETE FROM api_tokens WHERE id = $1`, id)) })
}
