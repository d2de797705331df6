package packager

import (
	"fmt"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

// gopMemory is over how many key frames the longest distance counts as "the"
// GOP: an encoder that puts in a key frame at a scene cut goes on as before.
const gopMemory = 4

// slack is how much longer than the target a segment may become to reach a key
// frame. With it EXTINF still rounds to the target duration, also for sound,
// whose segments end up to one frame later (C4).
const slack = clock.TicksPerSecond * 4 / 10

// small is how far decoding times may go back and still be taken as the
// rounding of a container.
const small = clock.TicksPerSecond / 100

// reorder is how far the times of showing and decoding a picture may be apart.
// H.264 reorders at most 16 pictures; more is a broken timestamp.
const reorder = 4 * clock.TicksPerSecond

// picture is a frame on its way into a part. Its duration is known when the
// next one comes.
type picture struct {
	dts, pts clock.Ticks
	key      bool
	leans    bool // on pictures before the key frame that it follows
	data     []byte
}

// video cuts pictures.
type video struct {
	*rendition
	format  pictureFormat
	pending *picture
	start   clock.Ticks // DTS of the open segment's first picture
	lead    clock.Ticks // PTS − DTS of key frames with which what is shown begins
	shift   clock.Ticks // from the times of decoding to those that are written (M9)
	lastKey clock.Ticks
	gops    [gopMemory]clock.Ticks
	keys    int         // key frames of the domain
	last    clock.Ticks // duration of the last picture
	frame   clock.Ticks // usual duration of a picture, 0 while unknown
	rate    float64     // pictures per second over the last GOP, 0 while unknown
	seen    int         // pictures since the last key frame
	span    clock.Ticks // and their duration
}

// picture makes f a sample, without the parameter sets that the init section
// has. It returns a format when f begins with another one than before.
//
// It returns nil for a frame without pictures, for one whose timestamps cannot
// be right, and while there is no format.
func (v *video) picture(f media.Frame) (*picture, *pictureFormat, error) {
	format, err := v.inBand(f)
	if err != nil {
		return nil, nil, err
	}
	now := &v.format
	if format != nil {
		now = format
	}
	if off := f.PTS - f.DTS; !now.known() || off > reorder || off < -reorder {
		return nil, nil, nil
	}
	data, err := now.sample(f.Units)
	if err != nil || data == nil {
		return nil, nil, err
	}
	return &picture{dts: f.DTS, pts: f.PTS, key: f.Key, leans: now.leans(f.Units), data: data}, format, nil
}

// inBand returns the format that a key frame brings along, nil if it brings
// none or the one in use. Parameter sets elsewhere cannot start anything.
func (v *video) inBand(f media.Frame) (*pictureFormat, error) {
	if !f.Key {
		return nil, nil
	}
	c := v.format.with(f.Units)
	if c == nil || !c.complete() {
		return nil, nil
	}
	format, err := formatOf(c)
	if err != nil {
		return nil, fmt.Errorf("change picture format: %w", err)
	}
	return &format, nil
}

// setFormat makes f the format of the segments that open from now on.
func (v *video) setFormat(f pictureFormat) {
	if v.format.size != f.size || v.format.codecs != f.codecs {
		v.peak = 0 // bit rates of the other format tell nothing
	}
	v.format = f
	if f.known() {
		v.setInit(f.init)
	}
}

// monotonic corrects p's decoding time so that it is after the one before and
// not negative. False means that p is too late to be shown.
func (v *video) monotonic(p *picture) bool {
	least := clock.Ticks(0)
	if v.pending != nil {
		least = v.pending.dts + 1
	}
	if v.pending != nil && p.dts < v.pending.dts-small {
		return false
	}
	p.dts = max(p.dts, least)
	return true
}

// hole reports whether pictures are missing before p: a single one would have
// to be longer than a part may be (P2).
func (v *video) hole(p *picture) bool {
	return int64(p.dts-v.pending.dts) > v.target
}

// undecodable reports whether p cannot be decoded by anybody, because it leans
// on pictures before those that the domain, or a rendition that came back,
// begins with. It is left out, and the key frame takes its time of decoding:
// what is shown begins with the key frame anyway.
func (v *video) undecodable(p *picture) bool {
	if !p.leans || v.keys != 1 {
		return false
	}
	if first := v.pending; first.key && p.dts <= first.pts {
		v.shift += first.dts - p.dts
		first.dts, v.start, v.lead = p.dts, p.dts, first.pts-p.dts
	}
	return true
}

// anchor settles how the times of decoding are written from p on, with which a
// domain begins or a rendition comes back: so that p is decoded when it is
// shown, but not before the given time. Players such as hls.js lay what is
// decoded first to the end of what was shown last, so with B-frames there would
// be a hole of their delay. Pictures between key frames then are shown before
// they are decoded, which is no more than a way to write it (M9).
func (v *video) anchor(p *picture, least clock.Ticks) {
	v.shift = max(v.lead, least-p.dts)
}

// seal gives the pending picture its duration and puts it into a part. It
// reports whether a part had to be closed before it.
func (v *video) seal(dur clock.Ticks) (cut bool, err error) {
	if v.part.units+int64(dur) > v.target && v.part.units > 0 {
		cut = true
		err = v.closePart()
	}
	p := v.pending
	v.open.leans = v.open.leans || p.leans
	dts := p.dts + v.shift
	v.add(&cmaf.Sample{
		Duration: uint32(dur), PTSOffset: int32(p.pts - dts), Sync: p.key, Payload: p.data,
	}, int64(dts), int64(p.pts))
	v.last = dur
	v.learn(dur)
	return cut, err
}

// learn follows the usual duration of a picture: within the first GOP the mean
// so far, then the mean of the GOP before.
func (v *video) learn(dur clock.Ticks) {
	v.seen++
	v.span += dur
	if v.keys <= 1 {
		v.frame = v.span / clock.Ticks(v.seen)
	}
}

// full reports whether the part has to be closed now, because one more picture
// like the last would make it too long. Waiting for that picture would cost
// every viewer its duration.
func (v *video) full() bool {
	next := min(int64(v.last), v.part.units/int64(max(len(v.part.samples), 1)))
	return v.part.units*100 >= v.target*85 && v.part.units+next > v.target
}

// gop is the distance of key frames to expect, 0 while unknown.
func (v *video) gop() clock.Ticks {
	var longest clock.Ticks
	for _, g := range v.gops {
		longest = max(longest, g)
	}
	return longest
}

// noteKey remembers the distance to the key frame before.
func (v *video) noteKey(p *picture) {
	if v.keys > 0 && v.seen > 0 {
		v.gops[v.keys%gopMemory] = p.dts - v.lastKey
		v.frame = v.span / clock.Ticks(v.seen)
		v.rate = float64(v.seen) * clock.TicksPerSecond / float64(v.span)
	}
	if v.keys == 0 || !v.late(p) {
		v.lead = p.pts - p.dts
	}
	v.seen, v.span = 0, 0
	v.keys++
	v.lastKey = p.dts
}

// late reports whether the key frame p is shown after pictures that are
// decoded after it, which lean on the GOP before.
func (v *video) late(p *picture) bool { return p.pts-p.dts > v.lead+v.frame/2 }

// cutBefore decides whether p begins a segment: at the first key frame at or
// after the target, at an earlier one if no other will come in time, and
// without one when the target duration is over.
func (v *video) cutBefore(p *picture) bool {
	target := clock.TicksOf(v.cfg.SegmentTarget)
	elapsed, gop := p.dts-v.start, v.gop()
	reached := elapsed >= target-v.frame/2
	switch {
	case p.key:
		return reached || elapsed+gop > target+slack
	case elapsed+v.frame > target+slack:
		return true
	case !reached:
		return false
	case gop == 0:
		return v.lastKey < v.start // give an unknown encoder the benefit of the doubt once
	}
	next := v.lastKey + gop - v.start
	return next < elapsed-v.frame/2 || next > target+slack
}

// restart forgets the pictures before the key frame p, with which a domain
// begins or a rendition comes back.
func (v *video) restart(p *picture) {
	v.keys, v.gops = 0, [gopMemory]clock.Ticks{}
	v.seen, v.span = 0, 0
	v.noteKey(p)
}

// at is the media time at which a segment that begins with p begins to be
// shown. With most key frames that is theirs. Pictures in between do not come
// in the order in which they are shown, and an open GOP shows pictures before
// its key frame, so both stand at the usual distance to their decoding.
func (v *video) at(p *picture) clock.Ticks {
	if p.key && !v.late(p) {
		return p.pts
	}
	return p.dts + v.lead
}

// usual is the duration to give to a picture that has no successor.
func (v *video) usual() clock.Ticks {
	const nominal = clock.TicksPerSecond / 30
	dur := v.frame
	if dur == 0 {
		dur = nominal
	}
	return min(dur, clock.Ticks(v.target))
}
