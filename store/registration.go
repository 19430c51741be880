package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/mailbox"
	"heliograph/seal"
)

// secretLength is what is kept of the hash of a registration's secret: there is nothing to guess in its 256 random bits.
const secretLength = 16

// registrationPlace binds a sealed token to its registration.
func registrationPlace(id mailbox.RegistrationID) string { return "registration:" + id.String() }

const registrationColumns = `r.key, r.id, r.support_code, r.platform, r.app, r.environment, r.wake, r.app_key, r.state, r.state_reason,
	r.state_at, r.token_at, r.created_at, r.heard_at, r.event_at, r.badge, r.badge_time, r.badge_subscription, r.wake_at,
	r.wake_result, r.wake_reason, r.resubscribe, r.events, r.wakes, r.gaps`

// scanRegistration reads registrationColumns, and what into names behind them.
func scanRegistration(r Row, into ...any) (v mailbox.Registration, err error) {
	var (
		id                                         []byte
		state, token, created, heard, event, badge int64
		woken                                      int64
	)
	columns := []any{
		&v.Key, &id, &v.SupportCode, &v.Platform, &v.App, &v.Environment, &v.Wake, &v.AppKey, &v.State, &v.StateReason,
		&state, &token, &created, &heard, &event, &v.Badge.Count, &badge, &v.Badge.Subscription, &woken,
		&v.WakeResult, &v.WakeReason, &v.Resubscribe, &v.Events, &v.Wakes, &v.Gaps,
	}
	if err := r.Scan(append(columns, into...)...); err != nil {
		return v, err
	}
	copy(v.ID[:], id)
	v.StateAt, v.TokenAt, v.CreatedAt, v.HeardAt = at(state), at(token), at(created), at(heard)
	v.EventAt, v.Badge.At, v.WakeAt = at(event), at(badge), at(woken)
	return v, nil
}

// CreateRegistration stores a registration that is live from now on. One that has its token becomes a tombstone.
func (s *Store) CreateRegistration(ctx context.Context, v mailbox.Registration, secretHash, capabilityHash []byte) (mailbox.Registration, error) {
	err := s.writeToken(ctx, func(tx Tx) error { return s.createRegistration(ctx, tx, &v, secretHash, capabilityHash) })
	return v, err
}

// writeToken is Write for what gives a registration its token. Two transactions that give the same one to two of them
// cannot see each other; PostgreSQL then refuses the second, which begins again and finds the first.
func (s *Store) writeToken(ctx context.Context, do func(Tx) error) (err error) {
	for range writeTries {
		if err = s.Write(ctx, do); !isUnique(err) {
			return err
		}
	}
	return err
}

func (s *Store) createRegistration(ctx context.Context, tx Tx, v *mailbox.Registration, secretHash, capabilityHash []byte) error {
	now := at(ms(s.now()))
	v.State, v.StateReason, v.StateAt, v.TokenAt, v.CreatedAt, v.HeardAt = mailbox.Live, "", now, now, now, now
	token := mailbox.NewToken{Platform: v.Platform, App: v.App, Environment: v.Environment, Token: v.Token}
	if err := s.replaceToken(ctx, tx, token, 0); err != nil {
		return err
	}
	for range writeTries {
		err := s.insertRegistration(ctx, tx, v, token, secretHash, capabilityHash)
		if !errors.Is(err, ErrNoRows) {
			return err
		}
		v.SupportCode = mailbox.NewSupportCode() // another registration has this one
	}
	return errors.New("no support code is free")
}

func (s *Store) insertRegistration(ctx context.Context, tx Tx, v *mailbox.Registration, token mailbox.NewToken, secretHash, capabilityHash []byte) error {
	return tx.QueryRow(ctx, `
		INSERT INTO registrations (id, secret_hash, capability_hash, support_code, platform, app, environment, wake, app_key,
			state, state_at, token, token_hash, token_at, created_at, heard_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $11, $11, $11)
		ON CONFLICT (support_code) DO NOTHING RETURNING key`,
		v.ID[:], secretHash[:secretLength], capabilityHash, v.SupportCode, int64(v.Platform), v.App, string(v.Environment), int64(v.Wake), v.AppKey,
		int64(v.State), ms(v.CreatedAt), s.sealMailToken(v.ID, v.Token), mailTokenHashes(s.keys, token)[0]).
		Scan(&v.Key)
}

// replaceToken ends the registrations that have a token, but one of them.
func (s *Store) replaceToken(ctx context.Context, tx Tx, t mailbox.NewToken, but int64) error {
	q := s.query()
	q.where("state <> %d", mailbox.Tombstone)
	q.where("key <> %s", q.arg(but))
	q.where("token_hash IN (%s)", q.each(mailTokenHashes(s.keys, t)))
	rows, err := tx.Query(ctx, `SELECT key FROM registrations WHERE `+q.clause(), q.args...)
	keys, err := all(rows, err, one[int64])
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := s.endRegistration(ctx, tx, key, mailbox.Replaced); err != nil {
			return fmt.Errorf("ending the registration that had the token: %w", err)
		}
	}
	return nil
}

// each adds parameters of a list.
func (q *query) each(list [][]byte) string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = q.arg(one)
	}
	return strings.Join(names, ", ")
}

// Registration finds a registration with its subscriptions, and what is kept of the hash of its secret. It opens no token.
// mailbox.ErrUnknown when there is none.
func (s *Store) Registration(ctx context.Context, id mailbox.RegistrationID) (v mailbox.Registration, secretHash []byte, err error) {
	v, err = s.registration(ctx, "r.id = $1", id[:], &secretHash)
	return v, secretHash, err
}

// RegistrationByCode finds a registration by its support code, with its subscriptions. mailbox.ErrUnknown.
func (s *Store) RegistrationByCode(ctx context.Context, code string) (mailbox.Registration, error) {
	var secretHash []byte
	return s.registration(ctx, "r.support_code = $1", code, &secretHash)
}

func (s *Store) registration(ctx context.Context, where string, arg any, secretHash *[]byte) (v mailbox.Registration, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		v, err = scanRegistration(tx.QueryRow(ctx, `SELECT `+registrationColumns+`, r.secret_hash FROM registrations r WHERE `+where, arg), secretHash)
		if err != nil {
			return unknown(err)
		}
		if v.Subscriptions, err = subscriptionsOf(ctx, tx, v.Key); err != nil {
			return err
		}
		for _, sub := range v.Subscriptions {
			v.HeardAt = later(v.HeardAt, sub.HeardAt)
		}
		return nil
	})
	return v, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unknown turns an empty result into mailbox.ErrUnknown.
func unknown(err error) error {
	if err == ErrNoRows { //nolint:errorlint // it is given as it is
		return mailbox.ErrUnknown
	}
	return err
}

// RegistrationByCapability finds the registration that an event is about, with its token and without its subscriptions.
// mailbox.ErrUnknown when there is none.
func (s *Store) RegistrationByCapability(ctx context.Context, hash []byte) (v mailbox.Registration, err error) {
	return s.registrationToWake(ctx, "r.capability_hash = $1", hash)
}

// RegistrationToWake is RegistrationByCapability of a key.
func (s *Store) RegistrationToWake(ctx context.Context, key int64) (v mailbox.Registration, err error) {
	return s.registrationToWake(ctx, "r.key = $1", key)
}

func (s *Store) registrationToWake(ctx context.Context, where string, arg any) (v mailbox.Registration, err error) {
	var sealed []byte
	err = s.Read(ctx, func(tx Tx) error {
		v, err = scanRegistration(tx.QueryRow(ctx, `SELECT `+registrationColumns+`, r.token FROM registrations r WHERE `+where, arg), &sealed)
		return unknown(err)
	})
	if err == nil && v.State != mailbox.Tombstone {
		v.Token, err = s.openMailToken(v.ID, sealed)
	}
	return v, err
}

func (s *Store) openMailToken(id mailbox.RegistrationID, sealed []byte) (string, error) {
	token, err := s.keys.Open(seal.MailToken, registrationPlace(id), sealed)
	if err != nil {
		return "", fmt.Errorf("opening the token of registration %s: %w", id, err)
	}
	return unpackToken(token), nil
}

func (s *Store) sealMailToken(id mailbox.RegistrationID, token string) []byte {
	return s.keys.Seal(seal.MailToken, registrationPlace(id), packToken(token))
}

// PutToken gives a registration a token, and makes it live. Another one that has the token becomes a tombstone.
// mailbox.ErrGone when it is a tombstone itself.
func (s *Store) PutToken(ctx context.Context, key int64, t mailbox.NewToken) error {
	return s.writeToken(ctx, func(tx Tx) error {
		if err := s.replaceToken(ctx, tx, t, key); err != nil {
			return err
		}
		now := s.now()
		n, err := tx.Exec(ctx, `
			UPDATE registrations SET token = $2, token_hash = $3, token_at = $4, environment = $5, wake = $6, heard_at = $4,
				state_at = CASE WHEN state = 1 THEN state_at ELSE $4 END, state = 1, state_reason = ''
			WHERE key = $1 AND state <> 3`,
			key, s.sealMailToken(t.ID, t.Token), mailTokenHashes(s.keys, t)[0], ms(now), string(t.Environment), int64(t.Wake))
		if err != nil || n == 0 {
			return goneUnless(n, err)
		}
		return s.note(ctx, tx, key, mailbox.HappenedToken, "")
	})
}

func goneUnless(n int64, err error) error {
	if err == nil && n == 0 {
		return mailbox.ErrGone
	}
	return err
}

// EndRegistration makes a tombstone without a token. mailbox.ErrGone when it is one already.
func (s *Store) EndRegistration(ctx context.Context, key int64, why mailbox.StateReason) error {
	return s.Write(ctx, func(tx Tx) error { return goneUnless(s.endRegistration(ctx, tx, key, why)) })
}

// endRegistration keeps what says that it was there, and nothing that could be used.
func (s *Store) endRegistration(ctx context.Context, tx Tx, key int64, why mailbox.StateReason) (int64, error) {
	n, err := tx.Exec(ctx, `UPDATE registrations SET state = 3, state_reason = $2, state_at = $3, token = NULL, resubscribe = FALSE WHERE key = $1 AND state <> 3`,
		key, string(why), ms(s.now()))
	if err != nil || n == 0 {
		return n, err
	}
	for _, statement := range []string{
		`DELETE FROM subscriptions WHERE registration = $1`,
		`DELETE FROM pending_wakes WHERE registration = $1`,
	} {
		if _, err := tx.Exec(ctx, statement, key); err != nil {
			return 0, err
		}
	}
	return n, s.note(ctx, tx, key, mailbox.HappenedEnded, string(why))
}

// RegistrationHeard notes that the app of a registration was heard of.
func (s *Store) RegistrationHeard(ctx context.Context, key int64) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE registrations SET heard_at = $2 WHERE key = $1 AND heard_at < $2`, key, ms(s.now()))
		return err
	})
}

// note adds a line to a registration's timeline, and takes the oldest off one that is full.
func (s *Store) note(ctx context.Context, tx Tx, key int64, what mailbox.Happening, detail string) error {
	_, err := tx.Exec(ctx, `INSERT INTO mail_timeline (registration, at, what, detail) VALUES ($1, $2, $3, $4)`, key, ms(s.now()), int64(what), detail)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM mail_timeline WHERE registration = $1 AND key <= (
			SELECT key FROM mail_timeline WHERE registration = $1 ORDER BY key DESC LIMIT 1 OFFSET $2)`, key, mailbox.TimelineLength)
	return err
}

// Timeline is what happened to a registration, oldest first.
func (s *Store) Timeline(ctx context.Context, key int64) (list []mailbox.Moment, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT at, what, detail FROM mail_timeline WHERE registration = $1 ORDER BY key`, key)
		list, err = all(rows, err, func(r Row) (m mailbox.Moment, err error) {
			var when int64
			err = r.Scan(&when, &m.What, &m.Detail)
			m.At = at(when)
			return m, err
		})
		return err
	})
	return list, err
}
