package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

const groupColumns = `g.key, g.id, g.name, g.description,
	(SELECT COUNT(*) FROM device_groups m WHERE m.group_key = g.key),
	(SELECT COUNT(*) FROM user_groups m WHERE m.group_key = g.key)`

func scanGroup(r Row) (g fleet.Group, err error) {
	err = r.Scan(&g.Key, &g.ID, &g.Name, &g.Description, &g.Devices, &g.Users)
	return g, err
}

// Group reads one group. Devices and Users count its own members.
func (s *Store) Group(ctx context.Context, scope access.Scope, id fleet.GroupID) (g fleet.Group, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		g, err = scanGroup(tx.QueryRow(ctx, `SELECT `+groupColumns+` FROM fleet_groups g WHERE g.id = $1 AND `+groupScope(scope, "g"), string(id)))
		return notFound(err)
	})
	return g, err
}

// ListGroups lists groups, newest first or by name.
func (s *Store) ListGroups(ctx context.Context, scope access.Scope, p Page) (list []fleet.Group, next string, err error) {
	o := order{}
	if p.Sort == SortName {
		o.exprs = []string{"g.name"}
	}
	q := s.query()
	q.where("%s", groupScope(scope, "g"))
	tail, err := q.page(p, o, "g.key")
	if err != nil {
		return nil, "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+groupColumns+` FROM fleet_groups g WHERE `+q.clause()+tail, q.args...)
		list, err = all(rows, err, scanGroup)
		return err
	})
	list, next = cut(p, list, func(g fleet.Group) ([]string, int64) {
		if p.Sort == SortName {
			return []string{g.Name}, g.Key
		}
		return nil, g.Key
	})
	return list, next, err
}

// CountGroups counts the groups in scope.
func (s *Store) CountGroups(ctx context.Context, scope access.Scope) (n int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM fleet_groups g WHERE `+groupScope(scope, "g")).Scan(&n)
	})
	return n, err
}

// PutGroup creates or replaces a group; its members stay. ErrConflict: another group has the name.
func (s *Store) PutGroup(ctx context.Context, scope access.Scope, g fleet.Group, entries ...access.Entry) (created bool, err error) {
	if err := fleet.Refuse(g.Check()); err != nil {
		return false, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE fleet_groups AS g SET name = $2, description = $3 WHERE g.id = $1 AND `+groupScope(scope, "g"),
			string(g.ID), g.Name, g.Description)
		if err != nil || n > 0 {
			return err
		}
		if !scope.All() {
			return ErrNotFound // a limited role makes no groups: it could not see them
		}
		created = true
		_, err = tx.Exec(ctx, `INSERT INTO fleet_groups (id, name, description) VALUES ($1, $2, $3)`, string(g.ID), g.Name, g.Description)
		return err
	})
	if isUnique(err) {
		return false, nameTaken("a group")
	}
	return created, err
}

// DeleteGroup deletes a group, not its members.
func (s *Store) DeleteGroup(ctx context.Context, scope access.Scope, id fleet.GroupID, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM fleet_groups AS g WHERE g.id = $1 AND `+groupScope(scope, "g"), string(id)))
	})
}

// deleted turns "no row" into ErrNotFound.
func deleted(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// membership is one of the two tables that say who is in which group.
type membership struct{ table, column string }

var (
	deviceGroups = membership{"device_groups", "device_key"}
	userGroups   = membership{"user_groups", "user_key"}
)

// load reads the names of the groups of some members, sorted.
func (m membership) load(ctx context.Context, s *Store, tx Tx, scope access.Scope, keys []int64) (map[int64][]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT m.%s, g.name FROM %s m JOIN fleet_groups g ON g.key = m.group_key WHERE m.%s IN %s AND %s ORDER BY g.name`,
		m.column, m.table, m.column, s.listed("$1", intKind), groupScope(scope, "g")), jsonKeys(keys))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[int64][]string{}
	for rows.Next() {
		var key int64
		var name string
		if err := rows.Scan(&key, &name); err != nil {
			return nil, err
		}
		names[key] = append(names[key], name)
	}
	return names, rows.Err()
}

// save makes the groups of some members exactly those named, creating groups whose name is new. A limited role changes
// membership only of its own groups and makes none.
func (m membership) save(ctx context.Context, s *Store, tx Tx, scope access.Scope, want map[int64][]string) error {
	members, names := make([]int64, 0, len(want)), map[string]bool{}
	for key, groups := range want {
		members = append(members, key)
		for _, name := range groups {
			names[name] = true
		}
	}
	slices.Sort(members) // always in the same order, so that two writers do not wait for each other
	have, err := m.load(ctx, s, tx, scope, members)
	if err != nil {
		return err
	}
	var gone, come [][]any
	groups, err := s.groupsNamed(ctx, tx, scope, names, have)
	if err != nil {
		return err
	}
	for _, key := range members {
		for _, name := range have[key] {
			if !slices.Contains(want[key], name) {
				gone = append(gone, []any{groups[name], key})
			}
		}
		for _, name := range want[key] {
			if !slices.Contains(have[key], name) {
				come = append(come, []any{groups[name], key})
			}
		}
	}
	return m.change(ctx, s, tx, gone, come)
}

func (m membership) change(ctx context.Context, s *Store, tx Tx, gone, come [][]any) error {
	pairs := fmt.Sprintf("SELECT %s, %s FROM %s", s.pick(0, intKind), s.pick(1, intKind), s.each("$1"))
	for _, step := range []struct {
		rows [][]any
		text string
	}{
		{gone, fmt.Sprintf("DELETE FROM %s WHERE (group_key, %s) IN (%s)", m.table, m.column, pairs)},
		{come, fmt.Sprintf("INSERT INTO %s (group_key, %s) %s WHERE TRUE ON CONFLICT DO NOTHING", m.table, m.column, pairs)},
	} {
		if len(step.rows) == 0 {
			continue
		}
		text, err := jsonRows(step.rows)
		if err == nil {
			_, err = tx.Exec(ctx, step.text, text)
		}
		if err != nil {
			return fmt.Errorf("changing %s: %w", m.table, err)
		}
	}
	return nil
}

// groupsNamed gives the keys of all groups that are wanted or had, by name, and creates those that are new.
func (s *Store) groupsNamed(ctx context.Context, tx Tx, scope access.Scope, wanted map[string]bool, had map[int64][]string) (map[string]int64, error) {
	names := make(map[string]bool, len(wanted))
	for name := range wanted {
		names[name] = true
	}
	for _, groups := range had {
		for _, name := range groups {
			names[name] = true
		}
	}
	list := sortedKeys(names)
	keys, err := s.findKeys(ctx, tx, "fleet_groups", "name", list)
	if err != nil {
		return nil, err
	}
	var missing [][]any
	for _, name := range list {
		key, known := keys[name]
		switch {
		case !scope.All() && !slices.Contains(scope.Groups(), key):
			return nil, fleet.Invalidf("groups", "must be among your own")
		case !known:
			missing = append(missing, []any{newID(s.now()), name})
		}
	}
	if len(missing) == 0 {
		return keys, nil
	}
	return s.createGroups(ctx, tx, list, missing)
}

func (s *Store) createGroups(ctx context.Context, tx Tx, names []string, missing [][]any) (map[string]int64, error) {
	text, err := jsonRows(missing)
	if err != nil {
		return nil, err
	}
	// Another transaction may make the same group at this moment: then its row counts.
	_, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO fleet_groups (id, name) SELECT %s, %s FROM %s WHERE TRUE ON CONFLICT (name) DO NOTHING",
		s.pick(0, textKind), s.pick(1, textKind), s.each("$1")), text)
	if err != nil {
		return nil, fmt.Errorf("creating groups: %w", err)
	}
	return s.findKeys(ctx, tx, "fleet_groups", "name", names)
}

func sortedKeys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// newID makes a UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, then randomness.
func newID(now time.Time) string {
	var u [16]byte
	rand.Read(u[6:]) //nolint:errcheck // never fails (crypto/rand)
	binary.BigEndian.PutUint32(u[0:], uint32(now.UnixMilli()>>16))
	binary.BigEndian.PutUint16(u[4:], uint16(now.UnixMilli()))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
