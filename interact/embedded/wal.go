package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

// The write-ahead log's layout.
// Spec: SQLite "Database File Format" §4.1–4.2.
const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // lowest bit set: checksums over big-endian words
)

// tail is what follows the last commit that SQLite will find in a write-ahead
// log. Frames left over from before the log was last reused do not count.
type tail struct {
	frames  int // pages written or begun
	commits int // of them, those that end a transaction
}

// readTail follows the log's chain of checksums, as recovery will. A log that
// does not exist, or has no valid header, has no tail.
//
// Errors: one from the file system.
func readTail(path string) (tail, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tail{}, nil
	}
	if err != nil {
		return tail{}, err
	}
	defer f.Close()
	w, ok := openWAL(bufio.NewReaderSize(f, 1<<16))
	if !ok {
		return tail{}, nil
	}
	return w.tail()
}

// wal reads frames in order.
type wal struct {
	r      *bufio.Reader
	order  binary.ByteOrder
	salt   uint64
	s0, s1 uint32 // running checksum
	frame  []byte
}

func openWAL(r *bufio.Reader) (*wal, bool) {
	head := make([]byte, walHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, false
	}
	magic, size := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[8:])
	if magic&^1 != walMagic || size < 512 || size > 65536 {
		return nil, false
	}
	w := &wal{r: r, order: binary.LittleEndian, salt: binary.BigEndian.Uint64(head[16:]), frame: make([]byte, frameHeader+size)}
	if magic&1 == 1 {
		w.order = binary.BigEndian
	}
	w.sum(head[:24])
	return w, w.matches(head[24:])
}

func (w *wal) tail() (tail, error) {
	var t tail
	for {
		n, err := io.ReadFull(w.r, w.frame)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return tail{}, err
		}
		if n < frameHeader || binary.BigEndian.Uint64(w.frame[8:]) != w.salt {
			return t, nil
		}
		commit := binary.BigEndian.Uint32(w.frame[4:]) != 0
		w.sum(w.frame[:8])
		w.sum(w.frame[frameHeader:])
		// The checksums are a chain: after one that differs, all do.
		if n == len(w.frame) && w.matches(w.frame[16:]) && commit {
			t = tail{}
			continue
		}
		t.frames++
		if commit {
			t.commits++
		}
	}
}

// sum adds b, a multiple of eight bytes, to the running checksum.
func (w *wal) sum(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		w.s0 += w.order.Uint32(b) + w.s1
		w.s1 += w.order.Uint32(b[4:]) + w.s0
	}
}

func (w *wal) matches(b []byte) bool {
	return w.s0 == binary.BigEndian.Uint32(b) && w.s1 == binary.BigEndian.Uint32(b[4:])
}
