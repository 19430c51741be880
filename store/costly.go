package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/courier"
	"heliograph/message"
)

// MarkSending writes down what goes on the wire next, by a server whose messages cost money.
func (s *Store) MarkSending(ctx context.Context, list []message.Delivery) error {
	ids := make([]int64, len(list))
	counts := newTally()
	for i, d := range list {
		ids[i] = int64(d.ID)
		counts.move(d.Notification, d.Channel, message.Queued, message.Sending)
	}
	return s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE deliveries SET state = 2 WHERE id IN (`+numbers(ids)+`) AND state = 1`)
		if err != nil {
			return err
		}
		if n != int64(len(list)) {
			return fmt.Errorf("%d of %d messages were ended meanwhile", int64(len(list))-n, len(list))
		}
		return s.settle(ctx, tx, counts, s.now())
	})
}

const abandoned = "The process that sent it died before the answer came, so it may have arrived. A receipt settles it, or you do"

// Abandoned gives deliveries of a server that were on the wire when their process died the state unknown.
func (s *Store) Abandoned(ctx context.Context, server int64, first, last message.DeliveryID) error {
	where := `id BETWEEN $2 AND $3 AND due_at = 0`
	args := []any{server, int64(first), int64(last)}
	if last == 0 {
		where, args = `due_at > 0`, args[:1]
	}
	return s.Write(ctx, func(tx Tx) error {
		now := s.now()
		rows, err := tx.Query(ctx, fmt.Sprintf(`
			UPDATE deliveries SET state = 8, attempts = attempts + 1, reason = 'lost_answer', detail = '%s', finished_at = %d
			WHERE server = $1 AND state = 2 AND `+where+` RETURNING notification, channel`, abandoned, ms(now)), args...)
		list, err := all(rows, err, func(r Row) (d message.Delivery, err error) {
			err = r.Scan(&d.Notification, &d.Channel)
			return d, err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		counts := newTally()
		for _, d := range list {
			counts.move(d.Notification, d.Channel, message.Sending, message.Unknown)
		}
		return s.settle(ctx, tx, counts, now)
	})
}

// Reserve takes a turn of n messages at a server's rate, over all nodes. When the turn is not within soon, nothing is
// taken, and it says how long to wait. Addresses with rates of their own do not wait for each other.
func (s *Store) Reserve(ctx context.Context, server int64, n int, perSecond float64, soon time.Duration) (wait time.Duration, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		now, lane := ms(s.now()), strconv.FormatFloat(perSecond, 'g', -1, 64)
		var free int64
		err := tx.QueryRow(ctx, `
			INSERT INTO server_rates (server, lane, next_free) VALUES ($1, $2, $3)
			ON CONFLICT (server, lane) DO UPDATE SET next_free = server_rates.next_free RETURNING next_free`, server, lane, now).Scan(&free)
		if err != nil {
			return err
		}
		if wait = time.Duration(free-now) * time.Millisecond; wait > soon {
			return nil
		}
		wait = 0
		next := max(free, now) + int64(float64(n)/perSecond*1000)
		_, err = tx.Exec(ctx, `UPDATE server_rates SET next_free = $3 WHERE server = $1 AND lane = $2`, server, lane, next)
		return err
	})
	return wait, err
}

// SaveReceipt settles a delivery by what its service said later. ErrNotFound when the server has no such delivery.
func (s *Store) SaveReceipt(ctx context.Context, server int64, r channel.Receipt) error {
	return s.Write(ctx, func(tx Tx) error {
		var d message.Delivery
		err := tx.QueryRow(ctx, `SELECT notification, channel, state, address FROM deliveries WHERE id = $1 AND server = $2`+s.lockRows(),
			int64(r.Delivery), server).Scan(&d.Notification, &d.Channel, &d.State, &d.Address)
		if err != nil {
			return notFound(err)
		}
		if !r.Settles(d.State) {
			return nil
		}
		now := s.now()
		_, err = tx.Exec(ctx, `UPDATE deliveries SET state = $2, reason = $3, detail = $4, finished_at = $5, due_at = 0 WHERE id = $1`,
			int64(r.Delivery), int16(r.State), orNil(string(r.Reason)), orNil(r.Detail), ms(now))
		if err != nil {
			return err
		}
		if err := s.reportFailure(ctx, tx, server, d, r, now); err != nil {
			return err
		}
		counts := newTally()
		counts.move(d.Notification, d.Channel, d.State, r.State)
		return s.settle(ctx, tx, counts, now)
	})
}

// reportFailure keeps the service's words of what it could not deliver, as it keeps those of its answers.
func (s *Store) reportFailure(ctx context.Context, tx Tx, server int64, d message.Delivery, r channel.Receipt, now time.Time) error {
	if r.State != message.Failed {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO attempts (delivery, at, server, reason, answer, detail) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), name, $4, $5, $6 FROM servers WHERE key = $3`,
		int64(r.Delivery), ms(now), server, string(r.Reason), r.Answer, r.Detail)
	if err != nil || r.Reason != message.NumberBarred {
		return err
	}
	return s.mark(ctx, tx, courier.Result{Delivery: d, Mark: r.Reason, Detail: r.Detail}, now)
}
