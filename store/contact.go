package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"heliograph/mailbox"
)

// SaveContacts adds what a node learned since its last batch. What it finds in what was stored, it returns.
func (s *Store) SaveContacts(ctx context.Context, list []mailbox.Contact) (found mailbox.Judged, err error) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b mailbox.Contact) int { return cmp.Compare(a.Key, b.Key) }) // locks are taken in one order
	err = s.Write(ctx, func(tx Tx) error {
		found = mailbox.Judged{}
		b := contactBatch{store: s, tx: tx, now: s.now(), found: &found}
		return b.save(ctx, list)
	})
	if r := s.roster(); r != nil && err == nil {
		r.heard(list)
	}
	return found, err
}

// contactBatch is one batch on its way into the database.
type contactBatch struct {
	store *Store
	tx    Tx
	now   time.Time
	found *mailbox.Judged
}

// subscriptionRow is what a subscription's row says after a contact was written into it.
type subscriptionRow struct {
	contact      *mailbox.SubscriptionContact
	registration int64
	key          int64
	gap          bool
	late, lost   int64
	watched      bool
	folder       mailbox.Folder
	server       []byte
}

func (b *contactBatch) save(ctx context.Context, list []mailbox.Contact) error {
	if err := b.store.runEach(ctx, b.tx, registrationContacts(list), nil); err != nil {
		return err
	}
	rows, missing, err := b.subscriptions(ctx, list)
	if err != nil {
		return err
	}
	for i := range missing {
		if err := b.unknown(ctx, &missing[i]); err != nil {
			return err
		}
		if missing[i].key != 0 {
			rows = append(rows, missing[i])
		}
	}
	for _, row := range rows {
		if err := b.judge(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// registrationContacts leave registrations alone of which nothing but signs of life were heard: those are their
// subscriptions' own.
func registrationContacts(list []mailbox.Contact) (statements []statement) {
	for i := range list {
		c := &list[i]
		if quiet(c) {
			continue
		}
		args := []any{c.Key, ms(c.HeardAt), ms(c.EventAt), c.Events, c.Wakes, ms(c.Woken.At), c.Woken.Result, c.Woken.Reason, c.Displaced, bytesOrNil(c.Pace)}
		query := touchRegistration
		if count, told, subscription := badgeColumns(c.Badge); count != nil {
			query, args = touchWithBadge, append(args, count, told, subscription)
		}
		statements = append(statements, statement{query, args})
	}
	return statements
}

// quiet reports whether nothing but signs of life were heard.
func quiet(c *mailbox.Contact) bool {
	return c.EventAt.IsZero() && c.Woken.At.IsZero() && c.Badge.Count == nil && len(c.Subscriptions) > 0
}

const touchRegistration = touchHead + touchTail

const touchHead = `
	UPDATE registrations SET
		heard_at = CASE WHEN heard_at < $2 THEN $2 ELSE heard_at END,
		event_at = CASE WHEN event_at < $3 THEN $3 ELSE event_at END,
		events = events + $4, wakes = wakes + $5,
		wake_result = CASE WHEN wake_at <= $6 AND $6 > 0 THEN $7 ELSE wake_result END,
		wake_reason = CASE WHEN wake_at <= $6 AND $6 > 0 THEN $8 ELSE wake_reason END,
		wake_at = CASE WHEN wake_at < $6 THEN $6 ELSE wake_at END,
		displaced = $9, pace = $10`

const touchTail = ` WHERE key = $1 AND state <> 3`

// touchWithBadge takes a badge that is not older than the one that is there, by the time of its own subscription; that of
// another subscription when it came later.
const touchWithBadge = touchHead + `,
		badge = CASE WHEN ` + takesBadge + ` THEN $11 ELSE badge END,
		badge_time = CASE WHEN ` + takesBadge + ` THEN $12 ELSE badge_time END,
		badge_subscription = CASE WHEN ` + takesBadge + ` THEN $13 ELSE badge_subscription END` + touchTail

const takesBadge = `badge IS NULL OR badge_subscription IS NULL OR (badge_subscription = $13 AND badge_time <= $12) OR (badge_subscription <> $13 AND event_at <= $3)`

// touchSubscription: a notification went missing when what went before the first one is neither the last that was stored
// nor the one before, and the row is so old that no other node's batch can be on its way. It returns the row as it is then,
// late and lost as they were.
const touchSubscription = `
	UPDATE subscriptions SET
		heard_at = CASE WHEN heard_at < $3 THEN $3 ELSE heard_at END,
		event_at = CASE WHEN event_at < $4 THEN $4 ELSE event_at END,
		` + setWatermarks + `,
		gap_at = CASE WHEN ` + missing + ` THEN $10 ELSE gap_at END
	WHERE registration = $1 AND id_hash = $2
	RETURNING key, gap_at = $10, late_at, lost_at, frequency_minutes IS NOT NULL, folder, server_hash`

// hearSubscription is touchSubscription for a row that is well and misses nothing, which is nearly all of them.
const hearSubscription = `
	UPDATE subscriptions SET
		heard_at = CASE WHEN heard_at < $3 THEN $3 ELSE heard_at END,
		event_at = CASE WHEN event_at < $4 THEN $4 ELSE event_at END,
		` + setWatermarks + `
	WHERE registration = $1 AND id_hash = $2 AND late_at = 0 AND lost_at = 0 AND (` + missing + `) IS NOT TRUE`

const (
	missing = `watermark_hash <> $5 AND (previous_watermark_hash IS NULL OR previous_watermark_hash <> $5) AND heard_at < $8`

	setWatermarks = `
		previous_watermark_hash = CASE WHEN watermark_hash = $7 OR $9 THEN previous_watermark_hash ELSE COALESCE($6, watermark_hash) END,
		watermark_hash = COALESCE($7, watermark_hash)`
)

// gapPatience is how old a row must be for a watermark that does not follow it to mean something.
const gapPatience = 5 * time.Second

func (b *contactBatch) touch(registration int64, id []byte, c *mailbox.SubscriptionContact) statement {
	return statement{touchSubscription, []any{
		registration, id, ms(c.HeardAt), ms(c.EventAt), hashOrNil(c.First), hashOrNil(c.Before), hashOrNil(c.Last),
		ms(c.FirstAt.Add(-gapPatience)), c.Last == mailbox.WatermarkHash{}, ms(b.now),
	}}
}

// hashOrNil stores no watermark as NULL.
func hashOrNil(h mailbox.WatermarkHash) any {
	if h == (mailbox.WatermarkHash{}) {
		return nil
	}
	return h[:]
}

// subscriptions writes the contacts of all subscriptions, and returns the rows that there is something to say about, and
// those that are not there.
func (b *contactBatch) subscriptions(ctx context.Context, list []mailbox.Contact) (rows, missing []subscriptionRow, err error) {
	heard, well := b.heard(list)
	touched, err := b.store.countEach(ctx, b.tx, well)
	if err != nil {
		return nil, nil, err
	}
	var again []statement
	for i, row := range heard {
		if touched[i] == 0 || row.contact.Failed {
			again = append(again, b.touch(row.registration, row.contact.ID[:], row.contact))
			rows = append(rows, row)
		}
	}
	err = b.store.runEach(ctx, b.tx, again, func(i int, r Row) error { return rows[i].scan(r) })
	there := rows[:0]
	for _, row := range rows {
		if row.key == 0 {
			missing = append(missing, row)
		} else {
			there = append(there, row)
		}
	}
	return there, missing, err
}

// heard are the subscriptions with what is written of each that is well.
func (b *contactBatch) heard(list []mailbox.Contact) (rows []subscriptionRow, well []statement) {
	for i := range list {
		for j := range list[i].Subscriptions {
			c := &list[i].Subscriptions[j]
			rows = append(rows, subscriptionRow{contact: c, registration: list[i].Key})
			well = append(well, statement{hearSubscription, b.touch(list[i].Key, c.ID[:], c).args[:9]})
		}
	}
	return rows, well
}

// scan reads what touchSubscription returns. The key stays 0 when there is no row.
func (row *subscriptionRow) scan(r Row) error {
	err := r.Scan(&row.key, &row.gap, &row.late, &row.lost, &row.watched, &row.folder, &row.server)
	if errors.Is(err, ErrNoRows) {
		return nil
	}
	return err
}

// unknown finds a row under a hash of an index key that is on its way out, and writes the new hash, or makes a row: the app
// has not told us of this subscription, or not yet. A registration has at most mailbox.MostSubscriptions; the one that was
// not heard of for longest goes.
func (b *contactBatch) unknown(ctx context.Context, row *subscriptionRow) error {
	c := row.contact
	for _, before := range c.Alternates {
		n, err := b.tx.Exec(ctx, `UPDATE subscriptions SET id_hash = $3 WHERE registration = $1 AND id_hash = $2`, row.registration, before[:], c.ID[:])
		if err != nil {
			return err
		}
		if n > 0 {
			s := b.touch(row.registration, c.ID[:], c)
			return row.scan(b.tx.QueryRow(ctx, s.query, s.args...))
		}
	}
	_, err := b.tx.Exec(ctx, `
		DELETE FROM subscriptions WHERE key IN (
			SELECT key FROM subscriptions WHERE registration = $1 AND handle IS NULL ORDER BY heard_at DESC LIMIT $2 OFFSET $2)`,
		row.registration, mailbox.MostSubscriptions-1)
	if err != nil {
		return err
	}
	_, err = b.tx.Exec(ctx, `
		INSERT INTO subscriptions (registration, source, folder, id_hash, server_hash, created_at, heard_at, event_at, watermark_hash, previous_watermark_hash)
		SELECT key, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM registrations WHERE key = $1 AND state <> 3
		ON CONFLICT (registration, id_hash) DO NOTHING`,
		row.registration, int64(c.Source), int64(c.Folder), c.ID[:], bytesOrNil(c.Server), ms(c.FirstAt), ms(c.HeardAt), ms(c.EventAt),
		hashOrNil(c.Last), hashOrNil(c.Before))
	switch {
	case err != nil:
		return err
	case c.Failed: // the first that is heard of it is that it is lost
		s := b.touch(row.registration, c.ID[:], c)
		return row.scan(b.tx.QueryRow(ctx, s.query, s.args...))
	}
	return b.follows(ctx, row)
}

// follows forgets the lost subscriptions that a new one takes the place of, as far as its app told us of none: it has
// subscribed anew.
func (b *contactBatch) follows(ctx context.Context, row *subscriptionRow) error {
	n, err := b.tx.Exec(ctx, `DELETE FROM subscriptions WHERE registration = $1 AND folder = $2 AND handle IS NULL AND lost_at <> 0`,
		row.registration, int64(row.contact.Folder))
	if err != nil || n == 0 {
		return err
	}
	return settled(ctx, b.tx, row.registration)
}

// judge does what the row asks for, beside having been written.
func (b *contactBatch) judge(ctx context.Context, row subscriptionRow) error {
	if row.gap {
		b.found.Gaps = append(b.found.Gaps, row.registration)
		if err := b.missed(ctx, row); err != nil {
			return err
		}
	}
	switch {
	case row.contact.Failed:
		return b.fail(ctx, row)
	case row.late != 0 || row.lost != 0:
		return b.recover(ctx, row)
	}
	return nil
}

func (b *contactBatch) missed(ctx context.Context, row subscriptionRow) error {
	if _, err := b.tx.Exec(ctx, `UPDATE registrations SET gaps = gaps + 1 WHERE key = $1`, row.registration); err != nil {
		return err
	}
	return b.store.note(ctx, b.tx, row.registration, mailbox.HappenedGap, row.folder.String())
}

// recover takes the marks off a subscription that is heard again. The watchdog looks at it next time, whenever that was
// to be.
func (b *contactBatch) recover(ctx context.Context, row subscriptionRow) error {
	_, err := b.tx.Exec(ctx, `UPDATE subscriptions SET late_at = 0, lost_at = 0, reminders = 0, next_reminder_at = 0 WHERE key = $1`, row.key)
	if err != nil || row.lost == 0 {
		return err
	}
	lost, err := b.lost(ctx, row)
	if err != nil {
		return err
	}
	b.found.Recovered = append(b.found.Recovered, lost)
	if err := settled(ctx, b.tx, row.registration); err != nil {
		return err
	}
	return b.store.note(ctx, b.tx, row.registration, mailbox.HappenedRecovered, row.folder.String())
}

func (b *contactBatch) lost(ctx context.Context, row subscriptionRow) (mailbox.Lost, error) {
	l := mailbox.Lost{Registration: row.registration, Server: row.server}
	err := b.tx.QueryRow(ctx, `SELECT app FROM registrations WHERE key = $1`, row.registration).Scan(&l.App)
	return l, err
}

// firstReminder is when the app is reminded of a subscription that its mail server has called broken: the event that said
// so woke it already.
const firstReminder = 30 * time.Minute

// fail marks a subscription as lost because its mail server said so.
func (b *contactBatch) fail(ctx context.Context, row subscriptionRow) error {
	if row.lost != 0 {
		return nil
	}
	next := int64(0)
	if row.watched {
		next = ms(b.now.Add(firstReminder))
	}
	_, err := b.tx.Exec(ctx, `
		UPDATE subscriptions SET lost_at = $2, late_at = CASE WHEN late_at = 0 AND frequency_minutes IS NOT NULL THEN $2 ELSE late_at END,
			reminders = 1, next_reminder_at = $3 WHERE key = $1`, row.key, ms(b.now), next)
	if err != nil {
		return err
	}
	if _, err := b.tx.Exec(ctx, `UPDATE registrations SET resubscribe = TRUE WHERE key = $1`, row.registration); err != nil {
		return err
	}
	lost, err := b.lost(ctx, row)
	if err != nil {
		return err
	}
	b.found.Failed = append(b.found.Failed, lost)
	return b.store.note(ctx, b.tx, row.registration, mailbox.HappenedLost, row.folder.String())
}

// AddFigures adds counts to this hour's.
func (s *Store) AddFigures(ctx context.Context, list []mailbox.HourFigure, times []mailbox.HourLatency) error {
	return s.Write(ctx, func(tx Tx) error {
		hour := ms(s.now().Truncate(time.Hour))
		var statements []statement
		for _, f := range list {
			statements = append(statements, statement{`
				INSERT INTO mail_hours AS h (hour, app, what, reason, n) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (hour, app, what, reason) DO UPDATE SET n = h.n + excluded.n`,
				[]any{hour, f.App, int64(f.What), f.Reason, f.N}})
		}
		for _, l := range times {
			statements = append(statements, statement{`
				INSERT INTO mail_latency AS h (hour, leg, bucket, n) VALUES ($1, $2, $3, $4)
				ON CONFLICT (hour, leg, bucket) DO UPDATE SET n = h.n + excluded.n`,
				[]any{hour, int64(l.Leg), int64(l.Bound), l.N}})
		}
		return s.runEach(ctx, tx, statements, nil)
	})
}
