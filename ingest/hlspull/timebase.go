package hlspull

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// maxGap is the longest silence that a discontinuity may leave, by the source's
// dates, and the longest jump of timestamps without one.
const maxGap = 8 * time.Second

var errJump = ingest.Errorf(ingest.CodeTimestamps, "the source's timestamps jump without a discontinuity")

// timebase lays the media between a source's discontinuities, which each count
// on their own, on one 90 kHz base for all tracks. It belongs to one goroutine.
type timebase struct {
	epochs map[int]*epoch
	newest int
	end    clock.Ticks // of the leading media so far
	begun  bool
	date   anchor
}

// epoch is the media between two discontinuities.
type epoch struct {
	offset clock.Ticks
	unwrap *ingest.Unwrapper
}

// anchor is a date at a timestamp of the session's.
type anchor struct {
	at   clock.Ticks
	date time.Time
}

func newTimebase() *timebase { return &timebase{epochs: make(map[int]*epoch)} }

// knows reports whether the leading media have got to an epoch.
func (t *timebase) knows(number int) bool { return t.begun && number <= t.newest }

// place rewrites the timestamps of a leading piece, or of one with its sound.
// Only a leading one may begin an epoch.
//
// Errors: errJump.
func (t *timebase) place(p piece, c *contents, leads bool) error {
	e := t.epochs[p.epoch]
	fresh := e == nil
	if fresh {
		e = &epoch{unwrap: ingest.NewUnwrapper(33)}
		t.epochs[p.epoch] = e
	}
	if c.wraps {
		for i := range c.samples {
			s := &c.samples[i]
			dts := clock.Ticks(e.unwrap.Unwrap(uint64(s.dts)))
			s.pts = dts + clock.Ticks(e.unwrap.Delta(uint64(s.pts-s.dts)))
			s.dts = dts
		}
	}
	first, last := ends(c.samples)
	if fresh && t.begun {
		e.offset = t.follow(p.date) - first
	}
	for i := range c.samples {
		c.samples[i].pts += e.offset
		c.samples[i].dts += e.offset
	}
	if !leads {
		return nil
	}
	if gap := (first + e.offset - t.end).Duration(); t.begun && (gap > maxGap || gap < -maxGap) {
		return errJump
	}
	t.begun, t.newest, t.end = true, p.epoch, last+e.offset
	t.dates(p, c, fresh)
	t.forget()
	return nil
}

// ends returns the first DTS and where the last frame ends, if it is as long as
// they are on average.
func ends(samples []sample) (first, end clock.Ticks) {
	first, end = samples[0].dts, samples[0].dts
	n := clock.Ticks(0)
	for _, s := range samples {
		first, end = min(first, s.dts), max(end, s.dts)
		if s.track == samples[0].track {
			n++
		}
	}
	if n > 1 {
		end += (end - first) / (n - 1)
	}
	return first, end
}

// follow is where a new epoch begins: after the one before it, and by as much
// later as the source's dates say.
func (t *timebase) follow(date time.Time) clock.Ticks {
	if date.IsZero() || t.date.date.IsZero() {
		return t.end
	}
	gap := date.Sub(t.read(t.end))
	if gap < 0 || gap > maxGap {
		return t.end
	}
	return t.end + clock.TicksOf(gap)
}

// dates takes the source's date of a leading piece's first sample: one that is
// written there, or any when there is none yet.
func (t *timebase) dates(p piece, c *contents, fresh bool) {
	if fresh && t.date.date.IsZero() || p.dated || fresh {
		t.date = anchor{c.samples[0].pts, p.date}
	}
}

// read is the source's date at a timestamp, zero when there is none.
func (t *timebase) read(at clock.Ticks) time.Time {
	if t.date.date.IsZero() {
		return time.Time{}
	}
	return t.date.date.Add((at - t.date.at).Duration())
}

// forget drops epochs that are long over.
func (t *timebase) forget() {
	const kept = 8
	for number := range t.epochs {
		if number < t.newest-kept {
			delete(t.epochs, number)
		}
	}
}
