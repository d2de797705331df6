package clock

import "time"

// Ticks is a media timestamp or duration.
//
// Units: 1/90000 s, the clock of MPEG-TS and RTP video. Always unwrapped: the
// 32- or 33-bit counter of a container is extended to 64 bits at ingest.
type Ticks int64

// TicksPerSecond is the rate of Ticks.
// Spec: ISO/IEC 13818-1 §2.4.3.7.
const TicksPerSecond = 90_000

// Duration converts t, rounding towards zero to a whole nanosecond. Whole
// seconds are split off first, so no stream is long enough to overflow.
func (t Ticks) Duration() time.Duration {
	return time.Duration(t/TicksPerSecond)*time.Second +
		time.Duration(t%TicksPerSecond)*time.Second/TicksPerSecond
}

// Micros converts t to whole microseconds, rounding towards zero.
func (t Ticks) Micros() int64 {
	return int64(t/TicksPerSecond)*1_000_000 + int64(t%TicksPerSecond)*1_000_000/TicksPerSecond
}

// TicksOf converts d, rounding to the nearest tick, half away from zero.
func TicksOf(d time.Duration) Ticks {
	whole, rest := d/time.Second, d%time.Second
	half := time.Second / 2
	if rest < 0 {
		half = -half
	}
	return Ticks(whole)*TicksPerSecond + Ticks((rest*TicksPerSecond+half)/time.Second)
}
