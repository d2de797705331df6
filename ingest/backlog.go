package ingest

import "github.com/cuelight/cuelight/internal/media"

const (
	maxObserved    = 4096
	maxHeldFrames  = 2048
	maxHeldBytes   = 32 << 20
	observedToKeep = maxObserved / 2
)

// backlog is what comes before Begin. It belongs to its session's goroutine.
type backlog struct {
	observed []Observation
	frames   []media.Frame
	bytes    int
	keyed    map[int]bool // tracks that have had a key frame
}

func (b *backlog) observe(o Observation) {
	if len(b.observed) == maxObserved {
		b.observed = append(b.observed[:0], b.observed[maxObserved-observedToKeep:]...)
	}
	b.observed = append(b.observed, o)
}

// hold keeps f, and reports false when it is of no use: nothing can be decoded
// before the first key frame.
func (b *backlog) hold(f media.Frame) (held bool, err error) {
	if !f.Key && !b.keyed[f.Track] {
		return false, nil
	}
	if b.keyed == nil {
		b.keyed = make(map[int]bool)
	}
	b.keyed[f.Track] = true
	b.bytes += f.Size()
	if len(b.frames) == maxHeldFrames || b.bytes > maxHeldBytes {
		return false, Errorf(CodeTimeout, "no key frame for too long: set a key frame interval of 1 or 2 s")
	}
	b.frames = append(b.frames, f)
	return true, nil
}
