package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// place is where the installation of one size is kept.
type place struct {
	dir      string
	admin    string // URL of the PostgreSQL server; empty = SQLite
	database string // URL of our own database there
	token    string
	devices  int
	senders  int // started so far
}

// place makes a directory, and a database of our own on a PostgreSQL server: nothing that is there is touched.
func (b *bench) place(ctx context.Context, n int) (*place, error) {
	p := &place{dir: filepath.Join(b.dir, strconv.Itoa(n)), devices: n}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	if b.Database == "" {
		return p, nil
	}
	u, err := url.Parse(b.Database)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read") // the error would quote it, with its password
	}
	p.admin = b.Database
	u.Path = "/heliograph_bench_" + strings.ToLower(rand.Text())
	p.database = u.String()
	if err := p.administer(ctx, `CREATE DATABASE `+u.Path[1:]); err != nil {
		return nil, fmt.Errorf("making a database for the bench: %w", err)
	}
	return p, nil
}

func (p *place) administer(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// leaveTime bounds the dropping of a database.
const leaveTime = time.Minute

// leave removes everything.
func (p *place) leave() {
	if p.admin != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
		defer cancel()
		name := p.database[strings.LastIndex(p.database, "/heliograph_bench_")+1:]
		name, _, _ = strings.Cut(name, "?")
		_ = p.administer(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}
	_ = os.RemoveAll(p.dir)
}

func (p *place) kind() string {
	if p.admin != "" {
		return "postgres"
	}
	return "sqlite"
}

// databaseCPU is what the PostgreSQL server has used up to now, when it runs on this machine; else 0.
func (p *place) databaseCPU(ctx context.Context) time.Duration {
	if p.admin == "" {
		return 0
	}
	conn, err := pgx.Connect(ctx, p.admin)
	if err != nil {
		return 0
	}
	defer conn.Close(ctx)
	var backend int
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return 0
	}
	server, ok := readStat(backend)
	if !ok || !strings.HasPrefix(server.name, "postgres") {
		return 0 // it runs elsewhere
	}
	return familyTime(server.parent)
}

// stat is what /proc says of a process, in clock ticks (proc(5)).
type stat struct {
	name   string
	parent int
	own    int64
	ended  int64 // of children that have ended
}

func readStat(pid int) (s stat, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	if open < 0 || end < open {
		return s, false
	}
	s.name = string(text[open+1 : end])
	fields := strings.Fields(string(text[end+1:]))
	const parent, user, kernel, childUser, childKernel = 1, 11, 12, 13, 14
	if len(fields) <= childKernel {
		return s, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
		return n
	}
	s.parent, s.own, s.ended = int(number(parent)), number(user)+number(kernel), number(childUser)+number(childKernel)
	return s, true
}

// clockTick is the unit of /proc/PID/stat on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// familyTime is what a process and its children have used, those that have ended too.
func familyTime(parent int) time.Duration {
	top, ok := readStat(parent)
	if !ok {
		return 0
	}
	ticks := top.own + top.ended
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok && s.parent == parent {
			ticks += s.own
		}
	}
	return time.Duration(ticks) * clockTick
}
