package store

import (
	"context"
	"sync"
	"time"

	"heliograph/mailbox"
)

// registrationsAge is how old the count of registrations may be: it reads all of them.
const registrationsAge = time.Minute

// registrationCounts keeps the last count. Its zero value works.
type registrationCounts struct {
	mu   sync.Mutex // who comes second waits for the first
	at   time.Time
	list []mailbox.RegistrationCount
}

// MailHealth is how mail push does, with what was counted since a time.
func (s *Store) MailHealth(ctx context.Context, since time.Time) (h mailbox.Health, err error) {
	if h.Registrations, err = s.countRegistrations(ctx); err != nil {
		return h, err
	}
	if h.Brakes, err = s.Brakes(ctx); err != nil {
		return h, err
	}
	h.At = at(ms(s.now()))
	err = s.Read(ctx, func(tx Tx) error {
		for _, part := range []func(context.Context, Tx, time.Time, *mailbox.Health) error{
			mailState, mailHours, mailReasons, mailTimes, mailAlarms,
		} {
			if err := part(ctx, tx, since, &h); err != nil {
				return err
			}
		}
		return nil
	})
	h.GatherServers()
	return h, err
}

func (s *Store) countRegistrations(ctx context.Context) ([]mailbox.RegistrationCount, error) {
	c := &s.registrations
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := s.now(); !c.at.IsZero() && now.Sub(c.at) < registrationsAge {
		return c.list, nil
	}
	err := s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT platform, app, state, COUNT(*) FROM registrations GROUP BY platform, app, state ORDER BY app, platform, state`)
		c.list, err = all(rows, err, func(r Row) (n mailbox.RegistrationCount, err error) {
			err = r.Scan(&n.Platform, &n.App, &n.State, &n.N)
			return n, err
		})
		return err
	})
	if err == nil {
		c.at = s.now()
	}
	return c.list, err
}

func mailState(ctx context.Context, tx Tx, _ time.Time, h *mailbox.Health) error {
	var listening, heard, pending int64
	err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(listening_since), 0), COALESCE(MAX(written_at), 0) FROM mail_regions`).Scan(&listening, &heard)
	if err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MIN(since), 0) FROM pending_wakes WHERE sent_at = 0`).Scan(&h.Pending, &pending)
	h.ListeningSince, h.HeardAt, h.PendingSince = at(listening), at(heard), at(pending)
	return err
}

func mailHours(ctx context.Context, tx Tx, since time.Time, h *mailbox.Health) error {
	rows, err := tx.Query(ctx, `SELECT hour, what, SUM(n) FROM mail_hours WHERE hour >= $1 GROUP BY hour, what ORDER BY hour, what`, ms(since))
	h.Hours, err = all(rows, err, func(r Row) (v mailbox.HealthHour, err error) {
		var hour int64
		err = r.Scan(&hour, &v.What, &v.N)
		v.Hour = at(hour)
		return v, err
	})
	return err
}

func mailReasons(ctx context.Context, tx Tx, since time.Time, h *mailbox.Health) error {
	rows, err := tx.Query(ctx, `
		SELECT what, reason, SUM(n) FROM mail_hours WHERE hour >= $1 AND reason <> ''
		GROUP BY what, reason ORDER BY SUM(n) DESC, what, reason`, ms(since))
	h.Reasons, err = all(rows, err, func(r Row) (v mailbox.HealthReason, err error) {
		err = r.Scan(&v.What, &v.Reason, &v.N)
		return v, err
	})
	return err
}

func mailTimes(ctx context.Context, tx Tx, since time.Time, h *mailbox.Health) error {
	rows, err := tx.Query(ctx, `
		SELECT leg, bucket, SUM(n) FROM mail_latency WHERE hour >= $1
		GROUP BY leg, bucket ORDER BY leg, CASE bucket WHEN 0 THEN 1 ELSE 0 END, bucket`, ms(since))
	h.Latency, err = all(rows, err, func(r Row) (v mailbox.HealthBucket, err error) {
		err = r.Scan(&v.Leg, &v.Bound, &v.N)
		return v, err
	})
	return err
}

func mailAlarms(ctx context.Context, tx Tx, _ time.Time, h *mailbox.Health) error {
	rows, err := tx.Query(ctx, `SELECT server_hash, state, since, recovered_at FROM mail_server_losses ORDER BY since DESC`)
	h.Servers, err = all(rows, err, func(r Row) (v mailbox.HealthServer, err error) {
		var hash []byte
		var state, since, recovered int64
		if err := r.Scan(&hash, &state, &since, &recovered); err != nil {
			return v, err
		}
		if v.Name, v.RecoveredAt = mailbox.ServerName(hash), at(recovered); state == 1 {
			v.Alarm = at(since)
		}
		return v, nil
	})
	return err
}
