package bench

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heliograph/store"
)

// usage is what a sender has used up to now.
type usage struct {
	CPU         time.Duration // in user and kernel
	PeakKiB     int64         // of memory that was resident at once
	Connections int           // to the provider, at this moment
	Disk        int64         // bytes of the database
}

// measureSelf looks at this process and at its database.
func measureSelf(ctx context.Context, t task, s *store.Store) (u usage, err error) {
	if u.CPU, err = processorTime(); err != nil {
		return u, err
	}
	if u.PeakKiB, err = peakMemory(); err != nil {
		return u, err
	}
	ready, err := readSims(t.Sims)
	if err != nil {
		return u, err
	}
	if u.Connections, err = connectionsTo(portOf(ready.Sims[subjects[t.Subject].simulator])); err != nil {
		return u, err
	}
	u.Disk, err = diskUse(ctx, s, t.Dir)
	return u, err
}

// peakMemory is the high-water mark in KiB. (That of getrusage begins with the memory of the process that forked.)
func peakMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("asking for the memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return strconv.ParseInt(number, 10, 64)
}

// portOf reads the port of an origin or of host:port.
func portOf(address string) uint16 {
	_, host, found := strings.Cut(address, "://")
	if !found {
		host = address
	}
	a, err := netip.ParseAddrPort(host)
	if err != nil {
		return 0
	}
	return a.Port()
}

// connectionsTo counts this process's established connections to a port.
func connectionsTo(port uint16) (n int, err error) {
	own, err := ownSockets()
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return 0, fmt.Errorf("looking at the connections: %w", err)
	}
	const remote, state, inode = 2, 3, 9 // columns, see proc(5)
	const established = "01"
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > inode && f[state] == established && strings.HasSuffix(f[remote], fmt.Sprintf(":%04X", port)) && own[f[inode]] {
			n++
		}
	}
	return n, nil
}

// ownSockets lists the inodes of this process's sockets.
func ownSockets() (map[string]bool, error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking at the open files: %w", err)
	}
	sockets := map[string]bool{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return sockets, nil
}

// diskUse is the size of the database, once what is in its log was written to its place.
func diskUse(ctx context.Context, s *store.Store, dir string) (size int64, err error) {
	if pool := s.Postgres(); pool != nil {
		err = pool.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&size)
		return size, err
	}
	if _, err := s.SQLite().ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return 0, fmt.Errorf("emptying the log of the database: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "heliograph.db*"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		var info fs.FileInfo
		if info, err = os.Stat(file); err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
