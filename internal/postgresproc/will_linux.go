package postgresproc

import "syscall"

// lastWill ends a process with the thread that started it.
func lastWill() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT} }
