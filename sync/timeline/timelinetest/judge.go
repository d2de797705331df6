package timelinetest

import (
	"fmt"
	"math"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// Emitted is what viewers get to know of a frame, when it leaves the server.
type Emitted struct {
	Frame
	Media clock.Ticks // of PTS
	P     clock.Instant
	Map   timeline.Map
}

// Play runs frames through c as a server does, and calls emit for each that
// leaves. Frames wait until the timeline is ready. It begins no epochs beyond
// the first.
func Play(c *timeline.Channel, frames func(func(Frame) bool), returned bool, emit func(Emitted)) {
	var held []Frame
	var ticked clock.Instant
	begun := false
	frames(func(f Frame) bool {
		sample := timeline.Sample{DTS: f.DTS, Arrival: f.Arrives, Capture: f.Capture}
		if !begun {
			c.Begin(sample, returned)
			begun, ticked = true, f.Arrives
		}
		for ; f.Arrives.Sub(ticked) >= time.Second; ticked = ticked.Add(time.Second) {
			c.Tick(ticked.Add(time.Second))
		}
		c.Observe(sample)
		if f.Alien {
			c.Media(f.DTS)
			return true
		}
		held = append(held, f)
		if !c.Ready() {
			return true
		}
		m := c.Map()
		for _, h := range held {
			media := c.Media(h.PTS)
			emit(Emitted{Frame: h, Media: media, P: m.At(media), Map: m})
		}
		held = held[:0]
		return true
	})
}

// Judge looks at all that a session emits and keeps what the acceptance asks
// for. The zero value judges nothing: set Sender.
type Judge struct {
	Sender Sender
	// Lead is how much earlier than Truth P is right: Delay where the encoder's
	// clock says the true capture.
	Lead time.Duration

	Frames, Locked int
	LockedAfter    time.Duration
	Max            time.Duration // |P − truth| when locked, undisturbed
	MaxDisturbed   time.Duration
	MaxRate        float64 // |dP/dx − 1| in ppm, over a segment of 2 s
	MaxSteadyRate  float64 // the same when locked
	MaxStep        time.Duration
	MaxSlope       float64 // |ppm − true|, from 120 s on, or 150 s if the way is rough
	MaxJitter      time.Duration
	Problems       []string

	errs    [20_000]int // by 5 µs
	last    Emitted
	segment Emitted
	kept    []Emitted // to be read again
}

// Add takes one emitted frame.
func (j *Judge) Add(e Emitted) {
	j.Frames++
	j.order(e)
	if e.Map.Epoch != 1 || e.Map.NeedsEpoch {
		j.problem("epoch %d, needs one %v at %v: no cause", e.Map.Epoch, e.Map.NeedsEpoch, e.Arrives.Sub(Start))
	}
	if since := e.Arrives.Sub(j.Sender.connected()); since > j.known() && j.settledRate(since) {
		j.MaxSlope = max(j.MaxSlope, math.Abs(e.Map.PPM-j.Sender.PPMAt(e.Arrives)))
	}
	j.MaxJitter = max(j.MaxJitter, e.Map.Jitter)
	if e.Map.State == timeline.Locked {
		j.locked(e)
	}
	j.reread(e)
}

// known is when the rate of every sender is known to 5 ppm: 120 s, or 150 s on
// a way with 30 ms of jitter, where no estimate is that good any sooner (TL11).
func (j *Judge) known() time.Duration {
	if j.Sender.Jitter > 10*time.Millisecond {
		return 150 * time.Second
	}
	return 2 * time.Minute
}

// settledRate says whether the encoder's rate has been the same for the window.
func (j *Judge) settledRate(since time.Duration) bool {
	return j.Sender.Turn == 0 || since < j.Sender.Turn || since > j.Sender.Turn+2*time.Minute
}

func (j *Judge) locked(e Emitted) {
	if j.Locked == 0 {
		j.LockedAfter = e.Arrives.Sub(j.Sender.connected())
	}
	j.Locked++
	off := e.P.Sub(e.Truth.Add(-j.Lead)).Abs()
	j.errs[min(len(j.errs)-1, int(off/(5*time.Microsecond)))]++
	if j.Sender.Disturbed(e.Arrives) {
		j.MaxDisturbed = max(j.MaxDisturbed, off)
	} else {
		j.Max = max(j.Max, off)
	}
}

// order checks that P grows, and how fast.
func (j *Judge) order(e Emitted) {
	if !e.Video {
		return
	}
	if j.last.P != 0 {
		dx, dp := e.Media-j.last.Media, e.P-j.last.P
		if dx > 0 && dp <= 0 || dx < 0 && dp >= 0 || dx == 0 && dp != 0 {
			j.problem("P goes from %d to %d while media goes by %d", j.last.P, e.P, dx)
		}
	}
	j.last = e
	if (e.DTS-j.Sender.First)%180_000 != 0 {
		return
	}
	if before := j.segment; before.P != 0 && e.Media-before.Media == 180_000 {
		step := e.P.Sub(before.P) - 2*time.Second
		rate := math.Abs(float64(step)) / 2e3
		j.MaxRate = max(j.MaxRate, rate)
		if j.steady(e) {
			j.MaxStep, j.MaxSteadyRate = max(j.MaxStep, step.Abs()), max(j.MaxSteadyRate, rate)
		}
	}
	j.segment = e
}

// steady says whether the channel has been locked for 10 s: rates that were
// decided before have passed.
func (j *Judge) steady(e Emitted) bool {
	since := e.Arrives.Sub(j.Sender.connected())
	return j.Locked > 0 && since > j.LockedAfter+10*time.Second && e.Map.State == timeline.Locked
}

// reread checks that what was emitted in the last minutes is where it was, by
// every later map.
func (j *Judge) reread(e Emitted) {
	if j.Frames%997 == 0 {
		j.kept = append(j.kept, e)
	}
	if j.Frames%499 != 0 || len(j.kept) == 0 {
		return
	}
	for len(j.kept) > 1 && e.Media-j.kept[0].Media > 5*60*clock.TicksPerSecond {
		j.kept = j.kept[1:]
	}
	for _, k := range j.kept {
		if got := e.Map.At(k.Media); got != k.P {
			j.problem("media %d was emitted at %d and is at %d", k.Media, k.P, got)
		}
	}
}

func (j *Judge) problem(format string, args ...any) {
	if len(j.Problems) < 5 {
		j.Problems = append(j.Problems, fmt.Sprintf(format, args...))
	}
}

// P95 is that of |P − truth| while locked, to 5 µs; 100 ms stands for more.
func (j *Judge) P95() time.Duration {
	below := 0
	for i, n := range j.errs {
		if below += n; below*100 >= j.Locked*95 {
			return time.Duration(i+1) * 5 * time.Microsecond
		}
	}
	return 0
}

// Fails lists what does not hold of the acceptance of a timeline (TL6).
func (j *Judge) Fails() []string {
	out := j.Problems
	check := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	check(j.Locked > j.Frames*9/10, "locked for %d of %d frames", j.Locked, j.Frames)
	check(j.P95() <= 3*time.Millisecond, "p95 of the error %v, limit 3ms", j.P95())
	check(j.Max <= 10*time.Millisecond, "error %v undisturbed, limit 10ms", j.Max)
	check(j.MaxDisturbed <= 50*time.Millisecond, "error %v disturbed, limit 50ms", j.MaxDisturbed)
	check(j.MaxRate <= 2600, "P runs %.0f ppm off, limit 2600", j.MaxRate)
	check(j.MaxSteadyRate <= 700.5, "P runs %.0f ppm off when locked, limit 700", j.MaxSteadyRate)
	check(j.MaxStep <= 2*time.Millisecond, "a segment lasts %v more or less than its media, limit 2ms", j.MaxStep)
	check(j.MaxSlope < 5, "rate wrong by %.1f ppm when known, limit 5", j.MaxSlope)
	return out
}

// Header names the columns of String.
const Header = "p95        max        disturbed  max rate  steady  step     ppm error  jitter p95  locked after"

// String is one line of figures.
func (j *Judge) String() string {
	return fmt.Sprintf("%-10v %-10v %-10v %4.0f ppm  %3.0f ppm %-8v %5.2f ppm  %-11v %v",
		j.P95(), j.Max, j.MaxDisturbed, j.MaxRate, j.MaxSteadyRate, j.MaxStep, j.MaxSlope, j.MaxJitter.Round(time.Millisecond), j.LockedAfter.Round(time.Millisecond))
}
