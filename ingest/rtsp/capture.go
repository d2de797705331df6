package rtsp

import (
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// maxReports are laid a line through: over a minute of them.
	maxReports = 16
	// oddReport is how far a report may be off the others. One that is further
	// off counts only when oddAgree in a row say the same: clocks are corrected
	// in steps, and some reports are simply wrong.
	oddReport = 100 * time.Millisecond
	oddAgree  = 3
	// maxDrift bounds how differently the sender's RTP and NTP clocks run.
	maxDrift = 500e-6
	// believable is how far a sender's clock may be from ours to be one that
	// somebody has set: wrong time zones are, 1900 and 1970 are not. Whether it
	// is right is for others to judge.
	believable = 24 * time.Hour
)

// captureClock lays a track's timestamps on the sender's clock: a line through
// what its reports say, robust against single ones that are wrong. Timestamps
// are in ticks, without the offset of the session's time base.
type captureClock struct {
	reports []ntpPoint // that agree, newest last
	odd     []ntpPoint // the newest in a row that do not
	slope   float64    // of NTP beyond timestamps
	offset  time.Duration
}

// ntpPoint is what the sender's clock showed at a timestamp.
type ntpPoint struct {
	at  clock.Ticks
	ntp time.Time
}

// add takes a report.
func (c *captureClock) add(at clock.Ticks, ntp time.Time) {
	p := ntpPoint{at, ntp}
	if len(c.reports) > 0 && far(ntp.Sub(c.read(at))) {
		if n := len(c.odd); n > 0 && far(p.beyond(c.odd[n-1])) {
			c.odd = c.odd[:0]
		}
		if c.odd = append(c.odd, p); len(c.odd) < oddAgree {
			return
		}
		c.reports, c.odd = c.odd, nil
	} else {
		c.odd = c.odd[:0]
		c.reports = append(c.reports, p)
	}
	if len(c.reports) > maxReports {
		c.reports = slices.Delete(c.reports, 0, 1)
	}
	c.fit()
}

func far(d time.Duration) bool { return d > oddReport || d < -oddReport }

// beyond returns how much more than its timestamp the clock has moved since q.
func (p ntpPoint) beyond(q ntpPoint) time.Duration {
	return p.ntp.Sub(q.ntp) - (p.at - q.at).Duration()
}

// fit takes the median of the slopes between all pairs of reports, and then the
// median offset (Theil and Sen): up to a quarter of them may be wrong.
func (c *captureClock) fit() {
	ref := c.reports[0]
	var slopes []float64
	for i, q := range c.reports {
		for _, p := range c.reports[i+1:] {
			if p.at > q.at {
				slopes = append(slopes, float64(p.beyond(q))/float64((p.at-q.at).Duration()))
			}
		}
	}
	c.slope = min(max(median(slopes), -maxDrift), maxDrift)
	var offsets []float64
	for _, p := range c.reports {
		drift := c.slope * float64((p.at - ref.at).Duration())
		offsets = append(offsets, float64(p.beyond(ref))-drift)
	}
	c.offset = time.Duration(median(offsets))
}

// median returns 0 for nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// read returns what the sender's clock shows at a timestamp. There must be a
// report.
func (c *captureClock) read(at clock.Ticks) time.Time {
	ref := c.reports[0]
	since := (at - ref.at).Duration()
	return ref.ntp.Add(c.offset + since + time.Duration(c.slope*float64(since)))
}

// at is read, and zero when it is not known or cannot be.
func (c *captureClock) at(at clock.Ticks, arrival time.Time) time.Time {
	if len(c.reports) == 0 {
		return time.Time{}
	}
	read := c.read(at)
	if d := read.Sub(arrival); d > believable || d < -believable {
		return time.Time{}
	}
	return read
}

// timeOfNTP converts seconds since 1900 in 32.32 bits. They count from zero
// again every 136 years: the nearest such time to near is meant.
func timeOfNTP(ntp uint64, near time.Time) time.Time {
	const (
		unixEpoch = 2_208_988_800 // in seconds since 1900
		era       = 1 << 32
	)
	seconds := int64(ntp>>32) - unixEpoch
	for seconds < near.Unix()-era/2 {
		seconds += era
	}
	return time.Unix(seconds, int64((ntp&0xffffffff)*1e9>>32))
}
