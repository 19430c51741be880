//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// A limit on the size of files (ulimit -f) is an error of the write that meets it, as a full disk is, and no reason to
// die in the middle.
func surviveLimits() { signal.Ignore(syscall.SIGXFSZ) }
