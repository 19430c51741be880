package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
)

// query gathers the conditions of one statement and the parameters that they use.
type query struct {
	s       *Store
	args    []any
	conds   []string
	ordered bool // rows are read in the order of an index, until there are enough
}

func (s *Store) query() *query { return &query{s: s} }

// arg adds a parameter and gives its name in SQL.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// where adds a condition.
func (q *query) where(format string, args ...any) {
	q.conds = append(q.conds, "("+fmt.Sprintf(format, args...)+")")
}

// clause is all conditions, joined.
func (q *query) clause() string { return and(q.conds) }

func and(conds []string) string {
	if len(conds) == 0 {
		return "TRUE"
	}
	return strings.Join(conds, " AND ")
}

func or(conds []string) string {
	if len(conds) == 0 {
		return "FALSE"
	}
	return "(" + strings.Join(conds, " OR ") + ")"
}

// numbers writes keys as SQL: they are ours, and short.
func numbers(keys []int64) string {
	words := make([]string, len(keys))
	for i, key := range keys {
		words[i] = strconv.FormatInt(key, 10)
	}
	return strings.Join(words, ", ")
}

// deviceInGroups is the one definition of a device's membership: it, or its user, is in one of the groups.
// d is the alias of devices.
func deviceInGroups(d string, groups []int64) string {
	if len(groups) == 0 {
		return "FALSE"
	}
	return fmt.Sprintf(`(EXISTS (SELECT 1 FROM device_groups m WHERE m.device_key = %s.key AND m.group_key IN (%s))
		OR EXISTS (SELECT 1 FROM user_groups m WHERE m.user_key = %s.user_key AND m.group_key IN (%s)))`,
		d, numbers(groups), d, numbers(groups))
}

// userInGroups is the same of a person.
func userInGroups(u string, groups []int64) string {
	if len(groups) == 0 {
		return "FALSE"
	}
	return fmt.Sprintf(`EXISTS (SELECT 1 FROM user_groups m WHERE m.user_key = %s.key AND m.group_key IN (%s))`, u, numbers(groups))
}

func deviceScope(scope access.Scope, d string) string {
	if scope.All() {
		return "TRUE"
	}
	return deviceInGroups(d, scope.Groups())
}

func userScope(scope access.Scope, u string) string {
	if scope.All() {
		return "TRUE"
	}
	return userInGroups(u, scope.Groups())
}

func groupScope(scope access.Scope, g string) string {
	switch {
	case scope.All():
		return "TRUE"
	case len(scope.Groups()) == 0:
		return "FALSE"
	}
	return fmt.Sprintf("%s.key IN (%s)", g, numbers(scope.Groups()))
}

// Sort is a column by which a list can be ordered.
type Sort string

const (
	Newest       Sort = "" // by the database's own key
	SortName     Sort = "name"
	SortPlatform Sort = "platform"
	SortVersion  Sort = "os_version"
	SortLastSeen Sort = "last_seen"
	SortUser     Sort = "user"
	SortMail     Sort = "mail"
)

// Page asks for a part of a list. The zero Page is the first part, newest first.
type Page struct {
	Limit     int    // 0 = 100; at most 1000
	Cursor    string // where the part before ended; empty = the beginning
	Sort      Sort
	Ascending bool // Newest and ascending is oldest first

	// Within is how long to look for what passes a filter; 0 = until the page is full. A page that is not may have another
	// behind it then. Lists that read by an index do not need it.
	Within time.Duration
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (p Page) limit() int {
	if p.Limit <= 0 {
		return defaultLimit
	}
	return min(p.Limit, maxLimit)
}

// cursor is what an opaque cursor holds: the order, and the values of the last row in it.
type cursor struct {
	Sort      Sort     `json:"s"`
	Ascending bool     `json:"a,omitempty"`
	Values    []string `json:"v,omitempty"`
	Key       int64    `json:"k"`
}

func (c cursor) String() string {
	raw, _ := json.Marshal(c) // texts and a number
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parseCursor(text string) (c cursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || slices.ContainsFunc(c.Values, func(v string) bool { return strings.ContainsRune(v, 0) }) {
		return cursor{}, ErrCursor
	}
	return c, nil
}

// order is how a list is sorted: expressions without NULL, all in one direction, then the key.
type order struct {
	exprs  []string
	number bool // the expressions are numbers
}

// page adds a page's condition, and gives the words that follow it: ORDER BY and LIMIT. One row more than the page is
// asked for, to know whether anything follows.
func (q *query) page(p Page, o order, key string) (tail string, err error) {
	exprs := append(slices.Clone(o.exprs), key)
	sign, direction := "<", " DESC"
	if p.Ascending {
		sign, direction = ">", ""
	}
	if p.Cursor != "" {
		c, err := parseCursor(p.Cursor)
		if err != nil || c.Sort != p.Sort || c.Ascending != p.Ascending || len(c.Values) != len(o.exprs) {
			return "", ErrCursor
		}
		values := make([]string, 0, len(exprs))
		for _, v := range c.Values {
			if o.number {
				n, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					return "", ErrCursor
				}
				values = append(values, q.arg(n))
				continue
			}
			values = append(values, q.arg(v))
		}
		values = append(values, q.arg(c.Key))
		q.where("(%s) %s (%s)", strings.Join(exprs, ", "), sign, strings.Join(values, ", "))
	}
	return " ORDER BY " + strings.Join(exprs, direction+", ") + direction + " LIMIT " + strconv.Itoa(p.limit()+1), nil
}

// cut takes the row too many off a page and makes the cursor of the next one. last gives the values of a row in the
// page's order, and its key.
func cut[T any](p Page, items []T, last func(T) ([]string, int64)) ([]T, string) {
	if len(items) <= p.limit() {
		return items, ""
	}
	items = items[:p.limit()]
	values, key := last(items[len(items)-1])
	return items, cursor{p.Sort, p.Ascending, values, key}.String()
}
