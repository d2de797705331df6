package timeline

import (
	"math"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// What Restore adds to what was saved, for what happened afterwards (TL24).
const (
	// unsavedRevs and unsavedEpochs are left out of the numbers.
	unsavedRevs   = 100
	unsavedEpochs = 1
	// rateSlack is media time by which P may have been wrong beyond what was
	// decided when the channel was saved.
	rateSlack = clock.TicksPerSecond / 30
	// seam is how long before it is restored the channel had ended.
	seam = 500 * time.Millisecond
)

// Restore returns a channel that goes on where a saved one stood. The same
// session may go on with Observe, as if nothing had happened; a publisher that
// connects here begins one with Begin.
//
// Media time that the channel may have handed out after it was saved, up to
// Unsaved later, is not handed out again; revisions, and the number of the next
// epoch, leave out what it may have used (TL24).
//
// Errors: what Validate finds.
func Restore(now clock.Instant, saved Saved, cfg Config) (*Channel, error) {
	if err := saved.Validate(); err != nil {
		return nil, err
	}
	c := New(saved.Start, cfg)
	c.handed, c.rate = saved.Handed, saved.Rate
	c.m = saved.Map.restore()
	c.session = saved.Session.restore()
	c.surpass(saved.At, now)
	return c, nil
}

// surpass makes sure that what the channel did after it was saved is not in
// the way of what comes.
func (c *Channel) surpass(at, now clock.Instant) {
	c.m.Rev += unsavedRevs
	if c.m.Epoch == 0 {
		c.skip = unsavedEpochs
		return
	}
	now = max(now, at)
	p := c.m.At(c.handed)
	ahead := max(0, p.Sub(at)) // of what arrived: an encoder's clock may be
	latest := at.Add(Unsaved)
	shown := max(c.handed, c.m.MediaAt(min(now.Add(-seam), latest).Add(ahead)))
	c.handed = max(c.handed, c.m.MediaAt(min(now, latest).Add(ahead))+rateSlack)
	c.spare, c.skip = c.handed-shown, unsavedEpochs
}

func (v *SavedMap) restore() Map {
	m := Map{
		Epoch: v.Epoch, Rev: v.Rev, From: v.From, PPM: v.PPM, NeedsEpoch: v.NeedsEpoch,
		Residual: micros(v.Residual), Jitter: micros(v.Jitter), Error: micros(v.Error),
		Points: make([]Point, len(v.Points)),
	}
	m.State, _ = stateNamed(v.State)
	for i, p := range v.Points {
		m.Points[i] = p.point()
	}
	return m
}

func (p SavedPair) point() Point { return Point{Media: clock.Ticks(p[0]), P: clock.Instant(p[1])} }

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func stateNamed(name string) (State, bool) {
	for s := Acquiring; s <= Lost; s++ {
		if s.String() == name {
			return s, true
		}
	}
	return Lost, false
}

func (v *SavedSession) restore() session {
	s := session{
		began: v.Began, shift: v.Shift, after: v.After, zero: v.Zero.point(), prior: v.Prior, since: v.Since,
		captures: v.Captures.restore(),
		edgeLine: v.Edge.restore(), line: v.Line.restore(), long: v.Long.restore(),
		stale: v.Stale, follows: v.Follows, held: v.Held, ready: v.Ready, locked: v.Locked,
		lead: v.Lead, slope: v.Slope, pushed: v.Pushed, low: v.Low, lowAt: v.LowAt,
		edge: v.Newest, dts: v.DTS, last: v.Last, earlySince: v.Early,
		aliens: aliens{n: v.Aliens.N, agree: v.Aliens.Agree, dts: v.Aliens.DTS, at: v.Aliens.At, since: v.Aliens.Since},
	}
	s.arrivals = v.Arrivals.restore(fine, s.zero)
	s.history = v.History.restore(coarse, s.zero)
	return s
}

func (v SavedLine) restore() line {
	return line{x0: v.X, y0: v.Y, slope: v.Slope, bins: v.Bins, residual: v.Residual}
}

func (v *SavedBins) restore(width float64, zero Point) envelope {
	e := newEnvelope(width)
	from := session{zero: zero}
	for _, p := range v.List {
		at := zero.P + clock.Instant(p[1])
		x, delay := from.coordinates(zero.Media+clock.Ticks(p[0]), at)
		n := int(math.Floor(x / width))
		e.ring[slot(n)] = bin{number: n, span: width, x: x, delay: delay, at: at}
	}
	e.newest = v.Newest
	return e
}

func (v *SavedCaptures) restore() captures {
	k := captures{
		newest: v.Newest, n: v.N, x: v.X, offset: v.Offset,
		strays: int(v.Strays[0]), strayFrom: v.Strays[1], strayX: v.Strays[2], strayY: v.Strays[3],
	}
	for _, r := range v.List {
		second := int(r[0])
		k.ring[slot(second)] = reading{second: second, x: r[1], offset: r[2], n: int(r[3])}
	}
	return k
}
