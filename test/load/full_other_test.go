//go:build !linux

package load_test

import "testing"

func TestDiskFull(t *testing.T) {
	t.Skip("a small file system of the test's own needs Linux: ST17 checks a full log without one")
}
