package timeline

import (
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
	// AcquireFor is how long an epoch is acquiring at least (TL8).
	AcquireFor = 10 * time.Second
	// CaptureBound is the default of Config.CaptureBound.
	CaptureBound = 500 * time.Millisecond

	origin  = 10 * clock.TicksPerSecond // channel media time when the channel came up
	preroll = clock.TicksPerSecond / 4  // the first point lies before the first frame
	gap     = clock.TicksPerSecond / 2  // least media time between two epochs
)

// Config is what a channel may be told. The zero value is what most need.
type Config struct {
	// TrustEncoder lets the encoder's own clock say when its media happened, as
	// long as it is within CaptureBound of R (TL20). Without it that clock tells
	// the rate only.
	TrustEncoder bool
	// CaptureBound is how far a trusted clock may be from the earliest arrival
	// that its media can have. Default 500 ms; more for a source that is late by
	// its nature, such as another HLS origin.
	CaptureBound time.Duration
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
	spare  clock.Ticks // of that, what nobody can have been given after all
	skip   int         // epochs that the next one leaves out

	session session
	m       Map
	rate    int64  // ppm, of the last stride
	work    fitter // memory of the fits
}

// New returns the timeline of a channel that came up at start.
func New(start clock.Instant, cfg Config) *Channel {
	if cfg.CaptureBound <= 0 {
		cfg.CaptureBound = CaptureBound
	}
	return &Channel{
		cfg:     cfg,
		start:   start,
		session: session{ready: true, last: start},
		m:       Map{State: Lost, Points: []Point{{Media: origin, P: start}}},
	}
}

// Begin starts a new epoch for a publisher whose first media is f. Media time is
// chosen to follow R and to lie beyond everything handed out before (TL1). Call
// Observe for what follows. An encoder that returned keeps the slope that was
// learnt of its clock (TL12).
//
// The map keeps describing the epoch before until [Channel.Ready].
func (c *Channel) Begin(f Sample, returned bool) {
	prior := 0.0
	if returned {
		prior = c.session.prior
	}
	media := max(origin+ticks(f.Arrival-c.start), c.handed+gap)
	c.session = session{
		began: f.Arrival,
		shift: media - f.DTS,
		after: c.handed - c.spare,
		zero:  Point{Media: media - preroll, P: f.Arrival - nominal(preroll)},
		prior: prior,
		edge:  media,
		dts:   f.DTS,
		last:  f.Arrival,
		lowAt: f.Arrival,

		arrivals: newEnvelope(fine),
		history:  newEnvelope(coarse),
		captures: captures{newest: -1},
	}
	c.handed, c.spare = media, 0
	c.change(func(m *Map) { m.State, m.NeedsEpoch, m.Jitter = Acquiring, false, 0 })
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
	if media > c.handed-c.spare && media < c.session.edge+clock.TicksOf(alienJump) {
		c.spare, c.handed = max(0, c.handed-media), max(c.handed, media)
	}
	return media
}

// Map returns the map as of now. It is free to call often.
func (c *Channel) Map() Map { return c.m }

// Observe notes an arrival of the current session. Call it for each frame of
// every track, before the frame's media time is looked up in the map. Before
// the first Begin it does nothing.
func (c *Channel) Observe(f Sample) {
	s := &c.session
	if c.m.Epoch == 0 && s.ready {
		return
	}
	media := c.Media(f.DTS)
	x, delay := s.coordinates(media, f.Arrival)
	if s.aliens.add(f.DTS, f.Arrival, s.fits(f.DTS, x, delay)) {
		c.askEpoch()
	}
	if s.aliens.n > 0 {
		return
	}
	s.dts, s.last, s.edge = f.DTS, max(s.last, f.Arrival), max(s.edge, media)
	if f.Capture != 0 {
		_, offset := s.coordinates(media, f.Capture)
		s.captures.add(x, offset)
	}
	if !s.early(f.Arrival, x, delay) {
		c.measure(x, delay, f.Arrival)
	}
	c.Tick(f.Arrival)
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
	if s.ready {
		s.late.add(at.Sub(s.began), delay-s.edgeLine.at(x))
	}
	s.stale = s.history.add(x, delay, at) || s.stale
	if fresh := s.arrivals.add(x, delay, at); fresh && s.ready {
		c.review()
	}
}

// Tick moves the state on when no media comes. Call it about once a second.
func (c *Channel) Tick(now clock.Instant) {
	s := &c.session
	if !s.ready && s.settled(now, c.cfg.TrustEncoder) {
		c.publish()
	}
	switch quiet := now.Sub(s.last); {
	case c.m.Epoch == 0 && s.ready:
	case quiet >= LostAfter:
		c.setState(Lost)
	case quiet >= HoldoverAfter:
		c.setState(Holdover)
	case c.m.State == Holdover || c.m.State == Lost:
		c.setState(c.deserved())
	}
}

// review judges the estimate once per second of media.
func (c *Channel) review() {
	s := &c.session
	s.turn(&c.work)
	c.estimate()
	x, delay := s.coordinates(s.edge, c.m.At(s.edge))
	p := line{x0: x, y0: delay + s.lead, slope: float64(c.rate)}
	behind := !s.follows && s.arrivals.fallenBehind(p, behindBins, behindLimit)
	c.learn()
	c.m.PPM = -s.slope
	c.m.Residual = time.Duration(s.line.residual) * time.Microsecond
	c.m.Error = time.Duration(s.line.at(x)-delay) * time.Microsecond
	c.m.Jitter = s.late.p95()
	if behind {
		c.askEpoch()
	}
	c.setState(c.deserved())
}

// deserved is the state that the estimate deserves while media comes (TL8).
func (c *Channel) deserved() State {
	s := &c.session
	limit := time.Duration(lockedBelow) * time.Microsecond
	if c.m.State == Locked {
		limit = lockedUntil * time.Microsecond
	}
	if !s.ready || s.last.Sub(s.began) < AcquireFor {
		return Acquiring
	}
	if s.line.bins >= firstFit && s.line.residual < cleanBelow && c.m.Error.Abs() < limit {
		s.locked = true
		return Locked
	}
	return Acquiring
}

func (c *Channel) askEpoch() {
	if !c.m.NeedsEpoch {
		c.change(func(m *Map) { m.NeedsEpoch = true })
	}
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
