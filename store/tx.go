package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Tx is a transaction, or a reader's snapshot, of either database. Parameters are written $1, $2 …
type Tx interface {
	// Exec runs a statement and returns how many rows it touched.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Row
}

// Row scans one row; ErrNoRows when there is none.
type Row interface{ Scan(into ...any) error }

// Rows is a result to walk through. Close may be called twice.
type Rows interface {
	Row
	Next() bool
	Err() error
	Close()
}

// ErrNoRows is what Row.Scan says of an empty result, on either database.
var ErrNoRows = errors.New("no such row")

// sqliteTx adapts database/sql.
type sqliteTx struct {
	*sql.Tx
	whole bool // what it does is not interrupted
}

// lasting is the context of a statement.
func (t sqliteTx) lasting(ctx context.Context) context.Context {
	if t.whole {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (t sqliteTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(t.lasting(ctx), query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t sqliteTx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	rows, err := t.QueryContext(t.lasting(ctx), query, args...)
	if err != nil {
		return nil, err
	}
	return sqliteRows{rows}, nil
}

func (t sqliteTx) QueryRow(ctx context.Context, query string, args ...any) Row {
	return oneRow{t.QueryRowContext(t.lasting(ctx), query, args...)}
}

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) Close() { _ = r.Rows.Close() } // its error is Err's

// postgresTx adapts pgx.
type postgresTx struct{ pgx.Tx }

func (t postgresTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.Tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (t postgresTx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	return t.Tx.Query(ctx, query, args...)
}

func (t postgresTx) QueryRow(ctx context.Context, query string, args ...any) Row {
	return oneRow{t.Tx.QueryRow(ctx, query, args...)}
}

type oneRow struct{ Row }

func (r oneRow) Scan(into ...any) error {
	err := r.Row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, pgx.ErrNoRows) {
		return ErrNoRows
	}
	return err
}

// all reads a result to its end, one T a row.
func all[T any](rows Rows, err error, scan func(Row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

// one scans a single column of one type, for use with all.
func one[T any](r Row) (value T, err error) {
	err = r.Scan(&value)
	return value, err
}
