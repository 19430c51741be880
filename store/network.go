package store

import (
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
