package packager

import (
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// lostAfter is how far sound may jump, in a channel without pictures, before
// it is taken for another recording instead of a gap.
const lostAfter = clock.TicksPerSecond

// slowHoles is how many holes in a row show that pictures always come that
// slowly.
const slowHoles = 5

// writeVideo cuts pictures, and the sound that has been waiting for them.
func (c *Channel) writeVideo(f media.Frame) error {
	p, format, err := c.video.picture(f)
	if err != nil {
		return err
	}
	if p == nil || c.flowing && !c.video.monotonic(p) {
		c.count.dropped++
		return nil
	}
	if c.flowing {
		switch {
		case c.video.hole(p):
			err = c.miss(p)
		case format != nil:
			c.log.Info("picture format changed", "width", format.width, "height", format.height)
			err = c.leave(p.dts - c.video.pending.dts)
		default:
			return c.follow(p)
		}
		if err != nil {
			return err
		}
	}
	return c.enter(p, format)
}

// miss ends the domain before a hole in front of p. Pictures that always come
// slower than parts can be cut are refused: they would be nothing but holes.
func (c *Channel) miss(p *picture) error {
	c.count.holes++
	c.count.holesInRow++
	if c.count.holesInRow >= slowHoles {
		return &UnsupportedError{Track: c.pictures, Codec: "H.264", Reason: "pictures are further apart than " +
			c.cfg.PartTarget.String() + "; send at least 5 pictures a second"}
	}
	c.log.Warn("pictures are missing", "pts", int64(p.pts), "dur", (p.dts - c.video.pending.dts).Duration())
	return c.leave(c.video.usual())
}

// enter begins a discontinuity domain with p, if decoding can start there.
func (c *Channel) enter(p *picture, format *pictureFormat) error {
	v := c.video
	if !p.key {
		c.count.dropped++
		return nil
	}
	if format != nil {
		if err := v.setFormat(*format); err != nil {
			return err
		}
	}
	p.dts = max(p.dts, 0)
	v.keys, v.gops = 0, [gopMemory]clock.Ticks{}
	v.noteKey(p)
	k := c.newCut(p.pts, true)
	v.begin(k, k.at, true)
	v.start, v.pending = p.dts, p
	c.flow()
	if c.audio != nil {
		c.audio.enter(k)
	}
	return c.drain()
}

// flow opens the domain. The first segment of a rendition ends with its first
// part: players such as hls.js do nothing with a playlist that has no whole
// segment, so the first viewers would have to wait for one.
func (c *Channel) flow() {
	c.flowing = true
	c.short = c.video != nil && len(c.video.segments) == 0 || c.audio != nil && len(c.audio.segments) == 0
}

// follow goes on with p in the open domain.
func (c *Channel) follow(p *picture) error {
	v := c.video
	dur := p.dts - v.pending.dts
	closed, err := v.seal(dur)
	if err != nil {
		return err
	}
	if p.key {
		v.noteKey(p)
	}
	switch {
	case v.cutBefore(p), c.short && v.full():
		err = c.turn(p)
		closed = true
	case v.full():
		err = v.closePart()
		closed = true
	}
	if err != nil {
		return err
	}
	v.pending = p
	if closed {
		c.count.holesInRow = 0
		c.publish(v.rendition)
	}
	return c.drain()
}

// turn closes the open segment and opens the next one with p.
func (c *Channel) turn(p *picture) error {
	v := c.video
	if err := v.closeSegment(); err != nil {
		return err
	}
	if !p.key && !c.short {
		c.count.forced++
		if c.count.sessionForced++; c.count.sessionForced == 1 {
			c.log.Warn("key frames are too far apart: set the encoder's key frame interval to 1 or 2 seconds",
				"dur", (p.dts - v.lastKey).Duration())
		}
	}
	k := c.newCut(v.at(p), false)
	v.begin(k, k.at, p.key)
	v.start, c.short = p.dts, false
	if c.audio != nil {
		c.audio.cuts = append(c.audio.cuts, k)
	}
	return nil
}

// drain cuts the sound that is before the newest picture.
func (c *Channel) drain() error {
	if c.audio == nil || !c.flowing {
		return nil
	}
	moved, err := c.audio.drain(c.video.at(c.video.pending))
	if moved {
		c.publish(c.audio.rendition)
	}
	return err
}

// writeAudio cuts sound in a channel without pictures.
func (c *Channel) writeAudio(f media.Frame) error {
	a := c.audio
	if off := f.PTS - a.ticks(a.next); c.flowing && (off > lostAfter || off < -lostAfter) {
		if off < 0 {
			a.late++
			return nil
		}
		c.count.holes++
		c.log.Warn("sound is missing", "pts", int64(f.PTS), "dur", off.Duration())
		if err := c.leave(0); err != nil {
			return err
		}
	}
	if !c.flowing {
		if f.PTS < 0 {
			c.count.dropped++
			return nil
		}
		k := c.newCut(f.PTS, true)
		a.enter(k)
		c.flow()
	}
	if a.open != nil && (a.reached() || c.short && a.full()) {
		a.cuts = append(a.cuts, c.newCut(a.ticks(a.next), false))
		c.short = false
	}
	moved, err := a.accept(f)
	if moved {
		c.publish(a.rendition)
	}
	return err
}

// ending is the duration of the last picture when nothing follows.
func (c *Channel) ending() clock.Ticks {
	if c.video == nil {
		return 0
	}
	return c.video.usual()
}

// leave ends the open domain; the pending picture gets the given duration.
func (c *Channel) leave(dur clock.Ticks) error {
	if !c.flowing {
		return nil
	}
	c.flowing = false
	if c.video == nil {
		err := c.audio.closeSegment()
		c.publish(c.audio.rendition)
		return err
	}
	v := c.video
	end := v.at(v.pending) + dur
	if _, err := v.seal(dur); err != nil {
		return err
	}
	v.pending = nil
	if err := v.closeSegment(); err != nil {
		return err
	}
	if c.audio != nil {
		if err := c.audio.finish(end); err != nil {
			return err
		}
		c.publish(c.audio.rendition)
	}
	c.publish(v.rendition)
	return nil
}
