package hlstest

import (
	"fmt"
	"time"
)

// patience is what a network may add to the time between two parts.
func (c *Capture) patience(target time.Duration) time.Duration {
	return target/4 + 100*time.Millisecond + 4*c.RoundTrip
}

// checkCadence measures the time between two parts. A part with GAP=YES is a
// Partial Segment, one that is not available (§4.4.4.9), and the cadence of
// §6.2.1 makes no exception for it: listing a gap part satisfies the rule, a
// gap part that is late breaks it, and so does the first one of an outage that
// is listed only after the server has waited for the encoder.
func checkCadence(l *look) {
	l.not("no two parts were seen to appear")
	for _, r := range l.Renditions {
		var was *Reload
		for i := range r.Reloads {
			now := &r.Reloads[i]
			if was != nil && now.Asked.HasPart && now.Asked.Position() == was.Playlist.Next() && (now.Playlist != nil || now.Status == 503) {
				l.step(r, was, now)
			}
			if now.Playlist != nil {
				was = now
			}
		}
		if p := &r.Pending; was != nil && p.Asked.HasPart && !p.Sent.IsZero() && p.Asked.Position() == was.Playlist.Next() {
			l.step(r, was, p)
		}
	}
}

// step judges one step of the cadence: was is the first answer with the part
// before, now the first with the next one, or with none of it.
func (l *look) step(r *Rendition, was, now *Reload) {
	at := was.Playlist.Next()
	// What was there already when it was asked for tells nothing.
	e, _ := was.Playlist.Edge()
	if !was.Asked.HasPart || was.Asked.Position().Less(e) || now.Playlist != nil && now.Playlist.Ended {
		return
	}
	came, verb, until := now.Playlist != nil, "listed", now.FirstByte
	if !came {
		verb, until = "not there", now.Received
	} else if !now.Playlist.holds(at) {
		return // another rule
	}
	target := was.Playlist.PartTarget
	d := until.Sub(was.FirstByte)
	late := d > target+l.patience(target)
	if !came && !late {
		return // the probe ended first
	}
	l.held()
	if !late {
		return
	}
	what := "part"
	if s := now.gapAt(at); s {
		what = "gap part"
	}
	l.breaks(where(r, at.MSN, at.Part), fmt.Sprintf("a %s that is %s %v after the part before", what, verb, d.Round(time.Millisecond)), fmt.Sprintf("no more than %v", target))
}

// gapAt reports whether a part, or the first of the next segment if the
// segment ended before, is a gap.
func (r *Reload) gapAt(at Position) bool {
	if r.Playlist == nil {
		return false
	}
	s := r.Playlist.Segment(at.MSN)
	if s != nil && uint64(len(s.Parts)) <= at.Part {
		s, at.Part = r.Playlist.Segment(at.MSN+1), 0
	}
	return s != nil && at.Part < uint64(len(s.Parts)) && s.Parts[at.Part].Gap
}
