package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"heliograph/access"
	"heliograph/fleet"
)

// groupKeys finds groups by name, else by id. What is unknown or out of scope is left out: nobody is in it.
func (s *Store) groupKeys(ctx context.Context, tx Tx, scope access.Scope, words []string) ([]int64, error) {
	if len(words) == 0 {
		return nil, nil
	}
	byName, err := s.findKeys(ctx, tx, "fleet_groups", "name", words)
	if err != nil {
		return nil, err
	}
	byID, err := s.findKeys(ctx, tx, "fleet_groups", "id", words)
	if err != nil {
		return nil, err
	}
	var keys []int64
	for _, word := range words {
		key, ok := byName[word]
		if !ok {
			key, ok = byID[word]
		}
		if ok && (scope.All() || slices.Contains(scope.Groups(), key)) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// filter compiles conditions about the devices of an alias. groups are the keys of f.Group.
//
// Absent and empty values are the same: "missing" finds both, "eq" with an empty value too, and "ne" is everything that
// "eq" is not. The other comparisons need a value.
func (q *query) filter(scope access.Scope, d string, f fleet.Filter, groups []int64) (conds []string) {
	add := func(format string, args ...any) { conds = append(conds, fmt.Sprintf(format, args...)) }
	if len(f.Platform) > 0 {
		add("%s IN (%s)", q.column(d+".platform"), inArgs(q, f.Platform))
	}
	if len(f.Ownership) > 0 {
		add("%s.ownership IN (%s)", d, inArgs(q, f.Ownership))
	}
	for _, flag := range []struct {
		name string
		want *bool
	}{{"compliant", f.Compliant}, {"jailbroken", f.Jailbroken}, {"managed", f.Managed}} {
		switch {
		case flag.want == nil:
		case *flag.want:
			add("%s.%s", d, flag.name)
		default:
			add("NOT %s.%s", d, flag.name)
		}
	}
	if f.InactiveDaysMin != nil {
		add("%s < %s", q.column(d+".last_seen"), q.arg(q.s.daysAgo(*f.InactiveDaysMin))) // never is 0
	}
	if f.OSVersion != nil {
		conds = append(conds, q.version(d, *f.OSVersion))
	}
	if len(f.Group) > 0 {
		conds = append(conds, deviceInGroups(d, groups))
	}
	for _, p := range f.Property {
		conds = append(conds, q.property(d, p))
	}
	if f.Search != "" {
		add("(%s OR %s.user_key IN (SELECT su.key FROM users su WHERE %s AND %s))",
			q.search(deviceText(d), f.Search), d, userScope(scope, "su"), q.search(strings.ReplaceAll(userText, "u.", "su."), f.Search))
	}
	return conds
}

func inArgs[T ~string](q *query, values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = q.arg(string(v))
	}
	return strings.Join(names, ", ")
}

const userText = `u.display_name || ' ' || u.given_name || ' ' || u.surname || ' ' || u.username || ' ' || u.id || ' ' || u.mail || ' ' || u.mobile`

func deviceText(d string) string {
	return strings.ReplaceAll(`d.name || ' ' || d.id || ' ' || d.serial_number || ' ' || d.imei || ' ' || d.phone_number || ' ' || d.model`, "d.", d+".")
}

// column is an indexed column in a condition. Where rows are read in an order, the index of the order serves: SQLite
// would else rather use the condition's, and sort all that it finds for each page.
func (q *query) column(name string) string {
	if q.ordered {
		return q.s.unindexed(name)
	}
	return name
}

// search finds a fragment in a text as it is written, or in small letters on both sides. SQLite knows only the small
// letters of ASCII.
func (q *query) search(text, fragment string) string {
	small := strings.ToLower(fragment)
	if !strings.ContainsFunc(fragment, func(r rune) bool { return r > unicode.MaxASCII }) {
		return q.s.contains("lower("+text+")", q.arg(small))
	}
	return "(" + q.s.contains(text, q.arg(fragment)) + " OR " + q.s.contains("lower("+text+")", q.arg(small)) + ")"
}

// version compares by the padded key; contains and starts_with look at the version as it is written.
func (q *query) version(d string, v fleet.VersionCondition) string {
	column, key := d+".os_version", q.column(d+".os_version_key")
	switch v.Op {
	case fleet.Exists:
		return column + " <> ''"
	case fleet.Missing:
		return column + " = ''"
	case fleet.Contains, fleet.StartsWith:
		return q.text(column, v.Op, v.Value)
	case fleet.Eq, fleet.Ne:
		return key + signs[v.Op] + q.arg(fleet.VersionKey(v.Value))
	default:
		return "(" + column + " <> '' AND " + key + signs[v.Op] + q.arg(fleet.VersionKey(v.Value)) + ")"
	}
}

var signs = map[fleet.Op]string{fleet.Eq: " = ", fleet.Ne: " <> ", fleet.Lt: " < ", fleet.Le: " <= ", fleet.Gt: " > ", fleet.Ge: " >= "}

// property compares one property of the JSON column.
func (q *query) property(d string, p fleet.PropertyCondition) string {
	value := fmt.Sprintf("COALESCE(%s.properties ->> CAST(%s AS TEXT), '')", d, q.arg(p.Name))
	switch p.Op {
	case fleet.Exists:
		return value + " <> ''"
	case fleet.Missing:
		return value + " = ''"
	case fleet.Contains, fleet.StartsWith:
		return q.text(value, p.Op, p.Value)
	}
	text := q.s.binary(value) + signs[p.Op] + q.arg(p.Value)
	if number, ok := parseNumber(p.Value).(float64); ok {
		asNumber := q.s.number(value)
		text = fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s%sCAST(%s AS DOUBLE PRECISION) ELSE %s END",
			asNumber, asNumber, signs[p.Op], q.arg(number), text)
	}
	if p.Op == fleet.Eq || p.Op == fleet.Ne {
		return "(" + text + ")"
	}
	return "(" + value + " <> '' AND " + text + ")"
}

func (q *query) text(value string, op fleet.Op, part string) string {
	if op == fleet.StartsWith {
		return "(" + value + " <> '' AND " + q.s.startsWith(value, q.arg(part)) + ")"
	}
	return "(" + value + " <> '' AND " + q.s.contains(value, q.arg(part)) + ")"
}

// audience is one audience compiled to SQL. Both predicates may be used in one statement, which begins with the words
// of with.
type audience struct {
	*query
	scope  access.Scope
	with   string
	device string // predicate on the alias d
	person string // predicate on the alias u
}

// smallAudience is up to how many listed members an audience is written out first. A longer one is recognised row by
// row, in the order of the keys: else each page would write all of it out again.
const smallAudience = 20_000

// compile writes an audience as SQL. ordered says that it is read by key, page by page.
//
// A device is in it when it is listed (itself, its user, or one of its groups) and passes the filter. A person is in it
// when one of their devices is; without a filter also when they are named, or a member of a named group. With a filter
// being named is not enough, for the filter narrows what is listed, and speaks of devices.
func (s *Store) compile(ctx context.Context, tx Tx, scope access.Scope, a fleet.Audience, ordered bool) (*audience, error) {
	c := &audience{query: s.query(), scope: scope}
	c.ordered = ordered
	filter, err := c.conditions(ctx, tx, scope, a)
	if err != nil {
		return nil, err
	}
	if !a.Listed() {
		if !a.All && a.Filter == nil {
			c.device, c.person = "FALSE", "FALSE"
			return c, nil
		}
		c.device = and(filter("d"))
		c.person = and([]string{userScope(scope, "u"), hasDevice(filter("ud"))})
		return c, nil
	}
	groups, err := s.groupKeys(ctx, tx, scope, a.Groups)
	if err != nil {
		return nil, err
	}
	small, err := s.few(ctx, tx, groups)
	if err != nil {
		return nil, err
	}
	if small {
		return c, c.writeOut(scope, a, groups, filter)
	}
	return c, c.recognise(scope, a, groups, filter)
}

// conditions gives what scope and filter ask of a device, for any alias.
func (c *audience) conditions(ctx context.Context, tx Tx, scope access.Scope, a fleet.Audience) (func(d string) []string, error) {
	var f fleet.Filter
	if a.Filter != nil {
		f = *a.Filter
	}
	groups, err := c.s.groupKeys(ctx, tx, scope, f.Group)
	if err != nil {
		return nil, err
	}
	// Compiled once, so that both predicates share their parameters: PostgreSQL wants every parameter used.
	const alias = "any_device"
	conds := append([]string{deviceScope(scope, alias)}, c.filter(scope, alias, f, groups)...)
	return func(d string) []string {
		renamed := make([]string, len(conds))
		for i, cond := range conds {
			renamed[i] = strings.ReplaceAll(cond, alias, d)
		}
		return renamed
	}, nil
}

// hasDevice says that a person of the alias u has a device, of the alias ud, that meets conditions.
func hasDevice(conds []string) string {
	return "EXISTS (SELECT 1 FROM devices ud WHERE ud.user_key = u.key AND " + and(conds) + ")"
}

// few reports whether groups are small enough to be written out.
func (s *Store) few(ctx context.Context, tx Tx, groups []int64) (bool, error) {
	if len(groups) == 0 {
		return true, nil
	}
	var n int64
	in, limit := numbers(groups), strconv.Itoa(smallAudience+1)
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM (
		SELECT device_key FROM device_groups WHERE group_key IN (`+in+`) UNION ALL
		SELECT user_key FROM user_groups WHERE group_key IN (`+in+`) LIMIT `+limit+`) m`).Scan(&n)
	return n <= smallAudience, err
}

// lists adds the ids of an audience as parameters.
func (c *audience) lists(scope access.Scope, a fleet.Audience) (devices, users string, err error) {
	deviceIDs, err := jsonList(a.DeviceIDs)
	if err != nil {
		return "", "", err
	}
	userIDs, err := jsonList(a.UserIDs)
	if err != nil {
		return "", "", err
	}
	devices = "SELECT key FROM devices WHERE id IN " + c.s.listed(c.arg(deviceIDs), textKind)
	users = "SELECT key FROM users WHERE " + userScope(scope, "users") + " AND id IN " + c.s.listed(c.arg(userIDs), textKind)
	return devices, users, nil
}

// writeOut makes the listed devices and people tables of the statement.
func (c *audience) writeOut(scope access.Scope, a fleet.Audience, groups []int64, filter func(string) []string) error {
	devices, users, err := c.lists(scope, a)
	if err != nil {
		return err
	}
	in := numbers(groups)
	if in == "" {
		in = "NULL"
	}
	people := "SELECT d.user_key FROM devices d WHERE d.user_key IS NOT NULL AND d.key IN (SELECT key FROM listed_devices)"
	if a.Filter == nil {
		people += " UNION SELECT key FROM listed_users"
	}
	c.with = fmt.Sprintf(`WITH
		listed_users (key) AS (%s UNION SELECT user_key FROM user_groups WHERE group_key IN (%s)),
		listed_devices (key) AS (SELECT d.key FROM devices d WHERE %s AND (d.key IN (
			%s UNION SELECT device_key FROM device_groups WHERE group_key IN (%s)
			UNION SELECT ld.key FROM listed_users lu JOIN devices ld ON ld.user_key = lu.key))),
		listed_people (key) AS (%s) `,
		users, in, and(filter("d")), devices, in, people)
	c.device = "d.key IN (SELECT key FROM listed_devices)"
	c.person = and([]string{userScope(scope, "u"), "u.key IN (SELECT key FROM listed_people)"})
	return nil
}

// recognise makes predicates that look at one row each.
func (c *audience) recognise(scope access.Scope, a fleet.Audience, groups []int64, filter func(string) []string) error {
	devices, users, err := c.lists(scope, a)
	if err != nil {
		return err
	}
	member := func(d string) string {
		return or([]string{
			d + ".key IN (" + devices + ")",
			d + ".user_key IN (" + users + ")",
			deviceInGroups(d, groups),
		})
	}
	c.device = and(append(filter("d"), member("d")))
	people := []string{hasDevice(append(filter("ud"), member("ud")))}
	if a.Filter == nil {
		people = append(people, "u.key IN ("+users+")", userInGroups("u", groups))
	}
	c.person = and([]string{userScope(scope, "u"), or(people)})
	return nil
}

// windowKeys is how many keys one statement looks through: with a filter that hardly anything passes, a page could else
// hold a transaction for as long as the whole table takes.
const windowKeys = 100_000

// AudienceDevices gives the next devices of an audience, by key: more than after, at most max, up to limit. Fewer than
// limit means that there are no more. want says what of them is needed; nil = everything.
func (s *Store) AudienceDevices(ctx context.Context, scope access.Scope, a fleet.Audience, want *fleet.Details, after, max int64, limit int) ([]fleet.Recipient, error) {
	read := deviceReader(want)
	return s.windows(ctx, a, after, max, limit, func(tx Tx, after, max int64, limit int) ([]fleet.Recipient, error) {
		c, err := s.compile(ctx, tx, scope, a, true)
		if err != nil {
			return nil, err
		}
		text := c.with + `SELECT ` + read.columns() + ` FROM ` + deviceTables(scope) + ` WHERE ` + c.device +
			fmt.Sprintf(" AND d.key > %d AND d.key <= %d ORDER BY d.key LIMIT %d", after, max, limit)
		rows, err := tx.Query(ctx, text, c.args...)
		return all(rows, err, read.scanDevice)
	}, func(r fleet.Recipient) int64 { return r.Device.Key })
}

// AudiencePeople gives the next people of an audience, by key, like AudienceDevices.
func (s *Store) AudiencePeople(ctx context.Context, scope access.Scope, a fleet.Audience, want *fleet.Details, after, max int64, limit int) ([]fleet.Recipient, error) {
	read := personReader(want)
	return s.windows(ctx, a, after, max, limit, func(tx Tx, after, max int64, limit int) ([]fleet.Recipient, error) {
		c, err := s.compile(ctx, tx, scope, a, true)
		if err != nil {
			return nil, err
		}
		text := c.with + `SELECT ` + read.columns() + ` FROM users u WHERE ` + c.person +
			fmt.Sprintf(" AND u.key > %d AND u.key <= %d ORDER BY u.key LIMIT %d", after, max, limit)
		rows, err := tx.Query(ctx, text, c.args...)
		return all(rows, err, read.scanPerson)
	}, func(r fleet.Recipient) int64 { return r.User.Key })
}

// windows asks window after window of keys until limit rows are together. An audience that is written out by its lists
// alone needs no windows: its ids lead to the rows.
func (s *Store) windows(ctx context.Context, a fleet.Audience, after, max int64, limit int,
	ask func(tx Tx, after, max int64, limit int) ([]fleet.Recipient, error), key func(fleet.Recipient) int64) (list []fleet.Recipient, err error) {
	span := int64(windowKeys)
	if a.Listed() {
		span = max
	}
	for len(list) < limit && after < max {
		end := min(max, after+span)
		var part []fleet.Recipient
		err := s.Read(ctx, func(tx Tx) (err error) {
			part, err = ask(tx, after, end, limit-len(list))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the audience: %w", err)
		}
		list = append(list, part...)
		after = end
	}
	return list, nil
}

// HighestKeys are the keys that an expansion goes up to: who comes later was not meant.
func (s *Store) HighestKeys(ctx context.Context) (device, user int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT COALESCE((SELECT MAX(key) FROM devices), 0), COALESCE((SELECT MAX(key) FROM users), 0)`).Scan(&device, &user)
	})
	return device, user, err
}

// EarlierWithMail tells which of these people are left out of a shared text, because a person with a smaller key in the
// same audience has the same address, letter by letter.
func (s *Store) EarlierWithMail(ctx context.Context, scope access.Scope, a fleet.Audience, people []fleet.PersonMail) (map[int64]bool, error) {
	rows := make([][]any, len(people))
	for i, p := range people {
		rows[i] = []any{p.Key, p.Mail}
	}
	text, err := jsonRows(rows)
	if err != nil || len(people) == 0 {
		return nil, err
	}
	earlier := map[int64]bool{}
	err = s.Read(ctx, func(tx Tx) error {
		c, err := s.compile(ctx, tx, scope, a, false)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf(`%s SELECT p.key FROM (SELECT %s AS key, %s AS mail FROM %s) p
			WHERE EXISTS (SELECT 1 FROM users u WHERE u.mail = p.mail AND u.key < p.key AND %s)`,
			c.with, s.pick(0, intKind), s.pick(1, textKind), s.each(c.arg(text)), c.person), c.args...)
		keys, err := all(rows, err, one[int64])
		for _, key := range keys {
			earlier[key] = true
		}
		return err
	})
	return earlier, err
}
