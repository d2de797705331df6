//go:build !linux && !darwin && !freebsd

package archive

// free knows nothing of this system's disks.
func free(string) (bytes int64, known bool) { return 0, false }
