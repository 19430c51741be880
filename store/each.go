package store

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
)

// statement is one of many that are run together.
type statement struct {
	query string
	args  []any
}

// runEach runs statements in their order: on SQLite each text is prepared once and stays so, on PostgreSQL all travel at
// once. scan reads the row that the i-th returns, or is given ErrNoRows by its Scan; nil = none returns any. The texts are
// few: they hold no values.
func (s *Store) runEach(ctx context.Context, tx Tx, list []statement, scan func(i int, r Row) error) error {
	if len(list) == 0 {
		return nil
	}
	switch t := tx.(type) {
	case sqliteTx:
		return s.engine.(*sqliteEngine).runPrepared(ctx, t, list, scan) //nolint:forcetypeassert // whose transaction it is
	case postgresTx:
		return runBatch(ctx, t, list, scan)
	}
	panic("a transaction of neither database")
}

func (e *sqliteEngine) runPrepared(ctx context.Context, tx sqliteTx, list []statement, scan func(int, Row) error) error {
	ctx = tx.lasting(ctx)
	return e.eachPrepared(ctx, tx, list, func(i int, p *sql.Stmt) error {
		if scan == nil {
			_, err := p.ExecContext(ctx, list[i].args...)
			return err
		}
		return scan(i, oneRow{p.QueryRowContext(ctx, list[i].args...)})
	})
}

// countEach runs statements as runEach does, and tells how many rows each touched. A statement that returns nothing is
// much cheaper on SQLite than one that does.
func (s *Store) countEach(ctx context.Context, tx Tx, list []statement) (touched []int64, err error) {
	touched = make([]int64, len(list))
	if len(list) == 0 {
		return touched, nil
	}
	switch t := tx.(type) {
	case sqliteTx:
		err = s.engine.(*sqliteEngine).countPrepared(ctx, t, list, touched) //nolint:forcetypeassert // whose transaction it is
	case postgresTx:
		err = countBatch(ctx, t, list, touched)
	}
	return touched, err
}

func (e *sqliteEngine) countPrepared(ctx context.Context, tx sqliteTx, list []statement, touched []int64) error {
	ctx = tx.lasting(ctx)
	return e.eachPrepared(ctx, tx, list, func(i int, p *sql.Stmt) error {
		result, err := p.ExecContext(ctx, list[i].args...)
		if err == nil {
			touched[i], err = result.RowsAffected()
		}
		return err
	})
}

// eachPrepared goes through the list with its statements, prepared for the transaction.
func (e *sqliteEngine) eachPrepared(ctx context.Context, tx sqliteTx, list []statement, do func(int, *sql.Stmt) error) error {
	here := map[string]*sql.Stmt{}
	for i, s := range list {
		p := here[s.query]
		if p == nil {
			var err error
			if p, err = e.inside(ctx, tx, s.query); err != nil {
				return err
			}
			here[s.query] = p
		}
		if err := do(i, p); err != nil {
			return err
		}
	}
	return nil
}

// inside is a prepared statement in a transaction. The one connection that writes is the transaction's now, so a text that
// is new is prepared on it, and for good only when it is free.
func (e *sqliteEngine) inside(ctx context.Context, tx sqliteTx, text string) (*sql.Stmt, error) {
	if s, ok := e.writes.Load(text); ok {
		return tx.StmtContext(ctx, s.(*sql.Stmt)), nil //nolint:forcetypeassert // nothing else is stored
	}
	go func() { _, _ = prepared(context.Background(), e.writer, &e.writes, text) }() // next time it is there
	return tx.PrepareContext(ctx, text)
}

func runBatch(ctx context.Context, tx postgresTx, list []statement, scan func(int, Row) error) error {
	return eachSent(ctx, tx, list, func(i int, results pgx.BatchResults) error {
		if scan == nil {
			_, err := results.Exec()
			return err
		}
		return scan(i, oneRow{results.QueryRow()})
	})
}

func countBatch(ctx context.Context, tx postgresTx, list []statement, touched []int64) error {
	return eachSent(ctx, tx, list, func(i int, results pgx.BatchResults) error {
		tag, err := results.Exec()
		touched[i] = tag.RowsAffected()
		return err
	})
}

// eachSent sends the list as a whole and goes through the answers.
func eachSent(ctx context.Context, tx postgresTx, list []statement, read func(int, pgx.BatchResults) error) (err error) {
	batch := &pgx.Batch{}
	for _, s := range list {
		batch.Queue(s.query, s.args...)
	}
	results := tx.SendBatch(ctx, batch)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	for i := range list {
		if err := read(i, results); err != nil {
			return err
		}
	}
	return nil
}
