package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// whole returns the size of an MP4 file if its boxes fill it exactly. After a
// power cut a file may be shorter than what was written, or full of zeros.
// Afterwards the file outlives a power cut if it has to.
// Spec: ISO/IEC 14496-12 §4.2.
func whole(path string, durably bool) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if durably {
		err = f.Sync()
	}
	return info.Size(), errors.Join(err, boxes(f, info.Size()))
}

// boxes walks over the boxes of r.
func boxes(r io.ReaderAt, size int64) error {
	if size == 0 {
		return errors.New("empty")
	}
	var h [8]byte
	for at := int64(0); at < size; {
		if _, err := r.ReadAt(h[:], at); err != nil {
			return fmt.Errorf("box at %d: %w", at, err)
		}
		n := int64(binary.BigEndian.Uint32(h[:]))
		if n < 8 || n > size-at {
			return fmt.Errorf("box at %d has %d bytes of %d", at, n, size-at)
		}
		at += n
	}
	return nil
}
