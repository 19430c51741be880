package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/mailbox"
)

// RejectToken makes a live registration token_rejected, unless another token arrived meanwhile.
func (s *Store) RejectToken(ctx context.Context, key int64, tokenAt time.Time, why mailbox.StateReason) error {
	return s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE registrations SET state = 2, state_reason = $3, state_at = $4 WHERE key = $1 AND state = 1 AND token_at = $2`,
			key, ms(tokenAt), string(why), ms(s.now()))
		if err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pending_wakes WHERE registration = $1`, key); err != nil {
			return err
		}
		return s.note(ctx, tx, key, mailbox.HappenedRejected, string(why))
	})
}

// BuryRegistration makes a tombstone of what a provider calls dead, and counts it among the deaths of its app. Under the
// brake it is held instead. buried is false when another token arrived meanwhile. What it takes to live again stays until
// the brake no longer looks at it (ForgetOld).
func (s *Store) BuryRegistration(ctx context.Context, key int64, tokenAt time.Time) (buried bool, deaths int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		var app string
		buried, deaths = false, 0
		err := tx.QueryRow(ctx, `SELECT app FROM registrations WHERE key = $1 AND state <> 3 AND token_at = $2`+s.lockRows(), key, ms(tokenAt)).Scan(&app)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		buried = true
		if _, err := tx.Exec(ctx, `DELETE FROM pending_wakes WHERE registration = $1`, key); err != nil {
			return err
		}
		held, err := braked(ctx, tx, app)
		if err != nil {
			return err
		}
		if held {
			return s.hold(ctx, tx, key)
		}
		if err := s.die(ctx, tx, key, app); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT COALESCE(SUM(n), 0) FROM mail_deaths WHERE app = $1 AND minute > $2`,
			app, ms(s.now().Add(-mailbox.BrakeTime))).Scan(&deaths)
	})
	return buried, deaths, err
}

func (s *Store) hold(ctx context.Context, tx Tx, key int64) error {
	_, err := tx.Exec(ctx, `UPDATE registrations SET state = 2, state_reason = 'held', state_at = $2 WHERE key = $1`, key, ms(s.now()))
	if err != nil {
		return err
	}
	return s.note(ctx, tx, key, mailbox.HappenedHeld, "")
}

func (s *Store) die(ctx context.Context, tx Tx, key int64, app string) error {
	now := s.now()
	_, err := tx.Exec(ctx, `UPDATE registrations SET state = 3, state_reason = 'dead', state_at = $2 WHERE key = $1`, key, ms(now))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO mail_deaths (app, minute, n) VALUES ($1, $2, 1)
		ON CONFLICT (app, minute) DO UPDATE SET n = mail_deaths.n + 1`, app, ms(now.Truncate(time.Minute)))
	if err != nil {
		return err
	}
	return s.note(ctx, tx, key, mailbox.HappenedEnded, string(mailbox.Dead))
}

// reviveRegistrations makes the rejected tokens of an app live again, for its provider is another one now: the next wake
// shows whether it takes them. What they were to be told meanwhile waits as pending wakes.
func (s *Store) reviveRegistrations(ctx context.Context, tx Tx, v channel.Server) error {
	platform, ok := map[string]mailbox.Platform{
		string(fleet.APNs): mailbox.IOS, string(fleet.FCM): mailbox.Android, string(fleet.WebPush): mailbox.Web,
	}[v.Kind]
	if !ok {
		return nil
	}
	return s.revive(ctx, tx, "r.app = $1 AND r.platform = $2", v.Route.App, int64(platform))
}

// revive makes registrations live that are token_rejected. What they were to be told meanwhile waits as pending wakes: one
// is asked for wherever there ever was an event, for a wake that is older than what the provider last took is dropped by
// who tries it. They wait until all nodes have written which events they saw.
func (s *Store) revive(ctx context.Context, tx Tx, where string, args ...any) error {
	now := ms(s.now())
	where = " WHERE r.state = 2 AND " + where
	for _, statement := range []string{
		fmt.Sprintf(`
			INSERT INTO pending_wakes (registration, kind, app, environment, wake, badge, badge_time, badge_subscription, since, next_at)
			SELECT r.key, CASE r.platform WHEN 1 THEN 'apns' WHEN 2 THEN 'fcm' ELSE 'webpush' END, r.app, r.environment, 2,
				r.badge, r.badge_time, r.badge_subscription, r.event_at, %d FROM registrations r`, ms(s.now().Add(mailbox.WrittenAfter))) + where + ` AND r.event_at > 0 ON CONFLICT (registration) DO NOTHING`,
		fmt.Sprintf(`INSERT INTO mail_timeline (registration, at, what) SELECT r.key, %d, %d FROM registrations r`, now, mailbox.HappenedRevived) + where,
		fmt.Sprintf(`UPDATE registrations AS r SET state = 1, state_reason = '', state_at = %d`, now) + where,
	} {
		if _, err := tx.Exec(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}
