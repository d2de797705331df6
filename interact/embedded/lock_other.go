//go:build !unix

package embedded

import (
	"fmt"
	"os"
)

// lockFile refuses: without a lock two servers could write one log.
func lockFile(path string) (*os.File, error) {
	return nil, fmt.Errorf("lock %s: this system has no file locks: %w", path, os.ErrInvalid)
}
