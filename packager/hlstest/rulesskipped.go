package hlstest

import (
	"fmt"
	"slices"
	"time"
)

// life is what is known of the time for which a playlist had a date range.
type life struct {
	before time.Time // the last answer without it before it came; zero if it was there from the first
	seen   time.Time // the first answer with it
	last   time.Time // the last answer with it
	gone   time.Time // the first answer without it again; zero while it is there
}

// lives follows the date ranges of a rendition through its full playlists.
func (r *Rendition) lives() map[string]*life {
	list := map[string]*life{}
	var was time.Time
	for i := range r.Reloads {
		x := &r.Reloads[i]
		if x.Playlist == nil || x.Playlist.Skip != nil {
			continue
		}
		for n := range x.Playlist.Ranges {
			id := x.Playlist.Ranges[n].ID
			if list[id] == nil {
				list[id] = &life{before: was, seen: x.FirstByte}
			}
			list[id].last, list[id].gone = x.FirstByte, time.Time{}
		}
		for _, l := range list {
			if l.last != x.FirstByte && l.gone.IsZero() {
				l.gone = x.FirstByte
			}
		}
		was = x.FirstByte
	}
	return list
}

// after returns the full playlist that was read next.
func (r *Rendition) after(full *Playlist) *Playlist {
	for i := range r.Reloads {
		if r.Reloads[i].Playlist != full {
			continue
		}
		for n := i + 1; n < len(r.Reloads); n++ {
			if p := r.Reloads[n].Playlist; p != nil {
				return p
			}
		}
	}
	return full
}

// lasting are the IDs of the date ranges that the full playlist of a delta
// update has and the one after it has too: what a delta update, made between
// them, cannot have missed.
func (r *Rendition) lasting(d *Delta) map[string]bool {
	next := map[string]bool{}
	for _, x := range r.after(d.Full).Ranges {
		next[x.ID] = true
	}
	list := map[string]bool{}
	for _, x := range d.Full.Ranges {
		if next[x.ID] {
			list[x.ID] = true
		}
	}
	return list
}

func checkSkipRanges(l *look) {
	l.not("CAN-SKIP-DATERANGES is not offered")
	known := map[*Rendition]map[string]*life{}
	for r, d := range l.deltas() {
		p := d.Update.Playlist
		if d.Update.Asked.Skip != "v2" || d.Full.Control == nil || !d.Full.Control.CanSkipRanges || p.Skip == nil {
			continue
		}
		l.held()
		if known[r] == nil {
			known[r] = r.lives()
		}
		if !p.Skip.HasRemoved {
			l.breaks(r.URI+" (delta v2)", "EXT-X-SKIP without RECENTLY-REMOVED-DATERANGES", "the attribute, if need be empty")
			continue
		}
		l.skippedRanges(r, d, known[r])
		l.removedRanges(r, d, known[r])
	}
}

// vague is how much the age of a date range may differ from what was seen: a
// playlist may be as old as its newest part is long.
func (l *look) vague(p *Playlist) time.Duration {
	unit := p.PartTarget
	if p.Control == nil || !p.Control.CanBlock || unit == 0 {
		unit = p.Target
	}
	return unit + l.patience(unit)
}

// skippedRanges judges which date ranges are in an update. Age counts from the
// moment when a range was added, whatever its dates.
func (l *look) skippedRanges(r *Rendition, d *Delta, known map[string]*life) {
	p, where := d.Update.Playlist, r.URI+" (delta v2)"
	boundary, give := d.Full.Control.CanSkipUntil, l.vague(d.Full)
	listed := map[string]bool{}
	for _, x := range p.Ranges {
		listed[x.ID] = true
		if t := known[x.ID]; t != nil && d.Update.Sent.Sub(t.seen) > boundary+give {
			l.breaks(where, fmt.Sprintf("date range %s, which was added more than %v ago", x.ID, d.Update.Sent.Sub(t.seen).Round(time.Millisecond)),
				fmt.Sprintf("none that is older than CAN-SKIP-UNTIL, %v", boundary))
		}
	}
	had := map[string]bool{}
	if d.Before != nil {
		for _, x := range d.Before.Ranges {
			had[x.ID] = true
		}
	}
	for id := range r.lasting(d) {
		t := known[id]
		young := t != nil && !t.before.IsZero() && d.Update.FirstByte.Sub(t.before) < boundary-give
		if !listed[id] && (!had[id] || young) {
			l.breaks(where, "no date range "+id+", which is new", "what was added less than CAN-SKIP-UNTIL ago")
		}
	}
}

// removedRanges judges what an update says of date ranges that went.
func (l *look) removedRanges(r *Rendition, d *Delta, known map[string]*life) {
	p, where := d.Update.Playlist, r.URI+" (delta v2)"
	boundary, give := d.Full.Control.CanSkipUntil, l.vague(d.Full)
	for id, t := range known {
		if !t.gone.IsZero() && !t.gone.After(d.Update.Sent) && d.Update.FirstByte.Sub(t.last) < boundary-give && !slices.Contains(p.Skip.Removed, id) {
			l.breaks(where, fmt.Sprintf("no word of date range %s, which was removed %v ago", id, d.Update.Sent.Sub(t.gone).Round(time.Millisecond)),
				"it in RECENTLY-REMOVED-DATERANGES")
		}
	}
	lasting := r.lasting(d)
	for _, id := range p.Skip.Removed {
		if lasting[id] || slices.ContainsFunc(p.Ranges, func(x DateRange) bool { return x.ID == id }) {
			l.breaks(where, "date range "+id+" named as removed, which is listed", "one of both")
		}
	}
}

// keptRanges judges that an update that skips segments only has all date
// ranges.
func (l *look) keptRanges(r *Rendition, d *Delta) {
	if d.Update.Asked.Skip != "YES" {
		return
	}
	listed := map[string]bool{}
	for _, x := range d.Update.Playlist.Ranges {
		listed[x.ID] = true
	}
	for id := range r.lasting(d) {
		if !listed[id] {
			l.breaks(r.URI+" (delta)", "no date range "+id, "all tags that belong to no skipped segment")
			return
		}
	}
}
