package engine

import (
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// report is what a viewer tells of its own window: one of the two is set.
type report struct {
	opening interact.Opening
	closing interact.Closing
}

// Opened takes in a viewer's report and never blocks. Reports beyond what the
// room can hold are dropped.
func (r *Room) Opened(o interact.Opening) { r.opened.push(&report{opening: o}) }

// Closed takes in a viewer's report that its window closed. As Opened.
func (r *Room) Closed(c interact.Closing) { r.opened.push(&report{closing: c}) }

// move is a participant who came, or left.
type move struct {
	participant string
	here        bool
}

// Left notes that a participant has no connection any more. It never blocks.
func (r *Room) Left(participant string) {
	if r.counting.Load() {
		r.moved.push(&move{participant, false})
	}
}

// arrived notes that a participant is connected.
func (r *Room) arrived(participant string) {
	if r.counting.Load() {
		r.moved.push(&move{participant, true})
	}
}

// reportsAtOnce are looked at before the room looks for answers again.
const reportsAtOnce = 1024

// takeReports looks at the reports that wait, at most at so many.
func (r *Room) takeReports(most int) {
	now := r.now()
	for range most {
		if r.reportAt == len(r.reports) {
			r.reports, _ = r.opened.swap(emptied(r.reports))
			if r.reportAt = 0; len(r.reports) == 0 {
				return
			}
		}
		p := &r.reports[r.reportAt]
		r.reportAt++
		if p.opening.Cue != "" {
			r.counts.OpeningsIgnored += r.take(r.watching(p.opening.Cue), func(o *openings) bool { return o.add(p.opening, now) })
		} else {
			r.counts.ClosingsIgnored += r.take(r.watching(p.closing.Cue), func(o *openings) bool { return o.shut(p.closing, now) })
		}
	}
}

// take returns 1 if the report is ignored.
func (r *Room) take(o *openings, add func(*openings) bool) uint64 {
	if o == nil || !add(o) {
		return 1
	}
	o.pace.dirty = true
	return 0
}

// takeMoves notes who came and left, at most so many.
func (r *Room) takeMoves(most int) {
	for range most {
		if r.moveAt == len(r.moves) {
			r.moves, _ = r.moved.swap(emptied(r.moves))
			if r.moveAt = 0; len(r.moves) == 0 {
				return
			}
		}
		m := &r.moves[r.moveAt]
		r.moveAt++
		for _, o := range r.watched {
			o.connected(m.participant, m.here)
		}
	}
}

// watching returns the openings of a cue, nil if there are none.
func (r *Room) watching(cue string) *openings {
	for _, o := range r.watched {
		if o.cue == cue {
			return o
		}
	}
	return nil
}

// watch begins to take reports. Of those that are finished only the last stay,
// for producers who come later.
func (r *Room) watch(o *openings) {
	for len(r.watched) >= maxLive {
		i := max(0, slices.IndexFunc(r.watched, (*openings).finished))
		r.watched = slices.Delete(r.watched, i, i+1)
	}
	r.watched = append(r.watched, o)
	r.counting.Store(true)
}

// lookAfter ends the taking of reports that is over, and tells when the light
// turns green by time alone.
func (r *Room) lookAfter(now clock.Instant) {
	counting := false
	for _, o := range r.watched {
		if o.finished() {
			continue
		}
		if clear := o.clear(now); clear != o.wasClear {
			o.wasClear, o.pace.dirty = clear, true
		}
		it := r.items[o.cue]
		if !o.halted && now >= o.until() && (it == nil || !it.cue.RevealArmed) {
			r.takeReports(maxOpenings)
			o.finish()
		}
		counting = counting || !o.finished()
	}
	r.counting.Store(counting)
}
