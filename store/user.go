package store

import (
	"context"
	"encoding/json"
	"fmt"

	"heliograph/access"
	"heliograph/fleet"
)

const userColumns = `u.key, u.id, u.username, u.domain, u.display_name, u.given_name, u.surname, u.mail, u.mobile, u.language, u.properties`

// userRow is where a user's columns are scanned into.
type userRow struct {
	fleet.User
	properties string
}

func (r *userRow) fields() []any {
	u := &r.User
	return []any{&u.Key, &u.ID, &u.Username, &u.Domain, &u.DisplayName, &u.GivenName, &u.Surname, &u.Mail, &u.Mobile, &u.Language, &r.properties}
}

func (r *userRow) user() (u fleet.User, err error) {
	r.Properties, err = parseProperties(r.properties)
	return r.User, err
}

func scanUser(row Row) (fleet.User, error) {
	var r userRow
	if err := row.Scan(r.fields()...); err != nil {
		return fleet.User{}, err
	}
	return r.user()
}

func parseProperties(text string) (values map[string]string, err error) {
	if text == "" || text == "{}" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	return values, nil
}

func writeProperties(values map[string]string) string {
	if len(values) == 0 {
		return "{}"
	}
	out := []byte{'{'}
	for i, name := range sortedKeys(values) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendJSONString(out, name), ':')
		out = appendJSONString(out, values[name])
	}
	return string(append(out, '}'))
}

// User reads one person.
func (s *Store) User(ctx context.Context, scope access.Scope, id fleet.UserID) (u fleet.User, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		users, err := s.users(ctx, tx, scope, `u.id = $1 AND `+userScope(scope, "u"), string(id))
		if err == nil && len(users) == 0 {
			return ErrNotFound
		}
		if err == nil {
			u = users[0]
		}
		return err
	})
	return u, err
}

// users reads people with their groups. what follows WHERE.
func (s *Store) users(ctx context.Context, tx Tx, scope access.Scope, what string, args ...any) ([]fleet.User, error) {
	rows, err := tx.Query(ctx, `SELECT `+userColumns+` FROM users u WHERE `+what, args...)
	list, err := all(rows, err, scanUser)
	if err != nil {
		return nil, err
	}
	keys := make([]int64, len(list))
	for i, u := range list {
		keys[i] = u.Key
	}
	groups, err := userGroups.load(ctx, s, tx, scope, keys)
	for i := range list {
		list[i].Groups = groups[list[i].Key]
	}
	return list, err
}

// UserFilter narrows a list of people. A nil or empty condition asks nothing.
type UserFilter struct {
	Search string   // a fragment of name, user name, id, mail or number
	Group  []string // names or ids
}

// ListUsers lists people, newest first, by name (the display name), user (the user name) or mail.
func (s *Store) ListUsers(ctx context.Context, scope access.Scope, f UserFilter, p Page) (list []fleet.User, next string, err error) {
	o, values := userOrder(p.Sort)
	err = s.Read(ctx, func(tx Tx) error {
		q, err := s.userQuery(ctx, tx, scope, f)
		if err != nil {
			return err
		}
		tail, err := q.page(p, o, "u.key")
		if err != nil {
			return err
		}
		list, err = s.users(ctx, tx, scope, q.clause()+tail, q.args...)
		return err
	})
	list, next = cut(p, list, func(u fleet.User) ([]string, int64) { return values(u), u.Key })
	return list, next, err
}

func userOrder(sort Sort) (order, func(fleet.User) []string) {
	switch sort {
	case SortName:
		return order{exprs: []string{"u.display_name"}}, func(u fleet.User) []string { return []string{u.DisplayName} }
	case SortUser:
		return order{exprs: []string{"u.username"}}, func(u fleet.User) []string { return []string{u.Username} }
	case SortMail:
		return order{exprs: []string{"u.mail"}}, func(u fleet.User) []string { return []string{u.Mail} }
	}
	return order{}, func(fleet.User) []string { return nil }
}

// CountUsers counts the people that a list would show.
func (s *Store) CountUsers(ctx context.Context, scope access.Scope, f UserFilter) (n int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		q, err := s.userQuery(ctx, tx, scope, f)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM users u WHERE `+q.clause(), q.args...).Scan(&n)
	})
	return n, err
}

func (s *Store) userQuery(ctx context.Context, tx Tx, scope access.Scope, f UserFilter) (*query, error) {
	q := s.query()
	q.where("%s", userScope(scope, "u"))
	if len(f.Group) > 0 {
		groups, err := s.groupKeys(ctx, tx, scope, f.Group)
		if err != nil {
			return nil, err
		}
		q.where("%s", userInGroups("u", groups))
	}
	if f.Search != "" {
		q.where("%s", q.search(userText, f.Search))
	}
	return q, nil
}

// UserDevices lists the devices in the scope that a person carries, newest first, at most so many.
func (s *Store) UserDevices(ctx context.Context, scope access.Scope, user int64, most int) (list []fleet.Device, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		list, err = s.devices(ctx, tx, scope, `d.user_key = $1 AND `+deviceScope(scope, "d")+` ORDER BY d.key DESC LIMIT $2`, user, most)
		return err
	})
	return list, err
}

// PutUser creates or replaces a person. Groups whose name is new are created.
func (s *Store) PutUser(ctx context.Context, scope access.Scope, u fleet.User, entries ...access.Entry) (created bool, err error) {
	if err := fleet.Refuse(u.Check()); err != nil {
		return false, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		keys, err := s.findKeys(ctx, tx, "users", "id", []string{string(u.ID)})
		if err != nil {
			return err
		}
		created = len(keys) == 0
		if !created {
			if err := s.mustSee(ctx, tx, "users u", userScope(scope, "u"), keys[string(u.ID)]); err != nil {
				return err
			}
		}
		_, err = s.saveUsers(ctx, tx, scope, []fleet.User{u})
		return err
	})
	return created && err == nil, err
}

// mustSee is ErrNotFound when a row lies outside the scope. The table's alias is the last letter.
func (s *Store) mustSee(ctx context.Context, tx Tx, table, inScope string, key int64) error {
	if inScope == "TRUE" {
		return nil
	}
	var n int
	return notFound(tx.QueryRow(ctx, fmt.Sprintf(`SELECT 1 FROM %s WHERE %s.key = $1 AND %s`, table, table[len(table)-1:], inScope), key).Scan(&n))
}

// DeleteUser deletes a person. Their devices stay, as nobody's.
func (s *Store) DeleteUser(ctx context.Context, scope access.Scope, id fleet.UserID, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM users AS u WHERE u.id = $1 AND `+userScope(scope, "u"), string(id)))
	})
}

var userWrite = []column{
	{"id", textKind}, {"username", textKind}, {"domain", textKind}, {"display_name", textKind}, {"given_name", textKind},
	{"surname", textKind}, {"mail", textKind}, {"mobile", textKind}, {"language", textKind}, {"properties", jsonKind},
}

// saveUsers writes people whole, with their groups, and gives the key of each id. They were checked before.
func (s *Store) saveUsers(ctx context.Context, tx Tx, scope access.Scope, users []fleet.User) (map[string]int64, error) {
	if len(users) == 0 {
		return nil, nil
	}
	rows := make([][]any, len(users))
	for i, u := range users {
		rows[i] = []any{string(u.ID), u.Username, u.Domain, u.DisplayName, u.GivenName, u.Surname, u.Mail, u.Mobile, u.Language, writeProperties(u.Properties)}
	}
	keys, err := s.upsertMany(ctx, tx, "users", userWrite, rows)
	if err != nil {
		return nil, fmt.Errorf("writing users: %w", err)
	}
	groups := map[int64][]string{}
	written := make([]int64, 0, len(users))
	for _, u := range users {
		key := keys[string(u.ID)]
		groups[key], written = u.Groups, append(written, key)
	}
	if err := userGroups.save(ctx, s, tx, scope, groups); err != nil {
		return nil, err
	}
	return keys, s.mustStay(ctx, tx, "users u", userScope(scope, "u"), written)
}

// mustStay refuses what a limited role wrote outside its own groups.
func (s *Store) mustStay(ctx context.Context, tx Tx, table, inScope string, keys []int64) error {
	if inScope == "TRUE" {
		return nil
	}
	var outside int
	err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE %s.key IN %s AND NOT (%s)`,
		table, table[len(table)-1:], s.listed("$1", intKind), inScope), jsonKeys(keys)).Scan(&outside)
	if err == nil && outside > 0 {
		return fleet.Invalidf("groups", "must name one of your own")
	}
	return err
}
