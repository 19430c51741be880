package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/courier"
	"heliograph/mailbox"
	"heliograph/message"
)

var _ mailbox.WakeStore = (*Store)(nil)

// HashSubscription is SubscriptionHash for the hot path, with the hashes that rows may have instead.
func (s *Store) HashSubscription(id string) (now [16]byte, before [][16]byte) {
	list := s.subscriptionHashes(id)
	for _, hash := range list[1:] {
		before = append(before, [16]byte(hash))
	}
	return [16]byte(list[0]), before
}

// HashServer is MailServerHash.
func (s *Store) HashServer(name string) []byte { return s.MailServerHash(name) }

// HashWatermark is WatermarkHash for the hot path.
func (s *Store) HashWatermark(watermark string) mailbox.WatermarkHash {
	return mailbox.WatermarkHash(s.WatermarkHash(watermark))
}

// targetColumns are what a desk knows of a registration; p is its pending row.
const targetColumns = `r.key, r.id, r.capability_hash, r.platform, r.app, r.environment, r.wake, r.app_key, r.state, r.token, r.token_at,
	r.event_at, r.badge, r.badge_time, r.badge_subscription, r.displaced, r.pace,
	COALESCE(p.wake, 0), p.badge IS NOT NULL, COALESCE(p.since, 0)`

const targetTables = `registrations r LEFT JOIN pending_wakes p ON p.registration = r.key AND p.sent_at = 0`

// Targets finds registrations by the hashes of their capabilities, with their tokens.
func (s *Store) Targets(ctx context.Context, hashes [][32]byte) (list []mailbox.Target, err error) {
	if e, ok := s.engine.(*sqliteEngine); ok {
		found, err := e.targets(ctx, hashes)
		if err != nil {
			return nil, err
		}
		return s.allOpened(found)
	}
	rows := make([][]any, len(hashes))
	for i := range hashes {
		rows[i] = []any{hashes[i][:]}
	}
	text, err := jsonRows(rows)
	if err != nil {
		return nil, err
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+targetColumns+` FROM `+targetTables+` WHERE r.capability_hash IN `+s.listed("$1", bytesKind), text)
		found, err := all(rows, err, scanTarget)
		if err != nil {
			return err
		}
		list, err = s.allOpened(found)
		return err
	})
	return list, err
}

// targets asks SQLite, which is in this process, by statements that stay prepared. For so small a question most goes into
// putting it, so each asks for several; whom it has no more of, it asks for the last one again.
func (e *sqliteEngine) targets(ctx context.Context, hashes [][32]byte) ([]targetRow, error) {
	list := make([]targetRow, 0, len(hashes))
	if r := e.roster.Load(); r != nil {
		begun := r.read()
		defer func() { r.take(list, begun) }()
	}
	for len(hashes) > 0 {
		n := min(len(hashes), targetsAsked)
		args := make([]any, 0, targetsAsked)
		for i := range targetsAsked {
			args = append(args, hashes[min(i, n-1)][:])
		}
		if n == 1 {
			args = args[:1]
		}
		rows, err := e.ask(ctx, targetQueries[len(args)], args...)
		found, err := all(rows, err, scanTarget)
		if err != nil {
			return nil, err
		}
		list, hashes = append(list, found...), hashes[n:]
	}
	return list, nil
}

// targetsAsked is for how many one statement asks.
const targetsAsked = 16

// targetQueries are the statements by how many they ask for.
var targetQueries = map[int]string{1: targetQuery(1), targetsAsked: targetQuery(targetsAsked)}

func targetQuery(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "$" + strconv.Itoa(i+1)
	}
	return `SELECT ` + targetColumns + ` FROM ` + targetTables + ` WHERE r.capability_hash IN (` + strings.Join(names, `, `) + `)`
}

// targetRow is a target with its token as it is stored.
type targetRow struct {
	mailbox.Target
	sealed []byte
}

// scanTarget reads targetColumns.
func scanTarget(r Row) (targetRow, error) { return scanTargetWith(r) }

// scanTargetWith reads targetColumns, and what into names behind them.
func scanTargetWith(r Row, into ...any) (t targetRow, err error) {
	var (
		id, hash                              []byte
		token, event, badge, parked, parkedAt int64
	)
	columns := []any{
		&t.Key, &id, &hash, &t.Platform, &t.App, &t.Environment, &t.Wake, &t.AppKey, &t.State, &t.sealed, &token,
		&event, &t.Badge.Count, &badge, &t.Badge.Subscription, &t.Displaced, &t.Pace,
		&parked, &t.ParkedBadge, &parkedAt,
	}
	if err = r.Scan(append(columns, into...)...); err != nil {
		return t, err
	}
	copy(t.ID[:], id)
	copy(t.CapabilityHash[:], hash)
	t.TokenAt, t.EventAt, t.Badge.At = at(token), at(event), at(badge)
	t.Parked, t.ParkedSince = wakeKind(parked), at(parkedAt)
	return t, nil
}

// opened is a target with its token.
func (s *Store) opened(row targetRow) (t mailbox.Target, err error) {
	t = row.Target
	if t.State == mailbox.Live {
		t.Token, err = s.openMailToken(t.ID, row.sealed)
	}
	return t, err
}

func (s *Store) allOpened(rows []targetRow) ([]mailbox.Target, error) {
	list := make([]mailbox.Target, len(rows))
	for i := range rows {
		var err error
		if list[i], err = s.opened(rows[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Park writes pending rows and settles others, in the order of each registration's.
func (s *Store) Park(ctx context.Context, list []mailbox.Parking) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b mailbox.Parking) int { return cmp.Compare(a.Key, b.Key) }) // locks are taken in one order
	return s.Write(ctx, func(tx Tx) error { return s.runEach(ctx, tx, parkings(list), nil) })
}

func parkings(list []mailbox.Parking) []statement {
	statements := make([]statement, len(list))
	for i, p := range list {
		if p.Settled {
			statements[i] = statement{settleWake, []any{p.Key, ms(p.Since)}}
			continue
		}
		badge, told, subscription := badgeColumns(p.Badge)
		statements[i] = statement{parkWake, []any{p.Key, p.Route.Kind, p.Route.App, p.Route.Environment, int64(p.Kind),
			badge, told, subscription, bytesOrNil(p.Paced), ms(p.Since), ms(p.NextAt), string(p.Reason)}}
	}
	return statements
}

const settleWake = `DELETE FROM pending_wakes WHERE registration = $1 AND since <= $2`

// parkWake: of two wakes in one row the stronger kind stays (1 new is stronger than 2 change, 3 resubscribe is stronger
// than both), the newest badge, and the earlier time. A row that was sent and is only looked at again is as good as none.
const parkWake = `
	INSERT INTO pending_wakes AS p (registration, kind, app, environment, wake, badge, badge_time, badge_subscription, paced, since, next_at, reason)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT (registration) DO UPDATE SET kind = excluded.kind, app = excluded.app, environment = excluded.environment,
		wake = CASE
			WHEN p.sent_at <> 0 THEN excluded.wake
			WHEN p.wake = 3 OR excluded.wake = 3 THEN 3
			WHEN p.wake < excluded.wake THEN p.wake
			ELSE excluded.wake END,
		badge = CASE WHEN ` + newerBadge + ` THEN excluded.badge ELSE p.badge END,
		badge_subscription = CASE WHEN ` + newerBadge + ` THEN excluded.badge_subscription ELSE p.badge_subscription END,
		badge_time = CASE WHEN ` + newerBadge + ` THEN excluded.badge_time ELSE p.badge_time END,
		paced = CASE WHEN excluded.wake <> 3 THEN NULL ELSE excluded.paced END,
		since = CASE WHEN p.since > excluded.since THEN p.since ELSE excluded.since END,
		next_at = CASE WHEN p.sent_at = 0 AND p.next_at < excluded.next_at THEN p.next_at ELSE excluded.next_at END,
		attempts = CASE WHEN p.sent_at <> 0 THEN 0 ELSE p.attempts END,
		sent_at = 0, reason = excluded.reason`

const newerBadge = `(excluded.badge IS NOT NULL AND (p.badge IS NULL OR p.badge_subscription <> excluded.badge_subscription OR excluded.badge_time >= p.badge_time))`

// badgeColumns are a badge as the database keeps it.
func badgeColumns(b mailbox.Badge) (count any, told int64, subscription any) {
	if b.Count == nil {
		return nil, 0, nil
	}
	return int64(*b.Count), ms(b.At), bytesOrNil(b.Subscription)
}

// DueRoutes lists the routes that have rows to try. It steps from route to route by the index: there may be a million rows.
func (s *Store) DueRoutes(ctx context.Context) (due []mailbox.Route, err error) {
	now := ms(s.now())
	err = s.Read(ctx, func(tx Tx) error {
		var r mailbox.Route
		for {
			err := tx.QueryRow(ctx, `
				SELECT kind, app, environment FROM pending_wakes WHERE (kind, app, environment) > ($1, $2, $3)
				ORDER BY kind, app, environment LIMIT 1`, r.Kind, r.App, r.Environment).Scan(&r.Kind, &r.App, &r.Environment)
			if errors.Is(err, ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			var has bool
			err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pending_wakes WHERE kind = $1 AND app = $2 AND environment = $3 AND next_at <= $4)`,
				r.Kind, r.App, r.Environment, now).Scan(&has)
			if err != nil {
				return err
			}
			if has {
				due = append(due, r)
			}
		}
	})
	return due, err
}

// AddRetries inserts a job for each, unless an equal one waits or runs.
func (s *Store) AddRetries(ctx context.Context, list []mailbox.RetryArgs) error {
	jobs := make([]courier.Job, len(list))
	for i, args := range list {
		jobs[i] = courier.Job{Args: args, Queue: mailbox.Queue, Lane: courier.Urgent, Once: true}
	}
	return s.Write(ctx, func(tx Tx) error { return s.jobs.Insert(ctx, tx, jobs...) })
}

// claimed is a pending row that is ours for a while.
type claimed struct {
	key, wake, attempts, badgeTime, since, sent int64
	badge                                       *int
	subscription, paced                         []byte
}

// Claim takes rows of a route that are due.
func (s *Store) Claim(ctx context.Context, r mailbox.Route, c mailbox.Claim) (list []mailbox.Due, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		rows, err := s.claim(ctx, tx, r, c)
		if err != nil || len(rows) == 0 {
			list = nil
			return err
		}
		turns, err := s.turns(ctx, tx, rows, c)
		if err != nil {
			return err
		}
		list, err = s.dues(ctx, tx, rows, turns)
		return err
	})
	return list, err
}

func (s *Store) claim(ctx context.Context, tx Tx, r mailbox.Route, c mailbox.Claim) ([]claimed, error) {
	skip := s.lockRows()
	if skip != "" {
		skip += " SKIP LOCKED"
	}
	now := s.now()
	rows, err := tx.Query(ctx, `
		UPDATE pending_wakes SET next_at = $5 WHERE registration IN (
			SELECT registration FROM pending_wakes WHERE kind = $1 AND app = $2 AND environment = $3 AND next_at <= $4
			ORDER BY next_at LIMIT $6`+skip+`)
		RETURNING registration, wake, badge, badge_time, badge_subscription, paced, since, sent_at, attempts`,
		r.Kind, r.App, r.Environment, ms(now), ms(now.Add(c.Lease)), c.Limit)
	return all(rows, err, func(r Row) (v claimed, err error) {
		err = r.Scan(&v.key, &v.wake, &v.badge, &v.badgeTime, &v.subscription, &v.paced, &v.since, &v.sent, &v.attempts)
		return v, err
	})
}

// turns gives each row that shares a rate its turn, by key. Those whose turn is not within the window are due again when it
// is over, and get none.
func (s *Store) turns(ctx context.Context, tx Tx, rows []claimed, c mailbox.Claim) (map[int64]time.Time, error) {
	turns, next, putOff := map[int64]time.Time{}, map[string]time.Time{}, []statement(nil)
	now := s.now()
	for _, row := range rows {
		if len(row.paced) == 0 {
			continue
		}
		server := string(row.paced)
		if _, known := next[server]; !known {
			free, err := s.nextTurn(ctx, tx, row.paced)
			if err != nil {
				return nil, err
			}
			next[server] = later(free, now)
		}
		if turn := next[server]; turn.Before(now.Add(c.Window)) {
			turns[row.key], next[server] = turn, turn.Add(time.Duration(float64(time.Second)/c.Pace))
			continue
		}
		turns[row.key] = time.Time{}
		putOff = append(putOff, statement{`UPDATE pending_wakes SET next_at = $2 WHERE registration = $1`, []any{row.key, ms(now.Add(c.Window))}})
	}
	for server, turn := range next {
		putOff = append(putOff, statement{`UPDATE mail_server_losses SET next_wake_at = $2 WHERE server_hash = $1`, []any{[]byte(server), ms(turn)}})
	}
	return turns, s.runEach(ctx, tx, putOff, nil)
}

func (s *Store) nextTurn(ctx context.Context, tx Tx, server []byte) (time.Time, error) {
	var free int64
	err := tx.QueryRow(ctx, `SELECT next_wake_at FROM mail_server_losses WHERE server_hash = $1`+s.lockRows(), server).Scan(&free)
	if errors.Is(err, ErrNoRows) {
		err = nil
	}
	return at(free), err
}

// dues reads the registrations of claimed rows. Rows of registrations that are gone go too.
func (s *Store) dues(ctx context.Context, tx Tx, rows []claimed, turns map[int64]time.Time) (list []mailbox.Due, err error) {
	keys := make([]int64, len(rows))
	for i, row := range rows {
		keys[i] = row.key
	}
	found, err := tx.Query(ctx, `SELECT `+targetColumns+`, r.wake_at, r.wake_result FROM `+targetTables+` WHERE r.key IN `+s.listed("$1", intKind), jsonKeys(keys))
	targets, err := all(found, err, func(r Row) (mailbox.Target, error) {
		var woken int64
		var result string
		row, err := scanTargetWith(r, &woken, &result)
		if err != nil {
			return row.Target, err
		}
		row.WakeAt, row.WakeResult = at(woken), result
		return s.opened(row)
	})
	if err != nil {
		return nil, err
	}
	byKey := make(map[int64]*mailbox.Target, len(targets))
	for i := range targets {
		byKey[targets[i].Key] = &targets[i]
	}
	for _, row := range rows {
		t := byKey[row.key]
		if t == nil {
			if _, err := tx.Exec(ctx, `DELETE FROM pending_wakes WHERE registration = $1`, row.key); err != nil {
				return nil, err
			}
			continue
		}
		turn, waits := turns[row.key]
		if waits && turn.IsZero() {
			continue
		}
		list = append(list, mailbox.Due{
			Target: *t, Wake: wakeKind(row.wake), Carried: mailbox.Badge{Count: row.badge, At: at(row.badgeTime), Subscription: row.subscription},
			Since: at(row.since), SentAt: at(row.sent), Attempts: int(row.attempts), Turn: turn,
		})
	}
	slices.SortStableFunc(list, func(a, b mailbox.Due) int { return a.Turn.Compare(b.Turn) })
	return list, nil
}

// SaveTries writes what became of claimed rows, unless they are newer by now, and notes what is to be told.
func (s *Store) SaveTries(ctx context.Context, list []mailbox.Try) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b mailbox.Try) int { return cmp.Compare(a.Key, b.Key) })
	now := ms(s.now())
	statements := make([]statement, len(list))
	for i, t := range list {
		switch {
		case t.NextAt.IsZero():
			statements[i] = statement{`DELETE FROM pending_wakes WHERE registration = $1 AND since = $2`, []any{t.Key, ms(t.Since)}}
		case t.Looks:
			count, told, subscription := badgeColumns(t.Sent)
			statements[i] = statement{`
				UPDATE pending_wakes SET sent_at = $3, next_at = $4, badge = $5, badge_time = $6, badge_subscription = $7, paced = NULL
				WHERE registration = $1 AND since = $2`, []any{t.Key, ms(t.Since), now, ms(t.NextAt), count, told, subscription}}
		default:
			statements[i] = statement{`UPDATE pending_wakes SET next_at = $3, attempts = attempts + $4, reason = $5 WHERE registration = $1 AND since = $2`,
				[]any{t.Key, ms(t.Since), ms(t.NextAt), oneIf(t.Failed), string(t.Reason)}}
		}
	}
	return s.Write(ctx, func(tx Tx) error {
		for _, t := range list {
			if err := s.noteTry(ctx, tx, t); err != nil {
				return err
			}
		}
		return s.runEach(ctx, tx, statements, nil)
	})
}

// noteTry writes what a try tells, unless its row is newer by now.
func (s *Store) noteTry(ctx context.Context, tx Tx, t mailbox.Try) error {
	if t.Tells == 0 {
		return nil
	}
	var same bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pending_wakes WHERE registration = $1 AND since = $2)`, t.Key, ms(t.Since)).Scan(&same)
	if err != nil || !same {
		return err
	}
	return s.note(ctx, tx, t.Key, t.Tells, string(t.Reason))
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ExpirePending deletes rows whose newest event is older than that, notes that they were given up, and counts them by app.
func (s *Store) ExpirePending(ctx context.Context, before time.Time) (expired map[string]int64, err error) {
	var old bool
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pending_wakes WHERE since < $1)`, ms(before)).Scan(&old)
	})
	if err != nil || !old {
		return nil, err
	}
	err = s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO mail_timeline (registration, at, what)
			SELECT registration, $2, CAST($3 AS SMALLINT) FROM pending_wakes WHERE since < $1 AND sent_at = 0`, ms(before), ms(s.now()), int64(mailbox.HappenedGivenUp))
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `DELETE FROM pending_wakes WHERE since < $1 RETURNING app`, ms(before))
		apps, err := all(rows, err, one[string])
		expired = map[string]int64{}
		for _, app := range apps {
			expired[app]++
		}
		return err
	})
	return expired, err
}

func wakeKind(n int64) message.WakeKind { return message.WakeKind(n) } //nolint:gosec // one of three
