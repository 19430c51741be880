package store

import (
	"context"

	"heliograph/access"
	"heliograph/mailbox"
)

func braked(ctx context.Context, tx Tx, app string) (is bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM mail_brakes WHERE app = $1)`, app).Scan(&is)
	return is, err
}

// Braked reports whether nobody is told Unsubscribe about an app.
func (s *Store) Braked(ctx context.Context, app string) (is bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		is, err = braked(ctx, tx, app)
		return err
	})
	return is, err
}

// CountRegistrations counts an app's registrations that are not tombstones. It reads them all.
func (s *Store) CountRegistrations(ctx context.Context, app string) (n int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM registrations WHERE app = $1 AND state <> 3`, app).Scan(&n)
	})
	return n, err
}

// Engage puts the brake on an app, once. Those of it that died within the time that the brake looks back are held, but for
// those whose token another registration has meanwhile.
func (s *Store) Engage(ctx context.Context, b mailbox.Brake) error {
	return s.writeToken(ctx, func(tx Tx) error {
		now := s.now()
		n, err := tx.Exec(ctx, `INSERT INTO mail_brakes (app, since, deaths, registrations) VALUES ($1, $2, $3, $4) ON CONFLICT (app) DO NOTHING`,
			b.App, ms(now), b.Deaths, b.Registrations)
		if err != nil || n == 0 {
			return err
		}
		rows, err := tx.Query(ctx, `
			UPDATE registrations AS r SET state = 2, state_reason = 'held', state_at = $2
			WHERE r.app = $1 AND r.state = 3 AND r.state_at > $3 AND r.state_reason = 'dead' AND r.token IS NOT NULL AND NOT EXISTS (
				SELECT 1 FROM registrations other WHERE other.token_hash = r.token_hash AND other.state <> 3)
			RETURNING key`, b.App, ms(now), ms(now.Add(-mailbox.BrakeTime)))
		keys, err := all(rows, err, one[int64])
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := s.note(ctx, tx, key, mailbox.HappenedHeld, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// Brakes lists the apps that are braked, by name.
func (s *Store) Brakes(ctx context.Context) (list []mailbox.Brake, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT b.app, b.since, b.deaths, b.registrations, (
				SELECT COUNT(*) FROM registrations r WHERE r.app = b.app AND r.state = 2 AND r.state_reason = 'held')
			FROM mail_brakes b ORDER BY b.app`)
		list, err = all(rows, err, func(r Row) (b mailbox.Brake, err error) {
			var since int64
			err = r.Scan(&b.App, &since, &b.Deaths, &b.Registrations, &b.Held)
			b.Since = at(since)
			return b, err
		})
		return err
	})
	return list, err
}

// Release takes the brake off: those that were held become tombstones when they are dead indeed, and live again when not.
// mailbox.ErrNoBrake when there is none.
func (s *Store) Release(ctx context.Context, app string, dead bool, entries ...access.Entry) (held int64, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM mail_brakes WHERE app = $1`, app)
		switch {
		case err != nil:
			return err
		case n == 0:
			return mailbox.ErrNoBrake
		}
		if _, err := tx.Exec(ctx, `DELETE FROM mail_deaths WHERE app = $1`, app); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM registrations WHERE app = $1 AND state = 2 AND state_reason = 'held'`, app).Scan(&held)
		if err != nil {
			return err
		}
		if dead {
			return s.buryHeld(ctx, tx, app)
		}
		return s.revive(ctx, tx, "r.app = $1 AND r.state_reason = 'held'", app)
	})
	return held, err
}

func (s *Store) buryHeld(ctx context.Context, tx Tx, app string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_timeline (registration, at, what, detail)
		SELECT key, $2, $3, 'dead' FROM registrations WHERE app = $1 AND state = 2 AND state_reason = 'held'`,
		app, ms(s.now()), int64(mailbox.HappenedEnded))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE registrations SET state = 3, state_reason = 'dead', state_at = $2 WHERE app = $1 AND state = 2 AND state_reason = 'held'`,
		app, ms(s.now()))
	return err
}
