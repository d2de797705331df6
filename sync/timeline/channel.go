package timeline

import (
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Limits of a channel's timeline.
const (
	// MaxPoints bounds Map.Points. One point lasts 5 s of media or longer, so
	// the map is exact for at least the last 5 minutes of an epoch.
	MaxPoints = 64
	// HoldoverAfter and LostAfter are how long without media.
	HoldoverAfter = 3 * time.Second
	LostAfter     = 30 * time.Second

	origin    = 10 * clock.TicksPerSecond // channel media time when the channel came up
	preroll   = clock.TicksPerSecond / 4  // the first point lies before the first frame
	gap       = clock.TicksPerSecond / 2  // least media time between two epochs
	alienJump = 10 * time.Second

	settleTime = 250 * time.Millisecond
	settleMost = 1500 * time.Millisecond
	patience   = time.Second // with timestamps that are not believed
	settleFall = 25_000.0    // µs by which a start burst is told from jitter
)

// Config is what a channel may be told. The zero value is what most need.
type Config struct {
	// TrustEncoder lets the encoder's own clock say when its media happened, as
	// long as it is within 500 ms of R (TL20).
	TrustEncoder bool
}

// Sample is one piece of media that arrived.
type Sample struct {
	DTS     clock.Ticks   // of the session
	Arrival clock.Instant // when it had arrived whole
	// Capture is when it happened, by the encoder's own clock; 0 if not known.
	Capture clock.Instant
}

// Channel is the timeline of one channel. It outlives publisher sessions and
// belongs to one goroutine.
type Channel struct {
	cfg    Config
	start  clock.Instant
	handed clock.Ticks // highest media time anybody was given

	session session
	m       Map
	rate    int64 // ppm, of the last stride
}

// session is what is known of the publisher.
type session struct {
	began clock.Instant
	shift clock.Ticks // media time minus session timestamp
	after clock.Ticks // highest media time handed out before
	zero  Point       // x = 0 of the estimate, at the nominal anchor
	env   envelope
	line  line
	prior float64
	low   float64 // least delay before the epoch is published
	lowAt clock.Instant
	edge  clock.Ticks // highest media time observed
	dts   clock.Ticks
	last  clock.Instant // of the last arrival that was no alien
	ready bool

	// When timestamps that are not believed began to come; 0 if none does.
	alienSince, earlySince clock.Instant
}

// New returns the timeline of a channel that came up at start.
func New(start clock.Instant, cfg Config) *Channel {
	return &Channel{
		cfg:     cfg,
		start:   start,
		session: session{ready: true, last: start},
		m:       Map{State: Lost, Points: []Point{{Media: origin, P: start}}},
	}
}

// Begin starts a new epoch for a publisher whose first media is f. Media time is
// chosen to follow R and to lie beyond everything handed out before (TL1). Call
// Observe for the first frame as well. Of an encoder that returned, the clock's
// slope is known already.
//
// The map keeps describing the epoch before until [Channel.Ready].
func (c *Channel) Begin(f Sample, returned bool) {
	dts, at := f.DTS, f.Arrival
	media := max(origin+ticks(at-c.start), c.handed+gap)
	c.session = session{
		began: at,
		shift: media - dts,
		after: c.handed,
		zero:  Point{Media: media - preroll, P: at - nominal(preroll)},
		prior: c.session.learnt(),
		edge:  media,
		dts:   dts,
		last:  at,
		lowAt: at,
	}
	c.session.env.newest = -1
	c.handed = media
	c.change(func(m *Map) { m.State, m.NeedsEpoch = Acquiring, false })
	c.Observe(f)
}

// Ready says whether the map describes the current epoch, so that its media
// may be emitted. An encoder's start burst has to pass first, or the whole
// epoch would be late by it: 250 ms after Begin, 1.5 s at most (TL2).
func (c *Channel) Ready() bool { return c.session.ready }

// Media turns a timestamp of the current session into channel media time,
// the same affine way for all of its tracks.
func (c *Channel) Media(t clock.Ticks) clock.Ticks {
	media := t + c.session.shift
	// A stray timestamp hours ahead must not push the next epoch there.
	if media > c.handed && media < c.session.edge+clock.TicksOf(alienJump) {
		c.handed = media
	}
	return media
}

// Map returns the map as of now. It is free to call often.
func (c *Channel) Map() Map { return c.m }

// Observe notes an arrival of the current session. Call it for each frame of
// every track, before the frame's media time is looked up in the map. Before
// the first Begin it does nothing.
func (c *Channel) Observe(f Sample) {
	dts, at := f.DTS, f.Arrival
	s := &c.session
	if c.m.Epoch == 0 && s.ready {
		return
	}
	media := c.Media(dts)
	x, delay := s.coordinates(media, at)
	if c.alien(dts, at, x, delay) {
		return
	}
	s.dts, s.last, s.edge = dts, max(s.last, at), max(s.edge, media)
	if !c.early(at, x, delay) {
		c.measure(x, delay, at)
	}
	c.Tick(at)
	if s.ready {
		c.extend()
	}
}

// measure takes an arrival into the estimate.
func (c *Channel) measure(x, delay float64, at clock.Instant) {
	s := &c.session
	if delay < s.low-settleFall {
		s.lowAt = at
	}
	s.low = min(s.low, delay)
	if fresh := s.env.add(x, delay, at); fresh && s.ready {
		c.review()
	}
}

// learnt is the slope to start the next session with: encoders come back with
// the clock they left with.
func (s *session) learnt() float64 {
	if s.line.bins < fullTrust {
		return s.prior
	}
	return s.line.slope
}

// coordinates returns media time in s and delay in µs from the epoch's zero.
func (s *session) coordinates(media clock.Ticks, at clock.Instant) (x, delay float64) {
	since := media - s.zero.Media
	return float64(since) / clock.TicksPerSecond, float64(at-s.zero.P) - float64(since)*1e6/clock.TicksPerSecond
}

// alien reports whether a timestamp fits neither its neighbour nor R. When
// nothing else comes any more a new epoch is needed (TL7).
func (c *Channel) alien(dts clock.Ticks, at clock.Instant, x, delay float64) bool {
	s := &c.session
	const far = float64(alienJump / time.Microsecond)
	if jump := (dts - s.dts).Duration().Abs(); jump <= alienJump || math.Abs(s.off(x, delay)) <= far {
		s.alienSince = 0
		return false
	}
	if s.alienSince == 0 {
		s.alienSince = at
	}
	if at.Sub(s.alienSince) > patience && !c.m.NeedsEpoch {
		c.change(func(m *Map) { m.NeedsEpoch = true })
	}
	return true
}

// early reports whether an arrival is earlier than any honest sender's can be.
// It is believed after all when nothing else comes any more (TL7).
func (c *Channel) early(at clock.Instant, x, delay float64) bool {
	s := &c.session
	if !s.ready || s.off(x, delay) > -behindLimit {
		s.earlySince = 0
		return false
	}
	if s.earlySince == 0 {
		s.earlySince = at
	}
	return at.Sub(s.earlySince) <= patience
}

// off is by how much an arrival is later than estimated, in µs.
func (s *session) off(x, delay float64) float64 {
	if !s.ready {
		return delay
	}
	return delay - s.line.at(x)
}

// Tick moves the state on when no media comes. Call it about once a second.
func (c *Channel) Tick(now clock.Instant) {
	s := &c.session
	if !s.ready && (now.Sub(s.lowAt) >= settleTime || now.Sub(s.began) >= settleMost) {
		c.publish()
	}
	switch quiet := now.Sub(s.last); {
	case c.m.Epoch == 0 && s.ready:
	case quiet >= LostAfter:
		c.setState(Lost)
	case quiet >= HoldoverAfter:
		c.setState(Holdover)
	case c.m.State == Holdover || c.m.State == Lost:
		c.setState(c.trust())
	}
}

// publish ends the settling of an epoch: the least delay seen so far becomes
// its anchor. P stays ascending even if the publisher repeats media that went
// out before.
func (c *Channel) publish() {
	s := &c.session
	s.ready = true
	s.line = fit(s.env.bins(), s.prior)
	first := Point{Media: s.zero.Media, P: s.zero.P + clock.Instant(s.line.at(0))}
	points := c.ending()
	if n := len(points); n > 0 {
		first.P = max(first.P, points[n-1].P+1000)
	}
	c.rate = steer(0, s.prior, 0, false)
	c.change(func(m *Map) {
		m.Epoch++
		m.From = s.zero.Media + preroll
		m.Points = append(points, first)
	})
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
	s.line = fit(s.env.bins(), s.prior)
	points := slices.Clone(c.m.Points)
	for last.Media < s.edge+horizonTicks {
		x, delay := s.coordinates(last.Media, last.P)
		rate := steer(s.line.at(x)-delay, s.line.slope, c.rate, c.m.State == Locked)
		last = Point{Media: last.Media + strideTicks, P: last.P + stride*clock.Instant(1_000_000+rate)}
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

// review judges the estimate once per second of media.
func (c *Channel) review() {
	s := &c.session
	s.line = fit(s.env.bins(), s.prior)
	x, delay := s.coordinates(s.edge, c.m.At(s.edge))
	behind := s.env.fallenBehind(line{x0: x, y0: delay, slope: float64(c.rate)}, behindBins, behindLimit)
	c.m.PPM = -s.line.slope
	c.m.Residual = time.Duration(s.line.residual) * time.Microsecond
	c.m.Error = time.Duration(s.line.at(x)-delay) * time.Microsecond
	if behind && !c.m.NeedsEpoch {
		c.change(func(m *Map) { m.NeedsEpoch = true })
	}
	c.setState(c.trust())
}

// trust is the state that the estimate deserves while media comes.
func (c *Channel) trust() State {
	limit := time.Duration(lockedBelow) * time.Microsecond
	if c.m.State == Locked {
		limit = lockedUntil * time.Microsecond
	}
	if s := &c.session; s.ready && s.line.bins >= firstFit && s.line.residual < cleanBelow && c.m.Error.Abs() < limit {
		return Locked
	}
	return Acquiring
}

func (c *Channel) setState(s State) {
	if c.m.State != s {
		c.change(func(m *Map) { m.State = s })
	}
}

func (c *Channel) change(f func(*Map)) {
	f(&c.m)
	c.m.Rev++
}
