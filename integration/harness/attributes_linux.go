package harness

import "syscall"

// attributes makes the kernel end a child whose parent dies, so that a test that is killed leaves nothing behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
