//go:build !linux

package postgresproc

import "syscall"

// lastWill is nothing special where no kernel ends a process with its parent.
func lastWill() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
