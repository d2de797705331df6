package timeline

import (
	"slices"

	"github.com/cuelight/cuelight/sync/clock"
)

// publish ends the settling of an epoch: the least delay seen so far becomes
// its anchor, or the encoder's clock. P stays ascending even if the publisher
// repeats media that went out before.
func (c *Channel) publish() {
	s := &c.session
	c.estimate()
	s.ready = true
	first := Point{Media: s.zero.Media, P: s.zero.P + clock.Instant(s.line.at(0))}
	points := c.ending()
	if n := len(points); n > 0 {
		right := first.P
		first.P = max(first.P, points[n-1].P+1000)
		s.pushed = float64(first.P - right)
	}
	c.rate = steer(0, s.line.slope, 0, haste{brisk: true})
	c.change(func(m *Map) {
		m.Epoch += 1 + c.skip
		m.From = s.zero.Media + preroll
		m.Points = append(points, first)
	})
	c.skip = 0
	c.extend()
}

// ending returns the points of the epochs before, cut behind the last media
// time they were used for, on the grid where the cut is exact.
func (c *Channel) ending() []Point {
	if c.m.Epoch == 0 {
		return nil
	}
	used := c.session.after
	points := slices.Clone(c.m.Points)
	n := len(points)
	for n > 1 && points[n-2].Media >= used {
		n--
	}
	from := points[max(0, n-2)]
	cut := from.Media + (used-from.Media+gridTicks-1)/gridTicks*gridTicks
	if points[n-1].Media > cut {
		points[n-1] = Point{Media: cut, P: c.m.At(cut)}
	}
	return points[:n]
}

// extend keeps P decided further than anything that may be emitted: what lies
// behind the last point is final (TL4).
func (c *Channel) extend() {
	s := &c.session
	last := c.m.Points[len(c.m.Points)-1]
	if last.Media >= s.edge+horizonTicks {
		return
	}
	c.estimate()
	points := slices.Clone(c.m.Points)
	if n := int64((s.edge - last.Media) / strideTicks); n > silence {
		c.rate = quantized(s.line.slope)
		last = last.after(n, c.rate)
		points = append(points, last)
	}
	for last.Media < s.edge+horizonTicks {
		x, delay := s.coordinates(last.Media, last.P)
		rate := steer(s.line.at(x)-delay, s.line.slope, c.rate, c.haste())
		last = last.after(1, rate)
		if rate == c.rate && last.Media-strideTicks != s.zero.Media {
			points[len(points)-1] = last // on the same line: no point is needed
		} else {
			points = append(points, last)
		}
		c.rate = rate
	}
	points = slices.Delete(points, 0, max(0, len(points)-MaxPoints))
	c.change(func(m *Map) { m.Points = points })
}

// after is n strides later at a rate, in ppm off the nominal one.
func (p Point) after(n, rate int64) Point {
	return Point{Media: p.Media + clock.Ticks(n)*strideTicks, P: p.P + clock.Instant(n*stride*(1_000_000+rate))}
}

// haste is how P may be corrected at this moment.
func (c *Channel) haste() haste {
	s := &c.session
	return haste{
		brisk:     !s.locked,
		earlyOnly: s.last.Sub(s.began) < AcquireFor,
	}
}
