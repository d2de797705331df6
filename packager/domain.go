package packager

import (
	"slices"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// lostAfter is how far sound may jump, in a channel without pictures, before
// it is taken for another recording instead of a gap.
const lostAfter = clock.TicksPerSecond

// slowHoles is how many holes in a row show that pictures always come that
// slowly.
const slowHoles = 5

// writeVideo cuts the leading pictures, and everything that has been waiting
// for them.
func (c *Channel) writeVideo(f media.Frame) error {
	v := c.lead()
	p, format, err := v.picture(f)
	if err != nil {
		return err
	}
	if p == nil || c.flowing && (!v.monotonic(p) || v.undecodable(p)) {
		c.count.dropped++
		return nil
	}
	if c.flowing {
		switch {
		case v.hole(p):
			err = c.hole(p)
		case format != nil:
			c.log.Info("picture format changed", "width", format.width, "height", format.height)
			err = c.leave(p.dts - v.pending.dts)
		default:
			return c.follow(p)
		}
		if err != nil {
			return err
		}
	}
	return c.enter(p, format)
}

// hole ends the domain before a hole in front of p. Pictures that always come
// slower than parts can be cut are refused: they would be nothing but holes.
func (c *Channel) hole(p *picture) error {
	v := c.lead()
	c.count.holes++
	c.count.holesInRow++
	if c.count.holesInRow >= slowHoles {
		return &UnsupportedError{Track: c.videos[0].track, Codec: v.format.codec().Name(), Reason: "pictures are further apart than " +
			c.cfg.PartTarget.String() + "; send at least 5 pictures a second"}
	}
	c.log.Warn("pictures are missing", "pts", int64(p.pts), "dur", (p.dts - v.pending.dts).Duration())
	return c.leave(v.usual())
}

// enter begins a discontinuity domain with p, if decoding can start there.
func (c *Channel) enter(p *picture, format *pictureFormat) error {
	v := c.lead()
	if !p.key {
		c.count.dropped++
		return nil
	}
	if !c.resume(p.pts) {
		c.count.dropped++
		return nil
	}
	if format != nil {
		v.setFormat(*format)
	}
	c.bridge(p.pts)
	v.restart(p)
	v.anchor(p, 0)
	c.flow()
	k := c.newCut(p.pts, true)
	k.opening = c.short
	v.begin(k, k.at, true)
	v.start, v.pending = p.dts, p
	if c.audio != nil {
		c.audio.enter(k)
	}
	c.plan(k)
	return c.drain()
}

// plan tells the renditions that follow where a segment begins.
func (c *Channel) plan(k cut) {
	for _, f := range c.followers() {
		f.plan(k)
	}
}

// flow opens the domain. The first segment of a rendition ends with its first
// part: players such as hls.js do nothing with a playlist that has no whole
// segment, so the first viewers would have to wait for one.
func (c *Channel) flow() {
	c.flowing = true
	c.short = c.pictured && len(c.lead().segments) == 0 || c.audio != nil && len(c.audio.segments) == 0
}

// follow goes on with p in the open domain.
func (c *Channel) follow(p *picture) error {
	v := c.lead()
	c.outage.fed = true
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
		c.note(v.rendition, true)
	}
	return c.drain()
}

// turn closes the open segment and opens the next one with p.
func (c *Channel) turn(p *picture) error {
	v := c.lead()
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
	k.short = c.short && !p.key
	k.opening = k.short
	v.begin(k, k.at, p.key)
	v.start, c.short = p.dts, false
	if c.audio != nil {
		c.audio.cuts = append(c.audio.cuts, k)
	}
	c.plan(k)
	return nil
}

// drain cuts the sound and the pictures that wait for the leading ones.
func (c *Channel) drain() error {
	if c.flowing && c.pictured {
		v := c.lead()
		c.horizon = v.at(v.pending)
		if c.audio != nil {
			moved, err := c.audio.drain(c.horizon)
			c.note(c.audio.rendition, moved)
			if err != nil {
				return err
			}
		}
	}
	for _, f := range c.followers() {
		moved, err := f.advance(c.horizon)
		c.note(f.rendition, moved)
		if err != nil {
			return err
		}
	}
	return nil
}

// note remembers that the edge of r moved.
func (c *Channel) note(r *rendition, moved bool) {
	if moved && !slices.Contains(c.moved, r) {
		c.moved = append(c.moved, r)
	}
}

// writeAudio cuts sound in a session without pictures.
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
		if f.PTS < 0 || !c.resume(f.PTS) {
			c.count.dropped++
			return nil
		}
		c.bridge(f.PTS)
		k := c.newCut(f.PTS, true)
		a.enter(k)
		c.plan(k)
		c.flow()
	}
	if a.open != nil && (a.reached() || c.short && a.full(a.format.filling)) {
		k := c.newCut(a.ticks(a.next), false)
		a.cuts = append(a.cuts, k)
		c.plan(k)
		c.short = false
	}
	moved, err := a.accept(f)
	c.note(a.rendition, moved)
	c.outage.fed = true
	c.horizon = a.ticks(a.next)
	if err != nil {
		return err
	}
	return c.drain()
}

// ending is the duration of the last picture when nothing follows.
func (c *Channel) ending() clock.Ticks {
	if !c.pictured {
		return 0
	}
	return c.lead().usual()
}

// leave ends the open domain; the pending picture gets the given duration.
func (c *Channel) leave(dur clock.Ticks) error {
	if !c.flowing {
		return nil
	}
	c.flowing = false
	if !c.pictured {
		c.end(c.audio.ticks(c.audio.next))
		c.note(c.audio.rendition, true)
		return c.audio.closeSegment()
	}
	v := c.lead()
	end := v.at(v.pending) + dur
	if _, err := v.seal(dur); err != nil {
		return err
	}
	v.pending = nil
	c.end(end)
	c.note(v.rendition, true)
	if err := v.closeSegment(); err != nil {
		return err
	}
	if c.audio == nil {
		return nil
	}
	c.note(c.audio.rendition, true)
	return c.audio.finish(end)
}

// end tells the renditions that follow where the domain ends. What is at the
// end is of the next domain, so they come to just before it.
func (c *Channel) end(at clock.Ticks) {
	c.horizon = at - small
	for _, f := range c.followers() {
		f.until(at)
	}
}
