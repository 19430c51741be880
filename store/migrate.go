package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNewer says that the database was written by a newer Heliograph.
var ErrNewer = errors.New("the database belongs to a newer Heliograph: run that version, or restore a backup from before the upgrade")

// Migrate brings the schema up to date. It may run while other nodes start: on PostgreSQL one does it at a time.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("bringing the database's schema up to date: %w", err)
	}
	return s.Write(ctx, func(tx Tx) error {
		if err := startSequence(ctx, tx, "deliveries"); err != nil {
			return err
		}
		if err := s.noticeRestore(ctx, tx); err != nil {
			return err
		}
		if err := startCarriers(ctx, tx); err != nil {
			return err
		}
		return startTemplates(ctx, tx, ms(s.now()))
	})
}

func (e *sqliteEngine) migrate(ctx context.Context) error {
	return migrateWith(ctx, goose.DialectSQLite3, e.writer, e.schema)
}

func (e *postgresEngine) migrate(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(e.pool)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	return migrateWith(ctx, goose.DialectPostgres, db, e.schema, goose.WithSessionLocker(locker))
}

func migrateWith(ctx context.Context, d goose.Dialect, db *sql.DB, schema func(string) string, more ...goose.ProviderOption) error {
	steps, err := readMigrations(schema)
	if err != nil {
		return err
	}
	options := append(more, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	provider, err := goose.NewProvider(d, db, nil, options...)
	if err != nil {
		return err
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if version > steps[len(steps)-1].Version {
		return ErrNewer
	}
	_, err = provider.Up(ctx)
	return err
}

// readMigrations makes a step of each embedded file, in the words of one database. Files are named NUMBER_title.sql.
func readMigrations(schema func(string) string) ([]*goose.Migration, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(file, "migrations/"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", file, err)
		}
		statements := schema(string(text))
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, statements)
				return err
			},
		}, nil))
	}
	return steps, nil
}

// startSequence begins a sequence at a random number once: identities derived from it (a Message-ID) then do not meet
// those of another installation, or of this one after it began anew.
func startSequence(ctx context.Context, tx Tx, name string) error {
	var random [8]byte
	rand.Read(random[:]) //nolint:errcheck // never fails (crypto/rand)
	start := int64(1)<<40 + int64(binary.BigEndian.Uint64(random[:])>>15)&^0xfffff
	_, err := tx.Exec(ctx, `INSERT INTO sequences (name, next) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, start)
	return err
}

// takeKeys reserves n keys of a sequence and returns the first. What is reserved and not used stays unused.
func (s *Store) takeKeys(ctx context.Context, name string, n int) (first int64, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `UPDATE sequences SET next = next + $2 WHERE name = $1 RETURNING next - $2`, name, n).Scan(&first)
	})
	return first, err
}
