package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"heliograph/store"
)

// takeUp makes the jobs available that the last process of this data directory left running when it died. On PostgreSQL
// the other nodes would do so, but only after they waited long enough to be sure; the lock of the data directory makes
// us sure at once. (On SQLite the job engine does it for all jobs, for there are no others.)
func (a *App) takeUp(ctx context.Context) error {
	if !store.IsPostgres(a.options.url()) {
		return nil
	}
	path, id := filepath.Join(a.options.DataDir, "node"), a.engine.ID()
	last, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("reading who was here last: %w", err)
	case sameHost(string(last), id):
		if err := a.store.ReleaseJobsOf(ctx, string(last)); err != nil {
			return fmt.Errorf("taking up the jobs of the last run: %w", err)
		}
	}
	if err := os.WriteFile(path, []byte(id), 0o600); err != nil {
		return fmt.Errorf("writing who is here: %w", err)
	}
	return nil
}

// idTime is the length of the time at the end of an id of the job engine.
const idTime = len("2006_01_02T15_04_05_000000")

// sameHost compares the hosts in two ids: a data directory that was copied to another machine says nothing about who
// lives there.
func sameHost(a, b string) bool {
	return len(a) > idTime && len(b) > idTime && a[:len(a)-idTime] == b[:len(b)-idTime]
}
