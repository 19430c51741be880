//go:build unix

package app

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the kernel's lock of a file. taken reports that somebody else holds it.
func tryLock(file *os.File) (taken bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
