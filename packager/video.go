package packager

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

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
	data     []byte
}

// video cuts pictures. It leads: where it cuts, sound is cut too.
type video struct {
	*rendition
	format  pictureFormat
	pending *picture
	start   clock.Ticks // DTS of the open segment's first picture
	lead    clock.Ticks // PTS − DTS of the last key frame
	lastKey clock.Ticks
	gops    [gopMemory]clock.Ticks
	keys    int         // key frames of the domain
	last    clock.Ticks // duration of the last picture
	frame   clock.Ticks // usual duration of a picture, 0 while unknown
	rate    float64     // pictures per second over the last GOP, 0 while unknown
	seen    int         // pictures since the last key frame
	span    clock.Ticks // and their duration
}

// picture makes f a sample: NAL units that the init section already says are
// taken out. It returns a format when f begins with another one than before.
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
	if now.sps == nil {
		return nil, nil, nil
	}
	units := make([][]byte, 0, len(f.Units))
	for _, u := range f.Units {
		if len(u) > 0 && !now.says(u) {
			units = append(units, u)
		}
	}
	if off := f.PTS - f.DTS; len(units) == 0 || off > reorder || off < -reorder {
		return nil, nil, nil
	}
	data, err := cmaf.AVC(units)
	if err != nil {
		return nil, nil, err
	}
	return &picture{dts: f.DTS, pts: f.PTS, key: f.Key, data: data}, format, nil
}

// inBand returns the format that a key frame brings along, nil if it brings
// none or the one in use. Parameter sets elsewhere cannot start anything.
func (v *video) inBand(f media.Frame) (*pictureFormat, error) {
	if !f.Key {
		return nil, nil
	}
	sps, pps := v.format.sps, v.format.pps
	for _, u := range f.Units {
		switch unitType(u) {
		case h264.NALUTypeSPS:
			sps = u
		case h264.NALUTypePPS:
			if id, ok := parameterID(u); ok && (pps == nil || id == v.format.ppsID) {
				pps = u
			}
		}
	}
	if sps == nil || pps == nil || bytes.Equal(sps, v.format.sps) && bytes.Equal(pps, v.format.pps) {
		return nil, nil
	}
	format, err := pictureOf(sps, pps)
	if err != nil {
		return nil, fmt.Errorf("change picture format: %w", err)
	}
	return &format, nil
}

// says reports whether u has no place in a sample of format f. A second PPS
// stays in band: avcC carries only one here.
func (f *pictureFormat) says(u []byte) bool {
	switch unitType(u) {
	case h264.NALUTypeSPS, h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData:
		return true
	case h264.NALUTypePPS:
		return bytes.Equal(u, f.pps)
	}
	return false
}

func unitType(u []byte) h264.NALUType {
	if len(u) == 0 {
		return 0
	}
	return h264.NALUType(u[0] & 0x1F)
}

// setFormat makes f the format of the segments that open from now on.
func (v *video) setFormat(f pictureFormat) error {
	data, err := cmaf.Init(&media.H264{SPS: f.sps, PPS: f.pps}, clock.TicksPerSecond)
	if err != nil {
		return err
	}
	v.format = f
	v.setInit(data)
	return nil
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

// seal gives the pending picture its duration and puts it into a part. It
// reports whether a part had to be closed before it.
func (v *video) seal(dur clock.Ticks) (cut bool, err error) {
	if v.part.units+int64(dur) > v.target && v.part.units > 0 {
		cut = true
		err = v.closePart()
	}
	p := v.pending
	v.add(&cmaf.Sample{
		Duration: uint32(dur), PTSOffset: int32(p.pts - p.dts), Sync: p.key, Payload: p.data,
	}, int64(p.dts), int64(p.pts))
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
	v.seen, v.span = 0, 0
	v.keys++
	v.lastKey = p.dts
	v.lead = p.pts - p.dts
}

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

// at is the media time at which p begins to be shown, for a segment that
// begins with it. Pictures in between do not come in the order in which they
// are shown, so they stand at the distance of the key frame before.
func (v *video) at(p *picture) clock.Ticks { return p.dts + v.lead }

// usual is the duration to give to a picture that has no successor.
func (v *video) usual() clock.Ticks {
	const nominal = clock.TicksPerSecond / 30
	dur := v.frame
	if dur == 0 {
		dur = nominal
	}
	return min(dur, clock.Ticks(v.target))
}
