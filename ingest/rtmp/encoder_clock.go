package rtmp

import (
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// clockHolds is for how much media the encoder's word about its clock is
	// good. At 200 ppm it is then 12 ms off.
	clockHolds = 60 * clock.TicksPerSecond
	// clockApart is how far a message about the clock may be stamped from the
	// media around it.
	clockApart = 2 * clock.TicksPerSecond
	// zoneStep is what time zones differ by. Encoders say their time and not
	// their zone.
	zoneStep = 15 * time.Minute
)

// encoderClock is what the encoder says its clock showed. It belongs to one
// goroutine.
type encoderClock struct {
	dts  clock.Ticks
	time time.Time // zero while nothing was said
}

// capture returns what the encoder's clock showed at dts, zero if it did not
// say lately.
func (e *encoderClock) capture(dts clock.Ticks) time.Time {
	apart := dts - e.dts
	if e.time.IsZero() || apart > clockHolds || apart < -clockApart {
		return time.Time{}
	}
	return e.time.Add(apart.Duration())
}

// clockTime reads the date and time of an onFI message that came at arrival.
// The zone is the one that brings it nearest to arrival.
//
// It reports false for what has no date, no time or only whole seconds: such a
// clock is off by up to one.
func clockTime(o object, arrival time.Time) (time.Time, bool) {
	year, month, day, ok := readDate(o.text("sd"))
	if !ok {
		return time.Time{}, false
	}
	since, ok := readTime(o.text("st"))
	if !ok {
		return time.Time{}, false
	}
	said := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(since)
	return said.Add(arrival.Sub(said).Round(zoneStep)), true
}

// readDate takes day, month and year in the order of ISO 8601, of Europe or,
// where only that makes sense, of America, with any separators.
func readDate(text string) (year int, month time.Month, day int, ok bool) {
	n, ok := numbers(text, 3)
	if !ok {
		return 0, 0, 0, false
	}
	if n[0] < 32 {
		n[0], n[2] = n[2], n[0]
	}
	if n[1] > 12 && n[2] <= 12 {
		n[1], n[2] = n[2], n[1]
	}
	if n[0] < 100 {
		n[0] += 2000
	}
	ok = n[0] >= 1970 && n[0] < 3000 && n[1] >= 1 && n[1] <= 12 && n[2] >= 1 && n[2] <= 31
	return n[0], time.Month(n[1]), n[2], ok
}

// readTime takes hours, minutes, seconds and a fraction after a point or comma.
func readTime(text string) (time.Duration, bool) {
	whole, fraction, ok := strings.Cut(strings.ReplaceAll(text, ",", "."), ".")
	if !ok {
		return 0, false
	}
	n, ok := numbers(whole, 3)
	if !ok || n[0] > 23 || n[1] > 59 || n[2] > 60 {
		return 0, false
	}
	f, err := strconv.ParseFloat("0."+strings.TrimSpace(fraction), 64)
	if err != nil || f < 0 || f >= 1 {
		return 0, false
	}
	t := time.Duration(n[0])*time.Hour + time.Duration(n[1])*time.Minute + time.Duration(n[2])*time.Second
	return t + time.Duration(f*float64(time.Second)), true
}

// numbers takes exactly n numbers out of a text.
func numbers(text string, n int) ([]int, bool) {
	const longest = 64
	if len(text) > longest {
		return nil, false
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) != n {
		return nil, false
	}
	found := make([]int, n)
	for i, f := range fields {
		v, err := strconv.Atoi(f)
		if err != nil || v > 9999 {
			return nil, false
		}
		found[i] = v
	}
	return found, true
}
