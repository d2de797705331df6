package packager

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

// head is what is settled about a segment when it opens. All renditions open
// segment number msn with the same cut.
type head struct {
	at      clock.Ticks   // media time of its first picture or sound
	pdt     clock.Instant // at on R, in whole milliseconds
	domain  uint64        // discontinuity number
	fresh   bool          // it is the first of its domain
	init    *initSection
	mapHere bool
	opening bool // it leaves the playlist as soon as it can
}

// cut is the place where a segment begins.
type cut struct {
	msn    uint64
	at     clock.Ticks
	pdt    clock.Instant
	domain uint64
	fresh  bool // the domain begins here
	behind bool // and another server's before
	// opening marks the first segment of a channel, which is cut short, and the
	// one behind it if that has no key frame to begin with.
	opening bool
	short   bool // the segment before is short on purpose, so no key frame is due

	// until is where the segment ends, once that is known: at the next cut, or
	// with the domain.
	until clock.Ticks
	known bool
}

type initSection struct {
	Blob
	hash, uri string
}

// rendition is the writing side of one media playlist. It belongs to the
// goroutine that writes the channel.
type rendition struct {
	name   string
	cfg    *Config
	scale  int64 // units per second of the track
	target int64 // the part target in units, rounded down
	window *Window

	segments []*Segment // closed ones that are kept
	listed   int        // index of the first that the playlist lists
	open     *Segment   // nil between sessions
	init     *initSection
	inits    []*initSection
	part     openPart
	sequence uint32
	peak     int // bits per second of the fastest segment so far
	average  int // bits per second of what was listed when there was media last
	render   renderer
	book     *cueBook // the channel's
	gap      *Segment // the open one of an outage

	// With an archive.
	past      past
	given     uint64 // number of the next segment that it gets
	lossy     bool   // it lost the segment that left the memory last
	forgotten uint64 // number of the oldest segment that it was not told to forget
	told      int    // number of the newest cue that it got
}

// openPart is the part that is being filled.
type openPart struct {
	base        int64 // decoding time of the first sample, units
	shown       int64 // its presentation time, units
	units       int64
	samples     []*cmaf.Sample
	independent bool
}

// newRendition starts a rendition that cannot have media before segment first.
func newRendition(name string, cfg *Config, scale int64, first uint64) *rendition {
	r := &rendition{name: name, cfg: cfg}
	r.setScale(scale)
	edge := Position{}
	closed := uint64(0)
	if first > 0 {
		closed = first - 1
		edge.MSN = closed
	}
	r.window = newWindow(&Snapshot{Edge: edge, Closed: closed, Hint: Position{MSN: first}})
	return r
}

func (r *rendition) setScale(scale int64) {
	r.scale = scale
	r.target = int64(r.cfg.PartTarget/time.Millisecond) * scale / 1000
}

// setInit makes data the init section of the segments that open from now on.
func (r *rendition) setInit(data []byte) {
	r.render.stale = true
	hash := fmt.Sprintf("%08x", crc(0, data))
	for _, i := range r.inits {
		if i.hash == hash {
			r.init = i
			return
		}
	}
	r.init = &initSection{
		Blob: newBlob(data), hash: hash,
		uri: Name{Kind: NameInit, Rendition: r.name, Hash: hash}.String(),
	}
	r.inits = append(r.inits, r.init)
}

// begin opens the segment at c. The first media of the rendition is at the
// given presentation time, which for sound is a little after c.at.
func (r *rendition) begin(c cut, at clock.Ticks, independent bool) {
	r.open = r.segment(c, at, independent)
}

// segment returns a new segment, which belongs behind those that there are.
func (r *rendition) segment(c cut, at clock.Ticks, independent bool) *Segment {
	h := head{
		at: at, pdt: c.pdt + clock.Instant((at - c.at).Micros()), domain: c.domain, init: r.init, opening: c.opening,
	}
	if n := len(r.segments); n > 0 {
		last := r.segments[n-1]
		h.fresh = last.domain != c.domain
		h.mapHere = h.fresh || last.init != r.init
	} else {
		h.fresh, h.mapHere = c.behind, true
	}
	uri := Name{Kind: NameSegment, Rendition: r.name, MSN: c.msn}.String()
	return &Segment{MSN: c.msn, head: h, uri: uri, independent: independent}
}

// add appends a sample to the open part.
func (r *rendition) add(s *cmaf.Sample, dts, pts int64) {
	p := &r.part
	if len(p.samples) == 0 {
		p.base, p.shown = dts, pts
	}
	p.samples = append(p.samples, s)
	p.units += int64(s.Duration)
	p.independent = p.independent || s.Sync
}

// closePart ends the open part, if it holds anything (P10).
func (r *rendition) closePart() error {
	p := &r.part
	if len(p.samples) == 0 {
		return nil
	}
	r.sequence++
	fragment := cmaf.Part{
		First: len(r.open.Parts) == 0, Sequence: r.sequence,
		BaseTime: uint64(p.base), Samples: p.samples,
		At:        r.open.pdt + clock.Instant((r.ticks(p.shown) - r.open.at).Micros()),
		MediaTime: uint64(p.shown),
		Events:    r.book.events(r, r.open.at+r.ticks(r.open.units), r.open.at+r.ticks(r.open.units+p.units)),
	}
	data, err := fragment.Marshal()
	if err != nil {
		return err
	}
	s := r.open
	name := Name{Kind: NamePart, Rendition: r.name, MSN: s.MSN, Part: uint64(len(s.Parts))}
	s.Parts = append(s.Parts, Part{
		Blob: newBlob(data), uri: name.String(),
		duration: r.duration(p.units), independent: p.independent,
	})
	s.sum = crc(s.sum, data)
	s.size += len(data)
	s.units += p.units
	s.duration = r.duration(s.units)
	r.part = openPart{samples: make([]*cmaf.Sample, 0, len(p.samples)+1)}
	return nil
}

// closeSegment ends the open part and the open segment and lets go of what is
// too old.
func (r *rendition) closeSegment() error {
	if r.open == nil {
		return nil
	}
	if err := r.closePart(); err != nil {
		return err
	}
	s := r.open
	r.open = nil
	if len(s.Parts) == 0 {
		return fmt.Errorf("close segment %d of %s: it is empty", s.MSN, r.name)
	}
	s.whole = true
	s.Length = []string{strconv.Itoa(s.size)}
	s.ETag = []string{etag(s.sum, s.size)}
	if s.duration >= r.cfg.SegmentTarget/2 { // shorter ones are no measure (rfc8216bis §4.4.6.2)
		r.peak = max(r.peak, int(float64(s.size*8)/s.duration.Seconds()))
	}
	r.segments = append(r.segments, s)
	r.slide()
	return nil
}

// closeGap ends the open segment, which should have gone on until the given
// media time: what is missing of it is missing for good (G1).
func (r *rendition) closeGap(until clock.Ticks) error {
	if err := r.closePart(); err != nil {
		return err
	}
	s := r.open
	r.open = nil
	r.missing(s, max((until-s.at).Duration(), s.duration))
	s.whole, s.gap = true, true
	r.segments = append(r.segments, s)
	r.slide()
	return nil
}

// missing makes s as long as it should be with parts that are gaps (C11).
func (r *rendition) missing(s *Segment, length time.Duration) {
	for s.duration < length {
		d := min(r.cfg.PartTarget, length-s.duration)
		name := Name{Kind: NamePart, Rendition: r.name, MSN: s.MSN, Part: uint64(len(s.Parts))}
		s.Parts = append(s.Parts, Part{uri: name.String(), duration: d, gap: true})
		s.duration += d
	}
}

// slide moves the window (C6) and drops segments that nobody can want any
// more: a segment leaves the memory one window and three target durations after it
// left the playlist (C13).
func (r *rendition) slide() {
	total := r.past.duration
	for _, s := range r.segments[r.listed:] {
		total += s.duration
	}
	for len(r.past.list()) > 0 && total-r.past.list()[0].duration >= r.cfg.Window {
		total -= r.past.list()[0].duration
		r.past.unlist()
	}
	for len(r.past.list()) == 0 && total-r.segments[r.listed].duration >= r.least() {
		total -= r.segments[r.listed].duration
		r.listed++
	}
	keep := r.cfg.Window + afterTargets*r.cfg.SegmentTarget
	first := r.listed
	for first > 0 && keep > 0 {
		first--
		keep -= r.segments[first].duration
	}
	if first = max(first, r.overfull()); first > 0 {
		r.past = past{}
		r.drop(first)
	}
	r.forget(keep)
}

// least is how much has to be listed behind the oldest listed segment before it
// leaves. Those of the opening go once they are beyond the skip boundary, since
// one of them cannot be decoded alone (R6, P9).
func (r *rendition) least() time.Duration {
	if r.segments[r.listed].opening {
		return skipTargets * r.cfg.SegmentTarget
	}
	return r.cfg.Window
}

// maxKept is how many bytes a rendition keeps. What is faster than that allows
// has a shorter window.
const maxKept = 256 << 20

// overfull returns how many of the oldest segments have to go to stay within
// maxKept. Three target durations always stay (C8).
func (r *rendition) overfull() int {
	var size int
	var duration time.Duration
	for i := len(r.segments) - 1; i >= 0; i-- {
		size += r.segments[i].size
		if size > maxKept && duration >= holdTargets*r.cfg.SegmentTarget {
			return i + 1
		}
		duration += r.segments[i].duration
	}
	return 0
}

// drop forgets the first n segments and the init sections only they used. It
// makes new slices, because snapshots hold the old ones.
func (r *rendition) drop(n int) {
	r.segments = append([]*Segment(nil), r.segments[n:]...)
	r.listed = max(r.listed-n, 0)
	var used []*initSection
	for _, i := range r.inits {
		if i == r.init || r.uses(i) || r.past.uses(i) {
			used = append(used, i)
		}
	}
	r.inits = used
}

func (r *rendition) uses(i *initSection) bool {
	for _, s := range r.segments {
		if s.init == i {
			return true
		}
	}
	return false
}

// units converts media time to the track's timescale, rounding to nearest.
func (r *rendition) toUnits(t clock.Ticks) int64 {
	whole, rest := int64(t)/clock.TicksPerSecond, int64(t)%clock.TicksPerSecond
	return whole*r.scale + (rest*r.scale+clock.TicksPerSecond/2)/clock.TicksPerSecond
}

// ticks converts from the track's timescale, rounding to nearest.
func (r *rendition) ticks(units int64) clock.Ticks {
	whole, rest := units/r.scale, units%r.scale
	return clock.Ticks(whole*clock.TicksPerSecond + (rest*clock.TicksPerSecond+r.scale/2)/r.scale)
}

func (r *rendition) duration(units int64) time.Duration {
	return time.Duration(units/r.scale)*time.Second + time.Duration(units%r.scale)*time.Second/time.Duration(r.scale)
}
