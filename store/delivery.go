package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/message"
)

// DeliveryKeys reserves n keys of deliveries and returns the first. What is not used stays unused.
func (s *Store) DeliveryKeys(ctx context.Context, n int) (message.DeliveryID, error) {
	first, err := s.takeKeys(ctx, "deliveries", n)
	return message.DeliveryID(first), err
}

var deliveryInsert = []string{"id", "notification", "channel", "state", "device_key", "user_key", "address", "server",
	"shared", "slot_values", "reason", "detail", "finished_at", "language"}

// SavePage writes what expanding one page came to: its deliveries, their batches, the next page and the counts.
func (s *Store) SavePage(ctx context.Context, p courier.Page) error {
	return s.Write(ctx, func(tx Tx) error {
		now := s.now()
		if err := s.insertDeliveries(ctx, tx, p.Deliveries, now); err != nil {
			return err
		}
		if p.Last {
			_, err := tx.Exec(ctx, `UPDATE notifications SET state = 'sending' WHERE key = $1 AND state = 'expanding'`, p.Notification)
			if err != nil {
				return err
			}
		}
		if err := s.jobs.Insert(ctx, tx, p.Jobs...); err != nil {
			return err
		}
		if err := s.jobs.Complete(ctx, tx, p.Running); err != nil {
			return err
		}
		counts := newTally()
		for _, d := range p.Deliveries {
			counts.enter(d)
		}
		if err := s.settle(ctx, tx, counts, now); err != nil {
			return err
		}
		return s.finish(ctx, tx, p.Notification, now)
	})
}

func (s *Store) insertDeliveries(ctx context.Context, tx Tx, list []message.Delivery, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	servers, err := serverKeys(ctx, tx)
	if err != nil {
		return err
	}
	rows := make([][]any, len(list))
	for i, d := range list {
		finished := int64(0)
		if !d.State.Open() {
			finished = ms(now)
		}
		rows[i] = []any{int64(d.ID), d.Notification, int64(d.Channel), int64(d.State), orNil(d.Device), orNil(d.User), d.Address,
			orNil(servers[d.Server]), d.Shared, valuesText(d.Values), orNil(string(d.Reason)), orNil(d.Detail), finished, orNil(d.Language)}
	}
	return s.insertMany(ctx, tx, "deliveries", deliveryInsert, rows)
}

// orNil stores the zero value as NULL.
func orNil[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// parcelColumns are few, for each costs as much as many a join. gone is 1 for a device that was deleted, 2 for a person.
const parcelColumns = `d.id, d.notification, d.channel, COALESCE(d.device_key, 0), COALESCE(d.user_key, 0), d.address,
	d.shared, d.attempts, d.due_at, COALESCE(d.slot_values, ''), COALESCE(d.reason, ''), COALESCE(d.detail, ''), COALESCE(d.language, ''),
	t.token, COALESCE(t.arrived_at, 0), COALESCE(t.state, ''),
	CASE WHEN d.device_key IS NOT NULL AND v.key IS NULL THEN 1 WHEN d.user_key IS NOT NULL AND u.key IS NULL THEN 2 ELSE 0 END`

// parcelJoins finds what a message needs beside its delivery. Deliveries outlive the devices and people they were for.
const parcelJoins = ` FROM deliveries d
	LEFT JOIN devices v ON v.key = d.device_key
	LEFT JOIN users u ON u.key = d.user_key
	LEFT JOIN push_tokens t ON t.device_key = d.device_key AND d.channel = 1`

// Batch reads the deliveries of a range that wait for their first attempt.
func (s *Store) Batch(ctx context.Context, args courier.DispatchArgs) ([]courier.Parcel, error) {
	return s.parcels(ctx, notCancelled+batchCondition, int64(args.First), int64(args.Last), args.Server, args.Notification)
}

// notCancelled keeps the rest of a batch from those who would send it: whoever cancels ends it soon.
const notCancelled = `
	JOIN notifications n ON n.key = $4 AND n.state <> 'cancelled'`

const batchCondition = `
	WHERE d.id BETWEEN $1 AND $2 AND d.state = 1 AND d.due_at = 0
		AND d.server = (SELECT key FROM servers WHERE id = $3)
	ORDER BY d.id`

// Due reads deliveries whose next attempt has come, the longest waiting first.
func (s *Store) Due(ctx context.Context, server int64, now time.Time, limit int) ([]courier.Parcel, error) {
	return s.parcels(ctx, `
		WHERE d.server = $1 AND d.state = 1 AND d.due_at > 0 AND d.due_at <= $2
		ORDER BY d.due_at LIMIT $3`, server, ms(now), limit)
}

// Waiting reads some deliveries of a paused server: those that wait longest for their next attempt, and some of the batch
// that would go next, for the first ones may be what it choked on. Where there are neither, those that the server did not
// answer and whose time has not come yet.
func (s *Store) Waiting(ctx context.Context, server channel.Server, limit int) ([]courier.Parcel, error) {
	due, err := s.Due(ctx, server.Key, s.now(), limit/2)
	if err != nil {
		return nil, err
	}
	fresh, err := s.nextBatch(ctx, server, limit-len(due))
	if err != nil || len(due)+len(fresh) > 0 {
		return append(due, fresh...), err
	}
	return s.parcels(ctx, `
		WHERE d.server = $1 AND d.state = 1 AND d.due_at > 0 AND d.reason IN ('server_error', 'timeout', 'lost_answer')
		ORDER BY d.due_at LIMIT $2`, server.Key, limit)
}

// nextBatch reads some deliveries of the batch of a server that would go next.
func (s *Store) nextBatch(ctx context.Context, server channel.Server, limit int) ([]courier.Parcel, error) {
	var batches []courier.DispatchArgs
	err := s.Read(ctx, func(tx Tx) (err error) {
		batches, err = queuedBatches(ctx, tx, server.ID)
		return err
	})
	for _, args := range batches {
		parcels, err := s.parcels(ctx, batchCondition+` LIMIT $4`, int64(args.First), int64(args.Last), args.Server, limit)
		if err != nil || len(parcels) > 0 {
			return parcels, err
		}
	}
	return nil, err
}

// queuedBatches are the next batches of a server: a few, for what they hold may have been cancelled.
func queuedBatches(ctx context.Context, tx Tx, server string) ([]courier.DispatchArgs, error) {
	rows, err := tx.Query(ctx, `
		SELECT CAST(args ->> 'f' AS BIGINT), CAST(args ->> 'l' AS BIGINT) FROM river_job
		WHERE state IN ('available', 'scheduled', 'retryable') AND kind = 'dispatch' AND queue = $1
		ORDER BY priority, id LIMIT 20`, courier.QueueOf(server))
	return all(rows, err, func(r Row) (a courier.DispatchArgs, err error) {
		a.Server = server
		err = r.Scan(&a.First, &a.Last)
		return a, err
	})
}

func (s *Store) parcels(ctx context.Context, where string, args ...any) (list []courier.Parcel, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+parcelColumns+parcelJoins+where, args...)
		list, err = all(rows, err, s.scanParcel)
		return err
	})
	return list, err
}

func (s *Store) scanParcel(r Row) (p courier.Parcel, err error) {
	var (
		due, arrived, gone int64
		values             string
		sealed             []byte
	)
	err = r.Scan(&p.ID, &p.Notification, &p.Channel, &p.Device, &p.User, &p.Address,
		&p.Shared, &p.Attempts, &due, &values, &p.Reason, &p.Detail, &p.Language, &sealed, &arrived, &p.TokenState, &gone)
	if err != nil {
		return p, err
	}
	p.State, p.DueAt, p.Arrived = message.Queued, at(due), at(arrived)
	p.LeftDevice, p.LeftUser = gone == 1, gone == 2
	p.Values, err = readValues(values)
	if err == nil && p.TokenState == fleet.TokenLive {
		p.Token, err = s.OpenToken(p.Device, sealed)
	}
	return p, err
}

// MoveBatch gives what is left of a batch to another server.
func (s *Store) MoveBatch(ctx context.Context, m courier.Move) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE deliveries SET server = $4 WHERE id BETWEEN $1 AND $2 AND server = $3 AND state = 1 AND due_at = 0`,
			int64(m.Batch.First), int64(m.Batch.Last), m.From, m.To)
		if err != nil {
			return err
		}
		return errors.Join(s.jobs.Insert(ctx, tx, m.Jobs...), s.jobs.Complete(ctx, tx, m.Running))
	})
}

// MoveDue gives deliveries that wait for their next attempt to another server, and reports how many.
func (s *Store) MoveDue(ctx context.Context, from, to int64, limit int) (n int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		n, err = tx.Exec(ctx, `
			UPDATE deliveries SET server = $2 WHERE server = $1 AND state = 1 AND id IN (
				SELECT id FROM deliveries WHERE server = $1 AND state = 1 AND due_at > 0 ORDER BY due_at LIMIT $3)`, from, to, limit)
		return err
	})
	return n, err
}

// Addressed lists the addresses, in lower case, that a notification already has deliveries for, by person. A person
// with a delivery that was skipped is listed too.
func (s *Store) Addressed(ctx context.Context, notification int64, c message.Channel, users []int64) (map[int64][]string, error) {
	found := map[int64][]string{}
	if len(users) == 0 {
		return found, nil
	}
	err := s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT user_key, address FROM deliveries
			WHERE user_key IN (`+numbers(users)+`) AND notification = $1 AND channel = $2`, notification, int16(c))
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			var user int64
			var address string
			err := r.Scan(&user, &address)
			found[user] = append(found[user], strings.ToLower(address))
			return struct{}{}, err
		})
		return err
	})
	return found, err
}

// Owners lists the people whose own mail address or number is one of these, as it is written or in small letters.
func (s *Store) Owners(ctx context.Context, c message.Channel, addresses []string) (keys []int64, err error) {
	column := map[message.Channel]string{message.SMTP: "mail", message.SMS: "mobile"}[c]
	if column == "" || len(addresses) == 0 {
		return nil, nil
	}
	var written []string
	for _, address := range addresses {
		written = append(written, address, strings.ToLower(address))
	}
	text, err := jsonList(written)
	if err != nil {
		return nil, err
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT key FROM users WHERE `+column+` IN `+s.listed("$1", textKind), text)
		keys, err = all(rows, err, one[int64])
		return err
	})
	return keys, err
}

// Enqueue inserts jobs that no other write causes.
func (s *Store) Enqueue(ctx context.Context, jobs ...courier.Job) error {
	return s.Write(ctx, func(tx Tx) error { return s.jobs.Insert(ctx, tx, jobs...) })
}

// Complete ends a job that wrote nothing else.
func (s *Store) Complete(ctx context.Context, running courier.Running) error {
	return s.Write(ctx, func(tx Tx) error { return s.jobs.Complete(ctx, tx, running) })
}

// EndSlice gives those a final state that are open among the next deliveries of a notification, up to limit of them. It
// returns the channel of each, and the key of the last it looked at; 0 = there are no more. Batches that are being worked
// are left alone: what they sent is sent. Nothing is cancelled any more of a notification that goes on.
func (s *Store) EndSlice(ctx context.Context, e courier.Ending, limit int) (ended []message.Channel, last message.DeliveryID, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		if last, err = sliceEnd(ctx, tx, e, limit); err != nil || last == 0 {
			return err
		}
		now := s.now()
		batches, err := workingBatches(ctx, tx, e.Notification)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			UPDATE deliveries SET state = $2, reason = $3, detail = $4, finished_at = $5, due_at = 0
			WHERE notification = $1 AND id > $8 AND id <= $10 AND state = 1 AND ($6 = 0 OR channel = $6)
				AND (NOT $7 OR shared AND COALESCE(language, '') = $9)`+outside(batches)+`
			RETURNING channel`,
			e.Notification, int16(e.State), orNil(string(e.Reason)), orNil(e.Detail), ms(now), int16(e.Channel), e.SharedOnly,
			int64(e.After), e.Language, int64(last))
		if ended, err = all(rows, err, one[message.Channel]); err != nil {
			return err
		}
		counts := newTally()
		for _, c := range ended {
			counts.move(e.Notification, c, message.Queued, e.State)
		}
		return s.settle(ctx, tx, counts, now)
	})
	return ended, last, err
}

// outside is the condition that a delivery is in none of these batches.
func outside(batches []working) (condition string) {
	for _, b := range batches {
		condition += fmt.Sprintf(" AND NOT (id BETWEEN %d AND %d AND due_at = 0)", b.first, b.last)
	}
	return condition
}

// sliceEnd is the last key of a slice of what is queued; 0 = nothing of the notification is, after e.After.
func sliceEnd(ctx context.Context, tx Tx, e courier.Ending, limit int) (last message.DeliveryID, err error) {
	err = tx.QueryRow(ctx, `
		SELECT COALESCE(MAX(id), 0) FROM (
			SELECT id FROM deliveries WHERE notification = $1 AND id > $2 AND state = 1 ORDER BY id LIMIT $3) AS slice
		WHERE NOT $4 OR (SELECT state FROM notifications WHERE key = $1) = 'cancelled'`,
		e.Notification, int64(e.After), limit, e.State == message.Cancelled).Scan(&last)
	return last, err
}

// ToCancel reports whether something of a notification that was cancelled is queued still, or in a batch that is being
// worked and may give it back.
func (s *Store) ToCancel(ctx context.Context, notification int64) (some bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		batches, err := workingBatches(ctx, tx, notification)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			SELECT (SELECT state FROM notifications WHERE key = $1) = 'cancelled'
				AND ($2 OR EXISTS (SELECT 1 FROM deliveries WHERE notification = $1 AND state = 1))`,
			notification, len(batches) > 0).Scan(&some)
	})
	return some, err
}

// Cancelled finds those of some notifications that were cancelled.
func (s *Store) Cancelled(ctx context.Context, notifications []int64) (list []int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT key FROM notifications WHERE key IN (`+numbers(notifications)+`) AND state = 'cancelled'`)
		list, err = all(rows, err, one[int64])
		return err
	})
	return list, err
}

// AgainSlice queues up to limit deliveries in some states again, as if they were new. It returns the key of the last
// one, 0 at the end.
func (s *Store) AgainSlice(ctx context.Context, a courier.AgainArgs, limit int) (last message.DeliveryID, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		now := s.now()
		rows, err := tx.Query(ctx, `
			SELECT id, channel, state FROM deliveries
			WHERE notification = $1 AND id > $2 AND id <= $3 AND state IN (`+stateNumbers(a.States)+`) AND ($4 = 0 OR channel = $4)
				AND server IS NOT NULL
			ORDER BY id LIMIT $5`+s.lockRows(), a.Notification, int64(a.After), int64(a.Until), int16(a.Channel), limit)
		list, err := all(rows, err, func(r Row) (d message.Delivery, err error) {
			err = r.Scan(&d.ID, &d.Channel, &d.State)
			return d, err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		counts, ids := newTally(), make([]int64, len(list))
		for i, d := range list {
			counts.move(a.Notification, d.Channel, d.State, message.Queued)
			ids[i], last = int64(d.ID), d.ID
		}
		_, err = tx.Exec(ctx, `
			UPDATE deliveries SET state = 1, attempts = 0, due_at = $1, reason = NULL, detail = NULL, finished_at = 0
			WHERE id IN (`+numbers(ids)+`)`, ms(now))
		if err != nil {
			return err
		}
		return s.settle(ctx, tx, counts, now)
	})
	return last, err
}

func stateNumbers(states []message.State) string {
	keys := make([]int64, len(states))
	for i, state := range states {
		keys[i] = int64(state)
	}
	return numbers(keys)
}

// Overdue lists notifications and channels with open deliveries whose time is over.
func (s *Store) Overdue(ctx context.Context, now time.Time) (list []courier.GiveUpArgs, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+notificationColumns+` FROM notifications WHERE state IN ('expanding', 'sending') AND started_at > 0`)
		running, err := all(rows, err, scanNotification)
		for _, n := range running {
			for _, c := range message.Channels {
				if now.After(n.ExpiresAt(c)) {
					list = append(list, courier.GiveUpArgs{
						Notification: n.Key, Channel: c, Reason: message.Expired, Detail: "It could not be handed over within its lifetime",
					})
				}
			}
		}
		return err
	})
	return list, err
}
