package store

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"

	"heliograph/access"
	"heliograph/fleet"
)

// ImportRows applies rows of an import in one transaction and stores what differs. It gives the effect of each; a row
// that is rejected says why in its Problems. Rows of one call must have different ids.
//
// dry is nil to store; else nothing is, and dry remembers between calls the people who would have been.
func (s *Store) ImportRows(ctx context.Context, scope access.Scope, rows []fleet.ImportRow, dry map[fleet.UserID]fleet.User) ([]fleet.Effect, error) {
	var effects []fleet.Effect
	do := func(ctx context.Context, do func(Tx) error) error { return s.writeTokens(ctx, nil, do) }
	if dry != nil {
		do = s.Read
	}
	err := do(ctx, func(tx Tx) error {
		known, err := s.known(ctx, tx, scope, rows, dry)
		if err != nil {
			return err
		}
		attempt := make([]fleet.ImportRow, len(rows)) // a transaction that is tried again begins with the same rows
		effects = make([]fleet.Effect, len(rows))
		for i, row := range rows {
			attempt[i] = row
			effects[i] = known.Apply(&attempt[i])
		}
		if dry == nil {
			err = s.saveKnown(ctx, tx, scope, known)
		}
		if err == nil {
			copy(rows, attempt)
		}
		for _, id := range known.ChangedUsers {
			if dry != nil {
				dry[id] = known.Users[id]
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("importing %d rows: %w", len(rows), err)
	}
	return effects, nil
}

func (s *Store) saveKnown(ctx context.Context, tx Tx, scope access.Scope, k *fleet.Known) error {
	users := make([]fleet.User, len(k.ChangedUsers))
	for i, id := range k.ChangedUsers {
		users[i] = k.Users[id]
	}
	if _, err := s.saveUsers(ctx, tx, scope, users); err != nil {
		return err
	}
	devices := make([]fleet.Device, len(k.ChangedDevices))
	for i, id := range k.ChangedDevices {
		devices[i] = k.Devices[id]
	}
	_, err := s.saveDevices(ctx, tx, scope, devices)
	return err
}

// known reads what is stored about the devices and people of some rows.
func (s *Store) known(ctx context.Context, tx Tx, scope access.Scope, rows []fleet.ImportRow, dry map[fleet.UserID]fleet.User) (*fleet.Known, error) {
	k := &fleet.Known{
		Devices: map[fleet.DeviceID]fleet.Device{}, Users: map[fleet.UserID]fleet.User{}, Usernames: map[string][]fleet.UserID{},
		HiddenDevices: map[fleet.DeviceID]bool{}, HiddenUsers: map[fleet.UserID]bool{},
		NewUserID: func() fleet.UserID { return fleet.UserID(newID(s.now())) },
	}
	devices, users, usernames := idsOf(rows)
	if err := s.knownDevices(ctx, tx, scope, k, devices, dry != nil); err != nil {
		return nil, err
	}
	if err := s.knownUsers(ctx, tx, scope, k, users, usernames); err != nil {
		return nil, err
	}
	for id, u := range dry {
		k.Users[id] = u
		k.Usernames[u.Username] = append(k.Usernames[u.Username], id)
	}
	return k, nil
}

// idsOf gathers whom rows may mean. A user name may also be the id of somebody else, which then must not be taken.
func idsOf(rows []fleet.ImportRow) (devices []fleet.DeviceID, users, usernames []string) {
	ids, names := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		devices = append(devices, row.ID)
		id, owner, username := row.Names()
		for _, text := range []string{string(id), string(owner), username} {
			if text != "" {
				ids[text] = true
			}
		}
		if username != "" {
			names[username] = true
		}
	}
	return devices, sortedKeys(ids), sortedKeys(names)
}

func (s *Store) knownDevices(ctx context.Context, tx Tx, scope access.Scope, k *fleet.Known, ids []fleet.DeviceID, dry bool) error {
	list, err := jsonList(ids)
	if err != nil {
		return err
	}
	where := "d.id IN " + s.listed("$1", textKind)
	if lock := s.lockRows(); lock != "" && !dry {
		if _, err := tx.Exec(ctx, `SELECT 1 FROM devices d WHERE `+where+` ORDER BY d.key`+lock, list); err != nil {
			return err
		}
	}
	devices, err := s.devices(ctx, tx, scope, where, list)
	if err != nil {
		return err
	}
	for _, d := range devices {
		k.Devices[d.ID] = d
	}
	if !scope.All() {
		rows, err := tx.Query(ctx, `SELECT d.id FROM devices d WHERE `+where+` AND NOT `+deviceScope(scope, "d"), list)
		hidden, err := all(rows, err, one[fleet.DeviceID])
		if err != nil {
			return err
		}
		for _, id := range hidden {
			k.HiddenDevices[id] = true
		}
	}
	return s.knownTokens(ctx, tx, k, where, list)
}

// knownTokens lets tokens be compared by their hash.
func (s *Store) knownTokens(ctx context.Context, tx Tx, k *fleet.Known, where, list string) error {
	rows, err := tx.Query(ctx, `SELECT d.key, t.token_hash FROM devices d JOIN push_tokens t ON t.device_key = d.key WHERE `+where, list)
	if err != nil {
		return err
	}
	defer rows.Close()
	hashes := map[int64][]byte{}
	for rows.Next() {
		var key int64
		var hash []byte
		if err := rows.Scan(&key, &hash); err != nil {
			return err
		}
		hashes[key] = hash
	}
	k.SameToken = func(d fleet.Device, token string) bool {
		return slices.ContainsFunc(s.tokenHashes(token), func(hash []byte) bool { return hmac.Equal(hashes[d.Key], hash) })
	}
	return rows.Err()
}

func (s *Store) knownUsers(ctx context.Context, tx Tx, scope access.Scope, k *fleet.Known, ids, usernames []string) error {
	if len(ids) == 0 {
		return nil
	}
	idList, err := jsonList(ids)
	if err != nil {
		return err
	}
	nameList, err := jsonList(usernames)
	if err != nil {
		return err
	}
	where := "(u.id IN " + s.listed("$1", textKind) + " OR u.username IN " + s.listed("$2", textKind) + ")"
	users, err := s.users(ctx, tx, scope, where, idList, nameList)
	if err != nil {
		return err
	}
	for _, u := range users {
		k.Users[u.ID] = u
		k.Usernames[u.Username] = append(k.Usernames[u.Username], u.ID)
	}
	if scope.All() {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT u.id FROM users u WHERE `+where+` AND NOT `+userScope(scope, "u"), idList, nameList)
	hidden, err := all(rows, err, one[fleet.UserID])
	for _, id := range hidden {
		k.HiddenUsers[id] = true
	}
	return err
}

// PutFleet writes many people and devices at once, whole, as PutUser and PutDevice would: for fleets that are made, not
// imported. No two may have the same id.
func (s *Store) PutFleet(ctx context.Context, users []fleet.User, devices []fleet.Device) error {
	for _, u := range users {
		if err := fleet.Refuse(u.Check()); err != nil {
			return fmt.Errorf("user %s: %w", u.ID, err)
		}
	}
	for _, d := range devices {
		if err := fleet.Refuse(d.Check()); err != nil {
			return fmt.Errorf("device %s: %w", d.ID, err)
		}
	}
	return s.writeTokens(ctx, nil, func(tx Tx) error {
		if _, err := s.saveUsers(ctx, tx, access.Everything, users); err != nil {
			return err
		}
		_, err := s.saveDevices(ctx, tx, access.Everything, devices)
		return err
	})
}

// Analyze tells PostgreSQL's planner how large the fleet has become, after much was written at once: its own look comes
// up to a minute later, and until then it plans for the fleet of before. SQLite needs no telling.
func (s *Store) Analyze(ctx context.Context) error {
	pool := s.Postgres()
	if pool == nil {
		return nil
	}
	if _, err := pool.Exec(ctx, `ANALYZE users, devices, device_groups, user_groups, push_tokens`); err != nil {
		return fmt.Errorf("analyzing the fleet: %w", err)
	}
	return nil
}
