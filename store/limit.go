package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
)

// A role is limited by fixed groups: those whose members are named one by one, which are all that there are here.

// limit is one of the tables that say to which groups somebody is limited.
type limit struct{ table, column string }

var (
	accountGroups = limit{"account_groups", "account"}
	tokenGroups   = limit{"api_token_groups", "token"}
)

// scope is what somebody may see: everything, or the groups of the table. Those that are gone are in no scope.
func (l limit) scope(ctx context.Context, tx Tx, id string, limited bool) (access.Scope, []string, error) {
	if !limited {
		return access.Everything, nil, nil
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT g.key, g.name FROM %s m JOIN fleet_groups g ON g.key = m.group_key WHERE m.%s = $1 ORDER BY g.name`,
		l.table, l.column), id)
	groups, err := all(rows, err, scanGroupName)
	scope, names := scopeOf(groups)
	return scope, names, err
}

func scanGroupName(r Row) (g fleet.Group, err error) {
	err = r.Scan(&g.Key, &g.Name)
	return g, err
}

func scopeOf(groups []fleet.Group) (access.Scope, []string) {
	keys, names := make([]int64, len(groups)), make([]string, len(groups))
	for i, g := range groups {
		keys[i], names[i] = g.Key, g.Name
	}
	return access.Limited(keys...), names
}

// save limits somebody to the groups of a scope, or to none when it is everything.
func (l limit) save(ctx context.Context, tx Tx, id string, scope access.Scope) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf(`DELETE FROM %s WHERE %s = $1`, l.table, l.column), id); err != nil {
		return err
	}
	for _, key := range scope.Groups() {
		_, err := tx.Exec(ctx, fmt.Sprintf(`INSERT INTO %s (%s, group_key) VALUES ($1, $2)`, l.table, l.column), id, key)
		if err != nil {
			return fmt.Errorf("limiting to a group: %w", err)
		}
	}
	return nil
}

// ScopeOfGroups is the scope of some groups, by their names or ids, with their names. unknown lists the words that no group
// in the asking scope has: it is not made up, for a role that is limited to a group that comes later may be a surprise.
func (s *Store) ScopeOfGroups(ctx context.Context, asking access.Scope, words []string) (scope access.Scope, names, unknown []string, err error) {
	var groups []fleet.Group
	err = s.Read(ctx, func(tx Tx) error {
		for _, word := range words {
			rows, err := tx.Query(ctx, `SELECT g.key, g.name FROM fleet_groups g WHERE (g.name = $1 OR g.id = $1) AND `+groupScope(asking, "g")+
				` ORDER BY CASE WHEN g.name = $1 THEN 0 ELSE 1 END`, word)
			found, err := all(rows, err, scanGroupName)
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				unknown = append(unknown, word)
			case !slices.ContainsFunc(groups, func(g fleet.Group) bool { return g.Key == found[0].Key }):
				groups = append(groups, found[0])
			}
		}
		return nil
	})
	slices.SortFunc(groups, func(a, b fleet.Group) int { return strings.Compare(a.Name, b.Name) })
	scope, names = scopeOf(groups)
	return scope, names, unknown, err
}
