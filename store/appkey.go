package store

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"heliograph/access"
	"heliograph/mailbox"
)

const appKeyColumns = `id, name, networks, mail_networks, created_at, revoked_at, last_used_at`

func scanAppKey(r Row) (k mailbox.AppKey, err error) {
	var networks, mailNetworks string
	var created, revoked, used int64
	if err := r.Scan(&k.ID, &k.Name, &networks, &mailNetworks, &created, &revoked, &used); err != nil {
		return k, notFound(err)
	}
	k.CreatedAt, k.RevokedAt, k.LastUsedAt = at(created), at(revoked), at(used)
	if k.Networks, err = readNetworks(networks); err != nil {
		return k, err
	}
	k.MailNetworks, err = readNetworks(mailNetworks)
	return k, err
}

func networksText(list []netip.Prefix) (string, error) {
	if list == nil {
		return "[]", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func readNetworks(text string) (list []netip.Prefix, err error) {
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("reading the networks of an app key: %w", err)
	}
	return list, nil
}

// appKeyID is a short id, in the order of time: each of a million registrations holds one.
func appKeyID(now time.Time) string {
	var id [10]byte
	rand.Read(id[:])                                                //nolint:errcheck // never fails (crypto/rand)
	binary.BigEndian.PutUint32(id[0:], uint32(now.UnixMilli()>>16)) //nolint:gosec // 48 bits, until the year 10889
	binary.BigEndian.PutUint16(id[4:], uint16(now.UnixMilli()))     //nolint:gosec // likewise
	return base32.HexEncoding.EncodeToString(id[:])
}

// CreateAppKey makes an app key. The secret is returned this once; the database keeps its hash.
// entry says what the audit log gets; nil = nothing.
func (s *Store) CreateAppKey(ctx context.Context, k mailbox.AppKey, entry func(mailbox.AppKey) access.Entry) (secret string, made mailbox.AppKey, err error) {
	now := s.now()
	secret = access.NewSecret(mailbox.AppKeyPrefix)
	k.ID, k.CreatedAt, k.RevokedAt, k.LastUsedAt = appKeyID(now), at(ms(now)), time.Time{}, time.Time{}
	networks, err := networksText(k.Networks)
	if err != nil {
		return "", k, err
	}
	mailNetworks, err := networksText(k.MailNetworks)
	if err != nil {
		return "", k, err
	}
	var entries []access.Entry
	if entry != nil {
		entries = append(entries, entry(k))
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO app_keys (id, name, secret_hash, networks, mail_networks, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			k.ID, k.Name, access.HashSecret(secret), networks, mailNetworks, ms(k.CreatedAt))
		return err
	})
	if err != nil {
		return "", k, err
	}
	return secret, k, nil
}

// UseAppKey finds the valid key of a secret, and notes that it was used, once a minute at most. mailbox.ErrAppKey when
// there is none.
func (s *Store) UseAppKey(ctx context.Context, secret string) (k mailbox.AppKey, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		k, err = scanAppKey(tx.QueryRow(ctx, `SELECT `+appKeyColumns+` FROM app_keys WHERE secret_hash = $1 AND revoked_at = 0`, access.HashSecret(secret)))
		return err
	})
	now := s.now()
	switch {
	case errors.Is(err, ErrNotFound):
		return mailbox.AppKey{}, mailbox.ErrAppKey
	case err != nil || now.Sub(k.LastUsedAt) < tokenUse:
		return k, err
	}
	k.LastUsedAt = at(ms(now))
	return k, s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE app_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at <= $3`, k.ID, ms(now), ms(now.Add(-tokenUse)))
		return err
	})
}

// AppKey reads one app key, valid or not.
func (s *Store) AppKey(ctx context.Context, id string) (k mailbox.AppKey, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		k, err = scanAppKey(tx.QueryRow(ctx, `SELECT `+appKeyColumns+` FROM app_keys WHERE id = $1`, id))
		return err
	})
	return k, err
}

// AppKeys lists all app keys, newest first, those that were revoked too.
func (s *Store) AppKeys(ctx context.Context) (list []mailbox.AppKey, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+appKeyColumns+` FROM app_keys ORDER BY id DESC`)
		list, err = all(rows, err, scanAppKey)
		return err
	})
	return list, err
}

// RevokeAppKey ends an app key: no device registers with it any more, and those that did stay. Revoking twice is fine.
func (s *Store) RevokeAppKey(ctx context.Context, id string, entries ...access.Entry) (k mailbox.AppKey, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE app_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0`, id, ms(s.now()))
		if err != nil {
			return err
		}
		k, err = scanAppKey(tx.QueryRow(ctx, `SELECT `+appKeyColumns+` FROM app_keys WHERE id = $1`, id))
		return err
	})
	return k, err
}
