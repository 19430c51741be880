package app

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Lock says that a directory's or a database's process is here. The kernel gives it up when the process ends, however
// it ends, so that a killed one never keeps the next from starting.
type Lock struct{ file *os.File }

// InUse is the refusal of a second process.
type InUse struct {
	Path string
	PID  string // as the holder wrote it; empty when it could not be read
}

func (e *InUse) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "process " + e.PID
	}
	return fmt.Sprintf("%s is in use by %s: stop that one first, or give this one a --data of its own", filepath.Dir(e.Path), who)
}

// Take locks the file at path, which is made when it is missing, and writes the pid of this process into it. A lock
// that somebody else holds is *InUse.
func Take(path string) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	switch taken, err := tryLock(file); {
	case taken:
		defer file.Close()
		return nil, &InUse{Path: path, PID: readPID(file)}
	case err != nil:
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	l := &Lock{file}
	if err := l.writePID(); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

func (l *Lock) writePID() error {
	err := l.file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(l.file, "%d\n", os.Getpid())
	}
	if err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	return nil
}

// readPID is at most the few digits that writePID wrote.
func readPID(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 20))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Release lets the next process in. The file stays: removing it would let two processes lock two files of one name.
func (l *Lock) Release() {
	l.file.Close()
}
