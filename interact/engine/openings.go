package engine

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// openingStep is the resolution of the quantiles, that of browsers' clocks.
	openingStep = 100 * time.Microsecond
	// openingSpan is up to where they are resolved; beyond, only the largest is known.
	openingSpan = time.Second
	// maxReporters viewers are told apart; further reports are not taken.
	maxReporters = 200_000
	// maxEarly is how long before O a report can be true, closedEarly before C.
	maxEarly    = 10 * time.Second
	closedEarly = time.Second
	// inTime is how far from O an opening counts as together with the rest.
	inTime = 100 * time.Millisecond
	// watchFor is how long after C reports are taken.
	watchFor = time.Minute
)

// Shape of the histogram: ±100 ms in steps of 10 ms.
const (
	barCount = 20
	barWidth = 10 * time.Millisecond
	barFrom  = -barCount / 2 * barWidth
)

// viewer is what is known of one who opened.
type viewer struct {
	closed bool
	gone   bool // not connected now
}

// openings is how far apart the windows of one cue opened and closed, by what
// viewers report. Its size does not depend on their number but for one hash
// each.
type openings struct {
	cue         string
	rev         int
	open, close clock.Instant // O and C
	halted      bool          // paused, so C is not known
	expected    int
	pace        pace

	seed maphash.Seed
	seen map[uint64]viewer // by hashes of participants; nil when finished

	late, timely, inTime int
	first, last          clock.Instant
	max                  time.Duration // of |opening − O|
	steps                spectrum      // of |opening − O|
	errors               spectrum      // of the viewers' clocks
	bars                 [barCount]int
	below, above         int
	classes              wire.Classes
	out                  outsiders

	here, hereClosed, closed int // of seen
	wasClear                 bool
}

func newOpenings(it *item, expected int) *openings {
	o := &openings{
		cue: it.id, open: it.cue.Open, expected: expected, pace: pace{every: openingsEvery},
		seed: maphash.MakeSeed(), seen: make(map[uint64]viewer), out: outsiders{counts: make(map[string]int)},
	}
	o.follow(it)
	return o
}

// follow takes over what a revision says of the window. Who reported to be
// closed before the window was extended is not any more.
func (o *openings) follow(it *item) {
	if later := it.cue.Close > o.close; later && o.seen != nil {
		for id, v := range o.seen {
			v.closed = false
			o.seen[id] = v
		}
		o.closed, o.hereClosed = 0, 0
	}
	last, paused := it.cue.LastPause()
	o.pace.dirty = o.pace.dirty || o.rev != 0 && o.rev != it.cue.Rev
	o.rev, o.close, o.halted = it.cue.Rev, it.cue.Close, paused && last.Resume == 0
	if it.shown == cue.Revealed || it.shown == cue.Void || it.shown == cue.Cancelled {
		o.finish()
	}
}

// add takes a viewer's first report and says whether it did.
func (o *openings) add(r interact.Opening, now clock.Instant) bool {
	if r.At < o.open.Add(-maxEarly) || r.At > now.Add(time.Second) || !o.meet(r.Participant) {
		return false
	}
	away := r.At.Sub(o.open)
	why := r.Why
	switch {
	case why == "" && r.Late:
		why = wire.WhyLate
	case why == "" && away.Abs() > inTime:
		why = wire.WhySlow
	}
	o.class(r.Class)
	o.errors.add(r.Dispersion)
	if why != "" {
		o.out.add(wire.OutWho{Participant: r.Participant, Class: cmp.Or(r.Class, wire.ClassNone), Why: why, Away: away.Microseconds()})
	}
	if r.Late {
		o.late++
		return true
	}
	if away.Abs() <= inTime && why != wire.WhyHidden {
		o.inTime++
	}
	o.timelyAt(r.At, away)
	return true
}

// meet notes that the participant opened; false if that is known already, or
// nothing is taken any more.
func (o *openings) meet(participant string) bool {
	if o.seen == nil || len(o.seen) >= maxReporters {
		return false
	}
	id := maphash.String(o.seed, participant)
	if _, again := o.seen[id]; again {
		return false
	}
	o.seen[id] = viewer{}
	o.here++
	return true
}

func (o *openings) timelyAt(at clock.Instant, away time.Duration) {
	if o.timely == 0 {
		o.first, o.last = at, at
	}
	o.timely++
	o.first, o.last = min(o.first, at), max(o.last, at)
	o.max = max(o.max, away.Abs())
	o.steps.add(away.Abs())
	switch {
	case away < barFrom:
		o.below++
	case away >= barFrom+barCount*barWidth:
		o.above++
	default:
		o.bars[(away-barFrom)/barWidth]++
	}
}

func (o *openings) class(name string) {
	switch name {
	case wire.ClassIn:
		o.classes.In++
	case wire.ClassNear:
		o.classes.Near++
	case wire.ClassFar:
		o.classes.Far++
	default:
		o.classes.None++
	}
}

// shut takes a viewer's report that its window closed, and says whether it did.
// Who opened before this process began is met now.
func (o *openings) shut(r interact.Closing, now clock.Instant) bool {
	soonest := o.close.Add(-closedEarly)
	if o.seen == nil || o.halted || r.At < soonest || now < soonest || r.At > now.Add(time.Second) {
		return false
	}
	o.meet(r.Participant)
	id := maphash.String(o.seed, r.Participant)
	v, ok := o.seen[id]
	if !ok || v.closed {
		return false
	}
	v.closed = true
	o.seen[id] = v
	o.closed++
	if !v.gone {
		o.hereClosed++
	}
	return true
}

// connected notes that a participant came back, or has left.
func (o *openings) connected(participant string, here bool) {
	if o.seen == nil {
		return
	}
	id := maphash.String(o.seed, participant)
	v, ok := o.seen[id]
	if !ok || v.gone != here {
		return
	}
	by := -1
	if here {
		by = 1
	}
	v.gone = !here
	o.seen[id] = v
	o.here += by
	if v.closed {
		o.hereClosed += by
	}
	o.pace.dirty = true
}

// clear is the green light: 99.5 % of those who opened and are still here have
// closed. With nobody here it is green when no answer counts any more.
func (o *openings) clear(now clock.Instant) bool {
	if o.halted || now < o.close.Add(-closedEarly) {
		return false
	}
	if o.here == 0 {
		return now >= o.close.Add(cue.GraceMax)
	}
	return o.hereClosed*1000 >= o.here*995
}

// until is when reports are taken no more.
func (o *openings) until() clock.Instant { return o.close.Add(watchFor) }

func (o *openings) finished() bool { return o.seen == nil }

// finish stops taking reports.
func (o *openings) finish() { o.seen = nil }

// revealNote says to producers why the result came by itself.
func (o *openings) revealNote(now clock.Instant) string {
	if o.clear(now) {
		return "revealed when all windows were closed"
	}
	return "revealed after a minute, although not all screens said that their window is closed"
}

func (o *openings) summary(now clock.Instant) *wire.Openings {
	return &wire.Openings{
		Cue: o.cue, Rev: o.rev, Reported: o.timely + o.late, Late: o.late, Expected: o.expected, InTime: o.inTime,
		P50: o.steps.quantile(0.50, o.max).Microseconds(), P95: o.steps.quantile(0.95, o.max).Microseconds(),
		Max: o.max.Microseconds(), Spread: o.last.Sub(o.first).Microseconds(),
		DispersionP95: o.errors.quantile(0.95, openingSpan).Microseconds(),
		Histogram: wire.Histogram{
			From: barFrom.Microseconds(), Step: barWidth.Microseconds(), Counts: slices.Clone(o.bars[:]), Below: o.below, Above: o.above,
		},
		Classes: o.classes, Out: o.out.byCount(), Who: append([]wire.OutWho{}, o.out.who...),
		Closed: o.closed, Clear: o.clear(now),
	}
}

// spectrum counts durations in openingStep, for quantiles. Its zero value is
// empty.
type spectrum struct {
	count int
	steps []uint32
}

func (s *spectrum) add(d time.Duration) {
	if s.steps == nil {
		s.steps = make([]uint32, openingSpan/openingStep+1)
	}
	s.count++
	s.steps[min(max(d, 0), openingSpan)/openingStep]++
}

// quantile returns the duration that the given share does not exceed, to
// openingStep; the largest one if it is beyond the span.
func (s *spectrum) quantile(share float64, largest time.Duration) time.Duration {
	rank := int(share * float64(s.count))
	for i, n := range s.steps {
		if rank -= int(n); rank < 0 {
			if i == len(s.steps)-1 {
				return largest
			}
			return time.Duration(i) * openingStep
		}
	}
	return 0
}

// maxWho outsiders are named.
const maxWho = 20

// outsiders are those who were not together with the rest.
type outsiders struct {
	counts map[string]int
	who    []wire.OutWho // worst first
}

func (o *outsiders) add(w wire.OutWho) {
	o.counts[w.Why]++
	i, _ := slices.BinarySearchFunc(o.who, w, func(a, b wire.OutWho) int { return cmp.Compare(magnitude(b.Away), magnitude(a.Away)) })
	o.who = slices.Insert(o.who, i, w)
	o.who = o.who[:min(len(o.who), maxWho)]
}

func magnitude(us int64) int64 { return max(us, -us) }

func (o *outsiders) byCount() []wire.OutCount {
	all := make([]wire.OutCount, 0, len(o.counts))
	for why, n := range o.counts {
		all = append(all, wire.OutCount{Why: why, Count: n})
	}
	slices.SortFunc(all, func(a, b wire.OutCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Why, b.Why))
	})
	return all
}
