package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
)

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

// ListDeliveries lists the deliveries of a notification, newest first. With a filter that hardly anything passes it looks
// through millions of rows, some at a time; with p.Within it gives up after so long, and next is where to look further.
func (s *Store) ListDeliveries(ctx context.Context, scope access.Scope, id message.NotificationID, f DeliveryFilter, p Page) (list []message.DeliveryView, next string, err error) {
	l := &deliveryList{s: s, scope: scope, filter: f, page: p, before: math.MaxInt64}
	if err := l.begin(ctx, id); err != nil {
		return nil, "", err
	}
	switch {
	case f.none():
		err = l.whole(ctx)
	case l.marked():
		err = l.byState(ctx)
	default:
		l.narrow()
		err = l.byWindow(ctx)
	}
	list, next = l.result()
	return list, next, err
}

// deliveryList is a list that is being put together.
type deliveryList struct {
	s       *Store
	scope   access.Scope
	filter  DeliveryFilter
	page    Page
	key     int64 // of the notification
	counts  message.Counts
	batches []working
	before  int64 // everything from here on was looked at
	after   int64 // nothing up to here is asked for
	found   []message.DeliveryView
	all     bool // everything was looked at
}

// begin reads what there is to be found, in the transaction in which it is known.
func (l *deliveryList) begin(ctx context.Context, id message.NotificationID) error {
	if l.page.Cursor != "" {
		c, err := parseCursor(l.page.Cursor)
		if err != nil || c.Sort != Newest || c.Ascending || len(c.Values) > 0 {
			return ErrCursor
		}
		l.before = c.Key
	}
	return l.s.Read(ctx, func(tx Tx) error {
		n, err := findNotification(ctx, tx, l.scope, id)
		if err != nil {
			return err
		}
		l.key = n.Key
		if l.batches, err = workingBatches(ctx, tx, n.Key); err != nil {
			return err
		}
		counts, err := notificationCounts(ctx, tx, n.Key)
		l.counts = counts[n.Key]
		return err
	})
}

// none reports whether everything passes.
func (f DeliveryFilter) none() bool { return f.Channel == 0 && len(f.State) == 0 && f.Search == "" }

// whole takes what comes next, whatever it is.
func (l *deliveryList) whole(ctx context.Context) error {
	l.all = true
	return l.s.Read(ctx, func(tx Tx) error { return l.take(ctx, tx, l.query()) })
}

// places are the channels and stored states that may pass the filter and are not empty: the counters know.
func (l *deliveryList) places() (list []counted) {
	for _, c := range message.Channels {
		if l.filter.Channel != 0 && l.filter.Channel != c {
			continue
		}
		for _, state := range message.States {
			if l.asks(state) && l.counts[c][state] > 0 {
				list = append(list, counted{l.key, c, state})
			}
		}
	}
	return list
}

// asks reports whether rows in a stored state may pass. What is on the wire is queued in the database.
func (l *deliveryList) asks(stored message.State) bool {
	states := l.filter.State
	return len(states) == 0 || slices.Contains(states, stored) || stored == message.Queued && slices.Contains(states, message.Sending)
}

// most is how many rows may pass.
func (l *deliveryList) most() (n int64) {
	for _, place := range l.places() {
		n += l.counts[place.channel][place.state]
	}
	return n
}

// markedStates are those that an index of their own leads to, in the words of its condition.
const markedStates = `state IN (5, 6, 7, 8)`

// channelNumbers are one channel, or all of them (0), for an index that begins with it.
func channelNumbers(c message.Channel) string {
	if c != 0 {
		return numbers([]int64{int64(c)})
	}
	var keys []int64
	for _, one := range message.Channels {
		keys = append(keys, int64(one))
	}
	return numbers(keys)
}

// marked reports whether only rows of that index are asked for.
func (l *deliveryList) marked() bool {
	return len(l.filter.State) > 0 && !slices.ContainsFunc(l.filter.State, func(state message.State) bool {
		return !slices.Contains([]message.State{message.Failed, message.Skipped, message.Cancelled, message.Unknown}, state)
	}) && l.filter.Search == ""
}

// byState takes the newest of each channel and state, and merges them.
func (l *deliveryList) byState(ctx context.Context) error {
	l.all = true
	return l.s.Read(ctx, func(tx Tx) error {
		for _, place := range l.places() {
			q := l.query()
			q.where("d.channel = %d AND d.state = %d AND d.%s", place.channel, place.state, markedStates)
			if err := l.take(ctx, tx, q); err != nil {
				return err
			}
		}
		slices.SortFunc(l.found, func(a, b message.DeliveryView) int { return int(b.ID - a.ID) })
		return nil
	})
}

// narrow leaves out what cannot be on the wire when nothing else is asked for: outside of the batches that are worked there
// are only text messages, which are marked and counted.
func (l *deliveryList) narrow() {
	if len(l.filter.State) != 1 || l.filter.State[0] != message.Sending || l.counts.In(message.Sending) > 0 {
		return
	}
	var first, end int64 = math.MaxInt64, 0
	for _, b := range l.batches {
		first, end = min(first, int64(b.first)), max(end, int64(b.last)+1)
	}
	l.after, l.before = first-1, min(l.before, end)
	l.all = l.before <= first
}

// windowDeliveries is how many rows one transaction looks through.
var windowDeliveries = 50_000 // tests make it small

// byWindow looks through the rows, the newest first, until the page is full or nothing more can be found.
func (l *deliveryList) byWindow(ctx context.Context) error {
	most, began := l.most(), time.Now()
	for looked := false; !l.all && int64(len(l.found)) < most && len(l.found) <= l.page.limit(); looked = true {
		if looked && l.page.Within > 0 && time.Since(began) > l.page.Within {
			return nil
		}
		if err := l.s.Read(ctx, func(tx Tx) error { return l.window(ctx, tx) }); err != nil {
			return err
		}
	}
	l.all = l.all || int64(len(l.found)) >= most
	return nil
}

// window looks through the next rows.
func (l *deliveryList) window(ctx context.Context, tx Tx) error {
	var last int64
	q := l.query()
	err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT d.id FROM deliveries d WHERE %s ORDER BY d.notification DESC, d.id DESC LIMIT 1 OFFSET %d`,
		q.clause(), windowDeliveries-1), q.args...).Scan(&last)
	if l.all = errors.Is(err, ErrNoRows); err != nil && !l.all {
		return err
	}
	q = l.query()
	if !l.all {
		q.where("d.id >= %s", q.arg(last))
	}
	l.s.filterDeliveries(q, l.scope, l.filter, l.batches)
	if err := l.take(ctx, tx, q); err != nil {
		return err
	}
	l.before = last
	return nil
}

// query asks for rows that were not looked at.
func (l *deliveryList) query() *query {
	q := l.s.query()
	key, before, after := q.arg(l.key), q.arg(l.before), q.arg(l.after)
	if l.s.Postgres() != nil && !l.marked() { // else it reads all rows by their keys, when a notification has many of them
		q.where("(d.notification, d.id) < (%s, %s) AND (d.notification, d.id) > (%s, %s)", key, before, key, after)
		return q
	}
	q.where("d.notification = %s AND d.id < %s AND d.id > %s", key, before, after)
	return q
}

// take adds what a query finds, up to one more than the page holds.
func (l *deliveryList) take(ctx context.Context, tx Tx, q *query) error {
	page := l.page
	page.Cursor = ""
	tail, err := q.page(page, order{exprs: []string{"d.notification"}}, "d.id")
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT `+viewColumns+viewJoins(l.scope)+` WHERE `+q.clause()+tail, q.args...)
	list, err := all(rows, err, viewScan(l.scope))
	for i := range list {
		list[i].State = stateNow(list[i].Delivery, l.batches)
	}
	l.found = append(l.found, list...)
	return err
}

// result is the page, and where the next one begins.
func (l *deliveryList) result() ([]message.DeliveryView, string) {
	list, next := cut(l.page, l.found, func(d message.DeliveryView) ([]string, int64) { return nil, int64(d.ID) })
	if next == "" && !l.all {
		next = cursor{l.page.Sort, l.page.Ascending, nil, l.before}.String()
	}
	return list, next
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
