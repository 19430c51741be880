package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

type postgresEngine struct {
	postgresDialect
	pool *pgxpool.Pool
}

func openPostgres(ctx context.Context, url string) (*postgresEngine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read: use postgres://user@host:5432/name") // pgx's error could hold the password
	}
	if config.MaxConns < 16 {
		config.MaxConns = 16
	}
	config.AfterConnect = withoutJIT
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to PostgreSQL at %s: %w", config.ConnConfig.Host, err)
	}
	return &postgresEngine{pool: pool}, nil
}

// withoutJIT keeps PostgreSQL from compiling queries: at millions of rows it takes each of our short ones, which stop after
// a page, for a long one, and compiling takes a tenth of a second.
func withoutJIT(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SET jit = off`)
	return err
}

func (e *postgresEngine) close()                         { e.pool.Close() }
func (e *postgresEngine) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e *postgresEngine) read(ctx context.Context, do func(Tx) error) error {
	return pgx.BeginTxFunc(ctx, e.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead},
		func(tx pgx.Tx) error { return do(postgresTx{tx}) })
}

// writeTries is how often a transaction is begun again after PostgreSQL gave it up for another one.
const writeTries = 5

func (e *postgresEngine) write(ctx context.Context, do func(Tx) error) (err error) {
	for range writeTries {
		err = pgx.BeginTxFunc(ctx, e.pool, pgx.TxOptions{}, func(tx pgx.Tx) error { return do(postgresTx{tx}) })
		if !givenUp(err) {
			return err
		}
	}
	return err
}

// givenUp reports a deadlock or a serialization failure: the same transaction may succeed when it runs again.
func givenUp(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

func isPostgresUnique(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

func (postgresDialect) insertMany(ctx context.Context, tx Tx, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.(postgresTx).CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// Postgres gives the job engine the pool; nil on SQLite.
func (s *Store) Postgres() *pgxpool.Pool {
	if e, ok := s.engine.(*postgresEngine); ok {
		return e.pool
	}
	return nil
}

// AsPostgres is the transaction as pgx knows it; nil on SQLite.
func AsPostgres(tx Tx) pgx.Tx {
	if t, ok := tx.(postgresTx); ok {
		return t.Tx
	}
	return nil
}
