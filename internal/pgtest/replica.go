package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"heliograph/internal/child"
)

// Replica starts a second server that follows c: what a transaction on c has committed is on it too, before the
// transaction's end is told (synchronous replication). It is removed at tb's end. c is restarted by nobody meanwhile.
func (c *Cluster) Replica(tb testing.TB) *Cluster {
	tb.Helper()
	r, err := c.follow()
	if err == nil {
		tb.Cleanup(func() {
			if err := r.Close(); err != nil {
				tb.Error(err)
			}
		})
		err = c.waitForReplica()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// follow copies the data directory and starts a server on it.
func (c *Cluster) follow() (*Cluster, error) {
	dir, err := newWorkdir(c.cred)
	if err != nil {
		return nil, err
	}
	r := &Cluster{bin: c.bin, dir: dir, cred: c.cred, log: &child.Output{}}
	cmd := r.command("pg_basebackup", "--pgdata="+r.data(), "--host=127.0.0.1", "--port="+strconv.Itoa(c.port), "--username=postgres",
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w\n%s", err, out), r.Close())
	}
	if err := r.bootSomewhere(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// waitForReplica makes commits wait for the replica, and returns when it follows.
func (c *Cluster) waitForReplica() error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range []string{
		`ALTER ROLE postgres SET synchronous_commit = 'remote_apply'`, // stronger than what the server was started with
		`ALTER SYSTEM SET synchronous_standby_names = '*'`,
		`SELECT pg_reload_conf()`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var follows bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')`).Scan(&follows); err != nil || follows {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the replica does not follow: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Promote makes a replica a server of its own, as when the one that it followed is gone.
func (c *Cluster) Promote() error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var promoted bool
	if err := conn.QueryRow(ctx, `SELECT pg_promote(TRUE, $1)`, int(bootTime/time.Second)).Scan(&promoted); err != nil {
		return err
	}
	if !promoted {
		return fmt.Errorf("the replica was not promoted within %v", bootTime)
	}
	return nil
}

// Either is the address of two servers of which the one that can be written to is asked.
func (c *Cluster) Either(other *Cluster) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", c.port, other.port)
}
