package engine

import (
	"hash/maphash"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// openingStep is the resolution of the quantiles, that of browsers' clocks.
	openingStep = 100 * time.Microsecond
	// openingSpan is up to where they are resolved; beyond, only the largest is known.
	openingSpan = time.Second
	// maxReporters viewers are told apart; further reports are not taken.
	maxReporters = 200_000
	// maxEarly is how long before O a report can be true.
	maxEarly = 10 * time.Second
)

// openings is how far apart the windows of one cue opened, by what viewers
// report. Its size does not depend on their number but for one hash each.
type openings struct {
	cue      string
	rev      int
	open     clock.Instant // O
	expected int

	seed maphash.Seed
	seen map[uint64]struct{} // hashes of participants; nil when finished

	late, timely int
	first, last  clock.Instant
	max          time.Duration // of |opening − O|
	steps        []uint32      // by |opening − O| in openingStep
}

func newOpenings(it *item, expected int) *openings {
	return &openings{
		cue: it.id, rev: it.cue.Rev, open: it.cue.Open, expected: expected,
		seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}),
		steps: make([]uint32, openingSpan/openingStep+1),
	}
}

// add takes a viewer's first report and says whether it did.
func (o *openings) add(r interact.Opening, now clock.Instant) bool {
	if o.seen == nil || r.Cue != o.cue || r.At < o.open.Add(-maxEarly) || r.At > now.Add(time.Second) || len(o.seen) >= maxReporters {
		return false
	}
	id := maphash.String(o.seed, r.Participant)
	if _, again := o.seen[id]; again {
		return false
	}
	o.seen[id] = struct{}{}
	if r.Late {
		o.late++
		return true
	}
	if o.timely == 0 {
		o.first, o.last = r.At, r.At
	}
	o.timely++
	o.first, o.last = min(o.first, r.At), max(o.last, r.At)
	away := r.At.Sub(o.open).Abs()
	o.max = max(o.max, away)
	o.steps[min(away, openingSpan)/openingStep]++
	return true
}

// finish stops taking reports.
func (o *openings) finish() { o.seen = nil }

// quantile returns the |opening − O| that the given share does not exceed, to
// openingStep.
func (o *openings) quantile(share float64) time.Duration {
	rank := int(share * float64(o.timely))
	for i, n := range o.steps {
		if rank -= int(n); rank < 0 {
			if i == len(o.steps)-1 {
				break
			}
			return time.Duration(i) * openingStep
		}
	}
	return o.max
}

func (o *openings) summary() *wire.Openings {
	return &wire.Openings{
		Cue: o.cue, Rev: o.rev, Reported: o.timely + o.late, Late: o.late, Expected: o.expected,
		P50: o.quantile(0.50).Microseconds(), P95: o.quantile(0.95).Microseconds(),
		Max: o.max.Microseconds(), Spread: o.last.Sub(o.first).Microseconds(),
	}
}

// Opened takes in a viewer's report and never blocks. Reports beyond what the
// room can hold are dropped.
func (r *Room) Opened(o interact.Opening) { r.opened.push(o) }

func (r *Room) takeOpenings() {
	reports := r.opened.swap(r.reports)
	now := r.now()
	for _, o := range reports {
		if r.openings != nil && r.openings.add(o, now) {
			r.openingsPace.dirty = true
		} else {
			r.counts.OpeningsIgnored++
		}
	}
	r.reports = reports
}
