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

// runEach runs statements in their order: on SQLite each text is prepared once, on PostgreSQL all travel at once. scan reads
// the row that the i-th returns, or is given ErrNoRows by its Scan; nil = none returns any.
func runEach(ctx context.Context, tx Tx, list []statement, scan func(i int, r Row) error) error {
	if len(list) == 0 {
		return nil
	}
	switch t := tx.(type) {
	case sqliteTx:
		return runPrepared(ctx, t, list, scan)
	case postgresTx:
		return runBatch(ctx, t, list, scan)
	}
	panic("a transaction of neither database")
}

func runPrepared(ctx context.Context, tx sqliteTx, list []statement, scan func(int, Row) error) error {
	prepared := map[string]*sql.Stmt{}
	defer func() {
		for _, p := range prepared {
			_ = p.Close() // its error was told when it ran
		}
	}()
	for i, s := range list {
		p := prepared[s.query]
		if p == nil {
			var err error
			if p, err = tx.PrepareContext(ctx, s.query); err != nil {
				return err
			}
			prepared[s.query] = p
		}
		if scan == nil {
			if _, err := p.ExecContext(ctx, s.args...); err != nil {
				return err
			}
			continue
		}
		if err := scan(i, oneRow{p.QueryRowContext(ctx, s.args...)}); err != nil {
			return err
		}
	}
	return nil
}

func runBatch(ctx context.Context, tx postgresTx, list []statement, scan func(int, Row) error) (err error) {
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
		if scan == nil {
			_, err = results.Exec()
		} else {
			err = scan(i, oneRow{results.QueryRow()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
