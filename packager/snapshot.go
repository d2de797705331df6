package packager

import (
	"context"
	"hash/crc32"
	"math"
	"strconv"
	"sync/atomic"
	"time"
)

// Position names one part: part Part of media sequence number MSN, both as in
// the _HLS_msn and _HLS_part directives.
type Position struct{ MSN, Part uint64 }

// Whole, as the Part of a Position, asks for the complete segment.
const Whole = math.MaxUint64

func (p Position) less(q Position) bool {
	return p.MSN < q.MSN || p.MSN == q.MSN && p.Part < q.Part
}

// Blob is bytes that are sent as they are. Length and ETag are ready to stand
// in a header map, so that serving a Blob allocates nothing. Nobody changes a
// Blob.
type Blob struct {
	Bytes  []byte
	More   [][]byte // further pieces behind Bytes, only of playlists of hours
	Length []string // Content-Length
	ETag   []string
}

func newBlob(b []byte) Blob {
	return Blob{Bytes: b, Length: []string{strconv.Itoa(len(b))}, ETag: []string{etag(crc(0, b), len(b))}}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crc(sum uint32, b []byte) uint32 { return crc32.Update(sum, castagnoli, b) }

func etag(sum uint32, size int) string {
	return `"` + strconv.FormatUint(uint64(sum), 16) + "-" + strconv.FormatInt(int64(size), 16) + `"`
}

// Text is a playlist, as it is and compressed with gzip (N2).
type Text struct{ Plain, Gzip Blob }

// Snapshot is what viewers of one rendition see between two cuts. It never
// changes.
type Snapshot struct {
	// Full and Delta are the playlist. They are empty until the first segment;
	// Delta is Full while there is nothing to skip. DeltaV2 leaves out older date
	// ranges as well, as _HLS_skip=v2 asks for.
	Full, Delta, DeltaV2 Text
	Edge                 Position // newest part
	Closed               uint64   // newest whole segment
	Hint                 Position // the part that comes next
	Ended                bool     // nothing comes next

	segments []*Segment // in order of MSN, without holes; the last may be open
	inits    []*initSection
	next     chan struct{} // closed when the edge moves or the channel ends
}

// Segment is a media segment and its parts.
type Segment struct {
	MSN    uint64
	Parts  []Part
	Length []string // Content-Length of the whole segment, nil while it is open and for a gap
	ETag   []string // the same

	head
	uri         string
	sum         uint32
	size        int
	units       int64 // duration in the track's timescale
	duration    time.Duration
	independent bool // begins with a key frame
	leans       bool // holds pictures that need the segment before
	whole       bool // closed
	gap         bool // its media, or the rest of it, never came
}

// Part is a partial segment.
type Part struct {
	Blob
	uri         string
	duration    time.Duration
	independent bool
	gap         bool // its media never came
}

// Ready reports whether there is a playlist to show.
func (s *Snapshot) Ready() bool { return len(s.Full.Plain.Bytes) > 0 }

// Has reports whether p, or something after it, is in the playlist. A part
// beyond the end of a closed segment counts as the first of the next one (B3).
func (s *Snapshot) Has(p Position) bool {
	if !s.Ready() {
		return false
	}
	if p.Part == Whole {
		return s.Closed >= p.MSN
	}
	return !s.Edge.less(p)
}

// Segment returns the segment with number msn as far as it exists, or nil when
// it is not kept any more, not begun yet, or a gap.
func (s *Snapshot) Segment(msn uint64) *Segment {
	if len(s.segments) == 0 || msn < s.segments[0].MSN {
		return nil
	}
	i := msn - s.segments[0].MSN
	if i >= uint64(len(s.segments)) {
		return nil
	}
	return s.segments[i]
}

// Part returns the part at p, or nil when it is not kept any more, not cut yet,
// or a gap.
func (s *Snapshot) Part(p Position) *Part {
	seg := s.Segment(p.MSN)
	if seg == nil || p.Part >= uint64(len(seg.Parts)) {
		return nil
	}
	if part := &seg.Parts[p.Part]; !part.gap {
		return part
	}
	return nil
}

// Init returns the init section with that hash in its name, or nil.
func (s *Snapshot) Init(hash string) *Blob {
	for _, i := range s.inits {
		if i.hash == hash {
			return &i.Blob
		}
	}
	return nil
}

// Window is the live edge of one rendition. One goroutine publishes; any
// number may load and wait.
type Window struct{ current atomic.Pointer[Snapshot] }

func newWindow(first *Snapshot) *Window {
	first.next = make(chan struct{})
	w := new(Window)
	w.current.Store(first)
	return w
}

// Load returns what there is now, never nil.
func (w *Window) Load() *Snapshot { return w.current.Load() }

// publish shows s and wakes everybody who waits.
func (w *Window) publish(s *Snapshot) {
	s.next = make(chan struct{})
	close(w.current.Swap(s).next)
}

// replace shows s, which has the same edge, and wakes nobody.
func (w *Window) replace(s *Snapshot) {
	s.next = w.current.Load().next
	w.current.Store(s)
}

// Wait returns the first snapshot that has p, or the last one of a channel
// that ended: at once if there is one, otherwise after at most the given time.
//
// Errors: context.DeadlineExceeded when the time is over, context.Cause(ctx)
// when the viewer leaves. Nothing keeps running after Wait returns.
// Spec: rfc8216bis §6.2.5.2.
func (w *Window) Wait(ctx context.Context, p Position, limit time.Duration) (*Snapshot, error) {
	s := w.Load()
	if s.Has(p) || s.Ended {
		return s, nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-s.next:
		case <-timer.C:
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s = w.Load()
		if s.Has(p) || s.Ended {
			return s, nil
		}
	}
}
