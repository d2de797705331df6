//go:build !linux || !amd64

package load_test

import "testing"

func TestWallClockSteps(t *testing.T) {
	t.Skip("the wall clock of one process can be stepped by a tracer on Linux, and ours knows the registers of amd64 only")
}
