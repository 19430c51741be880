package store

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/sqlite"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
)

// roster is what the rows of all registrations say of whom to wake and how, kept in memory, so that the listener need not
// ask SQLite: among a million registrations each event is about a row that nobody read for long, and reading it costs more
// than all else that is done about the event. It is SQLite's alone, where nobody but this process writes.
//
//	          read: at the start, or for its first event
//	unknown ────────────────────────────────────────────► known ◄─┐
//	   ▲                                                    │ └────┘ a batch of contacts was written: the same is done here
//	   └────────────────────────────────────────────────────┘
//	          anything else was written
//
// Triggers tell what is written, and not those who write: they are twenty, and one that forgot would wake the wrong
// device. The triggers are temporary, belong to the connection that writes, and do not look at the columns that contacts
// change. A row that the transaction in hand has changed is unknown until that has ended; what was read before is not taken.
//
// Rows hold no pointers, so that a million of them are nothing to the garbage collector: about 300 bytes each, with their
// tokens, which stay sealed.
type roster struct {
	number int64 // by which the triggers know it

	mu     sync.RWMutex
	whole  bool                // all rows were read once
	byHash map[[16]byte]uint32 // places, by the first half of the capability's hash
	byKey  map[int64]uint32
	rows   [][]rosterRow // in parts of rosterPart
	used   uint32
	free   []uint32
	tokens arena
	paces  map[uint32][]byte // few have any
	names  names

	writing map[int64]bool // changed by the transaction in hand
	changes int64          // counts up
	changed map[int64]int64
	since   int64 // what was read before this change is not taken
	reading int
}

// rosterRow is what a registration's row says. It has no pointers.
type rosterRow struct {
	key                                     int64
	tokenAt, eventAt, badgeAt, parkedAt     int64 // as the database keeps times
	token                                   span
	badge                                   int32 // -1 = none
	app, appKey, environment                uint16
	platform, wake, state, parked           uint8
	displaced, parkedBadge, hasSubscription bool
	id, subscription                        [16]byte
	hash                                    [32]byte
}

// Limits of a roster.
const (
	rosterMost    = 2_000_000 // rows; of more the database is asked
	rosterPart    = 4096
	rosterIndex   = 60 // bytes of a row in both maps, about
	rosterPage    = 1000
	rosterChanges = 100_000 // that are told apart while somebody reads
	rosterTold    = 8 << 20 // bytes between two words of how large it is
)

func newRoster() *roster {
	return &roster{
		byHash: map[[16]byte]uint32{}, byKey: map[int64]uint32{}, paces: map[uint32][]byte{}, names: names{number: map[string]uint16{}},
		writing: map[int64]bool{}, changed: map[int64]int64{},
	}
}

// rosters are those in use, by their numbers: SQL functions belong to all databases of the process.
var (
	rosters      sync.Map
	rosterNumber atomic.Int64
)

var registerRoster = sync.OnceValue(func() error {
	return sqlite.RegisterScalarFunction("heliograph_changed", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		number, key := args[0].(int64), args[1].(int64) //nolint:forcetypeassert // written below
		if r, ok := rosters.Load(number); ok {
			r.(*roster).changing(key) //nolint:forcetypeassert // nothing else is in it
		}
		return nil, nil
	})
})

// triggers tell of each row that is written, but by contacts.
func (r *roster) triggers() string {
	var text strings.Builder
	for _, t := range []struct{ name, when, key string }{
		{"made", "INSERT ON main.registrations", "new.key"},
		{"changed", "UPDATE OF key, id, capability_hash, platform, app, environment, wake, app_key, state, token, token_at ON main.registrations", "old.key"},
		{"gone", "DELETE ON main.registrations", "old.key"},
		{"parked", "INSERT ON main.pending_wakes", "new.registration"},
		{"parked_more", "UPDATE OF registration, wake, badge, since, sent_at ON main.pending_wakes", "old.registration"},
		{"parked_no_more", "DELETE ON main.pending_wakes", "old.registration"},
	} {
		fmt.Fprintf(&text, "CREATE TEMP TRIGGER IF NOT EXISTS roster_%s AFTER %s BEGIN SELECT heliograph_changed(%d, %s); END;\n", t.name, t.when, r.number, t.key)
	}
	return text.String()
}

// RememberTargets keeps in memory from now on what Targets tells, and reads all of it; it returns when that is done. grown
// hears now and then how many bytes that takes; nil = nobody does. With PostgreSQL, where other nodes write too, it does
// nothing.
func (s *Store) RememberTargets(ctx context.Context, grown func(bytes int64)) error {
	e, ok := s.engine.(*sqliteEngine)
	if !ok || e.roster.Load() != nil {
		return nil
	}
	r := newRoster()
	r.number = rosterNumber.Add(1)
	rosters.Store(r.number, r)
	if err := e.atEachStart(ctx, r.triggers()); err != nil {
		rosters.Delete(r.number)
		return fmt.Errorf("making the triggers of the roster: %w", err)
	}
	e.roster.Store(r)
	if err := r.readAll(ctx, e, grown); err != nil {
		return fmt.Errorf("reading all registrations: %w", err)
	}
	return nil
}

// readAll reads page after page.
func (r *roster) readAll(ctx context.Context, e *sqliteEngine, grown func(int64)) error {
	told := int64(0)
	for after := int64(math.MinInt64); ctx.Err() == nil; {
		begun := r.read()
		rows, err := e.ask(ctx, rosterQuery, after, rosterPage)
		list, err := all(rows, err, scanTarget)
		bytes := r.take(list, begun)
		if err != nil {
			return err
		}
		if grown != nil && (bytes-told > rosterTold || len(list) == 0) {
			told = bytes
			grown(bytes)
		}
		if len(list) == 0 {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.whole = true
			return nil
		}
		after = list[len(list)-1].Key
	}
	return ctx.Err()
}

const rosterQuery = `SELECT ` + targetColumns + ` FROM ` + targetTables + ` WHERE r.key > $1 ORDER BY r.key LIMIT $2`

// roster is what is remembered; nil = nothing.
func (s *Store) roster() *roster {
	if e, ok := s.engine.(*sqliteEngine); ok {
		return e.roster.Load()
	}
	return nil
}

// RemembersTargets reports whether RememberTargets has read everything.
func (s *Store) RemembersTargets() bool {
	r := s.roster()
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.whole
}

// Target is what is known of a registration without asking the database, with its token if that is wanted. ok is false when
// the database must be asked: with PostgreSQL, always.
func (s *Store) Target(hash [32]byte, token bool) (t mailbox.Target, ok bool) {
	r := s.roster()
	if r == nil {
		return t, false
	}
	row, ok := r.target(hash, token)
	if ok && token {
		t, err := s.opened(row)
		return t, err == nil
	}
	return row.Target, ok
}

// changing notes that the transaction in hand changes a registration.
func (r *roster) changing(key int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writing[key] = true
	r.forget(key)
}

// ended is called when a transaction has ended, however it did.
func (r *roster) ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.writing {
		r.note(key)
	}
	clear(r.writing)
}

// note makes what is being read of a registration now not be taken.
func (r *roster) note(key int64) {
	r.changes++
	switch {
	case r.reading == 0:
	case len(r.changed) >= rosterChanges:
		r.since = r.changes
		clear(r.changed)
	default:
		r.changed[key] = r.changes
	}
}

// read begins to read rows; what it returns is for take, which must be called.
func (r *roster) read() (begun int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading++
	return r.changes
}

// take puts rows in that were read, unless they were written meanwhile. It tells about how many bytes the roster takes.
func (r *roster) take(list []targetRow, begun int64) (bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range list {
		t := &list[i]
		if begun >= r.since && !r.writing[t.Key] && r.changed[t.Key] <= begun {
			r.put(t)
		}
	}
	if r.reading--; r.reading == 0 {
		clear(r.changed)
	}
	return int64(len(r.rows))*rosterPart*int64(unsafe.Sizeof(rosterRow{})) + int64(r.tokens.held) + int64(len(r.byKey))*rosterIndex
}

// put adds a row.
func (r *roster) put(t *targetRow) {
	if _, known := r.byKey[t.Key]; known {
		return // it is up to date
	}
	numbers, ok := r.names.of(t.App, t.AppKey, string(t.Environment))
	if !ok || len(r.byKey) >= rosterMost {
		return
	}
	place := r.place()
	*r.row(place) = rosterRow{
		key: t.Key, tokenAt: ms(t.TokenAt), eventAt: ms(t.EventAt), badgeAt: ms(t.Badge.At), parkedAt: ms(t.ParkedSince),
		token: r.tokens.add(t.sealed), badge: -1, app: numbers[0], appKey: numbers[1], environment: numbers[2],
		platform: uint8(t.Platform), wake: uint8(t.Wake), state: uint8(t.State), parked: uint8(t.Parked), //nolint:gosec // a handful of each
		displaced: t.Displaced, parkedBadge: t.ParkedBadge, id: t.ID, hash: t.CapabilityHash,
	}
	r.setBadge(r.row(place), t.Badge)
	r.setPace(place, t.Pace)
	r.byKey[t.Key], r.byHash[[16]byte(t.CapabilityHash[:16])] = place, place
	if r.tokens.wasteful() {
		r.repack()
	}
}

func (r *roster) setBadge(row *rosterRow, b mailbox.Badge) {
	row.badgeAt, row.badge, row.hasSubscription = ms(b.At), -1, len(b.Subscription) == len(row.subscription)
	if b.Count != nil {
		row.badge = int32(min(*b.Count, math.MaxInt32)) //nolint:gosec // it is not negative
	}
	if row.hasSubscription {
		row.subscription = [16]byte(b.Subscription)
	}
}

func (r *roster) setPace(place uint32, pace []byte) {
	if len(pace) == 0 {
		delete(r.paces, place)
		return
	}
	r.paces[place] = slices.Clone(pace)
}

// place is room for a row.
func (r *roster) place() uint32 {
	if n := len(r.free); n > 0 {
		place := r.free[n-1]
		r.free = r.free[:n-1]
		return place
	}
	if r.used%rosterPart == 0 {
		r.rows = append(r.rows, make([]rosterRow, rosterPart))
	}
	r.used++
	return r.used - 1
}

func (r *roster) row(place uint32) *rosterRow { return &r.rows[place/rosterPart][place%rosterPart] }

// forget takes a row out.
func (r *roster) forget(key int64) {
	place, known := r.byKey[key]
	if !known {
		return
	}
	row := r.row(place)
	delete(r.byKey, key)
	delete(r.byHash, [16]byte(row.hash[:16]))
	delete(r.paces, place)
	r.tokens.drop(row.token)
	*row = rosterRow{}
	r.free = append(r.free, place)
}

// repack gives back the room of tokens that are gone.
func (r *roster) repack() {
	var fresh arena
	for _, place := range r.byKey {
		row := r.row(place)
		row.token = fresh.add(r.tokens.get(row.token))
	}
	r.tokens = fresh
}

// target is a row as Targets tells it, with the sealed token if it is wanted.
func (r *roster) target(hash [32]byte, token bool) (t targetRow, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	place, ok := r.byHash[[16]byte(hash[:16])]
	if !ok {
		return t, false
	}
	row := r.row(place)
	if row.hash != hash {
		return t, false
	}
	t.Key, t.ID, t.CapabilityHash = row.key, row.id, row.hash
	t.Platform, t.Wake, t.State = mailbox.Platform(row.platform), mailbox.WakeStyle(row.wake), mailbox.State(row.state)
	t.App, t.AppKey, t.Environment = r.names.list[row.app], r.names.list[row.appKey], fleet.Environment(r.names.list[row.environment])
	t.TokenAt, t.EventAt, t.Badge = at(row.tokenAt), at(row.eventAt), row.told()
	t.Displaced, t.Pace = row.displaced, slices.Clone(r.paces[place])
	t.Parked, t.ParkedBadge, t.ParkedSince = message.WakeKind(row.parked), row.parkedBadge, at(row.parkedAt)
	if token {
		t.sealed = r.tokens.get(row.token) // never written over
	}
	return t, true
}

func (row *rosterRow) told() (b mailbox.Badge) {
	b.At = at(row.badgeAt)
	if row.badge >= 0 {
		count := int(row.badge)
		b.Count = &count
	}
	if row.hasSubscription {
		b.Subscription = bytes.Clone(row.subscription[:])
	}
	return b
}

// heard does to the rows what a batch of contacts did in the database.
func (r *roster) heard(list []mailbox.Contact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range list {
		c := &list[i]
		if quiet(c) {
			continue
		}
		r.note(c.Key)
		place, known := r.byKey[c.Key]
		if !known || r.row(place).state == uint8(mailbox.Tombstone) {
			continue
		}
		row := r.row(place)
		if c.Badge.Count != nil && row.takes(c) {
			r.setBadge(row, c.Badge)
		}
		row.eventAt = max(row.eventAt, ms(c.EventAt))
		row.displaced = c.Displaced
		r.setPace(place, c.Pace)
	}
}

// takes is takesBadge.
func (row *rosterRow) takes(c *mailbox.Contact) bool {
	switch {
	case row.badge < 0 || !row.hasSubscription:
		return true
	case bytes.Equal(row.subscription[:], c.Badge.Subscription):
		return row.badgeAt <= ms(c.Badge.At)
	}
	return len(c.Badge.Subscription) > 0 && row.eventAt <= ms(c.EventAt)
}

// names are words that many rows have, each kept once.
type names struct {
	list   []string
	number map[string]uint16
}

// of are the numbers of words; not ok when there are too many different ones.
func (n *names) of(words ...string) (numbers [3]uint16, ok bool) {
	for i, word := range words {
		number, known := n.number[word]
		if !known {
			if len(n.list) > math.MaxUint16 {
				return numbers, false
			}
			number = uint16(len(n.list)) //nolint:gosec // checked above
			n.list, n.number[word] = append(n.list, word), number
		}
		numbers[i] = number
	}
	return numbers, true
}
