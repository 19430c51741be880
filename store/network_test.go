package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

func TestDatabasePeers(t *testing.T) {
	at := func(host string, port int) channel.Peer {
		return channel.Peer{Purpose: channel.ForDatabase, Host: host, Port: port, Protocol: "PostgreSQL"}
	}
	for url, want := range map[string][]channel.Peer{
		"/var/lib/heliograph/heliograph.db":                   nil,
		"sqlite:heliograph.db":                                nil,
		"postgres://u:p@db.example.com/x":                     {at("db.example.com", 5432)},
		"postgres://u@db.example.com:5433/x?sslmode=prefer":   {at("db.example.com", 5433)},
		"postgresql://u@a.example.com:1,b.example.com:2/x":    {at("a.example.com", 1), at("b.example.com", 2)},
		"postgres:///x?host=/var/run/postgresql":              nil,
		"postgres://u@db.example.com:not-a-port/heliograph":   nil,
		"postgres://u@[2001:db8::5]:6432/x?sslmode=verify-ca": {at("2001:db8::5", 6432)},
	} {
		if diff := cmp.Diff(want, DatabasePeers(url)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}
