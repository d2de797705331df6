package origin

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/cuelight/cuelight/packager"
)

// pieces are buffers for files, so that a segment of any size costs little
// memory and has a deadline for every piece.
var pieces = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// archived answers a segment that left the memory (C13).
func (q *request) archived(name packager.Name) {
	f, err := q.channel.Archived(name)
	switch {
	case errors.Is(err, packager.ErrGone):
		q.missing()
		return
	case errors.Is(err, packager.ErrBusy):
		q.o.busy(q.w, "too many are reading old media; try again in a second")
		return
	case err != nil:
		q.unreadable(name, err)
		return
	}
	defer f.Close() // it was only read
	wanted, ok := q.open(name, []string{strconv.FormatInt(f.Size, 10)}, []string{f.ETag}, q.age())
	if !ok || q.r.Method == http.MethodHead {
		return
	}
	if wanted == everything {
		wanted.to = f.Size
	}
	if err := q.copy(f, wanted); err != nil {
		q.o.cfg.Log.Warn("archived segment not read", "file", name.String(), "err", err)
		panic(http.ErrAbortHandler) // the answer is too short: cut it off
	}
}

func (q *request) unreadable(name packager.Name, err error) {
	q.o.cfg.Log.Warn("archived segment not opened", "file", name.String(), "err", err)
	q.o.busy(q.w, "the server cannot read this segment now")
}

// copy sends a part of f. It returns errors of reading; a viewer that left is
// none.
func (q *request) copy(f io.ReadSeeker, part span) error {
	if _, err := f.Seek(part.from, io.SeekStart); err != nil {
		return err
	}
	buffer := pieces.Get().(*[64 << 10]byte)
	defer pieces.Put(buffer)
	for left := part.length(); left > 0; {
		piece := buffer[:min(left, int64(len(buffer)))]
		if _, err := io.ReadFull(f, piece); err != nil {
			return err
		}
		if !q.send(piece) {
			return nil
		}
		left -= int64(len(piece))
	}
	return nil
}
