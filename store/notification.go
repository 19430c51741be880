package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/courier"
	"heliograph/intake"
	"heliograph/message"
)

const notificationColumns = `key, id, state, audience, content, template, template_id, limited, requested_by, lane, created_at, send_at, started_at, retried_at, finished_at, expires_in`

// PutNotification stores a new notification with its first jobs, and the answer to the request when it may come again.
// replayed means that an equal request was faster, and nothing was stored. ErrOtherBody when its key came with another.
func (s *Store) PutNotification(ctx context.Context, n message.Notification, jobs func(key int64) []courier.Job, once *intake.Idempotency, entries ...access.Entry) (stored message.Notification, replayed bool, err error) {
	for range 2 { // of two equal requests at the same moment the slower one finds the other's answer
		err = s.WriteAudited(ctx, entries, func(tx Tx) error {
			if stored, err = s.putNotification(ctx, tx, n, jobs); err != nil || once == nil {
				return err
			}
			status, location, body := once.Answer(stored)
			return idempotencySave(ctx, tx, once.TokenID, once.Key, once.BodyHash, Answer{status, location, body}, s.now())
		})
		if once == nil || !errors.Is(err, ErrConflict) {
			return stored, false, err
		}
		if replayed, err = s.Answered(ctx, *once); replayed || err != nil {
			return stored, replayed, err
		}
	}
	return stored, false, err
}

// Answered reports whether a request came before with the same body. ErrOtherBody when it was another request.
func (s *Store) Answered(ctx context.Context, once intake.Idempotency) (bool, error) {
	_, ok, err := s.KeptAnswer(ctx, once.TokenID, once.Key, once.BodyHash)
	return ok, err
}

func (s *Store) putNotification(ctx context.Context, tx Tx, n message.Notification, jobs func(key int64) []courier.Job) (message.Notification, error) {
	audience, err := json.Marshal(n.Audience)
	if err != nil {
		return n, err
	}
	content, err := json.Marshal(n.Content)
	if err != nil {
		return n, err
	}
	n.CreatedAt, n.Counts = at(ms(s.now())), message.Counts{}
	err = tx.QueryRow(ctx, `
		INSERT INTO notifications (id, state, audience, content, template, template_id, requested_by, lane, created_at, send_at, expires_in, limited)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING key`,
		string(n.ID), string(n.State), string(audience), string(content), n.Template, n.TemplateID, n.RequestedBy, n.Lane,
		ms(n.CreatedAt), ms(n.SendAt), n.ExpiresIn.Milliseconds(), n.Limited).Scan(&n.Key)
	if err != nil {
		return n, err
	}
	for _, group := range n.Groups {
		if _, err := tx.Exec(ctx, `INSERT INTO notification_groups (notification, group_key) VALUES ($1, $2)`, n.Key, group); err != nil {
			return n, err
		}
	}
	return n, s.jobs.Insert(ctx, tx, jobs(n.Key)...)
}

func scanNotification(r Row) (n message.Notification, err error) {
	var audience, content []byte
	var created, sendAt, started, retried, finished, expires int64
	err = r.Scan(&n.Key, &n.ID, &n.State, &audience, &content, &n.Template, &n.TemplateID, &n.Limited, &n.RequestedBy, &n.Lane, &created, &sendAt, &started, &retried, &finished, &expires)
	if err != nil {
		return n, err
	}
	n.CreatedAt, n.SendAt, n.StartedAt, n.RetriedAt, n.FinishedAt = at(created), at(sendAt), at(started), at(retried), at(finished)
	n.ExpiresIn = time.Duration(expires) * time.Millisecond
	return n, errors.Join(json.Unmarshal(audience, &n.Audience), json.Unmarshal(content, &n.Content))
}

// notificationScope is what somebody sees of notifications: one that was sent by a role limited to groups is seen by those
// whose groups are at least these, and by those who are not limited; any other by the latter alone. So whoever sees one
// sees all of it, and its counts are whole.
func notificationScope(scope access.Scope, n string) string {
	switch {
	case scope.All():
		return "TRUE"
	case len(scope.Groups()) == 0:
		return "FALSE"
	}
	return fmt.Sprintf(`(%[1]s.limited AND EXISTS (SELECT 1 FROM notification_groups g WHERE g.notification = %[1]s.key)
		AND NOT EXISTS (SELECT 1 FROM notification_groups g WHERE g.notification = %[1]s.key AND g.group_key NOT IN (%[2]s)))`,
		n, numbers(scope.Groups()))
}

// withGroups reads the groups that a notification must not leave.
func withGroups(ctx context.Context, tx Tx, n message.Notification, err error) (message.Notification, error) {
	if err != nil || !n.Limited {
		return n, err
	}
	rows, err := tx.Query(ctx, `SELECT group_key FROM notification_groups WHERE notification = $1 ORDER BY group_key`, n.Key)
	n.Groups, err = all(rows, err, one[int64])
	return n, err
}

// Notification reads one with its counts.
func (s *Store) Notification(ctx context.Context, scope access.Scope, id message.NotificationID) (n message.Notification, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		n, err = findNotification(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		counts, err := notificationCounts(ctx, tx, n.Key)
		n.Counts = counts[n.Key]
		return errors.Join(err, s.countSending(ctx, tx, &n))
	})
	return n, err
}

func findNotification(ctx context.Context, tx Tx, scope access.Scope, id message.NotificationID) (message.Notification, error) {
	n, err := scanNotification(tx.QueryRow(ctx, `SELECT `+notificationColumns+` FROM notifications n WHERE id = $1 AND `+notificationScope(scope, "n"), string(id)))
	if errors.Is(err, ErrNoRows) {
		return n, fmt.Errorf("notification %s: %w", id, ErrNotFound)
	}
	return n, err
}

// NotificationByKey reads one without its counts.
func (s *Store) NotificationByKey(ctx context.Context, key int64) (n message.Notification, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		n, err = scanNotification(tx.QueryRow(ctx, `SELECT `+notificationColumns+` FROM notifications WHERE key = $1`, key))
		n, err = withGroups(ctx, tx, n, err)
		return err
	})
	return n, err
}

// notificationCounts reads the counts of some notifications.
func notificationCounts(ctx context.Context, tx Tx, keys ...int64) (map[int64]message.Counts, error) {
	counts := map[int64]message.Counts{}
	for _, key := range keys {
		counts[key] = message.Counts{}
	}
	if len(keys) == 0 {
		return counts, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT notification, channel, state, n FROM notification_counts
		WHERE n <> 0 AND notification IN (`+numbers(keys)+`)`)
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var key, n int64
		var c message.Channel
		var st message.State
		err := r.Scan(&key, &c, &st, &n)
		if err == nil {
			counts[key].Add(c, st, n)
		}
		return struct{}{}, err
	})
	return counts, err
}

// working is a batch that is being worked now.
type working struct{ first, last message.DeliveryID }

// workingBatches reads the ranges of a notification that are on the wire. They are the jobs that run: nothing is
// written per delivery to say so.
func workingBatches(ctx context.Context, tx Tx, notification int64) ([]working, error) {
	rows, err := tx.Query(ctx, `
		SELECT CAST(args ->> 'f' AS BIGINT), CAST(args ->> 'l' AS BIGINT) FROM river_job
		WHERE state = 'running' AND kind = 'dispatch' AND CAST(args ->> 'n' AS BIGINT) = $1`, notification)
	return all(rows, err, func(r Row) (w working, err error) {
		err = r.Scan(&w.first, &w.last)
		return w, err
	})
}

// countSending moves what is on the wire from queued to sending.
func (s *Store) countSending(ctx context.Context, tx Tx, n *message.Notification) error {
	if n.Counts.In(message.Queued) == 0 {
		return nil
	}
	batches, err := workingBatches(ctx, tx, n.Key)
	if err != nil {
		return err
	}
	for _, b := range batches {
		rows, err := tx.Query(ctx, `
			SELECT channel, COUNT(*) FROM deliveries
			WHERE id BETWEEN $1 AND $2 AND state = 1 AND due_at = 0 GROUP BY channel`, int64(b.first), int64(b.last))
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			var c message.Channel
			var count int64
			err := r.Scan(&c, &count)
			count = min(count, n.Counts[c][message.Queued])
			n.Counts.Add(c, message.Queued, -count)
			n.Counts.Add(c, message.Sending, count)
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// NotificationFilter narrows a list of notifications. The zero value asks nothing.
type NotificationFilter struct {
	Running bool // scheduled, expanding or sending
	State   []message.Progress
}

// ListNotifications lists notifications with their counts, newest first.
func (s *Store) ListNotifications(ctx context.Context, scope access.Scope, f NotificationFilter, p Page) (list []message.Notification, next string, err error) {
	q := s.query()
	q.where("%s", notificationScope(scope, "n"))
	if f.Running {
		q.where("state IN ('scheduled', 'expanding', 'sending')")
	}
	if len(f.State) > 0 {
		marks := make([]string, len(f.State))
		for i, state := range f.State {
			marks[i] = q.arg(string(state))
		}
		q.where("state IN (%s)", strings.Join(marks, ", "))
	}
	tail, err := q.page(p, order{}, "key")
	if err != nil {
		return nil, "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+notificationColumns+` FROM notifications n WHERE `+q.clause()+tail, q.args...)
		if list, err = all(rows, err, scanNotification); err != nil {
			return err
		}
		list, next = cut(p, list, func(n message.Notification) ([]string, int64) { return nil, n.Key })
		return s.addCounts(ctx, tx, list)
	})
	return list, next, err
}

func (s *Store) addCounts(ctx context.Context, tx Tx, list []message.Notification) error {
	keys := make([]int64, len(list))
	for i, n := range list {
		keys[i] = n.Key
	}
	counts, err := notificationCounts(ctx, tx, keys...)
	for i := range list {
		list[i].Counts = counts[list[i].Key]
	}
	return err
}

// Begin marks a notification as started, once, and returns it with the highest keys of the fleet now.
func (s *Store) Begin(ctx context.Context, key int64) (n message.Notification, maxDevice, maxUser int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		now := ms(s.now())
		_, err := tx.Exec(ctx, `
			UPDATE notifications SET started_at = CASE WHEN started_at = 0 THEN $2 ELSE started_at END, state = 'expanding'
			WHERE key = $1 AND state IN ('scheduled', 'expanding')`, key, now)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			SELECT (SELECT COALESCE(MAX(key), 0) FROM devices), (SELECT COALESCE(MAX(key), 0) FROM users)`).Scan(&maxDevice, &maxUser)
		if err != nil {
			return err
		}
		n, err = scanNotification(tx.QueryRow(ctx, `SELECT `+notificationColumns+` FROM notifications WHERE key = $1`, key))
		n, err = withGroups(ctx, tx, n, err)
		return err
	})
	return n, maxDevice, maxUser, err
}

// CancelNotification stops what has not left. ErrConflict when it is done already.
func (s *Store) CancelNotification(ctx context.Context, scope access.Scope, id message.NotificationID, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := findNotification(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		switch n.State {
		case message.CancelledByRequest:
			return nil
		case message.Done:
			return fmt.Errorf("the notification is done: nothing of it waits any more: %w", ErrConflict)
		}
		_, err = tx.Exec(ctx, `UPDATE notifications SET state = 'cancelled', finished_at = CASE WHEN open = 0 THEN CAST($2 AS BIGINT) ELSE 0 END WHERE key = $1`,
			n.Key, ms(s.now()))
		if err != nil {
			return err
		}
		return s.jobs.Insert(ctx, tx, courier.Job{Args: courier.CancelArgs{Notification: n.Key}, Queue: courier.Control, Lane: courier.Urgent, Once: true})
	})
}

// RetryNotification queues what failed or is unknown again, and returns how many deliveries that are. The answer to a request
// that may come again is kept with it; ErrConflict when one was kept already.
func (s *Store) RetryNotification(ctx context.Context, scope access.Scope, id message.NotificationID, states []message.State, c message.Channel, once *intake.Idempotency, entries ...access.Entry) (count int64, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := findNotification(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		var last int64
		err = tx.QueryRow(ctx, `
			SELECT COUNT(*), COALESCE(MAX(id), 0) FROM deliveries
			WHERE notification = $1 AND channel IN (`+channelNumbers(c)+`) AND state IN (`+stateNumbers(states)+`) AND `+markedStates+` AND server IS NOT NULL`,
			n.Key).Scan(&count, &last)
		if err != nil {
			return err
		}
		if once != nil {
			status, location, body := once.Retried(count)
			if err := idempotencySave(ctx, tx, once.TokenID, once.Key, once.BodyHash, Answer{status, location, body}, s.now()); err != nil {
				return err
			}
		}
		if count == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, `
			UPDATE notifications SET state = CASE WHEN state = 'expanding' THEN state ELSE 'sending' END, retried_at = $2, finished_at = 0
			WHERE key = $1`, n.Key, ms(s.now()))
		if err != nil {
			return err
		}
		args := courier.AgainArgs{Notification: n.Key, Channel: c, States: states, Until: message.DeliveryID(last)}
		return s.jobs.Insert(ctx, tx, courier.Job{Args: args, Queue: courier.Control, Lane: courier.Urgent})
	})
	return count, err
}

// settle writes changes of counts, and ends the notification when nothing of it is open any more. Counters come last
// in a transaction and in a fixed order, so that two that meet wait for each other only briefly and never in a circle.
func (s *Store) settle(ctx context.Context, tx Tx, t tally, now time.Time) error {
	for _, c := range t.sorted() {
		_, err := tx.Exec(ctx, `
			INSERT INTO notification_counts (notification, channel, state, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (notification, channel, state) DO UPDATE SET n = notification_counts.n + excluded.n`,
			c.notification, int16(c.channel), int16(c.state), t.counts[c])
		if err != nil {
			return err
		}
	}
	if err := countHours(ctx, tx, t, now); err != nil {
		return err
	}
	for _, key := range t.notifications() {
		_, err := tx.Exec(ctx, `UPDATE notifications SET open = open + $2 WHERE key = $1`, key, t.open(key))
		if err != nil {
			return err
		}
		if err := s.finish(ctx, tx, key, now); err != nil {
			return err
		}
	}
	return nil
}

// finish ends a notification whose audience is read and of which nothing is open.
func (s *Store) finish(ctx context.Context, tx Tx, key int64, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE notifications SET finished_at = $2, state = CASE WHEN state = 'sending' THEN 'done' ELSE state END
		WHERE key = $1 AND open = 0 AND finished_at = 0 AND state IN ('sending', 'cancelled')`, key, ms(now))
	return err
}

func countHours(ctx context.Context, tx Tx, t tally, now time.Time) error {
	hour := ms(now.UTC().Truncate(time.Hour))
	for _, c := range t.hours() {
		_, err := tx.Exec(ctx, `
			INSERT INTO hour_counts (hour, channel, state, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (hour, channel, state) DO UPDATE SET n = hour_counts.n + excluded.n`,
			hour, int16(c.channel), int16(c.state), c.n)
		if err != nil {
			return err
		}
	}
	return nil
}

// HourCount is how many deliveries of a channel came to a final state within an hour.
type HourCount struct {
	Hour    time.Time
	Channel message.Channel
	State   message.State
	N       int64
}

// DeliveriesPerHour counts the deliveries that became final, oldest hour first. Hours without any are absent.
func (s *Store) DeliveriesPerHour(ctx context.Context, since time.Time) (list []HourCount, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT hour, channel, state, n FROM hour_counts WHERE hour >= $1 AND n <> 0 ORDER BY hour, channel, state`,
			ms(since.UTC().Truncate(time.Hour)))
		list, err = all(rows, err, func(r Row) (c HourCount, err error) {
			var hour int64
			err = r.Scan(&hour, &c.Channel, &c.State, &c.N)
			c.Hour = at(hour)
			return c, err
		})
		return err
	})
	return list, err
}

// AnythingAccepted reports whether any message was ever accepted by a provider.
func (s *Store) AnythingAccepted(ctx context.Context) (yes bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM hour_counts WHERE state IN (3, 4) AND n > 0)`).Scan(&yes)
	})
	return yes, err
}
