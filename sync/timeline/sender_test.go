package timeline_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

const t0 = clock.Instant(1_795_410_000_000_000) // R when the channel came up

// frame is one timestamp on its way: sent at captured, read at arrives.
type frame struct {
	dts      clock.Ticks
	truth    clock.Instant // capture plus the shortest delay
	arrives  clock.Instant
	reorder  clock.Ticks // pts − dts
	isolated bool        // an alien timestamp
}

// stall holds up everything from at on; it then arrives at once.
type stall struct{ at, dur time.Duration }

// sender is an encoder and its path to the server, with virtual time.
type sender struct {
	ppm     float64       // encoder clock against R
	jitter  time.Duration // mean of an exponential
	idr     time.Duration // more delay for a key frame, every 2 s
	burst   time.Duration // media that is sent at once at the start
	stalls  []stall
	aliens  time.Duration // an alien timestamp every so often
	first   clock.Ticks   // first timestamp
	connect time.Duration // after t0
	length  time.Duration
	seed    uint64
}

const delay = 20 * time.Millisecond // shortest way to the server

// frames returns all of a session's frames in order of arrival. Video runs at
// 30 fps with B-frames, audio at 48 kHz in AAC frames; TCP keeps their order.
func (s sender) frames() []frame {
	r := rand.New(rand.NewPCG(s.seed, 7))
	var out []frame
	for i := range clock.Ticks(s.length.Seconds() * 30) {
		f := s.frame(r, i*3000)
		f.reorder = [...]clock.Ticks{6000, 12000, 3000, 0}[i%4]
		if i%60 == 0 {
			f.arrives = f.arrives.Add(s.idr)
		}
		out = append(out, f)
	}
	for i := range clock.Ticks(s.length.Seconds() * 48000 / 1024) {
		out = append(out, s.frame(r, i*1920))
	}
	slices.SortStableFunc(out, func(a, b frame) int { return cmp.Compare(a.dts, b.dts) })
	var last clock.Instant
	for i := range out {
		last = max(last, out[i].arrives)
		out[i].arrives = last
	}
	return s.withAliens(out)
}

func (s sender) frame(r *rand.Rand, x clock.Ticks) frame {
	captured := t0.Add(s.connect - s.burst + time.Duration(float64(x.Duration())/(1+s.ppm/1e6)))
	truth := captured.Add(delay)
	arrives := max(truth.Add(time.Duration(r.ExpFloat64()*float64(s.jitter))), t0.Add(s.connect+delay))
	for _, st := range s.stalls {
		if since := arrives.Sub(t0.Add(s.connect)); since >= st.at && since < st.at+st.dur {
			arrives = t0.Add(s.connect + st.at + st.dur)
		}
	}
	return frame{dts: s.first + x, truth: truth, arrives: arrives}
}

func (s sender) withAliens(in []frame) []frame {
	if s.aliens == 0 {
		return in
	}
	var out []frame
	next := t0.Add(s.connect + s.aliens)
	for i, f := range in {
		out = append(out, f)
		if f.arrives >= next {
			sign := clock.Ticks(1 - 2*(i%2))
			out = append(out, frame{dts: f.dts + sign*3*3600*clock.TicksPerSecond, arrives: f.arrives, isolated: true})
			next = next.Add(s.aliens)
		}
	}
	return out
}

// emitted is what a viewer gets to know of a frame, when it leaves the server.
type emitted struct {
	media     clock.Ticks
	p, truth  clock.Instant
	at        clock.Instant
	state     timeline.State
	epoch     int
	needsOne  bool
	residual  time.Duration
	estimated float64
}

// play runs a session through c as a server does, and returns what it emitted.
func play(c *timeline.Channel, s sender) []emitted {
	frames := s.frames()
	c.Begin(timeline.Sample{DTS: frames[0].dts, Arrival: frames[0].arrives}, false)
	var out []emitted
	var held []frame
	ticked := frames[0].arrives
	for _, f := range frames {
		for ; f.arrives.Sub(ticked) >= time.Second; ticked = ticked.Add(time.Second) {
			c.Tick(ticked.Add(time.Second))
		}
		c.Observe(timeline.Sample{DTS: f.dts, Arrival: f.arrives})
		if f.isolated {
			c.Media(f.dts)
			continue
		}
		held = append(held, f)
		if !c.Ready() {
			continue
		}
		m := c.Map()
		for _, h := range held {
			media := c.Media(h.dts + h.reorder)
			out = append(out, emitted{
				media: media, p: m.At(media), at: f.arrives, state: m.State, epoch: m.Epoch, needsOne: m.NeedsEpoch,
				truth:    h.truth.Add(time.Duration(float64(h.reorder.Duration()) / (1 + s.ppm/1e6))),
				residual: m.Residual, estimated: m.PPM,
			})
		}
		held = held[:0]
	}
	return out
}
