package store

import (
	"context"
	"errors"
	"time"

	"heliograph/mailbox"
)

// Listening notes that a node listens for a region now. When none did for so long, the region listens since now only.
func (s *Store) Listening(ctx context.Context, region string, away time.Duration) error {
	now := s.now()
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO mail_regions AS m (name, listening_since, written_at) VALUES ($1, $2, $2)
			ON CONFLICT (name) DO UPDATE SET written_at = CASE WHEN m.written_at > $2 THEN m.written_at ELSE $2 END,
				listening_since = CASE WHEN m.written_at < $3 THEN $2 ELSE m.listening_since END`,
			region, ms(now), ms(now.Add(-away)))
		return err
	})
}

// ListeningSince is since when somebody listens for a region; zero = nobody ever did.
func (s *Store) ListeningSince(ctx context.Context, region string) (time.Time, error) {
	var since int64
	err := s.Read(ctx, func(tx Tx) error {
		err := tx.QueryRow(ctx, `SELECT listening_since FROM mail_regions WHERE name = $1`, region).Scan(&since)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		return err
	})
	return at(since), err
}

// DueWatched reads watched subscriptions that are to be looked at, the longest waiting first.
func (s *Store) DueWatched(ctx context.Context, limit int) (list []mailbox.Watched, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT s.key, r.app, s.server_hash, s.frequency_minutes, s.heard_at, s.created_at
			FROM subscriptions s JOIN registrations r ON r.key = s.registration
			WHERE s.deadline <> 0 AND s.lost_at = 0 AND s.deadline <= $1 ORDER BY s.deadline LIMIT $2`, ms(s.now()), limit)
		list, err = all(rows, err, func(r Row) (v mailbox.Watched, err error) {
			var minutes *int64
			var heard, created int64
			err = r.Scan(&v.Key, &v.App, &v.Server, &minutes, &heard, &created)
			if minutes != nil {
				v.Frequency = time.Duration(*minutes) * time.Minute
			}
			v.HeardAt = later(at(heard), at(created))
			return v, err
		})
		return err
	})
	return list, err
}

// SaveWatched writes how subscriptions stand, unless they were heard of meanwhile.
func (s *Store) SaveWatched(ctx context.Context, list []mailbox.Watched) error {
	now := ms(s.now())
	return s.Write(ctx, func(tx Tx) error {
		statements := make([]statement, len(list))
		for i, v := range list {
			late, lost := int64(0), int64(0)
			if v.Late {
				late = now
			}
			if v.Lost {
				lost = now
			}
			statements[i] = statement{`
				UPDATE subscriptions SET late_at = CASE WHEN late_at <> 0 AND CAST($3 AS BIGINT) <> 0 THEN late_at ELSE $3 END, lost_at = $4,
					deadline = CASE WHEN CAST($5 AS BIGINT) = 0 THEN deadline ELSE $5 END, reminders = 0, next_reminder_at = $4
				WHERE key = $1 AND heard_at <= $2 AND lost_at = 0
				RETURNING registration, folder`, []any{v.Key, ms(v.HeardAt), late, lost, ms(v.LookAt)}}
		}
		lost := map[int64]mailbox.Folder{}
		err := s.runEach(ctx, tx, statements, func(i int, r Row) error {
			var registration int64
			var folder mailbox.Folder
			err := r.Scan(&registration, &folder)
			if errors.Is(err, ErrNoRows) {
				return nil // heard meanwhile
			}
			if list[i].Lost {
				lost[registration] = folder
			}
			return err
		})
		if err != nil {
			return err
		}
		return s.markLost(ctx, tx, lost)
	})
}

// markLost notes that apps should subscribe anew.
func (s *Store) markLost(ctx context.Context, tx Tx, lost map[int64]mailbox.Folder) error {
	var statements []statement
	keys := sortedInts(lost)
	for _, key := range keys {
		statements = append(statements, statement{`UPDATE registrations SET resubscribe = TRUE WHERE key = $1 AND state <> 3`, []any{key}})
	}
	if err := s.runEach(ctx, tx, statements, nil); err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.note(ctx, tx, key, mailbox.HappenedLost, lost[key].String()); err != nil {
			return err
		}
	}
	return nil
}

// DueReminders reads lost subscriptions whose apps are to be woken, the longest waiting first.
func (s *Store) DueReminders(ctx context.Context, limit int) (list []mailbox.Reminder, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT s.key, s.registration, r.platform, r.app, r.environment, s.server_hash, s.lost_at, s.reminders
			FROM subscriptions s JOIN registrations r ON r.key = s.registration
			WHERE s.next_reminder_at <> 0 AND s.next_reminder_at <= $1 ORDER BY s.next_reminder_at LIMIT $2`, ms(s.now()), limit)
		list, err = all(rows, err, func(r Row) (v mailbox.Reminder, err error) {
			var platform mailbox.Platform
			var lost int64
			err = r.Scan(&v.Key, &v.Registration, &platform, &v.App, &v.Route.Environment, &v.Server, &lost, &v.Sent)
			v.Route.Kind, v.Route.App, v.LostAt = string(platform.Provider()), v.App, at(lost)
			return v, err
		})
		return err
	})
	return list, err
}

// SaveReminders parks a resubscribe wake for each and notes when the next is due. Other lost subscriptions of the same
// registration are reminded of by the same wake.
func (s *Store) SaveReminders(ctx context.Context, list []mailbox.Reminder) error {
	now := s.now()
	return s.Write(ctx, func(tx Tx) error {
		var parked []mailbox.Parking
		var statements []statement
		for _, r := range list {
			p := mailbox.Parking{Key: r.Registration, Route: r.Route, Kind: wakeKind(3), Since: now, NextAt: r.WakeAt, Reason: "resubscribe"}
			if r.Paced {
				p.Paced = r.Server
			}
			parked = append(parked, p)
			statements = append(statements, statement{`UPDATE subscriptions SET reminders = reminders + 1, next_reminder_at = $2 WHERE key = $1 AND lost_at <> 0`,
				[]any{r.Key, ms(r.NextAt)}})
		}
		if err := s.runEach(ctx, tx, statements, nil); err != nil {
			return err
		}
		if err := s.runEach(ctx, tx, parkings(parked), nil); err != nil {
			return err
		}
		for _, r := range list {
			if err := s.note(ctx, tx, r.Registration, mailbox.HappenedReminded, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// ServerLosses counts the late and lost watched subscriptions of each mail server that has so many, or has an alarm.
func (s *Store) ServerLosses(ctx context.Context, least int64) (list []mailbox.ServerLoss, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT server_hash, COUNT(*) FROM subscriptions WHERE late_at <> 0 AND server_hash IS NOT NULL
			GROUP BY server_hash HAVING COUNT(*) >= $1`, least)
		list, err = all(rows, err, func(r Row) (l mailbox.ServerLoss, err error) {
			err = r.Scan(&l.Server, &l.Late)
			return l, err
		})
		if err != nil {
			return err
		}
		alarms, err := serverAlarms(ctx, tx)
		if err != nil {
			return err
		}
		for i := range list {
			if since, has := alarms[string(list[i].Server)]; has {
				list[i].Alarm, list[i].Since = true, since
				delete(alarms, string(list[i].Server))
			}
		}
		for server, since := range alarms {
			l := mailbox.ServerLoss{Server: []byte(server), Alarm: true, Since: since}
			err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM subscriptions WHERE server_hash = $1 AND late_at <> 0`, l.Server).Scan(&l.Late)
			if err != nil {
				return err
			}
			list = append(list, l)
		}
		for i := range list {
			err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM subscriptions WHERE server_hash = $1 AND frequency_minutes IS NOT NULL`, list[i].Server).Scan(&list[i].Watched)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func serverAlarms(ctx context.Context, tx Tx) (map[string]time.Time, error) {
	alarms := map[string]time.Time{}
	rows, err := tx.Query(ctx, `SELECT server_hash, since FROM mail_server_losses WHERE state = 1`)
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var server []byte
		var since int64
		err := r.Scan(&server, &since)
		alarms[string(server)] = at(since)
		return struct{}{}, err
	})
	return alarms, err
}

// SaveServerLoss begins an alarm, or ends it.
func (s *Store) SaveServerLoss(ctx context.Context, l mailbox.ServerLoss) error {
	now := ms(s.now())
	return s.Write(ctx, func(tx Tx) error {
		var err error
		if l.Alarm {
			_, err = tx.Exec(ctx, `
				INSERT INTO mail_server_losses AS l (server_hash, state, since, watched, lost) VALUES ($1, 1, $2, $3, $4)
				ON CONFLICT (server_hash) DO UPDATE SET state = 1, since = $2, recovered_at = 0, watched = $3, lost = $4`, l.Server, now, l.Watched, l.Late)
		} else {
			_, err = tx.Exec(ctx, `UPDATE mail_server_losses SET state = 2, recovered_at = $2 WHERE server_hash = $1 AND state = 1`, l.Server, now)
		}
		return err
	})
}

// ForgetUnbound deletes subscriptions that no app bound and nobody heard of since then, a page at a time.
func (s *Store) ForgetUnbound(ctx context.Context, before time.Time, after int64, look int) (next int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(key), 0) FROM (SELECT key FROM subscriptions WHERE key > $1 ORDER BY key LIMIT $2) page`, after, look).Scan(&next)
		if err != nil || next == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM subscriptions WHERE key > $1 AND key <= $2 AND handle IS NULL AND heard_at < $3`, after, next, ms(before))
		return err
	})
	return next, err
}
