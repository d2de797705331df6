package redisproc

import "syscall"

// dieWithUs lets a server end when this process is killed.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
