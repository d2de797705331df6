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
func (r *Room) Opened(o interact.Opening) { r.opened.push(report{opening: o}) }

// Closed takes in a viewer's report that its window closed. As Opened.
func (r *Room) Closed(c interact.Closing) { r.opened.push(report{closing: c}) }

// Left notes that a participant has no connection any more. It never blocks.
func (r *Room) Left(participant string) {
	if r.counting.Load() {
		r.gone.push(participant)
	}
}

func (r *Room) takeReports() {
	reports := r.opened.swap(r.reports)
	now := r.now()
	for _, p := range reports {
		if p.opening.Cue != "" {
			r.counts.OpeningsIgnored += r.take(r.watching(p.opening.Cue), func(o *openings) bool { return o.add(p.opening, now) })
		} else {
			r.counts.ClosingsIgnored += r.take(r.watching(p.closing.Cue), func(o *openings) bool { return o.shut(p.closing, now) })
		}
	}
	r.reports = reports
}

// take returns 1 if the report is ignored.
func (r *Room) take(o *openings, add func(*openings) bool) uint64 {
	if o == nil || !add(o) {
		return 1
	}
	o.pace.dirty = true
	return 0
}

func (r *Room) takeLeavers() {
	gone := r.gone.swap(r.leavers)
	for _, participant := range gone {
		for _, o := range r.watched {
			o.connected(participant, false)
		}
	}
	r.leavers = gone
}

// arrived notes that a participant is connected, after all who left before.
func (r *Room) arrived(participant string) {
	if !r.counting.Load() {
		return
	}
	r.takeLeavers()
	for _, o := range r.watched {
		o.connected(participant, true)
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
			r.takeReports()
			o.finish()
		}
		counting = counting || !o.finished()
	}
	r.counting.Store(counting)
}
