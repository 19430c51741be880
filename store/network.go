package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"heliograph/channel"
)

// DatabasePeers are the machines of the database at a URL; none for a file, and for sockets.
func DatabasePeers(url string) (peers []channel.Peer) {
	if !IsPostgres(url) {
		return nil
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil
	}
	add := func(host string, port uint16) {
		for _, p := range peers {
			if p.Host == host && p.Port == int(port) {
				return // once with TLS, and once without
			}
		}
		if host != "" && !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") {
			peers = append(peers, channel.Peer{Purpose: channel.ForDatabase, Host: host, Port: int(port), Protocol: "PostgreSQL"})
		}
	}
	add(config.Host, config.Port)
	for _, other := range config.Fallbacks {
		add(other.Host, other.Port)
	}
	return peers
}

// SomeTokens opens at most so many live push tokens of a kind of provider and an app, whichever are found first.
func (s *Store) SomeTokens(ctx context.Context, kind, app string, most int) (list []string, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT device_key, token FROM push_tokens WHERE provider = $1 AND app = $2 AND state = 'live' LIMIT $3`, kind, app, most)
		list, err = all(rows, err, func(r Row) (string, error) {
			var key int64
			var sealed []byte
			if err := r.Scan(&key, &sealed); err != nil {
				return "", err
			}
			return s.OpenToken(key, sealed)
		})
		return err
	})
	return list, err
}
