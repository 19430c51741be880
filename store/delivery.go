package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/access"
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
	return s.parcels(ctx, `
		WHERE d.id BETWEEN $1 AND $2 AND d.state = 1 AND d.due_at = 0
			AND d.server = (SELECT key FROM servers WHERE id = $3)
		ORDER BY d.id`, int64(args.First), int64(args.Last), args.Server)
}

// Due reads deliveries whose next attempt has come, the longest waiting first.
func (s *Store) Due(ctx context.Context, server int64, now time.Time, limit int) ([]courier.Parcel, error) {
	return s.parcels(ctx, `
		WHERE d.server = $1 AND d.state = 1 AND d.due_at > 0 AND d.due_at <= $2
		ORDER BY d.due_at LIMIT $3`, server, ms(now), limit)
}

// Waiting reads some deliveries of a paused server, the one that waited longest for its next attempt first.
func (s *Store) Waiting(ctx context.Context, server int64, limit int) ([]courier.Parcel, error) {
	return s.parcels(ctx, `
		WHERE d.server = $1 AND d.state = 1 AND (d.due_at = 0 OR d.due_at <= $2)
		ORDER BY d.due_at DESC LIMIT $3`, server, ms(s.now()), limit)
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

// Enqueue inserts jobs that no other write causes.
func (s *Store) Enqueue(ctx context.Context, jobs ...courier.Job) error {
	return s.Write(ctx, func(tx Tx) error { return s.jobs.Insert(ctx, tx, jobs...) })
}

// Complete ends a job that wrote nothing else.
func (s *Store) Complete(ctx context.Context, running courier.Running) error {
	return s.Write(ctx, func(tx Tx) error { return s.jobs.Complete(ctx, tx, running) })
}

// EndSlice gives up to limit open deliveries of a notification a final state, and returns the channel of each. What a
// batch has on the wire at this moment is not spared: its own results are written over this.
func (s *Store) EndSlice(ctx context.Context, e courier.Ending, limit int) (ended []message.Channel, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		now := s.now()
		rows, err := tx.Query(ctx, `
			UPDATE deliveries SET state = $2, reason = $3, detail = $4, finished_at = $5, due_at = 0 WHERE state = 1 AND id IN (
				SELECT id FROM deliveries WHERE notification = $1 AND state = 1 AND ($6 = 0 OR channel = $6)
					AND (NOT $7 OR shared AND COALESCE(language, '') = $9)
				ORDER BY id LIMIT $8)
			RETURNING channel`,
			e.Notification, int16(e.State), orNil(string(e.Reason)), orNil(e.Detail), ms(now), int16(e.Channel), e.SharedOnly, limit, e.Language)
		if ended, err = all(rows, err, one[message.Channel]); err != nil {
			return err
		}
		counts := newTally()
		for _, c := range ended {
			counts.move(e.Notification, c, message.Queued, e.State)
		}
		return s.settle(ctx, tx, counts, now)
	})
	return ended, err
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

// DeliveryFilter narrows a list of deliveries. The zero value asks nothing.
type DeliveryFilter struct {
	Channel message.Channel // 0 = all
	State   []message.State
	Search  string // a fragment of the device's name or id, the person's name or the address
}

const viewColumns = `d.id, d.notification, d.channel, d.state, COALESCE(d.device_key, 0), COALESCE(d.user_key, 0), d.address,
	d.shared, d.attempts, d.due_at, COALESCE(d.slot_values, ''), COALESCE(d.reason, ''), COALESCE(d.detail, ''), COALESCE(d.language, ''),
	COALESCE(d.provider_id, ''), d.finished_at, n.id, COALESCE(v.id, ''), COALESCE(v.name, ''),
	COALESCE(u.id, ''), COALESCE(u.display_name, ''), COALESCE(u.given_name, ''), COALESCE(u.surname, ''), COALESCE(u.username, ''),
	COALESCE(s.name, ''), COALESCE(s.paused_until, 0)`

// viewJoins finds what is shown beside a delivery. Devices and people outside of the scope are nobody, as if they were gone.
func viewJoins(scope access.Scope) string {
	return ` FROM deliveries d
	JOIN notifications n ON n.key = d.notification
	LEFT JOIN devices v ON v.key = d.device_key AND ` + deviceScope(scope, "v") + `
	LEFT JOIN users u ON u.key = d.user_key AND ` + userScope(scope, "u") + `
	LEFT JOIN servers s ON s.key = d.server`
}

// ListDeliveries lists the deliveries of a notification, newest first.
func (s *Store) ListDeliveries(ctx context.Context, scope access.Scope, id message.NotificationID, f DeliveryFilter, p Page) (list []message.DeliveryView, next string, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		n, err := findNotification(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		batches, err := workingBatches(ctx, tx, n.Key)
		if err != nil {
			return err
		}
		q := s.query()
		q.where("d.notification = %s", q.arg(n.Key))
		s.filterDeliveries(q, scope, f, batches)
		list, next, err = s.views(ctx, tx, scope, q, p)
		for i := range list {
			list[i].State = stateNow(list[i].Delivery, batches)
		}
		return err
	})
	return list, next, err
}

func (s *Store) filterDeliveries(q *query, scope access.Scope, f DeliveryFilter, batches []working) {
	if f.Channel != 0 {
		q.where("d.channel = %s", q.arg(int16(f.Channel)))
	}
	if len(f.State) > 0 {
		conds := make([]string, len(f.State))
		for i, state := range f.State {
			conds[i] = stateCondition(state, batches)
		}
		q.where("%s", or(conds))
	}
	if f.Search != "" {
		part := q.arg(strings.ToLower(f.Search))
		var conds []string
		for _, column := range []string{"v.name", "v.id", "u.display_name", "u.id", shownAddress(scope)} {
			conds = append(conds, s.contains("LOWER(COALESCE("+column+", ''))", part))
		}
		q.where("%s", or(conds))
	}
}

// stateCondition asks for a state as people see it: what is on the wire is sending, and queued no more.
func stateCondition(state message.State, batches []working) string {
	onWire := []string{}
	for _, b := range batches {
		onWire = append(onWire, fmt.Sprintf("d.id BETWEEN %d AND %d", b.first, b.last))
	}
	switch state {
	case message.Queued:
		return fmt.Sprintf("(d.state = 1 AND NOT (d.due_at = 0 AND %s))", or(onWire))
	case message.Sending:
		return fmt.Sprintf("(d.state = 2 OR d.state = 1 AND d.due_at = 0 AND %s)", or(onWire))
	}
	return fmt.Sprintf("d.state = %d", state)
}

func stateNow(d message.Delivery, batches []working) message.State {
	if d.State != message.Queued || !d.DueAt.IsZero() {
		return d.State
	}
	for _, b := range batches {
		if d.ID >= b.first && d.ID <= b.last {
			return message.Sending
		}
	}
	return d.State
}

func (s *Store) views(ctx context.Context, tx Tx, scope access.Scope, q *query, p Page) ([]message.DeliveryView, string, error) {
	tail, err := q.page(p, order{}, "d.id")
	if err != nil {
		return nil, "", err
	}
	rows, err := tx.Query(ctx, `SELECT `+viewColumns+viewJoins(scope)+` WHERE `+q.clause()+tail, q.args...)
	list, err := all(rows, err, viewScan(scope))
	list, next := cut(p, list, func(d message.DeliveryView) ([]string, int64) { return nil, int64(d.ID) })
	return list, next, err
}

// shownAddress is the address as far as it is not masked: who may not see one must not find it letter by letter either.
func shownAddress(scope access.Scope) string {
	if scope.All() {
		return "d.address"
	}
	return "CASE WHEN u.key IS NOT NULL OR d.user_key IS NULL AND v.key IS NOT NULL THEN d.address END"
}

// viewScan reads views, with the addresses masked of those that the scope leaves out.
func viewScan(scope access.Scope) func(Row) (message.DeliveryView, error) {
	return func(r Row) (message.DeliveryView, error) {
		v, err := scanView(r)
		if !scope.All() && v.UserID == "" && (v.User != 0 || v.DeviceID == "") {
			v.Address = message.Mask(v.Address)
		}
		return v, err
	}
}

func scanView(r Row) (v message.DeliveryView, err error) {
	var (
		due, finished, pausedUntil int64
		values                     string
		u                          fleet.User
	)
	err = r.Scan(&v.ID, &v.Delivery.Notification, &v.Channel, &v.State, &v.Device, &v.User, &v.Address,
		&v.Shared, &v.Attempts, &due, &values, &v.Reason, &v.Detail, &v.Language,
		&v.ProviderID, &finished, &v.NotificationID, &v.DeviceID, &v.DeviceName,
		&u.ID, &u.DisplayName, &u.GivenName, &u.Surname, &u.Username, &v.Server, &pausedUntil)
	if err != nil {
		return v, err
	}
	v.DueAt, v.FinishedAt, v.ProviderID = at(due), at(finished), fullName(v.ID, v.ProviderID)
	v.UserID, v.UserName = u.ID, u.Name()
	if v.State == message.Queued && pausedUntil > due {
		v.DueAt = at(pausedUntil) // it waits for its server
	}
	v.Values, err = readValues(values)
	return v, err
}

// DeviceDeliveries lists what a device in the scope got, newest first, whoever sent it.
func (s *Store) DeviceDeliveries(ctx context.Context, scope access.Scope, device int64, p Page) (list []message.DeliveryView, next string, err error) {
	return s.deliveriesOf(ctx, scope, "d.device_key = %s AND v.key IS NOT NULL", device, p)
}

// UserDeliveries lists what a person in the scope got, newest first, whoever sent it.
func (s *Store) UserDeliveries(ctx context.Context, scope access.Scope, user int64, p Page) (list []message.DeliveryView, next string, err error) {
	return s.deliveriesOf(ctx, scope, "d.user_key = %s AND u.key IS NOT NULL", user, p)
}

func (s *Store) deliveriesOf(ctx context.Context, scope access.Scope, condition string, key int64, p Page) (list []message.DeliveryView, next string, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		q := s.query()
		q.where(condition, q.arg(key))
		list, next, err = s.views(ctx, tx, scope, q, p)
		return err
	})
	return list, next, err
}

// Delivery reads one with its attempts, the oldest first.
func (s *Store) Delivery(ctx context.Context, scope access.Scope, id message.DeliveryID) (v message.DeliveryView, attempts []message.Attempt, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		v, err = viewScan(scope)(tx.QueryRow(ctx, `SELECT `+viewColumns+viewJoins(scope)+` WHERE d.id = $1 AND `+notificationScope(scope, "n"), int64(id)))
		if errors.Is(err, ErrNoRows) {
			return fmt.Errorf("delivery %s: %w", id, ErrNotFound)
		}
		if err != nil {
			return err
		}
		batches, err := workingBatches(ctx, tx, v.Delivery.Notification)
		if err != nil {
			return err
		}
		v.State = stateNow(v.Delivery, batches)
		rows, err := tx.Query(ctx, `SELECT at, server, reason, answer, detail FROM attempts WHERE delivery = $1 ORDER BY id`, int64(id))
		attempts, err = all(rows, err, func(r Row) (a message.Attempt, err error) {
			var when int64
			err = r.Scan(&when, &a.Server, &a.Reason, &a.Answer, &a.Detail)
			a.At = at(when)
			return a, err
		})
		return err
	})
	return v, attempts, err
}
