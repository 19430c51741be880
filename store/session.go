package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"heliograph/access"
	"heliograph/seal"
)

// A browser has a session from its first page on, for what a page remembers until the next. Who signed in is a row of its
// own, an access.Session, which the browser's session points to: it is listed, and ends when it is deleted.

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

const liveSession = `seen_at > $1 AND created_at > $2`

// live are the parameters of liveSession.
func (s *Store) live() (seen, created int64) {
	now := s.now()
	return ms(now.Add(-access.SessionIdle)), ms(now.Add(-access.SessionMost))
}

// NewSession notes that an account signed in, and gives the session with its id. Method, Address, Agent and IDToken are
// the caller's. What has expired is swept out.
func (s *Store) NewSession(ctx context.Context, n access.Session, entries ...access.Entry) (access.Session, error) {
	n.ID, n.CreatedAt, n.SeenAt = rand.Text(), at(ms(s.now())), at(ms(s.now()))
	var idToken any
	if n.IDToken != "" {
		idToken = s.keys.Seal(seal.IDToken, "session:"+n.ID, []byte(n.IDToken))
	}
	err := s.WriteAudited(ctx, entries, func(tx Tx) error {
		seen, created := s.live()
		if _, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE NOT (`+liveSession+`)`, seen, created); err != nil {
			return err
		}
		if err := deleted(tx.Exec(ctx, `UPDATE accounts SET last_sign_in = $1 WHERE id = $2`, ms(n.CreatedAt), n.Account)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO account_sessions (id, account, method, created_at, seen_at, address, agent, id_token)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			n.ID, n.Account, string(n.Method), ms(n.CreatedAt), ms(n.SeenAt), n.Address, n.Agent, idToken)
		return err
	})
	return n, err
}

const sessionColumns = `id, account, method, created_at, seen_at, address, agent`

func scanSession(r Row) (n access.Session, err error) {
	var created, seen int64
	err = r.Scan(&n.ID, &n.Account, &n.Method, &created, &seen, &n.Address, &n.Agent)
	n.CreatedAt, n.SeenAt = at(created), at(seen)
	return n, notFound(err)
}

// Session finds a session that has not ended, and whose it is. ErrNotFound when it has. The ID token is left out.
func (s *Store) Session(ctx context.Context, id string) (n access.Session, a access.Account, err error) {
	seen, created := s.live()
	err = s.Read(ctx, func(tx Tx) error {
		n, err = scanSession(tx.QueryRow(ctx, `SELECT `+sessionColumns+` FROM account_sessions WHERE `+liveSession+` AND id = $3`, seen, created, id))
		if err == nil {
			a, err = account(ctx, tx, "id = $1", n.Account)
		}
		return err
	})
	return n, a, err
}

// SessionSeen notes that somebody did something in a session, from an address. Not more than once a minute is written.
func (s *Store) SessionSeen(ctx context.Context, n access.Session, address string) error {
	if n.Address == address && s.now().Sub(n.SeenAt) < sessionSlack {
		return nil
	}
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE account_sessions SET seen_at = $1, address = $2 WHERE id = $3`, ms(s.now()), address, n.ID)
		return err
	})
}

// IDToken is what the provider gave when a session began; empty = nothing.
func (s *Store) IDToken(ctx context.Context, session string) (string, error) {
	var sealed []byte
	err := s.Read(ctx, func(tx Tx) error {
		return notFound(tx.QueryRow(ctx, `SELECT id_token FROM account_sessions WHERE id = $1`, session).Scan(&sealed))
	})
	if err != nil || len(sealed) == 0 {
		return "", err
	}
	raw, err := s.keys.Open(seal.IDToken, "session:"+session, sealed)
	return string(raw), err
}

// ListSessions lists an account's sessions that have not ended, the last used first.
func (s *Store) ListSessions(ctx context.Context, accountID string) (list []access.Session, err error) {
	seen, created := s.live()
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+sessionColumns+` FROM account_sessions WHERE `+liveSession+` AND account = $3 ORDER BY seen_at DESC, id`, seen, created, accountID)
		list, err = all(rows, err, scanSession)
		return err
	})
	return list, err
}

// EndSession ends one session of an account. ErrNotFound when it has no such session.
func (s *Store) EndSession(ctx context.Context, accountID, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM account_sessions WHERE account = $1 AND id = $2`, accountID, id))
	})
}

// EndSessions ends all sessions of an account but one; "" = all.
func (s *Store) EndSessions(ctx context.Context, accountID, but string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error { return endSessions(ctx, tx, accountID, but) })
}

func endSessions(ctx context.Context, tx Tx, accountID, but string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE account = $1 AND id <> $2`, accountID, but)
	return err
}

// BrowserMark is what a browser keeps to be known again as one that an account signed in with. It opens nothing.
func (s *Store) BrowserMark(accountID, random string) string {
	return hex.EncodeToString(s.keys.Hash(seal.Browser, []byte(accountID+" "+random)))
}
