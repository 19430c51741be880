package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

const deviceUserName = `COALESCE(NULLIF(u.display_name, ''), NULLIF(u.username, ''), u.id, '')`

const deviceColumns = `d.key, d.id, d.name, d.platform, d.os_version, d.model, d.serial_number, d.imei, d.phone_number, d.carrier,
	d.ownership, d.managed, d.compliant, d.jailbroken, d.last_seen, d.properties, COALESCE(u.id, ''), ` + deviceUserName + `,
	COALESCE(t.provider, ''), COALESCE(t.app, ''), COALESCE(t.environment, ''), COALESCE(t.arrived_at, 0),
	COALESCE(t.state, ''), COALESCE(t.reason, ''), COALESCE(t.since, 0)`

// deviceTables joins devices with their people and tokens. A person outside of the scope is nobody: the device may be in it
// by itself.
func deviceTables(scope access.Scope) string {
	return `devices d LEFT JOIN users u ON u.key = d.user_key AND ` + userScope(scope, "u") + ` LEFT JOIN push_tokens t ON t.device_key = d.key`
}

// deviceRow is where a device's columns are scanned into.
type deviceRow struct {
	fleet.Device
	properties               string
	seen, arrived, tokenTime int64
	token                    fleet.PushToken
}

func (r *deviceRow) fields() []any {
	d, t := &r.Device, &r.token
	return []any{
		&d.Key, &d.ID, &d.Name, &d.Platform, &d.OSVersion, &d.Model, &d.SerialNumber, &d.IMEI, &d.PhoneNumber, &d.Carrier,
		&d.Ownership, &d.Managed, &d.Compliant, &d.Jailbroken, &r.seen, &r.properties, &d.User, &d.UserName,
		&t.Provider, &t.App, &t.Environment, &r.arrived, &t.State, &t.Reason, &r.tokenTime,
	}
}

func (r *deviceRow) device() (d fleet.Device, err error) {
	r.LastSeen = at(r.seen)
	if r.token.Provider != "" {
		r.token.Arrived, r.token.Since = at(r.arrived), at(r.tokenTime)
		r.Push = &r.token
	}
	r.Properties, err = parseProperties(r.properties)
	return r.Device, err
}

func scanDevice(row Row) (fleet.Device, error) {
	r := new(deviceRow)
	if err := row.Scan(r.fields()...); err != nil {
		return fleet.Device{}, err
	}
	return r.device()
}

// Device reads one device.
func (s *Store) Device(ctx context.Context, scope access.Scope, id fleet.DeviceID) (d fleet.Device, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		list, err := s.devices(ctx, tx, scope, `d.id = $1 AND `+deviceScope(scope, "d"), string(id))
		if err == nil && len(list) == 0 {
			return ErrNotFound
		}
		if err == nil {
			d = list[0]
		}
		return err
	})
	return d, err
}

// devices reads devices with their groups and what is known of their tokens. what follows WHERE.
func (s *Store) devices(ctx context.Context, tx Tx, scope access.Scope, what string, args ...any) ([]fleet.Device, error) {
	rows, err := tx.Query(ctx, `SELECT `+deviceColumns+` FROM `+deviceTables(scope)+` WHERE `+what, args...)
	list, err := all(rows, err, scanDevice)
	if err != nil {
		return nil, fmt.Errorf("reading devices: %w", err)
	}
	keys := make([]int64, len(list))
	for i, d := range list {
		keys[i] = d.Key
	}
	groups, err := deviceGroups.load(ctx, s, tx, scope, keys)
	for i := range list {
		list[i].Groups = groups[list[i].Key]
	}
	return list, err
}

// ListDevices lists devices that match, newest first unless the page says otherwise: by name, platform (and version),
// os_version, last_seen or user (the person's name).
func (s *Store) ListDevices(ctx context.Context, scope access.Scope, f fleet.Filter, p Page) (list []fleet.Device, next string, err error) {
	o, values := deviceOrder(p.Sort)
	err = s.Read(ctx, func(tx Tx) error {
		q, err := s.deviceQuery(ctx, tx, scope, f, true)
		if err != nil {
			return err
		}
		tail, err := q.page(p, o, "d.key")
		if err != nil {
			return err
		}
		list, err = s.devices(ctx, tx, scope, q.clause()+tail, q.args...)
		return err
	})
	list, next = cut(p, list, func(d fleet.Device) ([]string, int64) { return values(d), d.Key })
	return list, next, err
}

// deviceOrder gives the expressions of an order, and a row's values of them. All but user have an index.
func deviceOrder(sort Sort) (order, func(fleet.Device) []string) {
	switch sort {
	case SortName:
		return order{exprs: []string{"d.name"}}, func(d fleet.Device) []string { return []string{d.Name} }
	case SortPlatform:
		return order{exprs: []string{"d.platform", "d.os_version_key"}}, func(d fleet.Device) []string {
			return []string{string(d.Platform), fleet.VersionKey(d.OSVersion)}
		}
	case SortVersion:
		return order{exprs: []string{"d.os_version_key"}}, func(d fleet.Device) []string { return []string{fleet.VersionKey(d.OSVersion)} }
	case SortLastSeen:
		return order{exprs: []string{"d.last_seen"}, number: true}, func(d fleet.Device) []string {
			return []string{strconv.FormatInt(ms(d.LastSeen), 10)}
		}
	case SortUser:
		return order{exprs: []string{deviceUserName}}, func(d fleet.Device) []string { return []string{d.UserName} }
	}
	return order{}, func(fleet.Device) []string { return nil }
}

// CountDevices counts the devices that match.
func (s *Store) CountDevices(ctx context.Context, scope access.Scope, f fleet.Filter) (n int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		q, err := s.deviceQuery(ctx, tx, scope, f, false)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM devices d WHERE `+q.clause(), q.args...).Scan(&n)
	})
	return n, err
}

// deviceQuery compiles a filter for the alias d. ordered says that the rows are listed, not counted.
func (s *Store) deviceQuery(ctx context.Context, tx Tx, scope access.Scope, f fleet.Filter, ordered bool) (*query, error) {
	q := s.query()
	q.ordered = ordered
	q.where("%s", deviceScope(scope, "d"))
	groups, err := s.groupKeys(ctx, tx, scope, f.Group)
	if err != nil {
		return nil, err
	}
	for _, cond := range q.filter(scope, "d", f, groups) {
		q.where("%s", cond)
	}
	return q, nil
}

// PutDevice creates or replaces a device. Its user must exist; groups whose name is new are created. A Push that is nil
// or without a token keeps the token that is there (see fleet.PushToken).
func (s *Store) PutDevice(ctx context.Context, scope access.Scope, d fleet.Device, entries ...access.Entry) (created bool, err error) {
	if err := fleet.Refuse(d.Check()); err != nil {
		return false, err
	}
	err = s.writeTokens(ctx, entries, func(tx Tx) error {
		keys, err := s.findKeys(ctx, tx, "devices", "id", []string{string(d.ID)})
		if err != nil {
			return err
		}
		created = len(keys) == 0
		if !created {
			if err := s.mustSee(ctx, tx, "devices d", deviceScope(scope, "d"), keys[string(d.ID)]); err != nil {
				return err
			}
		}
		if err := s.mayKeepToken(ctx, tx, d, keys[string(d.ID)]); err != nil {
			return err
		}
		_, err = s.saveDevices(ctx, tx, scope, []fleet.Device{d})
		return err
	})
	return created && err == nil, err
}

// mayKeepToken refuses words about a token that is neither given nor there.
func (s *Store) mayKeepToken(ctx context.Context, tx Tx, d fleet.Device, key int64) error {
	if d.Push == nil || d.Push.Token != "" || d.Push.Removed {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT 1 FROM push_tokens WHERE device_key = $1`, key).Scan(&n)
	if errors.Is(err, ErrNoRows) {
		return fleet.Invalidf("push.token", "is required: the device has none yet")
	}
	return err
}

// DeleteDevice deletes a device and its token.
func (s *Store) DeleteDevice(ctx context.Context, scope access.Scope, id fleet.DeviceID, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM devices AS d WHERE d.id = $1 AND `+deviceScope(scope, "d"), string(id)))
	})
}

var deviceWrite = []column{
	{"id", textKind}, {"name", textKind}, {"platform", textKind}, {"os_version", textKind}, {"os_version_key", textKind},
	{"model", textKind}, {"serial_number", textKind}, {"imei", textKind}, {"phone_number", textKind}, {"carrier", textKind},
	{"ownership", textKind}, {"managed", boolKind}, {"compliant", boolKind}, {"jailbroken", boolKind}, {"last_seen", intKind},
	{"user_key", intKind}, {"properties", jsonKind},
}

// saveDevices writes devices whole, with groups and tokens, and gives the key of each id. They were checked before, but
// for their users. No two may have the same id.
func (s *Store) saveDevices(ctx context.Context, tx Tx, scope access.Scope, devices []fleet.Device) (map[string]int64, error) {
	if len(devices) == 0 {
		return nil, nil
	}
	users, err := s.usersOf(ctx, tx, devices)
	if err != nil {
		return nil, err
	}
	rows := make([][]any, len(devices))
	for i, d := range devices {
		rows[i] = deviceValues(d, users)
	}
	keys, err := s.upsertMany(ctx, tx, "devices", deviceWrite, rows)
	if err != nil {
		return nil, fmt.Errorf("writing devices: %w", err)
	}
	groups, tokens := map[int64][]string{}, map[int64]*fleet.PushToken{}
	for _, d := range devices {
		key := keys[string(d.ID)]
		groups[key], tokens[key] = d.Groups, d.Push
	}
	if err := deviceGroups.save(ctx, s, tx, scope, groups); err != nil {
		return nil, err
	}
	if err := s.saveTokens(ctx, tx, tokens); err != nil {
		return nil, err
	}
	return keys, s.mustStay(ctx, tx, "devices d", deviceScope(scope, "d"), sortedInts(groups))
}

func deviceValues(d fleet.Device, users map[string]int64) []any {
	var user any
	if d.User != "" {
		user = users[string(d.User)]
	}
	return []any{
		string(d.ID), d.Name, string(d.Platform), d.OSVersion, fleet.VersionKey(d.OSVersion), d.Model, d.SerialNumber, d.IMEI,
		d.PhoneNumber, d.Carrier, string(d.Ownership), d.Managed, d.Compliant, d.Jailbroken, ms(d.LastSeen), user, writeProperties(d.Properties),
	}
}

// usersOf gives the keys of the devices' users. One that is unknown is Invalid.
func (s *Store) usersOf(ctx context.Context, tx Tx, devices []fleet.Device) (map[string]int64, error) {
	ids := map[string]bool{}
	for _, d := range devices {
		if d.User != "" {
			ids[string(d.User)] = true
		}
	}
	keys, err := s.findKeys(ctx, tx, "users", "id", sortedKeys(ids))
	if err == nil && len(keys) < len(ids) {
		return nil, fleet.Invalidf("user", "is not the id of a user")
	}
	return keys, err
}

func sortedInts[V any](m map[int64]V) []int64 {
	list := make([]int64, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// daysAgo is a moment of the past, as the database keeps it.
func (s *Store) daysAgo(days int) int64 {
	return ms(s.now().Add(-time.Duration(days) * 24 * time.Hour))
}
