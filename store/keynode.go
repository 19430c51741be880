package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/seal"
)

// AgreeEvery is how often each process is to call AgreeKeys.
const AgreeEvery = 5 * time.Second

// nodeLives is how long after its last word a process counts as running.
const nodeLives = 45 * time.Second

// KeyNode is a running process and the keys that it has.
type KeyNode struct {
	ID     string // new with every start
	Name   string // machine and process, for people
	Keys   []seal.KeyID
	SeenAt time.Time
}

// has reports whether the node has a key.
func (n KeyNode) has(id seal.KeyID) bool { return slices.Contains(n.Keys, id) }

// AgreeKeys tells the others which keys this process has, and puts its newest ones in use when all that run have them.
// It returns the keys in use, and whether that changed; they are in use here as well, or the error is *KeyError.
func (s *Store) AgreeKeys(ctx context.Context, me KeyNode) (inUse KeysInUse, changed bool, err error) {
	keys := s.keys
	me.Keys = slices.Concat(keys.Sealing(), keys.Index())
	err = s.Write(ctx, func(tx Tx) error {
		changed = false
		if err := s.sayKeys(ctx, tx, me); err != nil {
			return err
		}
		others, err := s.keyNodes(ctx, tx)
		if err != nil {
			return err
		}
		if inUse, err = keysInUse(ctx, tx); err != nil {
			return err
		}
		next := inUse.next(keys, others)
		if next == inUse {
			return nil
		}
		changed, inUse = true, next
		return s.putInUse(ctx, tx, next)
	})
	if err != nil {
		return inUse, false, fmt.Errorf("agreeing with the other nodes on keys: %w", err)
	}
	if !keys.Use(inUse.Sealing, inUse.Index) {
		return inUse, changed, inUse.refuse(keys)
	}
	return inUse, changed, nil
}

// useAgreed uses the keys that the nodes agreed on, also when this one has not looked since.
func (s *Store) useAgreed(ctx context.Context) error {
	var inUse KeysInUse
	err := s.Read(ctx, func(tx Tx) (err error) {
		inUse, err = keysInUse(ctx, tx)
		return err
	})
	if err == nil && !s.keys.Use(inUse.Sealing, inUse.Index) {
		err = inUse.refuse(s.keys)
	}
	return err
}

// next is what to use: the newest keys of a file that has those in use, when every node has them too.
func (u KeysInUse) next(keys *seal.Keys, nodes []KeyNode) KeysInUse {
	u.Sealing = newest(keys.Sealing(), u.Sealing, nodes)
	u.Index = newest(keys.Index(), u.Index, nodes)
	return u
}

// newest is the newest of some keys, the oldest first, that all nodes have, if it is newer than the one in use.
func newest(keys []seal.KeyID, inUse seal.KeyID, nodes []KeyNode) seal.KeyID {
	from := slices.Index(keys, inUse)
	if from < 0 {
		return inUse
	}
	for _, key := range slices.Backward(keys[from:]) {
		if !slices.ContainsFunc(nodes, func(n KeyNode) bool { return !n.has(key) }) {
			return key
		}
	}
	return inUse
}

func (s *Store) putInUse(ctx context.Context, tx Tx, next KeysInUse) error {
	before, err := keysInUse(ctx, tx)
	if err != nil {
		return err
	}
	if err := putSetting(ctx, tx, sealingSetting, string(next.Sealing)); err != nil {
		return err
	}
	if next.Index != before.Index {
		if err := putSetting(ctx, tx, fingerprintSetting, string(next.Index)); err != nil {
			return err
		}
		if err := putSetting(ctx, tx, indexSinceSetting, fmt.Sprint(ms(s.now()))); err != nil {
			return err
		}
	}
	return s.jobs.Insert(ctx, tx, s.resealJob())
}

// sayKeys writes which keys this process has. On SQLite there is no other process, and so nobody to tell.
func (s *Store) sayKeys(ctx context.Context, tx Tx, me KeyNode) error {
	now := s.now()
	if s.Postgres() == nil {
		return s.sayKeysOnce(ctx, tx, me, now)
	}
	return putKeyNode(ctx, tx, me, now)
}

// sayKeysOnce leaves the row of this process alone while it is right: nobody else looks at its time.
func (s *Store) sayKeysOnce(ctx context.Context, tx Tx, me KeyNode, now time.Time) error {
	var known string
	err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(keys), '') FROM key_nodes WHERE node = $1`, me.ID).Scan(&known)
	if err != nil || known == joinKeys(me.Keys) {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM key_nodes`); err != nil {
		return err
	}
	return putKeyNode(ctx, tx, me, now)
}

func putKeyNode(ctx context.Context, tx Tx, me KeyNode, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO key_nodes (node, name, keys, seen_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (node) DO UPDATE SET keys = excluded.keys, seen_at = excluded.seen_at`, me.ID, me.Name, joinKeys(me.Keys), ms(now))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM key_nodes WHERE seen_at < $1`, ms(now.Add(-time.Hour)))
	return err
}

func joinKeys(keys []seal.KeyID) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = string(key)
	}
	return strings.Join(texts, " ")
}

// LeaveKeys says that this process has ended: nobody waits for it to learn of a key.
func (s *Store) LeaveKeys(ctx context.Context, node string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM key_nodes WHERE node = $1`, node)
		return err
	})
}

// KeyStatus is what the database knows of keys.
type KeyStatus struct {
	InUse   KeysInUse
	Nodes   []KeyNode // those that run
	Reseals []Reseal
}

// Waiting reports whether a key that some nodes have is not in use yet, because others lack it.
func (s KeyStatus) Waiting() bool {
	known := map[string]bool{}
	for _, n := range s.Nodes {
		known[joinKeys(n.Keys)] = true
	}
	return len(known) > 1
}

// KeyStatus reads it.
func (s *Store) KeyStatus(ctx context.Context) (status KeyStatus, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		if status.InUse, err = keysInUse(ctx, tx); err != nil {
			return err
		}
		status.Nodes, err = s.keyNodes(ctx, tx)
		return err
	})
	if err != nil {
		return status, err
	}
	status.Reseals, err = s.Reseals(ctx)
	return status, err
}

// keyNodes lists the processes that run. On SQLite the one that wrote its row last may be one that was killed: it holds
// up nobody, for who starts next takes its row's place.
func (s *Store) keyNodes(ctx context.Context, tx Tx) ([]KeyNode, error) {
	since := int64(0)
	if s.Postgres() != nil {
		since = ms(s.now().Add(-nodeLives))
	}
	rows, err := tx.Query(ctx, `SELECT node, name, keys, seen_at FROM key_nodes WHERE seen_at >= $1 ORDER BY name, node`, since)
	return all(rows, err, func(r Row) (n KeyNode, err error) {
		var keys string
		var seen int64
		err = r.Scan(&n.ID, &n.Name, &keys, &seen)
		for _, key := range strings.Fields(keys) {
			n.Keys = append(n.Keys, seal.KeyID(key))
		}
		n.SeenAt = at(seen)
		return n, err
	})
}
