package store

import (
	"context"
	"time"

	"heliograph/mailbox"
	"heliograph/seal"
)

// Lengths of what is kept of ids, servers and watermarks: long enough that two are the same only when they are.
const (
	subscriptionHash = 16
	watermarkHash    = 8
)

// SubscriptionHash is what is kept of a subscription's id.
func (s *Store) SubscriptionHash(id string) []byte {
	return s.keys.Hash(seal.MailSubscription, []byte(id))[:subscriptionHash]
}

// subscriptionHashes are those that rows may still have, as Keys.Hashes.
func (s *Store) subscriptionHashes(id string) (list [][]byte) {
	for _, hash := range s.keys.Hashes(seal.MailSubscription, []byte(id)) {
		list = append(list, hash[:subscriptionHash])
	}
	return list
}

// MailServerHash is what is kept of the name of a mail server; nil for none.
func (s *Store) MailServerHash(name string) []byte {
	if name == "" {
		return nil
	}
	return s.keys.Hash(seal.MailServer, []byte(name))[:subscriptionHash]
}

// WatermarkHash is what is kept of a watermark; nil for none.
func (s *Store) WatermarkHash(watermark string) []byte {
	if watermark == "" {
		return nil
	}
	return s.keys.Hash(seal.MailWatermark, []byte(watermark))[:watermarkHash]
}

const subscriptionColumns = `key, registration, handle, source, folder, id_hash, server_hash, frequency_minutes, created_at, heard_at, event_at, lost_at`

func scanSubscription(r Row) (v mailbox.Subscription, err error) {
	var handle *string
	var frequency *int64
	var created, heard, event, lost int64
	err = r.Scan(&v.Key, &v.Registration, &handle, &v.Source, &v.Folder, &v.IDHash, &v.ServerHash, &frequency, &created, &heard, &event, &lost)
	if handle != nil {
		v.Handle = *handle
	}
	if frequency != nil {
		v.Frequency = time.Duration(*frequency) * time.Minute
	}
	v.CreatedAt, v.HeardAt, v.EventAt, v.LostAt = at(created), at(heard), at(event), at(lost)
	return v, err
}

func subscriptionsOf(ctx context.Context, tx Tx, registration int64) ([]mailbox.Subscription, error) {
	rows, err := tx.Query(ctx, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE registration = $1 ORDER BY key`, registration)
	return all(rows, err, scanSubscription)
}

// BindSubscription notes what an app says about a subscription. One of the same id keeps what was heard of it; one of the
// same handle and another id is forgotten, for the app has subscribed anew.
func (s *Store) BindSubscription(ctx context.Context, registration int64, b mailbox.Binding) error {
	return s.writeToken(ctx, func(tx Tx) error { return s.bind(ctx, tx, registration, b) })
}

func (s *Store) bind(ctx context.Context, tx Tx, registration int64, b mailbox.Binding) error {
	var key int64
	if err := tx.QueryRow(ctx, `SELECT key FROM registrations WHERE key = $1`+s.lockRows(), registration).Scan(&key); err != nil {
		return unknown(err)
	}
	q := s.query()
	q.where("registration = %s", q.arg(registration))
	q.where("handle = %s", q.arg(b.Handle))
	q.where("id_hash NOT IN (%s)", q.each(s.subscriptionHashes(b.ID)))
	if _, err := tx.Exec(ctx, `DELETE FROM subscriptions WHERE `+q.clause(), q.args...); err != nil {
		return err
	}
	if err := s.putBinding(ctx, tx, registration, b); err != nil {
		return err
	}
	return settled(ctx, tx, registration)
}

func (s *Store) putBinding(ctx context.Context, tx Tx, registration int64, b mailbox.Binding) error {
	now := s.now()
	deadline := mailbox.Subscription{Frequency: b.Frequency}.Deadline(now)
	q := s.query()
	set := `handle = ` + q.arg(b.Handle) + `, source = ` + q.arg(int64(b.Source)) + `, folder = ` + q.arg(int64(b.Folder)) +
		`, id_hash = ` + q.arg(s.SubscriptionHash(b.ID)) + `, server_hash = ` + q.arg(bytesOrNil(s.MailServerHash(b.Server))) +
		`, frequency_minutes = ` + q.arg(orNil(int64(b.Frequency/time.Minute))) + `, deadline = ` + q.arg(ms(deadline)) +
		`, late_at = 0, lost_at = 0, reminders = 0, next_reminder_at = 0`
	q.where("registration = %s", q.arg(registration))
	q.where("id_hash IN (%s)", q.each(s.subscriptionHashes(b.ID)))
	n, err := tx.Exec(ctx, `UPDATE subscriptions SET `+set+` WHERE `+q.clause(), q.args...)
	if err != nil || n > 0 {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO subscriptions (registration, handle, source, folder, id_hash, server_hash, frequency_minutes, created_at, deadline)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		registration, b.Handle, int64(b.Source), int64(b.Folder), s.SubscriptionHash(b.ID), bytesOrNil(s.MailServerHash(b.Server)),
		orNil(int64(b.Frequency/time.Minute)), ms(now), ms(deadline))
	return err
}

// bytesOrNil stores no bytes as NULL.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// settled notes that an app need not subscribe anew any more, when none of its subscriptions is lost.
func settled(ctx context.Context, tx Tx, registration int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE registrations SET resubscribe = FALSE
		WHERE key = $1 AND resubscribe AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.registration = $1 AND s.lost_at <> 0)`, registration)
	return err
}

// UnbindSubscription forgets a subscription. mailbox.ErrNoHandle when there is none.
func (s *Store) UnbindSubscription(ctx context.Context, registration int64, handle string) error {
	return s.Write(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `DELETE FROM subscriptions WHERE registration = $1 AND handle = $2 RETURNING folder`, registration, handle)
		gone, err := all(rows, err, one[mailbox.Folder])
		switch {
		case err != nil:
			return err
		case len(gone) == 0:
			return mailbox.ErrNoHandle
		}
		if err := settled(ctx, tx, registration); err != nil {
			return err
		}
		return s.note(ctx, tx, registration, mailbox.HappenedUnsubscribed, gone[0].String())
	})
}
