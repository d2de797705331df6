package timeline

import (
	"math"
	"time"
)

const (
	lateSeconds = 10
	lateFinest  = 100.0 // µs, up to which all is one bucket
	lateOctave  = 6     // buckets; an eighth more each
	lateBuckets = 20*lateOctave + 1
)

// lateness is a histogram of how much later than the earliest possible moment
// media arrived, over the last 10 s.
type lateness struct {
	seconds [lateSeconds]struct {
		second int64
		n      [lateBuckets]uint16
	}
	newest int64
}

// add counts an arrival late µs late, since after the session began.
func (l *lateness) add(since time.Duration, late float64) {
	second := int64(since / time.Second)
	if second < 0 || second <= l.newest-lateSeconds {
		return
	}
	s := &l.seconds[second%lateSeconds]
	if s.second != second {
		s.second, s.n = second, [lateBuckets]uint16{}
	}
	i := 0
	if late > lateFinest {
		i = min(lateBuckets-1, 1+int(lateOctave*math.Log2(late/lateFinest)))
	}
	s.n[i] = min(s.n[i], math.MaxUint16-1) + 1
	l.newest = max(l.newest, second)
}

// p95 is exact to 6 %.
func (l *lateness) p95() time.Duration {
	var total [lateBuckets]int
	all := 0
	for i := range l.seconds {
		s := &l.seconds[i]
		if s.second <= l.newest-lateSeconds {
			continue
		}
		for j, n := range s.n {
			total[j] += int(n)
			all += int(n)
		}
	}
	below := 0
	for j, n := range total {
		if below += n; below*20 >= all*19 && j > 0 {
			return time.Duration(lateFinest*math.Exp2((float64(j)-0.5)/lateOctave)) * time.Microsecond
		} else if below*20 >= all*19 {
			break
		}
	}
	return 0
}
