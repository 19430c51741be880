package store

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/seal"
)

const serverColumns = `key, id, kind, name, description, settings, active, created_at, updated_at,
	paused_since, paused_until, pause_step, pause_reason, pause_detail, answered_at, answer, deleted_at`

// Servers lists the servers of some kinds, all kinds without one, in the order of their names. Deleted ones are among
// them only for the courier (see AllServers).
func (s *Store) Servers(ctx context.Context, kinds ...string) ([]channel.Server, error) {
	list, err := s.AllServers(ctx, kinds...)
	live := list[:0]
	for _, server := range list {
		if server.Settings != nil {
			live = append(live, server)
		}
	}
	return live, err
}

// AllServers lists the servers with those that were deleted and may still have deliveries to give to others. A deleted
// one has no settings.
func (s *Store) AllServers(ctx context.Context, kinds ...string) (list []channel.Server, err error) {
	query := `SELECT ` + serverColumns + ` FROM servers WHERE $1 = '' OR $1 LIKE '%,' || kind || ',%' ORDER BY name`
	wanted := ""
	if len(kinds) > 0 {
		wanted = "," + strings.Join(kinds, ",") + ","
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, query, wanted)
		list, err = all(rows, err, s.scanServer)
		return err
	})
	return list, err
}

// Server reads one server. ErrNotFound when there is none, or it was deleted.
func (s *Store) Server(ctx context.Context, id string) (server channel.Server, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		server, err = s.server(ctx, tx, id)
		return err
	})
	return server, err
}

func (s *Store) server(ctx context.Context, tx Tx, id string) (channel.Server, error) {
	server, err := s.scanServer(tx.QueryRow(ctx, `SELECT `+serverColumns+` FROM servers WHERE id = $1 AND deleted_at = 0`, id))
	if errors.Is(err, ErrNoRows) {
		return server, fmt.Errorf("server %s: %w", id, ErrNotFound)
	}
	return server, err
}

func (s *Store) scanServer(r Row) (channel.Server, error) {
	var (
		v                                          channel.Server
		p                                          channel.Pause
		sealed                                     []byte
		created, updated, since, until, answeredAt int64
		deleted                                    int64
	)
	err := r.Scan(&v.Key, &v.ID, &v.Kind, &v.Name, &v.Description, &sealed, &v.Active, &created, &updated,
		&since, &until, &p.Step, &p.Reason, &p.Detail, &answeredAt, &v.Answer, &deleted)
	if err != nil {
		return v, err
	}
	v.CreatedAt, v.UpdatedAt, v.AnsweredAt = at(created), at(updated), at(answeredAt)
	if since != 0 {
		p.Since, p.Until = at(since), at(until)
		v.Pause = &p
	}
	if deleted == 0 {
		err = s.openSettings(&v, sealed)
	}
	return v, err
}

func (s *Store) openSettings(v *channel.Server, sealed []byte) error {
	raw, err := s.keys.Open(seal.Server, "server:"+v.ID, sealed)
	if err != nil {
		return fmt.Errorf("the settings of server %s: %w", v.Name, err)
	}
	for _, p := range s.providers {
		if p.Kind == v.Kind {
			settings := p.Default()
			if err := json.Unmarshal(raw, settings); err != nil {
				return fmt.Errorf("the settings of server %s cannot be read", v.Name) // the parser's error may quote a secret
			}
			v.Settings, v.Route = settings, settings.Route()
			return nil
		}
	}
	return fmt.Errorf("server %s is of a kind that this version does not know: %s", v.Name, v.Kind)
}

// PutServer writes a server: a new one when its Key is 0. The first of a kind, app and environment is active by itself;
// activating one deactivates the others. New settings end a pause: the next message shows whether they are right.
// ErrConflict when the name is taken.
func (s *Store) PutServer(ctx context.Context, v channel.Server, entries ...access.Entry) (stored channel.Server, err error) {
	raw, err := json.Marshal(v.Settings)
	if err != nil {
		return v, err
	}
	v.Route = v.Settings.Route()
	sealed := s.keys.Seal(seal.Server, "server:"+v.ID, raw)
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if v.Key == 0 && !v.Active {
			if v.Active, err = firstOfItsKind(ctx, tx, v); err != nil {
				return err
			}
		}
		if err := s.putServer(ctx, tx, v, sealed); err != nil {
			return err
		}
		if err := s.wishProbe(ctx, tx, v.ID); err != nil {
			return err
		}
		if err := s.oneActive(ctx, tx, v); err != nil {
			return err
		}
		if err := reviveTokens(ctx, tx, v); err != nil {
			return err
		}
		if err := s.reviveRegistrations(ctx, tx, v); err != nil {
			return err
		}
		stored, err = s.server(ctx, tx, v.ID)
		return err
	})
	if isUnique(err) {
		return v, nameTaken("a server")
	}
	return stored, err
}

func (s *Store) putServer(ctx context.Context, tx Tx, v channel.Server, sealed []byte) error {
	now := ms(s.now())
	if v.Key == 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO servers (id, kind, name, description, host, app, environment, settings, active, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
			v.ID, v.Kind, v.Name, v.Description, v.Route.Host, v.Route.App, v.Route.Environment, sealed, v.Active, now)
		return err
	}
	// updated_at moves on even within a millisecond: it is what makes senders open again.
	_, err := tx.Exec(ctx, `
		UPDATE servers SET name = $2, description = $3, host = $4, app = $5, environment = $6, settings = $7, active = $8,
			updated_at = CASE WHEN updated_at >= $9 THEN updated_at + 1 ELSE $9 END,
			paused_until = CASE WHEN paused_since > 0 THEN $9 ELSE 0 END
		WHERE key = $1`,
		v.Key, v.Name, v.Description, v.Route.Host, v.Route.App, v.Route.Environment, sealed, v.Active, now)
	return err
}

// sameRoute are the servers that a message could go by instead of another.
const sameRoute = `kind = $1 AND app = $2 AND environment = $3 AND deleted_at = 0`

// firstOfItsKind reports whether a new server has nobody beside it that does the same.
func firstOfItsKind(ctx context.Context, tx Tx, v channel.Server) (first bool, err error) {
	err = tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT 1 FROM servers WHERE `+sameRoute+`)`,
		v.Kind, v.Route.App, v.Route.Environment).Scan(&first)
	return first, err
}

// oneActive keeps the rule: of a kind, app and environment at most one is active. What waits for the others goes by this
// one at once, also when they are paused: a pause is for those who send.
func (s *Store) oneActive(ctx context.Context, tx Tx, v channel.Server) error {
	if !v.Active {
		return nil
	}
	others := []any{v.Kind, v.Route.App, v.Route.Environment, v.ID}
	if _, err := tx.Exec(ctx, `UPDATE servers SET active = FALSE WHERE `+sameRoute+` AND id <> $4`, others...); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT id FROM servers WHERE `+sameRoute+` AND id <> $4 AND paused_since > 0`, others...)
	paused, err := all(rows, err, one[string])
	if err != nil {
		return err
	}
	for _, id := range paused {
		if err := s.resumeServer(ctx, tx, id); err != nil {
			return err
		}
	}
	return hurryMoves(ctx, tx, v)
}

// reviveTokens gives tokens that did not fit another chance: the provider's settings may have been the reason.
func reviveTokens(ctx context.Context, tx Tx, v channel.Server) error {
	_, err := tx.Exec(ctx, `
		UPDATE push_tokens SET state = 'live', reason = '', since = 0
		WHERE provider = $1 AND app = $2 AND state = 'suspended'`, v.Kind, v.Route.App)
	return err
}

// ActivateServer makes a server the one that messages leave by.
func (s *Store) ActivateServer(ctx context.Context, id string, entries ...access.Entry) (v channel.Server, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if v, err = s.server(ctx, tx, id); err != nil {
			return err
		}
		v.Active = true
		if _, err := tx.Exec(ctx, `UPDATE servers SET active = TRUE WHERE key = $1`, v.Key); err != nil {
			return err
		}
		if err := s.oneActive(ctx, tx, v); err != nil {
			return err
		}
		return s.reviveRegistrations(ctx, tx, v)
	})
	return v, err
}

// DeleteServer takes a server out of use and forgets its secrets. What still waits for it goes by another of its kind.
func (s *Store) DeleteServer(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := tx.Exec(ctx, `
			UPDATE servers SET deleted_at = $2, updated_at = $2, active = FALSE, settings = $3, name = name || ' (deleted ' || id || ')',
				paused_since = 0, paused_until = 0
			WHERE id = $1 AND deleted_at = 0`, id, ms(s.now()), []byte{})
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("server %s: %w", id, ErrNotFound)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM settings WHERE name LIKE $1 OR name = $2`, restingPrefix+id+"/%", probePrefix+id); err != nil {
			return err
		}
		if err := hurry(ctx, tx, courier.QueueOf(id)); err != nil { // its jobs must run to move their deliveries
			return err
		}
		return s.jobs.ResumeQueue(ctx, tx, courier.QueueOf(id))
	})
}

// ProbeNow ends a paused server's waiting: the next look sends one message by it. Nothing happens when it is not paused.
func (s *Store) ProbeNow(ctx context.Context, id string, entries ...access.Entry) (v channel.Server, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE servers SET paused_until = $2 WHERE id = $1 AND paused_since > 0`, id, ms(s.now())); err != nil {
			return err
		}
		if err := s.wishProbe(ctx, tx, id); err != nil {
			return err
		}
		v, err = s.server(ctx, tx, id)
		return err
	})
	return v, err
}

// ResumeServer ends a pause.
func (s *Store) ResumeServer(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx Tx) error { return s.resumeServer(ctx, tx, id) })
}

func (s *Store) resumeServer(ctx context.Context, tx Tx, id string) error {
	_, err := tx.Exec(ctx, `
		UPDATE servers SET paused_since = 0, paused_until = 0, pause_step = 0, pause_reason = '', pause_detail = ''
		WHERE id = $1`, id)
	if err != nil {
		return err
	}
	if err := hurry(ctx, tx, courier.QueueOf(id)); err != nil {
		return err
	}
	return s.jobs.ResumeQueue(ctx, tx, courier.QueueOf(id))
}

// WakeQueues resumes the queues of servers that are not paused, whose jobs nobody has taken for so long: a worker that
// missed the end of a pause (it was just starting, or its connection broke) would wait for ever.
func (s *Store) WakeQueues(ctx context.Context, standing time.Duration) (woken []string, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		queues, err := s.queueBacklogs(ctx, tx)
		if err != nil {
			return err
		}
		for _, q := range queues {
			if q.Age < standing {
				continue
			}
			stands, err := standsStill(ctx, tx, q.Name)
			if err != nil {
				return err
			}
			if stands {
				woken = append(woken, q.Name)
				if err := s.jobs.ResumeQueue(ctx, tx, q.Name); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return woken, err
}

// standsStill reports whether a queue is one of a server that is not paused, and none of its jobs runs.
func standsStill(ctx context.Context, tx Tx, queue string) (stands bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM servers WHERE id = $1 AND paused_since = 0)
			AND NOT EXISTS (SELECT 1 FROM river_job WHERE queue = $2 AND state = 'running')`,
		strings.TrimPrefix(queue, courier.QueueOf("")), queue).Scan(&stands)
	return stands, err
}

// pauseServer writes a pause. Of several batches that fail at the same time the first one counts: p.Step is what the
// batch saw when it began, and a pause of that step that is there already stays.
func (s *Store) pauseServer(ctx context.Context, tx Tx, key int64, p channel.Pause) error {
	var id string
	err := tx.QueryRow(ctx, `
		UPDATE servers SET paused_since = $2, paused_until = $3, pause_step = $4, pause_reason = $5, pause_detail = $6
		WHERE key = $1 AND pause_step < $4 AND deleted_at = 0 RETURNING id`,
		key, ms(p.Since), ms(p.Until), p.Step, string(p.Reason), p.Detail).Scan(&id)
	if errors.Is(err, ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.jobs.PauseQueue(ctx, tx, courier.QueueOf(id))
}

// ServerStates reads what the courier looks at every second. It opens no secret.
func (s *Store) ServerStates(ctx context.Context) (list []courier.ServerState, err error) {
	now := s.now()
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT s.key, s.id, s.kind, s.active, s.updated_at, s.paused_since, s.paused_until, EXISTS (
				SELECT 1 FROM deliveries d WHERE d.state = 1 AND d.server = s.key AND d.due_at > 0 AND d.due_at <= $1)
			FROM servers s ORDER BY s.key`, ms(now))
		list, err = all(rows, err, scanServerState)
		return err
	})
	return list, err
}

func scanServerState(r Row) (v courier.ServerState, err error) {
	var updated, since, until int64
	err = r.Scan(&v.Key, &v.ID, &v.Kind, &v.Active, &updated, &since, &until, &v.Due)
	v.UpdatedAt = at(updated)
	if since != 0 {
		v.PausedUntil = at(until)
	}
	return v, err
}

// serverKeys maps the ids of servers to their keys.
func serverKeys(ctx context.Context, tx Tx) (map[string]int64, error) {
	rows, err := tx.Query(ctx, `SELECT id, key FROM servers`)
	keys := map[string]int64{}
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var id string
		var key int64
		err := r.Scan(&id, &key)
		keys[id] = key
		return struct{}{}, err
	})
	return keys, err
}

// answered notes a server's last words, at most once a second so that no row is written for every batch.
func answered(ctx context.Context, tx Tx, key int64, when time.Time, answer string) error {
	_, err := tx.Exec(ctx, `UPDATE servers SET answered_at = $2, answer = $3 WHERE key = $1 AND (answered_at < $4 OR answer <> $3)`,
		key, ms(when), answer, ms(when)-1000)
	return err
}

// HookSecret is the secret part of the address where a server's service posts receipts. It follows from the key file, so
// nothing is stored.
func (s *Store) HookSecret(server string) string { return s.HookSecrets(server)[0] }

// HookSecrets are those under which reports may still come: the first is HookSecret, another one was given away before
// the index key changed.
func (s *Store) HookSecrets(server string) (list []string) {
	for _, hash := range s.keys.Hashes(seal.Hook, []byte(server)) {
		list = append(list, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hash)[:26])
	}
	return list
}
