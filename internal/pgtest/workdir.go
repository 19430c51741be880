package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const workdirPrefix = "heliograph-pg-"

// workdir is the temporary directory of one cluster. Its owner holds a lock on
// it; the lock ends with the process, however that ends, so that the next one
// can tell an abandoned directory from one in use and remove it.
type workdir struct {
	path string
	lock *os.File
}

// newWorkdir makes a directory that cred (nil: we ourselves) may write to, and
// sweeps those that killed processes left.
func newWorkdir(cred *syscall.Credential) (*workdir, error) {
	sweep(os.TempDir())
	path, err := os.MkdirTemp("", workdirPrefix)
	if err != nil {
		return nil, fmt.Errorf("directory for PostgreSQL: %w", err)
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	d := &workdir{path: path, lock: lock}
	if cred != nil {
		if err := os.Chown(path, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, errors.Join(fmt.Errorf("directory for PostgreSQL: %w", err), d.remove())
		}
	}
	return d, nil
}

func (d *workdir) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// lockDir takes the lock of a directory, or fails at once if another holds it.
func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// sweep removes abandoned directories. One that is just being made is not locked
// yet: those without data are left alone.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, workdirPrefix+"*", "data"))
	for _, data := range dirs {
		dir := filepath.Dir(data)
		if lock, err := lockDir(dir); err == nil {
			os.RemoveAll(dir) // what another user left, that user must remove
			lock.Close()
		}
	}
}
