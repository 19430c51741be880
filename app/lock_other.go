//go:build !unix

package app

import (
	"errors"
	"os"
)

// Here commands that look and call run, such as doctor on a mail server; serving needs the locks of Unix.
func tryLock(*os.File) (taken bool, err error) {
	return false, errors.New("heliograph serves on Linux and other Unix systems alone")
}
