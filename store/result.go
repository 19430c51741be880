package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/message"
)

// SaveResults writes everything that a batch came to, and ends its job, in one transaction.
func (s *Store) SaveResults(ctx context.Context, r courier.Results) error {
	return s.Write(ctx, func(tx Tx) error {
		counts, err := s.writeResults(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := s.writeAttempts(ctx, tx, r); err != nil {
			return err
		}
		if err := s.writeMarks(ctx, tx, r); err != nil {
			return err
		}
		if err := s.writeHealth(ctx, tx, r); err != nil {
			return err
		}
		if err := s.jobs.Insert(ctx, tx, r.Jobs...); err != nil {
			return err
		}
		if err := s.jobs.Complete(ctx, tx, r.Running); err != nil {
			return err
		}
		return s.settle(ctx, tx, counts, r.At)
	})
}

// writeResults updates the deliveries, and counts how their states changed. What was sent is sent, even if somebody
// cancelled it meanwhile: so the counts follow from the states that are found here, and not from those that were read.
func (s *Store) writeResults(ctx context.Context, tx Tx, r courier.Results) (tally, error) {
	counts := newTally()
	var each []courier.Result
	for _, run := range runsOf(r.List) {
		if len(run) < shortRun || run[0].State == run[0].Delivery.State {
			each = append(each, run...)
			continue
		}
		for _, part := range named(run) {
			left, err := s.writeRun(ctx, tx, part, r.At, counts)
			if err != nil {
				return counts, err
			}
			each = append(each, left...)
		}
	}
	return counts, s.writeEach(ctx, tx, each, r.At, counts)
}

// shortRun is below how many results a statement of their own does not pay.
const shortRun = 8

// runsOf cuts results into runs that can be written together: deliveries with keys that follow each other, from one
// state into another, for the same reason. Only what their provider calls them may differ.
func runsOf(list []courier.Result) (runs [][]courier.Result) {
	start := 0
	for i := 1; i <= len(list); i++ {
		if i < len(list) && alike(list[i-1], list[i]) {
			continue
		}
		runs = append(runs, list[start:i])
		start = i
	}
	return runs
}

func alike(a, b courier.Result) bool {
	x, y := a.Delivery, b.Delivery
	return y.ID == x.ID+1 && x.Notification == y.Notification && x.Channel == y.Channel && x.State == y.State &&
		a.State == b.State && a.Attempts == b.Attempts && a.DueAt.Equal(b.DueAt) && a.Reason == b.Reason && a.Detail == b.Detail
}

// namedRun is a run with what their provider calls them, as it is stored.
type namedRun struct {
	list  []courier.Result
	names []string
	same  bool // all have the first name
}

// named cuts a run where the name changes, when that is seldom: all recipients of one mail have the same, and without
// names that differ there is no JSON to be read.
func named(run []courier.Result) (parts []namedRun) {
	names := make([]string, len(run))
	for i, one := range run {
		names[i] = nameOf(one)
	}
	start := 0
	for i := 1; i <= len(run); i++ {
		if i < len(run) && names[i] == names[start] {
			continue
		}
		parts = append(parts, namedRun{run[start:i], names[start:i], true})
		start = i
	}
	if len(parts)*shortRun > len(run) {
		return []namedRun{{run, names, false}}
	}
	return parts
}

// writeRun updates a run whose deliveries are still in the state in which they were read, by one statement. It returns
// those that are not, which have to be looked at one by one.
func (s *Store) writeRun(ctx context.Context, tx Tx, run namedRun, now time.Time, counts tally) (left []courier.Result, err error) {
	one := run.list[0]
	first, last := one.Delivery.ID, run.list[len(run.list)-1].Delivery.ID
	args := []any{int64(first), int64(last), int16(one.Delivery.State), int16(one.State), one.Attempts, ms(one.DueAt),
		orNil(string(one.Reason)), orNil(one.Detail), finishedAt(one, now)}
	set := `UPDATE deliveries SET state = $4, attempts = $5, due_at = $6, reason = $7, detail = $8, finished_at = $9, provider_id = `
	where := ` WHERE deliveries.id BETWEEN $1 AND $2 AND deliveries.state = $3`
	query := set + "$10" + where
	if run.same {
		args = append(args, orNil(run.names[0]))
	} else {
		args = append(args, jsonTexts(run.names))
		query = set + "NULLIF(p.value, '') FROM " + s.eachNumbered("$10") + " p" + where + " AND deliveries.id = $1 + p.key"
	}
	written, err := tx.Exec(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	counts.add(one.Delivery.Notification, one.Delivery.Channel, one.Delivery.State, one.State, written)
	if written == int64(len(run.list)) {
		return nil, nil
	}
	return s.untouched(ctx, tx, run.list)
}

// untouched finds the deliveries of a run that were not in the state in which they were read.
func (s *Store) untouched(ctx context.Context, tx Tx, run []courier.Result) (left []courier.Result, err error) {
	found, err := s.statesOf(ctx, tx, run)
	for _, one := range run {
		if state, ok := found[one.Delivery.ID]; ok && state != one.State {
			left = append(left, one)
		}
	}
	return left, err
}

// derivedName stands in the database for a name that follows from the delivery's own key, as an apns-id does.
const derivedName = "="

// nameOf is what a provider calls a delivery, as it is stored.
func nameOf(r courier.Result) string {
	if r.Delivery.Channel == message.Push && r.ProviderID != "" && r.ProviderID == r.Delivery.ID.UUID() {
		return derivedName
	}
	return r.ProviderID
}

// fullName is the stored name as the provider wrote it.
func fullName(id message.DeliveryID, stored string) string {
	if stored == derivedName {
		return id.UUID()
	}
	return stored
}

func jsonTexts(texts []string) string {
	out := append(make([]byte, 0, 40*len(texts)), '[')
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendJSONString(out, text)
	}
	return string(append(out, ']'))
}

// finishedAt is when a result ended its delivery; 0 = it did not.
func finishedAt(r courier.Result, now time.Time) int64 {
	if r.State.Open() {
		return 0
	}
	return ms(now)
}

// resultRow is one result as writeEach hands it to the database, in JSON.
type resultRow [8]any

// writeEach updates deliveries that have little in common.
func (s *Store) writeEach(ctx context.Context, tx Tx, list []courier.Result, now time.Time, counts tally) error {
	if len(list) == 0 {
		return nil
	}
	before, err := s.statesOf(ctx, tx, list)
	if err != nil {
		return err
	}
	rows := make([]resultRow, 0, len(list))
	for _, one := range list {
		d := one.Delivery
		was, ok := before[d.ID]
		if !ok || !was.Open() && one.State.Open() { // deleted, or ended by hand: it does not come back
			continue
		}
		if overtaken(d.Channel, was, one.State) {
			if err := s.nameDelivery(ctx, tx, one); err != nil {
				return err
			}
			continue
		}
		counts.move(d.Notification, d.Channel, was, one.State)
		rows = append(rows, resultRow{int64(d.ID), int(one.State), one.Attempts, ms(one.DueAt), string(one.Reason), one.Detail, nameOf(one), finishedAt(one, now)})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE deliveries SET state = r.state, attempts = r.attempts, due_at = r.due_at, reason = r.reason, detail = r.detail,
			provider_id = r.provider_id, finished_at = r.finished_at
		FROM (SELECT CAST(value ->> 0 AS BIGINT) AS id, CAST(value ->> 1 AS SMALLINT) AS state, CAST(value ->> 2 AS SMALLINT) AS attempts,
			CAST(value ->> 3 AS BIGINT) AS due_at, NULLIF(value ->> 4, '') AS reason, NULLIF(value ->> 5, '') AS detail,
			NULLIF(value ->> 6, '') AS provider_id, CAST(value ->> 7 AS BIGINT) AS finished_at FROM `+s.each("$1")+`) AS r
		WHERE deliveries.id = r.id`, string(text))
	return err
}

// overtaken: a receipt came before the answer of its batch was written, and it knows more. While a text message is on the
// wire nothing but a receipt ends it.
func overtaken(c message.Channel, was, result message.State) bool {
	settled := was == message.Delivered || was == message.Failed && c == message.SMS
	return settled && (result == message.Sent || result == message.Unknown)
}

// nameDelivery writes what an answer says beside the state.
func (s *Store) nameDelivery(ctx context.Context, tx Tx, r courier.Result) error {
	_, err := tx.Exec(ctx, `UPDATE deliveries SET attempts = $2, provider_id = $3 WHERE id = $1`,
		int64(r.Delivery.ID), r.Attempts, orNil(nameOf(r)))
	return err
}

func (s *Store) statesOf(ctx context.Context, tx Tx, list []courier.Result) (map[message.DeliveryID]message.State, error) {
	ids := make([]int64, len(list))
	for i, one := range list {
		ids[i] = int64(one.Delivery.ID)
	}
	rows, err := tx.Query(ctx, `SELECT id, state FROM deliveries WHERE id IN (`+numbers(ids)+`) ORDER BY id`+s.lockRows())
	states := make(map[message.DeliveryID]message.State, len(list))
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var id message.DeliveryID
		var state message.State
		err := r.Scan(&id, &state)
		states[id] = state
		return struct{}{}, err
	})
	return states, err
}

func (s *Store) writeAttempts(ctx context.Context, tx Tx, r courier.Results) error {
	var rows [][]any
	for _, one := range r.List {
		if a := one.Attempt; a != nil {
			rows = append(rows, []any{int64(one.Delivery.ID), ms(a.At), a.Server, string(a.Reason), a.Answer, a.Detail})
		}
	}
	return s.insertMany(ctx, tx, "attempts", []string{"delivery", "at", "server", "reason", "answer", "detail"}, rows)
}

// writeMarks remembers what a provider said of an address for good.
func (s *Store) writeMarks(ctx context.Context, tx Tx, r courier.Results) error {
	for _, one := range r.List {
		if one.Mark == "" {
			continue
		}
		err := s.mark(ctx, tx, one, r.At)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) mark(ctx context.Context, tx Tx, one courier.Result, when time.Time) (err error) {
	switch one.Mark {
	case message.TokenDead, message.TokenMismatch:
		state := fleet.TokenDead
		if one.Mark == message.TokenMismatch {
			state = fleet.TokenSuspended
		}
		// A token that arrived while the batch was on its way is another one, and the answer was not about it.
		_, err = tx.Exec(ctx, `UPDATE push_tokens SET state = $2, reason = $3, since = $4 WHERE device_key = $1 AND state = 'live' AND arrived_at <= $5`,
			one.Delivery.Device, string(state), one.Detail, ms(when), ms(one.Arrived))
	default:
		_, err = tx.Exec(ctx, `
			INSERT INTO address_marks (channel, address, reason, detail, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, at = excluded.at`,
			int16(one.Delivery.Channel), strings.ToLower(one.Delivery.Address), string(one.Mark), one.Detail, ms(when))
	}
	return err
}

func (s *Store) writeHealth(ctx context.Context, tx Tx, r courier.Results) error {
	if r.Answer != "" {
		if err := answered(ctx, tx, r.Server, r.At, r.Answer); err != nil {
			return err
		}
	}
	switch {
	case r.Pause != nil:
		return s.pauseServer(ctx, tx, r.Server, *r.Pause)
	case r.Resume:
		var id string
		if err := tx.QueryRow(ctx, `SELECT id FROM servers WHERE key = $1`, r.Server).Scan(&id); err != nil {
			return err
		}
		return s.resumeServer(ctx, tx, id)
	}
	return nil
}
