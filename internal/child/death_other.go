//go:build !linux

package child

import "syscall"

// dieWithParent: only Linux has it, and the tests that need it run there.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
