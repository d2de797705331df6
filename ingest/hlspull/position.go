package hlspull

import "time"

// position is what a follower wants next. Part 0 is a segment's beginning.
type position struct{ msn, part int }

// item is a segment or a part to fetch.
type item struct {
	at     location
	init   location
	epoch  int
	date   time.Time
	dated  bool
	missed bool // there are no media before it
}

// low reports whether parts are followed. Those of MPEG-TS cannot be read one
// by one.
func (l *listing) low() bool {
	last := l.segments[len(l.segments)-1]
	return l.partTarget > 0 && len(last.parts) > 0 && last.init.uri != ""
}

// start is where to begin: of parts at the newest that can be decoded, else at
// the segment before the newest, so that one is there when the next one is due.
func (l *listing) start() position {
	for i := len(l.segments) - 1; l.low() && i >= 0; i-- {
		s := l.segments[i]
		for k := len(s.parts) - 1; k >= 0; k-- {
			if p := s.parts[k]; !p.gap && (p.independent || k == 0) {
				return position{s.msn, k}
			}
		}
	}
	finished := l.segments
	if finished[len(finished)-1].open {
		finished = finished[:len(finished)-1]
	}
	if len(finished) == 0 {
		return position{l.segments[0].msn, 0}
	}
	return position{finished[max(0, len(finished)-2)].msn, 0}
}

// startAt is the segment, or the part, that has media of the given date; start
// when that is not known.
func (l *listing) startAt(date time.Time) position {
	if date.IsZero() {
		return l.start()
	}
	for _, s := range l.segments {
		if s.date.IsZero() || !s.date.Add(s.length()).After(date) {
			continue
		}
		at := s.date
		for k, p := range s.parts {
			if at = at.Add(p.duration); l.low() && at.After(date) {
				return position{s.msn, k}
			}
		}
		return position{s.msn, 0}
	}
	return l.start()
}

func (s segment) length() time.Duration {
	if !s.open {
		return s.duration
	}
	var d time.Duration
	for _, p := range s.parts {
		d += p.duration
	}
	return d
}

// span is how much media there is from a position on.
func (l *listing) span(from position) time.Duration {
	var d time.Duration
	for _, s := range l.segments {
		if s.msn < from.msn {
			continue
		}
		d += s.length()
		for k := 0; s.msn == from.msn && k < min(from.part, len(s.parts)); k++ {
			d -= s.parts[k].duration
		}
	}
	return d
}

// after returns what there is from a position on, and what comes next.
func (l *listing) after(p position, missed bool) (items []item, next position, stillMissed bool) {
	for _, s := range l.segments {
		switch {
		case s.msn < p.msn || s.open && !l.low():
			continue
		case s.msn > p.msn:
			missed, p = true, position{s.msn, 0}
		}
		if s.gap || p.part > len(s.parts) || p.part > 0 && len(s.parts) == 0 && !s.open {
			missed, p = true, position{s.msn + 1, 0}
			continue
		}
		whole := item{at: s.piece, init: s.init, epoch: s.epoch, date: s.date, dated: s.dated, missed: missed}
		if p.part == 0 && !s.open {
			items, missed, p = append(items, whole), false, position{s.msn + 1, 0}
			continue
		}
		for k, part := range s.parts {
			if k >= p.part && part.gap {
				missed = true
			} else if k >= p.part {
				whole.at, whole.missed = part.piece, missed
				items, missed = append(items, whole), false
			}
			if whole.dated = false; !whole.date.IsZero() {
				whole.date = whole.date.Add(part.duration)
			}
		}
		if p = (position{s.msn, len(s.parts)}); !s.open {
			p = position{s.msn + 1, 0}
		}
	}
	return items, p, missed
}

// pace is how long a piece is.
func (l *listing) pace() time.Duration {
	if l.low() {
		return l.partTarget
	}
	return l.target
}
