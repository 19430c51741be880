//go:build unix

package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkMode lets a group read, for that is how secrets are mounted into containers.
func checkMode(path string, info fs.FileInfo) error {
	switch mode := info.Mode().Perm(); {
	case mode&0o007 != 0:
		return fileError("every user of this machine may read the key file %s (mode %04o), and with it all stored secrets: run chmod 600 %s, and consider heliograph keys rotate", path, mode, path)
	case mode&0o020 != 0:
		return fileError("others may write to the key file %s (mode %04o): run chmod 600 %s", path, mode, path)
	}
	return nil
}

// likeBefore gives a file the owner and the mode of the one whose place it takes.
func likeBefore(tmp *os.File, path string) error {
	before, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, ok := before.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		if err := tmp.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("it belongs to another user: run this as that user, or as root: %w", err)
		}
	}
	return tmp.Chmod(before.Mode().Perm())
}

// exclusively lets one process at a time into a directory, until the function it returns is called.
func exclusively(path string) (release func(), err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		dir.Close()
		return nil, fmt.Errorf("locking the directory of the key file: %w", err)
	}
	return func() { dir.Close() }, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
