package clock

import (
	"slices"
	"time"
)

// Bounds of a client's clock estimate (CL4, CL5).
const (
	// MaxSamples and MaxAge limit what a Filter remembers.
	MaxSamples = 64
	MaxAge     = 600 * time.Second
	// Resolution is how finely a client's clock can be read.
	Resolution = 100 * time.Microsecond
	// MaxFrequencyError is how wrong a client's clock may run. Units: ppm.
	MaxFrequencyError = 60
	// SyncedDispersion and SyncedAge are the limits of a synced clock (CL6).
	SyncedDispersion = 50 * time.Millisecond
	SyncedAge        = 90 * time.Second
)

// Estimate is what a client knows about R.
type Estimate struct {
	// Zero is what R showed at the client's zero.
	Zero Instant
	// RTT is the round trip of the exchange it comes from.
	RTT time.Duration
	// Taken is when that exchange ended.
	Taken Local
}

// At returns R's reading at the local time t.
func (e Estimate) At(t Local) Instant { return e.Zero.Add(t) }

// Local is the inverse of At: the local time at which R shows i.
func (e Estimate) Local(i Instant) Local { return i.Sub(e.Zero) }

// Dispersion bounds the error of e at the local time now: half the round trip,
// the resolution, and what the client's clock may have drifted since (CL4).
func (e Estimate) Dispersion(now Local) time.Duration {
	return e.RTT/2 + Resolution + (now-e.Taken)*MaxFrequencyError/1_000_000
}

// Synced says whether e is good enough to open a window by (CL6).
func (e Estimate) Synced(now Local) bool {
	return e.Dispersion(now) <= SyncedDispersion && now-e.Taken < SyncedAge
}

// Filter picks the exchange with the lowest dispersion. Path noise only ever
// adds delay, so the least delayed exchange tells more than any average.
//
// The zero value is ready. It belongs to one goroutine.
type Filter struct {
	// samples are in order of age, oldest first, and of dispersion, lowest
	// first: an exchange that is older and no better than another can never
	// win again, because all of them age at the same rate.
	samples []Estimate
}

// Add takes one exchange into account. It returns false for one that cannot
// be: a pong read before its ping was sent, or that was on the way for longer
// than MaxAge.
func (f *Filter) Add(e Exchange) bool {
	s := e.estimate()
	if e.Returned < e.Sent || e.Replied < e.Received || s.RTT < 0 || s.RTT > MaxAge {
		return false
	}
	for n := len(f.samples); n > 0 && f.samples[n-1].Dispersion(s.Taken) >= s.Dispersion(s.Taken); n-- {
		f.samples = f.samples[:n-1]
	}
	if len(f.samples) == MaxSamples {
		f.samples = slices.Delete(f.samples, 0, 1)
	}
	f.samples = append(f.samples, s)
	return true
}

// Best returns the estimate to use at the local time now, and false if there
// is none that is young enough.
func (f *Filter) Best(now Local) (Estimate, bool) {
	old := 0
	for old < len(f.samples) && now-f.samples[old].Taken > MaxAge {
		old++
	}
	f.samples = slices.Delete(f.samples, 0, old)
	if len(f.samples) == 0 {
		return Estimate{}, false
	}
	return f.samples[0], true
}

// Reset forgets everything: R is another clock, or the client's clock was
// stopped or stepped (CL2).
func (f *Filter) Reset() { f.samples = f.samples[:0] }
