//go:build !linux

package redisproc

import "syscall"

// dieWithUs can promise nothing here.
func dieWithUs() *syscall.SysProcAttr { return nil }
