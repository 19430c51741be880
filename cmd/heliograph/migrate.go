package main

import (
	"context"
	"fmt"

	"heliograph/app"
)

type migrateCmd struct {
	place `embed:""`
}

// Help is shown by -h below the flags.
func (migrateCmd) Help() string {
	return `heliograph serve does the same when it starts. This command is for those who want it done before: it may run while nodes of the same version serve, and on PostgreSQL one at a time does the work. A database of a newer Heliograph is refused.

Example:

    HELIOGRAPH_DATABASE=postgres://heliograph@db/heliograph heliograph migrate`
}

// Run migrates.
func (c *migrateCmd) Run(ctx context.Context, term terminal) error {
	if err := app.Migrate(ctx, c.options()); err != nil {
		return err
	}
	_, err := fmt.Fprintln(term.out, "The database is up to date.")
	return err
}
