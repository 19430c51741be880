package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"heliograph/message"
)

// Difference is a counter that does not say what it should.
type Difference struct {
	Notification message.NotificationID // empty: of the hours, over all notifications
	Channel      message.Channel        // 0: of all
	State        message.State          // 0: deliveries that are open
	Counted      int64                  // what the counter says
	Found        int64                  // what the rows say
}

// String is a sentence.
func (d Difference) String() string {
	switch {
	case d.Notification == "":
		return fmt.Sprintf("the hours count %d deliveries by %s that are %s, the notifications %d", d.Counted, d.Channel, d.State, d.Found)
	case d.State == 0:
		return fmt.Sprintf("notification %s counts %d open deliveries, and has %d", d.Notification, d.Counted, d.Found)
	}
	return fmt.Sprintf("notification %s counts %d deliveries by %s that are %s, and has %d", d.Notification, d.Counted, d.Channel, d.State, d.Found)
}

// Recounted is what comparing came to.
type Recounted struct {
	Notifications int64 // that were compared
	Deliveries    int64
	Moving        int64 // notifications that changed all the time, and were left out
	Cleaned       int64 // those whose deliveries were deleted after their retention
	Differences   []Difference
}

const (
	recountPage = 10_000 // deliveries that one transaction reads
	recountMore = 3      // how often a notification is counted again that changed meanwhile
	recountList = 100    // notifications that one transaction lists
)

// Recount compares the counters that are kept while messages go out with the rows that they count, and corrects them
// when repair is set. It reads by key, in short transactions, and may run while others send: a notification that changes
// while it is counted is counted again. Deliveries that ended before kept may have been deleted.
func (s *Store) Recount(ctx context.Context, kept time.Time, repair bool) (r Recounted, err error) {
	for after := int64(0); ; {
		list, err := s.countedAfter(ctx, after)
		if err != nil || len(list) == 0 {
			if err == nil {
				err = s.recountHours(ctx, &r, repair)
			}
			return r, err
		}
		for _, n := range list {
			after = n.key
			if !n.finished.IsZero() && n.finished.Before(kept) {
				r.Cleaned++
				continue
			}
			if err := s.recountOne(ctx, &r, n, repair); err != nil {
				return r, err
			}
		}
	}
}

// countedNotification is a notification whose counters are compared.
type countedNotification struct {
	key      int64
	id       message.NotificationID
	finished time.Time
}

func (s *Store) countedAfter(ctx context.Context, after int64) (list []countedNotification, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT key, id, finished_at FROM notifications WHERE key > $1 ORDER BY key LIMIT $2`, after, recountList)
		list, err = all(rows, err, func(r Row) (n countedNotification, err error) {
			var finished int64
			err = r.Scan(&n.key, &n.id, &finished)
			n.finished = at(finished)
			return n, err
		})
		return err
	})
	return list, err
}

// figures are counts by channel and state, and how many are open.
type figures struct {
	counts map[counted]int64
	open   int64
}

func (f figures) equal(other figures) bool {
	return f.open == other.open && maps.Equal(f.counts, other.counts)
}

func (s *Store) recountOne(ctx context.Context, r *Recounted, n countedNotification, repair bool) error {
	for range recountMore {
		before, err := s.keptFigures(ctx, n.key)
		if err != nil {
			return err
		}
		found, rows, err := s.foundFigures(ctx, n.key)
		if err != nil {
			return err
		}
		after, err := s.keptFigures(ctx, n.key)
		if err != nil {
			return err
		}
		if !before.equal(after) {
			continue
		}
		r.Notifications++
		r.Deliveries += rows
		list := differences(n, before, found)
		r.Differences = append(r.Differences, list...)
		if repair && len(list) > 0 {
			return s.correct(ctx, n.key, list)
		}
		return nil
	}
	r.Moving++
	return nil
}

// keptFigures are what the counters say.
func (s *Store) keptFigures(ctx context.Context, key int64) (f figures, err error) {
	f.counts = map[counted]int64{}
	err = s.Read(ctx, func(tx Tx) error {
		if err := tx.QueryRow(ctx, `SELECT open FROM notifications WHERE key = $1`, key).Scan(&f.open); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT channel, state, n FROM notification_counts WHERE notification = $1 AND n <> 0`, key)
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			c, n := counted{notification: key}, int64(0)
			err := r.Scan(&c.channel, &c.state, &n)
			f.counts[c] = n
			return struct{}{}, err
		})
		return err
	})
	return f, err
}

// foundFigures are what the rows say, page by page.
func (s *Store) foundFigures(ctx context.Context, key int64) (f figures, rows int64, err error) {
	f.counts = map[counted]int64{}
	for after := int64(0); ; {
		last, n, err := s.countPage(ctx, key, after, f.counts)
		if err != nil {
			return f, rows, err
		}
		rows += n
		if n < recountPage {
			break
		}
		after = last
	}
	for c, n := range f.counts {
		if c.state.Open() {
			f.open += n
		}
	}
	return f, rows, nil
}

func (s *Store) countPage(ctx context.Context, key, after int64, into map[counted]int64) (last, n int64, err error) {
	behind := `notification = $1 AND id > $2`
	if s.Postgres() != nil { // else it may read all rows by their keys; SQLite reads this from the notification's first row
		behind = `(notification, id) > ($1, $2) AND notification <= $1`
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT channel, state, COUNT(*), MAX(id) FROM (
				SELECT id, channel, state FROM deliveries WHERE `+behind+` ORDER BY notification, id LIMIT $3) page
			GROUP BY channel, state`, key, after, recountPage)
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			var highest, found int64
			c := counted{notification: key}
			err := r.Scan(&c.channel, &c.state, &found, &highest)
			into[c] += found
			n += found
			last = max(last, highest)
			return struct{}{}, err
		})
		return err
	})
	return last, n, err
}

func differences(n countedNotification, kept, found figures) (list []Difference) {
	for _, c := range message.Channels {
		for _, state := range message.States {
			at := counted{n.key, c, state}
			if kept.counts[at] != found.counts[at] {
				list = append(list, Difference{n.id, c, state, kept.counts[at], found.counts[at]})
			}
		}
	}
	if kept.open != found.open {
		list = append(list, Difference{Notification: n.id, Counted: kept.open, Found: found.open})
	}
	return list
}

// correct adds what is missing, which is right also when the counters have moved on meanwhile.
func (s *Store) correct(ctx context.Context, key int64, list []Difference) error {
	return s.Write(ctx, func(tx Tx) error {
		for _, d := range list {
			missing := d.Found - d.Counted
			var err error
			if d.State == 0 {
				_, err = tx.Exec(ctx, `UPDATE notifications SET open = open + $2 WHERE key = $1`, key, missing)
			} else {
				_, err = tx.Exec(ctx, `
					INSERT INTO notification_counts (notification, channel, state, n) VALUES ($1, $2, $3, $4)
					ON CONFLICT (notification, channel, state) DO UPDATE SET n = notification_counts.n + excluded.n`,
					key, int16(d.Channel), int16(d.State), missing)
			}
			if err != nil {
				return err
			}
		}
		return s.finish(ctx, tx, key, s.now())
	})
}

// recountHours compares what the hours count, all together, with the notifications: a delivery that leaves a final state
// is taken back in the hour in which it does, so that single hours say nothing. Where notifications are older than the
// hours that are kept there is nothing to compare.
func (s *Store) recountHours(ctx context.Context, r *Recounted, repair bool) error {
	type sum struct {
		channel message.Channel
		state   message.State
	}
	hours, notifications := map[sum]int64{}, map[sum]int64{}
	aged := false
	read := func(tx Tx, into map[sum]int64, query string) error {
		rows, err := tx.Query(ctx, query)
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			var at sum
			var n int64
			err := r.Scan(&at.channel, &at.state, &n)
			into[at] = n
			return struct{}{}, err
		})
		return err
	}
	err := s.Read(ctx, func(tx Tx) error { // few rows: one for each hour, and some for each notification
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM notifications WHERE created_at < $1)`, ms(s.now().Add(-hoursKept))).Scan(&aged)
		if err != nil || aged {
			return err
		}
		if err := read(tx, hours, `SELECT channel, state, CAST(SUM(n) AS BIGINT) FROM hour_counts GROUP BY channel, state`); err != nil {
			return err
		}
		return read(tx, notifications, `SELECT channel, state, CAST(SUM(n) AS BIGINT) FROM notification_counts WHERE state > 2 GROUP BY channel, state`)
	})
	if err != nil || aged {
		return err
	}
	missing := newTally()
	for _, c := range message.Channels {
		for _, state := range message.States {
			if at := (sum{c, state}); hours[at] != notifications[at] {
				r.Differences = append(r.Differences, Difference{"", c, state, hours[at], notifications[at]})
				missing.counts[counted{channel: c, state: state}] = notifications[at] - hours[at]
			}
		}
	}
	if !repair || len(missing.counts) == 0 {
		return nil
	}
	return s.Write(ctx, func(tx Tx) error { return countHours(ctx, tx, missing, s.now()) })
}
