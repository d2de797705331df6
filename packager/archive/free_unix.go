//go:build linux || darwin || freebsd

package archive

import "syscall"

// free returns how many bytes can be written where dir is.
func free(dir string) (bytes int64, known bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true
}
