package hlstest

import (
	"fmt"
	"slices"
	"time"
)

var deltaRules = []rule{
	{Rule{"D1", Must, "6.2.5.1", "a delta update skips exactly the segments that are further than CAN-SKIP-UNTIL from the end"}, needSkip | needSliding, checkSkipped},
	{Rule{"D2", Must, "6.2.5.1", "one EXT-X-SKIP; all else is as in the full playlist, and the sequence numbers are"}, needSkip | needSliding, checkRest},
	{Rule{"D3", Must, "6.3.7", "the playlist before, merged with the delta update, is the full playlist"}, needSkip | needSliding, checkMerge},
	{Rule{"D4", Must, "4.4.5.2", "_HLS_skip=v2 leaves out the date ranges that were added longer than CAN-SKIP-UNTIL ago, has all others, and names those that were removed since"}, needSkip | needSliding, checkSkipRanges},
}

// deltas are all delta updates whose full playlist is of the same moment.
func (c *Capture) deltas() func(func(*Rendition, *Delta) bool) {
	return func(yield func(*Rendition, *Delta) bool) {
		for _, r := range c.Renditions {
			for i := range r.Deltas {
				d := &r.Deltas[i]
				if d.Update.Playlist == nil || d.Full == nil || d.Full.Ended || d.Update.Playlist.Ended || !d.sameMoment() {
					continue
				}
				if !yield(r, d) {
					return
				}
			}
		}
	}
}

// sameMoment reports whether both playlists end with the same part.
func (d *Delta) sameMoment() bool {
	p, q := d.Update.Playlist, d.Full
	if len(p.Segments) == 0 || len(q.Segments) == 0 {
		return false
	}
	a, b := &p.Segments[len(p.Segments)-1], &q.Segments[len(q.Segments)-1]
	if len(a.Parts) != len(b.Parts) || a.Open() != b.Open() {
		return false
	}
	if n := len(a.Parts); n > 0 {
		return a.Parts[n-1].URI == b.Parts[n-1].URI
	}
	return segmentKey(a) == segmentKey(b)
}

// skippable is how many segments of the full playlist lie wholly beyond the
// boundary. It is measured from the end of the last whole segment; give allows
// for the rounding of what is printed.
func (p *Playlist) skippable(give time.Duration) int {
	var behind time.Duration
	n := len(p.Segments)
	for n > 0 && behind < p.Control.CanSkipUntil+give {
		n--
		if s := &p.Segments[n]; !s.Open() {
			behind += s.Duration
		}
	}
	if behind < p.Control.CanSkipUntil+give {
		return 0
	}
	return n
}

func checkSkipped(l *look) {
	l.not("no delta update was seen")
	for r, d := range l.deltas() {
		if d.Full.Control == nil || d.Full.Control.CanSkipUntil == 0 {
			continue
		}
		l.held()
		least, most := d.Full.skippable(time.Millisecond), d.Full.skippable(-time.Millisecond)
		n := 0
		if s := d.Update.Playlist.Skip; s != nil {
			n = int(min(s.Segments, 1<<30))
		}
		if n < least || n > most {
			l.breaks(r.URI+" (delta)", fmt.Sprintf("%d segments skipped", n), fmt.Sprintf("%d to %d of %d", least, most, len(d.Full.Segments)))
		}
	}
}

func checkRest(l *look) {
	l.not("no delta update was seen")
	for _, r := range l.Renditions {
		for i := range r.Deltas {
			if p := r.Deltas[i].Update.Playlist; p != nil {
				l.held()
				for _, f := range p.Faults {
					if f.Rule == "D2" {
						l.breaks(fmt.Sprintf("%s (delta) line %d", r.URI, f.Line), f.Text, "one EXT-X-SKIP before the first segment")
						break
					}
				}
			}
		}
	}
	for r, d := range l.deltas() {
		p, q := d.Update.Playlist, d.Full
		l.held()
		where := r.URI + " (delta)"
		switch {
		case p.MediaSequence != q.MediaSequence:
			l.breaks(where, fmt.Sprintf("media sequence %d", p.MediaSequence), fmt.Sprintf("%d, as in the full playlist", q.MediaSequence))
		case p.HasDiscontinuity != q.HasDiscontinuity || p.Discontinuities != q.Discontinuities:
			l.breaks(where, fmt.Sprintf("discontinuity sequence %d", p.Discontinuities), fmt.Sprintf("%d, as in the full playlist", q.Discontinuities))
		case p.Target != q.Target || p.PartTarget != q.PartTarget || !sameControl(p.Control, q.Control):
			l.breaks(where, "another header", "that of the full playlist")
		case !slices.Equal(p.Hints, q.Hints):
			l.breaks(where, fmt.Sprintf("hints %v", p.Hints), fmt.Sprintf("%v, as in the full playlist", q.Hints))
		case len(p.Reports) != len(q.Reports):
			l.breaks(where, fmt.Sprintf("%d rendition reports", len(p.Reports)), fmt.Sprintf("%d, as in the full playlist", len(q.Reports)))
		default:
			l.keptRanges(r, d)
		}
	}
}

func sameControl(a, b *Control) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Text == b.Text
}

func checkMerge(l *look) {
	l.not("no delta update was seen with the playlist before it")
	for r, d := range l.deltas() {
		p := d.Update.Playlist
		if p.Skip == nil || p.Skip.Segments == 0 || d.Before == nil || p.MediaSequence != d.Full.MediaSequence {
			continue
		}
		l.held()
		merged, missing := d.merge()
		if missing {
			l.breaks(r.URI+" (delta)", "segments skipped that the playlist before did not have", "what a client has already")
			continue
		}
		if len(merged) != len(d.Full.Segments) {
			l.breaks(r.URI+" (delta)", fmt.Sprintf("%d segments after merging", len(merged)), fmt.Sprintf("%d, as in the full playlist", len(d.Full.Segments)))
			continue
		}
		for i := range merged {
			if what := unequal(&d.Full.Segments[i], &merged[i]); what != "" {
				l.breaks(where(r, merged[i].MSN)+" (delta)", what, "what the full playlist says")
				break
			}
		}
	}
}

// unequal compares a merged segment with the one of the full playlist.
func unequal(full, merged *Segment) string {
	if len(full.Parts) != len(merged.Parts) {
		return fmt.Sprintf("%d parts, the full playlist has %d", len(merged.Parts), len(full.Parts))
	}
	return differs(full, merged)
}

// merge does what a client does: skipped segments from the playlist before, the
// others from the update. Spec: rfc8216bis §6.3.7.
func (d *Delta) merge() (list []Segment, missing bool) {
	p := d.Update.Playlist
	for i := range p.Skip.Segments {
		s := d.Before.Segment(p.MediaSequence + i)
		if s == nil || s.Open() {
			return nil, true
		}
		old := *s
		old.Parts = nil // they are that far from the end
		list = append(list, old)
	}
	for _, s := range p.Segments {
		if s.Map == "" && len(list) > 0 { // the one in force was skipped
			s.Map = list[len(list)-1].Map
		}
		if s.Key == "" && len(list) > 0 {
			s.Key = list[len(list)-1].Key
		}
		list = append(list, s)
	}
	return list, false
}
