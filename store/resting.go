package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/courier"
)

// Each node says which hosts behind a server it leaves alone, among the settings: there are few, and they do not last.
const (
	restingPrefix = "resting/" // + server's id + / + node
	probePrefix   = "probe/"   // + server's id: when somebody wished that they are tried now, in milliseconds
)

// forgotten is how long after the end of its last pause the word of a node counts for nothing: it may have died.
const forgotten = time.Minute

// KeepResting keeps which hosts behind a server a node leaves alone now.
func (s *Store) KeepResting(ctx context.Context, server, node string, list []channel.Resting) error {
	value, err := json.Marshal(list)
	if err != nil {
		return err
	}
	name := restingPrefix + server + "/" + node
	return s.Write(ctx, func(tx Tx) error {
		kept, err := restingSettings(ctx, tx, restingPrefix+server+"/")
		if err != nil {
			return err
		}
		for other, theirs := range kept {
			if other != name && len(s.stillResting(theirs)) > 0 {
				continue
			}
			if _, err := tx.Exec(ctx, `DELETE FROM settings WHERE name = $1`, other); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return nil
		}
		return putSetting(ctx, tx, name, string(value))
	})
}

func restingSettings(ctx context.Context, tx Tx, prefix string) (map[string][]channel.Resting, error) {
	rows, err := tx.Query(ctx, `SELECT name, value FROM settings WHERE name LIKE $1`, prefix+"%")
	kept := map[string][]channel.Resting{}
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var name, value string
		var list []channel.Resting
		if err := r.Scan(&name, &value); err != nil {
			return struct{}{}, err
		}
		err := json.Unmarshal([]byte(value), &list)
		kept[name] = list
		return struct{}{}, err
	})
	return kept, err
}

// stillResting leaves out those whose pause is over for a while.
func (s *Store) stillResting(list []channel.Resting) []channel.Resting {
	now := s.now()
	return slices.DeleteFunc(list, func(r channel.Resting) bool { return now.Sub(r.Until) > forgotten })
}

// Resting are the hosts behind servers that some node leaves alone, by the servers' ids, the longest first. Of several
// nodes that leave the same host alone, the one that does so for longest counts.
func (s *Store) Resting(ctx context.Context) (map[string][]channel.Resting, error) {
	var kept map[string][]channel.Resting
	err := s.Read(ctx, func(tx Tx) (err error) {
		kept, err = restingSettings(ctx, tx, restingPrefix)
		return err
	})
	found := map[string][]channel.Resting{}
	for name, list := range kept {
		server, _, _ := strings.Cut(strings.TrimPrefix(name, restingPrefix), "/")
		for _, one := range s.stillResting(list) {
			at := slices.IndexFunc(found[server], func(r channel.Resting) bool { return r.Host == one.Host })
			switch {
			case at < 0:
				found[server] = append(found[server], one)
			case one.Since.Before(found[server][at].Since):
				found[server][at] = one
			}
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b channel.Resting) int { return a.Since.Compare(b.Since) })
	}
	return found, err
}

// ProbeWish is when somebody last wished that the hosts behind a server are tried now; zero = never.
func (s *Store) ProbeWish(ctx context.Context, server string) (time.Time, error) {
	value, err := s.Setting(ctx, probePrefix+server)
	if err != nil || value == "" {
		return time.Time{}, err
	}
	wished, err := strconv.ParseInt(value, 10, 64)
	return at(wished), err
}

// wishProbe notes the wish that hosts behind a server are tried now, when some are left alone. What nodes said of them
// counts no more; those that live say it again.
func (s *Store) wishProbe(ctx context.Context, tx Tx, server string) error {
	n, err := tx.Exec(ctx, `DELETE FROM settings WHERE name LIKE $1`, restingPrefix+server+"/%")
	if err != nil || n == 0 {
		return err
	}
	if err := putSetting(ctx, tx, probePrefix+server, strconv.FormatInt(ms(s.now()), 10)); err != nil {
		return err
	}
	return s.jobs.Insert(ctx, tx, courier.HurryJob(server))
}

// HurrySlice makes up to limit deliveries due now that wait for their next attempt by a server, and returns how many.
func (s *Store) HurrySlice(ctx context.Context, server string, limit int) (hurried int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		var key int64
		err := tx.QueryRow(ctx, `SELECT key FROM servers WHERE id = $1`, server).Scan(&key)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		hurried, err = tx.Exec(ctx, `
			UPDATE deliveries SET due_at = $2 WHERE id IN (
				SELECT id FROM deliveries WHERE state = 1 AND server = $1 AND due_at > $2 ORDER BY due_at LIMIT $3)`,
			key, ms(s.now()), limit)
		return err
	})
	return hurried, err
}
