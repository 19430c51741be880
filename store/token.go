package store

import (
	"context"
	"fmt"
	"strconv"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/seal"
)

// tokenPlace binds a sealed token to its device.
func tokenPlace(device int64) string { return "device:" + strconv.FormatInt(device, 10) }

// OpenToken decrypts a device's sealed push token.
func (s *Store) OpenToken(device int64, sealed []byte) (string, error) {
	token, err := s.keys.Open(seal.PushToken, tokenPlace(device), sealed)
	if err != nil {
		return "", fmt.Errorf("opening the push token of device %d: %w", device, err)
	}
	return string(token), nil
}

// hashToken recognises a token without opening any.
func (s *Store) hashToken(token string) []byte { return s.keys.Hash(seal.PushToken, []byte(token)) }

// tokenHashes are those that a row with the token may have: more than one while the index key changes.
func (s *Store) tokenHashes(token string) [][]byte {
	return s.keys.Hashes(seal.PushToken, []byte(token))
}

// PutPushToken gives a device its address for push. Uploading makes the token live and newly arrived, also when it is
// the one that the device had. A token that another device had moves. Removed takes the token away.
func (s *Store) PutPushToken(ctx context.Context, scope access.Scope, id fleet.DeviceID, t fleet.PushToken, entries ...access.Entry) error {
	problems := t.Check()
	if t.Token == "" && !t.Removed {
		problems = append(problems, fleet.Problem{Field: "push.token", Detail: "is required"})
	}
	if err := fleet.Refuse(problems); err != nil {
		return err
	}
	return s.writeTokens(ctx, entries, func(tx Tx) error {
		var key int64
		err := tx.QueryRow(ctx, `SELECT d.key FROM devices d WHERE d.id = $1 AND `+deviceScope(scope, "d"), string(id)).Scan(&key)
		if err != nil {
			return notFound(err)
		}
		return s.saveTokens(ctx, tx, map[int64]*fleet.PushToken{key: &t})
	})
}

// writeTokens is Write for what may move a token. Two transactions that give the same one to two devices cannot see each
// other; PostgreSQL then refuses the second, which begins again and finds it.
func (s *Store) writeTokens(ctx context.Context, entries []access.Entry, do func(Tx) error) (err error) {
	for range writeTries {
		if err = s.WriteAudited(ctx, entries, do); !isUnique(err) {
			return err
		}
	}
	return err
}

// saveTokens writes what was put beside devices, by the device's key: a new token, other words about the one that is
// there, or its end.
func (s *Store) saveTokens(ctx context.Context, tx Tx, tokens map[int64]*fleet.PushToken) error {
	var removed []int64
	var put, changed, hashes [][]any
	newest := map[string]int64{} // where a token that was put twice ends up
	for _, key := range sortedInts(tokens) {
		if t := tokens[key]; t != nil && t.Token != "" && !t.Removed {
			newest[t.Token] = key
		}
	}
	for _, key := range sortedInts(tokens) {
		switch t := tokens[key]; {
		case t == nil:
		case t.Removed:
			removed = append(removed, key)
		case t.Token == "":
			changed = append(changed, []any{key, string(t.Provider), t.App, string(t.Environment)})
		case newest[t.Token] == key:
			sealed := s.keys.Seal(seal.PushToken, tokenPlace(key), []byte(t.Token))
			put = append(put, []any{key, string(t.Provider), t.App, string(t.Environment), sealed, s.hashToken(t.Token), ms(s.now())})
			for _, hash := range s.tokenHashes(t.Token) {
				hashes = append(hashes, []any{hash})
			}
		default:
			removed = append(removed, key)
		}
	}
	if err := s.removeTokens(ctx, tx, removed, hashes); err != nil {
		return fmt.Errorf("removing push tokens: %w", err)
	}
	if err := s.changeTokens(ctx, tx, changed); err != nil {
		return fmt.Errorf("changing push tokens: %w", err)
	}
	return s.putTokens(ctx, tx, put)
}

// removeTokens deletes the tokens of devices, and whatever other device has one that is put now, by its hashes.
func (s *Store) removeTokens(ctx context.Context, tx Tx, devices []int64, put [][]any) error {
	if len(devices) > 0 {
		_, err := tx.Exec(ctx, `DELETE FROM push_tokens WHERE device_key IN `+s.listed("$1", intKind), jsonKeys(devices))
		if err != nil {
			return err
		}
	}
	if len(put) == 0 {
		return nil
	}
	text, err := jsonRows(put)
	if err != nil {
		return err
	}
	// The order in which two tokens change places does not matter: both leave before either arrives.
	_, err = tx.Exec(ctx, fmt.Sprintf(`DELETE FROM push_tokens WHERE token_hash IN (SELECT %s FROM %s)`, s.pick(0, bytesKind), s.each("$1")), text)
	return err
}

func (s *Store) changeTokens(ctx context.Context, tx Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	text, err := jsonRows(rows)
	if err != nil {
		return err
	}
	// What was suspended did not fit its app or environment; these are new now, so it may try again.
	_, err = tx.Exec(ctx, fmt.Sprintf(`
		UPDATE push_tokens SET provider = n.provider, app = n.app, environment = n.environment,
			reason = CASE WHEN state = 'suspended' THEN '' ELSE reason END,
			state = CASE WHEN state = 'suspended' THEN 'live' ELSE state END
		FROM (SELECT %s AS device_key, %s AS provider, %s AS app, %s AS environment FROM %s) n
		WHERE push_tokens.device_key = n.device_key`,
		s.pick(0, intKind), s.pick(1, textKind), s.pick(2, textKind), s.pick(3, textKind), s.each("$1")), text)
	return err
}

func (s *Store) putTokens(ctx context.Context, tx Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	text, err := jsonRows(rows)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`
		INSERT INTO push_tokens (device_key, provider, app, environment, token, token_hash, arrived_at)
		SELECT %s, %s, %s, %s, %s, %s, %s FROM %s WHERE TRUE
		ON CONFLICT (device_key) DO UPDATE SET provider = excluded.provider, app = excluded.app, environment = excluded.environment,
			token = excluded.token, token_hash = excluded.token_hash, arrived_at = excluded.arrived_at, state = 'live', reason = '', since = 0`,
		s.pick(0, intKind), s.pick(1, textKind), s.pick(2, textKind), s.pick(3, textKind), s.pick(4, bytesKind), s.pick(5, bytesKind),
		s.pick(6, intKind), s.each("$1")), text)
	if err != nil {
		return fmt.Errorf("writing push tokens: %w", err)
	}
	return nil
}

// DeviceToken opens the live push token of a device. ErrNotFound when the device has none.
func (s *Store) DeviceToken(ctx context.Context, scope access.Scope, id fleet.DeviceID) (t fleet.PushToken, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		var key, arrived int64
		var sealed []byte
		err := tx.QueryRow(ctx, `
			SELECT t.device_key, t.provider, t.app, t.environment, t.token, t.arrived_at, t.state
			FROM push_tokens t JOIN devices d ON d.key = t.device_key
			WHERE d.id = $1 AND t.state = 'live' AND `+deviceScope(scope, "d"), string(id)).
			Scan(&key, &t.Provider, &t.App, &t.Environment, &sealed, &arrived, &t.State)
		if err != nil {
			return notFound(err)
		}
		t.Arrived = at(arrived)
		t.Token, err = s.OpenToken(key, sealed)
		return err
	})
	return t, err
}
