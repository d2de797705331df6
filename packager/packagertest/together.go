package packagertest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Together judges the renditions of one channel against the first of them.
func Together(t testing.TB, judges ...*Judge) {
	t.Helper()
	for _, j := range judges[1:] {
		together(t, judges[0], j)
	}
}

func together(t testing.TB, one, other *Judge) {
	t.Helper()
	// Sound begins with its first frame at or after the picture's time, pictures
	// with the key frame nearest to it.
	near := 150 * time.Millisecond
	if strings.HasPrefix(other.last.Segments[0].URI, "video") {
		near = 50 * time.Millisecond
	}
	shared := 0
	for msn, date := range one.Dates {
		otherDate, ok := other.Dates[msn]
		if !ok {
			continue
		}
		shared++
		apart := (otherDate.Sub(date) - (other.Times[msn] - one.Times[msn])).Abs()
		if apart > time.Millisecond {
			t.Errorf("T1 segment %d: dates are %v apart from the timestamps", msn, apart)
		}
		if off := (other.Times[msn] - one.Times[msn]).Abs(); off > near {
			t.Errorf("R5 segment %d begins %v apart in the renditions", msn, off)
		}
	}
	if shared == 0 {
		t.Errorf("R5 no common segment")
	}
	for _, s := range one.last.Segments {
		for _, o := range other.last.Segments {
			if s.MSN != o.MSN {
				continue
			}
			if s.Domain != o.Domain {
				t.Errorf("C9 segment %d has discontinuity number %d and %d", s.MSN, s.Domain, o.Domain)
			}
			if off := s.Date.Sub(o.Date).Abs(); off > near {
				t.Errorf("V2 segment %d begins %v apart in the renditions", s.MSN, off)
			}
		}
	}
	if !slices.Equal(one.last.Ranges, other.last.Ranges) {
		t.Errorf("T8 date ranges are %q and %q", one.last.Ranges, other.last.Ranges)
	}
	if one.last.Control != other.last.Control || one.last.Target != other.last.Target || one.last.PartTarget != other.last.PartTarget {
		t.Errorf("S1 server control differs")
	}
}
