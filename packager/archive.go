package packager

import (
	"errors"
	"io"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

var (
	// ErrGone means that there is no such file, or none any more.
	ErrGone = errors.New("no such media")
	// ErrBusy means that the archive is read by too many at once.
	ErrBusy = errors.New("too many are reading the archive")
)

// Archive keeps whole segments outside the memory. Keep, Kept, Forget and
// Finish are called by the goroutine that writes the channel and must not
// block; Open is called by any.
type Archive interface {
	// Keep takes a segment in. Every rendition's come in order of their numbers.
	// The archive may hold on to s and its bytes, and does not change them. It is
	// free to lose a segment, which Kept then tells.
	Keep(s *Sealed)
	// Kept reports whether Open would find the segment.
	Kept(rendition string, msn uint64) bool
	// Forget says that nobody can ask for the rendition's segments before msn.
	Forget(rendition string, msn uint64)
	// Finish says that the event is over: nothing follows.
	Finish()
	// Open opens a segment, which the caller closes.
	//
	// Errors: ErrGone, ErrBusy, and those of reading.
	Open(rendition string, msn uint64) (File, error)
}

// File is a segment that left the memory.
type File struct {
	io.ReadSeekCloser
	Size int64  // bytes
	ETag string // the one it had in memory
}

// Sealed is a whole segment as an archive gets it.
type Sealed struct {
	Name     Name          // a NameSegment
	Start    clock.Instant // instant on R of its first picture, in whole milliseconds
	Duration time.Duration
	Domain   uint64        // discontinuity number
	Target   time.Duration // TARGETDURATION
	Gap      bool          // its media never came: there are no bytes
	Leans    bool          // it cannot be decoded without the segment before
	Parts    [][]byte      // the segment is these, one after the other
	Size     int           // bytes of all parts
	ETag     string
	Init     Name // of the init section, a NameInit
	InitData []byte
	Track    TrackInfo
	// Cues are the date ranges that the playlist got since the segment before:
	// their tags, without ends of line.
	Cues []string
}

// TrackInfo is what a multivariant playlist says of a rendition.
type TrackInfo struct {
	Codecs        string  // CODECS value
	Width, Height int     // pixels; 0 for sound
	FrameRate     float64 // pictures per second; 0 for sound
	Channels      int     // of sound
}

// Archived opens a segment that left the memory but can still be loaded. It is
// for names that Snapshot.Segment does not know. The caller closes the file.
//
// Errors: ErrGone, ErrBusy, and those of reading.
func (c *Channel) Archived(n Name) (File, error) {
	if c.cfg.Archive == nil || n.Kind != NameSegment {
		return File{}, ErrGone
	}
	return c.cfg.Archive.Open(n.Rendition, n.MSN)
}

// archive hands over what became whole since it was asked last, and lets go of
// the memory that is beyond the budget.
func (c *Channel) archive() {
	if c.cfg.Archive == nil {
		return
	}
	for _, f := range c.videos {
		f.keep(TrackInfo{Codecs: f.format.codecs, Width: f.format.width, Height: f.format.height, FrameRate: f.frameRate()})
	}
	if a := c.audio; a != nil {
		a.keep(TrackInfo{Codecs: a.format.codecs, Channels: a.format.channels})
	}
	c.spill()
}

// keep gives the archive the segments that it has not had.
func (r *rendition) keep(track TrackInfo) {
	i := len(r.segments)
	for i > 0 && r.segments[i-1].MSN >= r.given {
		i--
	}
	for _, s := range r.segments[i:] {
		r.cfg.Archive.Keep(r.sealed(s, track))
		r.given = s.MSN + 1
	}
}

func (r *rendition) sealed(s *Segment, track TrackInfo) *Sealed {
	sealed := &Sealed{
		Name:  Name{Kind: NameSegment, Rendition: r.name, MSN: s.MSN},
		Start: s.pdt, Duration: s.duration, Domain: s.domain, Target: r.cfg.SegmentTarget, Gap: s.gap, Leans: !s.alone(),
		Init: Name{Kind: NameInit, Rendition: r.name, Hash: s.init.hash}, InitData: s.init.Bytes,
		Track: track,
	}
	sealed.Cues, r.told = r.book.since(r.told)
	if s.gap {
		return sealed
	}
	sealed.Size, sealed.ETag = s.size, s.ETag[0]
	sealed.Parts = make([][]byte, len(s.Parts))
	for i := range s.Parts {
		sealed.Parts[i] = s.Parts[i].Bytes
	}
	return sealed
}

// forget drops what is archived and cannot be asked for any more. So much of
// what is not listed is kept.
func (r *rendition) forget(keep time.Duration) {
	if r.cfg.Archive == nil {
		return
	}
	r.past.forget(keep)
	if r.cfg.Before != nil {
		return // what the archive has of it can still be asked for
	}
	oldest := r.segments[0].MSN
	if len(r.past.kept) > 0 {
		oldest = r.past.kept[0].msn
	}
	if oldest > r.forgotten {
		r.forgotten = oldest
		r.cfg.Archive.Forget(r.name, oldest)
	}
}

// floor is how many target durations of media stay in memory whatever their
// size, so that parts can be loaded for three of them after they left the
// playlist, and delta updates never need what is older.
const floor = holdTargets + skipTargets

// spill lets segments leave the memory while there is more than the budget
// allows: first what is too old, then the oldest of all renditions.
func (c *Channel) spill() {
	size := 0
	all := c.renditions()
	for _, r := range all {
		for r.inMemory()-r.first() >= c.cfg.Memory && r.spare() {
			r.retire()
		}
		size += r.bytes()
	}
	for size > c.cfg.MemoryBytes {
		var oldest *rendition
		for _, r := range all {
			if r.spare() && (oldest == nil || r.segments[0].MSN < oldest.segments[0].MSN) {
				oldest = r
			}
		}
		if oldest == nil {
			return
		}
		size -= oldest.segments[0].size
		oldest.retire()
	}
}

// inMemory is how much whole media there is in memory.
func (r *rendition) inMemory() (total time.Duration) {
	for _, s := range r.segments {
		total += s.duration
	}
	return total
}

// first is the duration of the oldest segment in memory.
func (r *rendition) first() time.Duration {
	if len(r.segments) == 0 {
		return 0
	}
	return r.segments[0].duration
}

func (r *rendition) bytes() (total int) {
	for _, s := range r.segments {
		total += s.size
	}
	return total
}

// spare reports whether the oldest segment may leave the memory.
func (r *rendition) spare() bool {
	return len(r.segments) > 1 && r.inMemory()-r.first() >= floor*r.cfg.SegmentTarget
}

// retire takes the oldest segment out of the memory. One that the archive does
// not have ends the playlist there, and with it everything before.
func (r *rendition) retire() {
	s := r.segments[0]
	if s.gap || r.cfg.Archive.Kept(r.name, s.MSN) {
		r.past.add(s, r.listed == 0)
	} else {
		r.past = past{}
		if !r.lossy {
			r.cfg.Log.Warn("archive lost a segment: the playlist is only as long as the memory", "rendition", r.name, "msn", s.MSN)
		}
	}
	r.lossy = len(r.past.kept) == 0
	r.drop(1)
}
