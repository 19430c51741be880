package main

import (
	"context"
	"errors"
	"fmt"

	"heliograph/app"
	"heliograph/store"
)

type backupCmd struct {
	File string `arg:"" help:"Where to write it. An existing file is left alone." type:"path"`

	place `embed:"" group:"Where everything is kept"`
}

// Help is shown by -h below the flags.
func (backupCmd) Help() string {
	return `It works while heliograph serve runs and sends; the backup is the database as it was at one moment. SQLite: a database file, checked. PostgreSQL: an archive, made by pg_dump, for pg_restore.

The key file is not in it, on purpose: a backup without it gives no secret away. Copy the key file once, and after each rotation, to another place.

Examples:

    heliograph backup /backup/heliograph-$(date +%F).db
    HELIOGRAPH_DATABASE=postgres://heliograph@db/heliograph heliograph backup /backup/heliograph.dump

Restoring, with no process running: SQLite: an empty data directory with the backup as heliograph.db and the key file as heliograph.key. PostgreSQL: pg_restore --no-owner --dbname=URL FILE into an empty database. What was sent after the backup was made is sent again, under the same identity.`
}

// Run writes the backup.
func (c *backupCmd) Run(ctx context.Context, term terminal) error {
	size, err := app.Backup(ctx, c.options(), c.File)
	if errors.Is(err, store.ErrNoDump) {
		return fmt.Errorf("%w: install PostgreSQL's client programs of the server's version or newer, or run this where they are: pg_dump --format=custom --no-owner --file=%s --dbname=URL", err, c.File)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(term.out, "%s holds the database (%s). The keys are not in it: keep a copy of %s elsewhere; without it the secrets in the backup are lost.\n",
		c.File, sizeText(size), c.options().KeyPlace())
	return err
}

// sizeText is a number of bytes as people read it.
func sizeText(bytes int64) string {
	size, units := float64(bytes), []string{"bytes", "KiB", "MiB", "GiB"}
	i := 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}
