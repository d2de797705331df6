package srt_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/srt"
)

// way is a sender, its clock and the way from it, in virtual time.
type way struct {
	name    string
	ppm     func(at time.Duration) float64 // of the sender's clock
	every   time.Duration                  // between packets
	jitter  time.Duration                  // mean of an exponential
	stall   time.Duration                  // length of a stall, after which all comes at once
	stalls  time.Duration                  // time between stalls
	lost    float64                        // share that comes only when sent again, and so does not count
	starts  uint32                         // sender's clock at the first packet, µs
	lasts   time.Duration
	settled time.Duration // from when on the figures hold
	p95     time.Duration
}

func steady(ppm float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return ppm }
}

// outcome is how far the map was off, and its largest step beside the clock's
// own.
type outcome struct {
	p95, worst, step time.Duration
	resets           int
}

func (w way) run() outcome {
	random := rand.New(rand.NewPCG(1, 2))
	unwrap := ingest.NewUnwrapper(32)
	var p srt.Pacing
	var errs []float64
	var out outcome
	sender := float64(w.starts) // µs
	const least = 20_000.0      // µs that the way takes at least
	before := math.NaN()
	for at := time.Duration(0); at < w.lasts; at += w.every {
		sender += float64(w.every.Microseconds()) * (1 + w.ppm(at)*1e-6)
		sent := unwrap.Unwrap(uint64(uint32(int64(sender))))
		true0 := float64(at.Microseconds()) + least
		received := true0 + random.ExpFloat64()*float64(w.jitter.Microseconds())
		if w.stall > 0 {
			if in := at % w.stalls; in > w.stalls-w.stall {
				received = max(received, true0+float64((w.stalls-in).Microseconds()))
			}
		}
		if random.Float64() >= w.lost {
			p.Heard(sent, int64(received))
		}
		if at < w.settled {
			continue
		}
		off := float64(p.At(sent)) - true0
		errs = append(errs, math.Abs(off))
		if !math.IsNaN(before) {
			out.step = max(out.step, time.Duration(math.Abs(off-before))*time.Microsecond)
		}
		before = off
	}
	slices.Sort(errs)
	out.p95 = time.Duration(errs[len(errs)*95/100]) * time.Microsecond
	out.worst = time.Duration(errs[len(errs)-1]) * time.Microsecond
	out.resets = p.Resets()
	return out
}

func TestPacing(t *testing.T) {
	const ms = time.Millisecond
	wander := func(at time.Duration) float64 { return 40 * math.Sin(float64(at)/float64(time.Hour)) }
	for _, w := range []way{
		{name: "IG53 two equal clocks", ppm: steady(0)},
		{name: "IG53 +200 ppm for 6 h, over five wraps", ppm: steady(200), lasts: 6 * time.Hour, starts: 1<<32 - 7_000_000},
		{name: "IG53 −200 ppm for 6 h, over five wraps", ppm: steady(-200), lasts: 6 * time.Hour, starts: 1<<32 - 7_000_000},
		{name: "IG53 a clock that wanders", ppm: wander, lasts: 3 * time.Hour},
		{name: "IG53 jitter of 10 ms", ppm: steady(50), jitter: 10 * ms},
		{name: "IG53 jitter of 30 ms at −200 ppm", ppm: steady(-200), jitter: 30 * ms},
		{name: "IG53 a tenth is lost and sent again", ppm: steady(200), jitter: 5 * ms, lost: 0.1},
		{name: "IG53 stalls of 2 s and bursts after them", ppm: steady(-100), jitter: 2 * ms, stall: 2 * time.Second, stalls: 20 * time.Second},
		{name: "IG53 sound alone, few packets", ppm: steady(100), jitter: 2 * ms, every: 100 * ms},
	} {
		t.Run(w.name, func(t *testing.T) {
			if w.every == 0 {
				w.every = 5 * ms
			}
			if w.lasts == 0 {
				w.lasts = 20 * time.Minute
			}
			w.settled = 30 * time.Second
			got := w.run()
			t.Logf("p95 %v, worst %v, largest step %v", got.p95, got.worst, got.step)
			if got.p95 > ms || got.step > ms || got.resets != 0 {
				t.Errorf("p95 %v, largest step %v, want at most 1 ms; begun again %d times", got.p95, got.step, got.resets)
			}
		})
	}
}

func TestPacingFollowsAnotherClock(t *testing.T) {
	for _, tc := range []struct {
		name string
		jump int64 // of the sender's clock, µs
	}{
		{"IG53 the sender's clock is set ahead", 3600e6},
		{"IG53 the sender's clock is set back", -600e6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p srt.Pacing
			const every = 5000
			at := int64(0)
			for ; at < 60e6; at += every {
				p.Heard(at, at+20_000)
			}
			for ; at < 90e6; at += every {
				p.Heard(at+tc.jump, at+20_000)
			}
			if off := p.At(at+tc.jump) - at - 20_000; off < -1000 || off > 1000 || p.Resets() != 1 {
				t.Errorf("30 s later %d µs off, begun again %d times", off, p.Resets())
			}
		})
	}
}

func TestPacingIgnoresAliens(t *testing.T) {
	var p srt.Pacing
	const every = 5000
	for n := int64(0); n < 20_000; n++ {
		at := n * every
		if n%500 == 499 {
			p.Heard(at+1000e6, at+20_000)
			p.Heard(at-1000e6, at+20_000)
			continue
		}
		p.Heard(at, at+20_000)
		if off := p.At(at) - at - 20_000; off < -100 || off > 100 {
			t.Fatalf("IG53 %d µs off after %d aliens", off, n/500)
		}
	}
	if p.Resets() != 0 {
		t.Errorf("IG53 begun again %d times", p.Resets())
	}
}
