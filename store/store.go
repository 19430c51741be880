// Package store keeps everything, in SQLite or in PostgreSQL.
//
// There is one Go implementation, one file per noun, over a small Tx interface that both databases satisfy. A query has
// one text wherever both agree; where they do not, a fragment of it comes from the dialect. Both pass the suite in
// storetest.
//
// A transaction owns "now": every time written in it is the same, and comes from the store's clock. SQLite has one
// writer, so a transaction must never wait for the network, nor for another transaction.
package store

import (
	"context"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/seal"
)

// Store is a database with its schema in place.
type Store struct {
	engine
	keys      *seal.Keys
	now       func() time.Time
	jobs      Jobs
	providers []channel.Provider
	figures   figuresCache
	trouble   lastTrouble

	registrations registrationCounts
}

// engine is one of the two databases: how a transaction begins, and the few words in which they differ.
type engine interface {
	dialect
	read(ctx context.Context, do func(Tx) error) error
	write(ctx context.Context, do func(Tx) error) error
	ping(ctx context.Context) error
	migrate(ctx context.Context) error
	close()
}

// Options of a store. The zero value works.
type Options struct {
	Now       func() time.Time   // nil = the machine's clock
	Providers []channel.Provider // whose settings can be read; without them servers have none
}

// Open connects to the database, without touching its schema: see Migrate. url is a file's path or sqlite:PATH for
// SQLite, postgres://… for PostgreSQL.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	var (
		e   engine
		err error
	)
	if IsPostgres(url) {
		e, err = openPostgres(ctx, url)
	} else {
		e, err = openSQLite(strings.TrimPrefix(url, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	return &Store{engine: e, now: o.Now, providers: o.Providers}, nil
}

// IsPostgres reports whether a database URL means PostgreSQL.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Close gives up all connections.
func (s *Store) Close() { s.close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.ping(ctx) }

// Read runs do in a read-only snapshot.
func (s *Store) Read(ctx context.Context, do func(Tx) error) error {
	return troubled(s.read(ctx, do))
}

// Write runs do in a transaction and commits it when do returns nil.
func (s *Store) Write(ctx context.Context, do func(Tx) error) error {
	err := troubled(s.write(ctx, do))
	s.trouble.note(err)
	return err
}

// UseJobs gives the store the job engine, whose jobs commit in the store's transactions.
func (s *Store) UseJobs(j Jobs) { s.jobs = j }

// ms writes a time as the database keeps it.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at reads a time as the database keeps it.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
