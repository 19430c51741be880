package child

import "syscall"

// dieWithParent lets the kernel send a signal when the parent's thread ends (prctl(2), PR_SET_PDEATHSIG).
func dieWithParent(attr *syscall.SysProcAttr, onDeath syscall.Signal) { attr.Pdeathsig = onDeath }
