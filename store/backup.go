package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Backup writes the database at a URL into a file, as it is at one moment, while others go on working with it. An
// existing file is left alone and is an error; a backup that fails leaves nothing behind.
//
// SQLite writes a database file; PostgreSQL's own pg_dump writes an archive for pg_restore.
func Backup(ctx context.Context, databaseURL, file string) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already: choose another name, so that no backup is lost", file)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".backup-*") // mode 0600
	if err != nil {
		return fmt.Errorf("making the backup's file: %w", err)
	}
	defer os.Remove(tmp.Name())
	tmp.Close()
	if IsPostgres(databaseURL) {
		err = dumpPostgres(ctx, databaseURL, tmp.Name())
	} else {
		err = copySQLite(ctx, strings.TrimPrefix(databaseURL, "sqlite:"), tmp.Name())
	}
	if err != nil {
		return err
	}
	if err := syncFile(tmp.Name()); err != nil {
		return fmt.Errorf("writing the backup to the disk: %w", err)
	}
	return os.Rename(tmp.Name(), file)
}

// copySQLite reads in one snapshot, beside whom others write, and checks what came of it.
func copySQLite(ctx context.Context, from, to string) error {
	if register != nil {
		return register
	}
	if err := withSQLite(dsn(from), func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, to)
		return err
	}); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return withSQLite(dsn(to), func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, datetime())`, backupSetting); err != nil {
			return fmt.Errorf("marking the backup as one: %w", err)
		}
		var verdict string
		if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return fmt.Errorf("checking the backup: %w", err)
		}
		if verdict != "ok" {
			return fmt.Errorf("the backup is damaged, and so may be the database: %s", verdict)
		}
		return nil
	})
}

func withSQLite(source string, do func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// ErrNoDump says that PostgreSQL's programs are not on this machine.
var ErrNoDump = errors.New("pg_dump is not on this machine")

// dumpPostgres runs pg_dump, which reads in one snapshot.
func dumpPostgres(ctx context.Context, databaseURL, to string) error {
	program, err := findDump()
	if err != nil {
		return err
	}
	address, password, err := forPostgresTools(databaseURL)
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program, "--format=custom", "--no-owner", "--no-password", "--file="+to, "--dbname="+address)
	cmd.Env = os.Environ()
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password) // an argument is seen by every user of the machine
	}
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pg_dump: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// findDump looks where systems keep it. Debian keeps it, for each version of the server, outside of PATH.
func findDump() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		return "", ErrNoDump
	}
	return path, nil
}

// forPostgresTools is a database URL as PostgreSQL's programs take it, and the password that was in it.
func forPostgresTools(databaseURL string) (address, password string, err error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", "", errors.New("the URL of the database cannot be read") // the parser's error quotes it
	}
	if set, ok := u.User.Password(); ok {
		password = set
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	if set := query.Get("password"); set != "" {
		password = set
	}
	for name := range query {
		if name == "password" || strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_cache_capacity") || name == "default_query_exec_mode" {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), password, nil
}
