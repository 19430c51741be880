package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"heliograph/internal/child"
)

// Packages are the Debian packages that a cluster needs.
const Packages = "postgresql"

const (
	bootTime  = 60 * time.Second // a busy machine with two cores needs seconds
	stopGrace = 30 * time.Second
)

// Cluster is one PostgreSQL server of its own, on loopback, with its data in a
// temporary directory. Its methods are not for use by several goroutines at once.
type Cluster struct {
	bin  string // directory of initdb and postgres
	dir  *workdir
	cred *syscall.Credential // nil: as ourselves
	port int

	log     *child.Output
	process *child.Process // nil: stopped
}

// Start starts a cluster that belongs to tb alone and is removed at its end.
// It is for tests that stop or kill the database; others use [Database].
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	skipIfShort(tb)
	c, err := NewCluster()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// NewCluster is Start without a test: the caller must Close it. The server dies
// with this process in any case.
func NewCluster() (*Cluster, error) {
	bin, err := findServer()
	if err != nil {
		return nil, err
	}
	cred, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := newWorkdir(cred)
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, cred: cred, log: &child.Output{}}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// create makes the data directory and starts the server on a free port.
func (c *Cluster) create() error {
	if err := c.initdb(); err != nil {
		return err
	}
	return c.bootSomewhere()
}

// bootSomewhere starts the server on a free port.
func (c *Cluster) bootSomewhere() (err error) {
	for range 5 { // another process may take the port that was free
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.boot(); err == nil {
			return nil
		}
	}
	return err
}

// URL is the address of the cluster's administrative database; its user may
// create and drop databases. It stays the same over Stop and Restart.
func (c *Cluster) URL() string { return c.databaseURL("postgres") }

func (c *Cluster) databaseURL(name string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, name)
}

// Stop stops the server as an administrator does ("fast": sessions are ended,
// a checkpoint is written). Stopping a stopped server is fine.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

// Kill ends the server as a power cut does: no goodbye, no checkpoint, recovery
// from the log at the next start.
func (c *Cluster) Kill() error { return c.end(syscall.SIGKILL) }

func (c *Cluster) end(sig syscall.Signal) error {
	if c.process == nil {
		return nil
	}
	err := c.process.Stop(sig, stopGrace)
	c.process = nil
	return err
}

// Restart stops the server if it runs and starts it again on the same port with
// the same data. It returns when connections are accepted.
func (c *Cluster) Restart() error {
	if err := c.Stop(); err != nil {
		return err
	}
	// After a Kill the backends need a moment to notice; until then the new
	// server refuses the data directory because its memory is still in use.
	deadline := time.Now().Add(bootTime)
	for {
		err := c.boot()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Close stops the server and removes its data.
func (c *Cluster) Close() error {
	return errors.Join(c.Stop(), c.dir.remove())
}

func (c *Cluster) initdb() error {
	cmd := c.command("initdb", "--pgdata="+c.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// boot starts the server and waits until it answers.
func (c *Cluster) boot() error {
	cmd := c.command("postgres", "-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir.path,
		"-c", "listen_addresses=127.0.0.1",
		"-c", "max_connections=300",
		"-c", "timezone=UTC",
		// Durability against a power cut of the machine is not what is tested.
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	cmd.Stdout, cmd.Stderr = c.log, c.log
	// SIGQUIT is PostgreSQL's immediate stop: it frees the shared memory too.
	process, err := child.Start(cmd, syscall.SIGQUIT)
	if err != nil {
		return err
	}
	if err := c.awaitAnswer(process); err != nil {
		return errors.Join(err, process.Stop(syscall.SIGQUIT, stopGrace))
	}
	c.process = process
	return nil
}

// awaitAnswer returns when the server accepts connections, or says why it never
// will. It asks through the socket in our own directory: behind the port there
// could be the server of a quicker process.
func (c *Cluster) awaitAnswer(process *child.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	socket := fmt.Sprintf("postgres://postgres@/postgres?host=%s&port=%d", url.QueryEscape(c.dir.path), c.port)
	for {
		err := ping(ctx, socket)
		if err == nil {
			return nil
		}
		select {
		case <-process.Done():
			return fmt.Errorf("postgres ended while starting: %v\n%s", process.Err(), c.log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer after %v: %w\n%s", bootTime, err, c.log)
		case <-tick.C:
		}
	}
}

// command is one of PostgreSQL's programs, as the user that may run it.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir.path
	// Not our environment: PGPORT and its like would change what is started.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: c.cred,
		Setpgid:    true, // Ctrl-C at the terminal is the test's to handle
	}
	return cmd
}

func (c *Cluster) data() string { return filepath.Join(c.dir.path, "data") }

func ping(ctx context.Context, databaseURL string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// findServer is the directory of the newest installed server.
func findServer() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && hasServer(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	const debian = "/usr/lib/postgresql/*/bin"
	dirs, _ := filepath.Glob(debian)
	for i := len(dirs) - 1; i >= 0; i-- {
		if hasServer(dirs[i]) {
			return dirs[i], nil
		}
	}
	return "", fmt.Errorf("PostgreSQL is needed and not installed: no initdb and postgres in PATH or %s "+
		"(Debian: apt-get install %s), and HELIOGRAPH_TEST_POSTGRES is not set", debian, Packages)
}

func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// serverUser is who runs the server: PostgreSQL refuses root, so root hands over
// to the user that the package makes.
func serverUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is no user to run it as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// withDatabase is databaseURL with another database's name.
func withDatabase(databaseURL, name string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		// The error of Parse quotes the whole URL, and with it the password.
		return "", errors.New("HELIOGRAPH_TEST_POSTGRES is not a URL (postgres://user:password@host/database)")
	}
	u.Path = "/" + name
	return u.String(), nil
}
