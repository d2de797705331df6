package packager

import (
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// tolerance is how far a sound frame's timestamp may be from the count of
	// samples before the count follows it. RTMP rounds to 1 ms, and some
	// encoders stamp packets of several frames.
	tolerance = clock.TicksPerSecond / 20
	// patience is how late sound may come behind the pictures before it is
	// replaced by silence: players wait for both.
	patience = clock.TicksPerSecond
	// ahead is how much sound waits for its pictures before the oldest goes.
	ahead = 3 * time.Second
)

// audio cuts sound. Its clock is the count of samples, anchored at the first
// frame of a domain, so that durations add up exactly (M3).
type audio struct {
	*rendition
	format soundFormat
	track  int // of the session, noTrack if it has no sound: all is silence
	queue  []media.Frame
	cuts   []cut // where segments begin that sound has not reached
	next   int64 // decoding time of the next frame, in samples
	late   int   // frames dropped because their time was over
	filled int   // frames of silence put in
	broken int   // frames dropped because they cannot be what they say
}

// setFormat makes f the format of the segments that open from now on.
func (a *audio) setFormat(f soundFormat) {
	a.format = f
	a.setScale(int64(f.rate))
	a.setInit(f.init)
}

// enter starts a discontinuity domain at c. What came before c is too early.
func (a *audio) enter(c cut) {
	a.cuts = append(a.cuts[:0], c)
	a.next = a.toUnits(c.at)
	keep := a.queue[:0]
	for _, f := range a.queue {
		if f.PTS >= c.at {
			keep = append(keep, f)
		}
	}
	a.queue = keep
}

// push queues f until the pictures have come as far. It returns how many
// frames had to go because none ever came.
func (a *audio) push(f media.Frame) (dropped int) {
	a.queue = append(a.queue, f)
	for f.PTS-a.queue[0].PTS > clock.TicksOf(ahead) || len(a.queue) > 1024 {
		a.queue = a.queue[1:]
		dropped++
	}
	return dropped
}

// drain cuts what is before the horizon, up to which the pictures are known.
// It reports whether the edge moved.
func (a *audio) drain(horizon clock.Ticks) (moved bool, err error) {
	for len(a.queue) > 0 && a.queue[0].PTS < horizon {
		f := a.queue[0]
		a.queue = a.queue[1:]
		m, err := a.accept(f)
		if err != nil {
			return moved, err
		}
		moved = moved || m
	}
	wait := clock.Ticks(patience)
	if a.track == noTrack {
		wait = 0
	}
	m, err := a.fill(horizon - wait)
	return moved || m, err
}

// accept puts f where its timestamp belongs: the count of samples goes on as
// long as the two agree, silence fills a gap, and what is too late is dropped.
func (a *audio) accept(f media.Frame) (moved bool, err error) {
	if len(f.Units) == 0 || len(f.Units[0]) == 0 {
		return false, nil
	}
	length := a.format.samples(f.Units[0])
	if length == 0 || length > a.target {
		a.broken++
		return false, nil
	}
	off := f.PTS - a.ticks(a.next)
	switch {
	case off < -tolerance, a.open == nil && off < 0:
		a.late++
		return false, nil
	case a.open == nil && off <= tolerance:
		a.next = a.toUnits(f.PTS) // the anchor of the domain
	case off > tolerance:
		if moved, err = a.fill(f.PTS); err != nil {
			return moved, err
		}
	}
	m, err := a.append(f.Units[0], length)
	return moved || m, err
}

// fill puts in silence as long as a frame of it ends before t, or at most half
// a frame after.
func (a *audio) fill(t clock.Ticks) (moved bool, err error) {
	for a.ticks(a.next+a.format.filling/2) <= t {
		a.filled++
		m, err := a.append(a.format.filler, a.format.filling)
		if err != nil {
			return moved, err
		}
		moved = moved || m
	}
	return moved, nil
}

// append adds one access unit of that length at the count of samples. Every cut gets at least
// one, so that no segment number is left out. It reports whether something was
// closed.
func (a *audio) append(unit []byte, length int64) (moved bool, err error) {
	at := a.ticks(a.next)
	if len(a.cuts) > 0 && at >= a.cuts[0].at {
		moved = a.open != nil
		if err := a.turn(at); err != nil {
			return moved, err
		}
	} else if a.full(length) {
		moved = true
		if err := a.closePart(); err != nil {
			return moved, err
		}
	}
	a.put(unit, length)
	return moved, nil
}

// turn closes the open segment and opens the one of the next cut.
func (a *audio) turn(at clock.Ticks) error {
	if err := a.closeSegment(); err != nil {
		return err
	}
	a.begin(a.cuts[0], at, true)
	a.cuts = a.cuts[1:]
	return nil
}

func (a *audio) put(unit []byte, length int64) {
	a.add(&cmaf.Sample{Duration: uint32(length), Sync: true, Payload: unit}, a.next, a.next)
	a.next += length
}

// finish ends the domain where the pictures end.
func (a *audio) finish(end clock.Ticks) error {
	if _, err := a.drain(end); err != nil {
		return err
	}
	if _, err := a.fill(end); err != nil {
		return err
	}
	for len(a.cuts) > 0 { // pictures cut within the last frame of sound
		if err := a.turn(a.ticks(a.next)); err != nil {
			return err
		}
		a.filled++
		a.put(a.format.filler, a.format.filling)
	}
	return a.closeSegment()
}

// full reports whether an access unit of that length would make the part too
// long.
func (a *audio) full(length int64) bool { return a.part.units+length > a.target }

// reached reports whether the open segment is as long as it should be: the
// rule for a session without pictures.
func (a *audio) reached() bool {
	units := a.open.units + a.part.units
	return a.duration(units+a.format.filling/2) >= a.cfg.SegmentTarget
}
