package hlstest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var timeRules = []rule{
	{Rule{"T1", Must, "6.2.4", "every media playlist has dates, and they map to media times alike in all renditions, to 1 ms"}, needSliding, checkMapping},
	{Rule{"T2", Should, "4.4.4.6", "dates have a time zone and milliseconds"}, 0, checkDatePrecision},
	{Rule{"T3", Must, "6.2.1", "dates and durations agree: to 5 ms for players; no two segments share a second of dates, or all of one"}, 0, checkDates},
	{Rule{"T4", Should, "6.2.1", "a segment behind EXT-X-DISCONTINUITY has a date"}, 0, checkDomainDates},
	{Rule{"T5", Must, "4.4.5.1", "a date range has an ID, and what was said of an ID stays"}, 0, checkRangeIDs},
	{Rule{"T6", Must, "4.4.5.1", "date ranges have START-DATE, and an end that fits it"}, 0, checkRangeDates},
	{Rule{"T7", Must, "6.2.1", "a date range stays while any of its dates is that of a listed segment"}, needSliding, checkRangeRemoval},
	{Rule{"T8", Must, "6.2.4", "playlists that have date ranges have the same ones, and one of all that play together has them"}, needSeveral, checkRangeSets},
	{Rule{"T9", Must, "4.2", "date ranges follow the grammar and have an X- attribute, without which hls.js shows none"}, 0, checkRangeText},
	{Rule{"T10", Must, "4.4.5.1", "a playlist with date ranges has a date"}, 0, checkRangeNeedsDate},
	{Rule{"T11", Player, "", "events in the media are emsg version 1 before moof with ID3, in one rendition only"}, needBoxes, checkEvents},
}

// anchor is where a segment's date meets its media time.
type anchor struct {
	date  time.Time
	media time.Duration
	r     *Rendition
}

func checkMapping(l *look) {
	for r, p := range l.playlists() {
		l.held()
		if dates := p.Playlist.dates(); len(dates) > 0 && dates[len(dates)-1].IsZero() && !p.Playlist.Ended && len(p.Playlist.Ranges) == 0 {
			l.breaksAt(Profile, r.URI, "no date that the newest segment follows from", "EXT-X-PROGRAM-DATE-TIME")
			break
		}
	}
	by := map[uint64]anchor{} // by segment
	for _, r := range l.Renditions {
		segments, _ := r.everything()
		for key, s := range segments {
			a, ok := r.anchor(s, r.Whole[key])
			if !ok {
				continue
			}
			first, known := by[s.MSN]
			if !known {
				by[s.MSN] = a
				continue
			}
			l.held()
			// Dates are printed in milliseconds, which may hide half of one each.
			apart := a.date.Sub(first.date) - (a.media - first.media)
			if apart.Abs() > 2*time.Millisecond && apart.Abs() < time.Hour {
				l.breaks(where(r, s.MSN), fmt.Sprintf("a date that is %v off that of %s at the same media time", apart, first.r.URI), "no more than 1 ms")
			}
		}
	}
}

// anchor finds the date and the media time of a segment's first frame shown.
func (r *Rendition) anchor(s *Segment, f *File) (anchor, bool) {
	if f == nil || f.Media == nil || s.Date.IsZero() {
		return anchor{}, false
	}
	t := r.Inits[f.Map].track()
	if t == nil {
		return anchor{}, false
	}
	at, ok := f.Media.shown(t)
	return anchor{s.Date, at, r}, ok
}

// precise is a date with a zone and at least milliseconds.
var precise = regexp.MustCompile(`[.,][0-9]{3,}(Z|[+-][0-9]{2}:?[0-9]{2})$`)

func checkDatePrecision(l *look) {
	l.not("no EXT-X-PROGRAM-DATE-TIME was seen")
	for r, p := range l.playlists() {
		for i := range p.Playlist.Segments {
			s := &p.Playlist.Segments[i]
			if s.DateText == "" {
				continue
			}
			l.held()
			if !precise.MatchString(s.DateText) {
				l.breaks(where(r, s.MSN), s.DateText, "milliseconds and a zone")
				break
			}
		}
	}
}

func checkDates(l *look) {
	l.not("no two segments with dates in one domain")
	seen := map[string]bool{}
	for r, p := range l.playlists() {
		for i := 1; i < len(p.Playlist.Segments); i++ {
			s, before := &p.Playlist.Segments[i], &p.Playlist.Segments[i-1]
			at := where(r, s.MSN)
			if s.Date.IsZero() || before.Date.IsZero() || s.Open() || seen[at] {
				continue
			}
			seen[at] = true
			l.held()
			if what := overlaps(p.Playlist.Segments, i); what != "" {
				l.breaks(at, what, "dates that mean one segment, but for a part of a second")
				continue
			}
			if s.Discontinuity || before.Gap || s.Gap {
				continue // media is missing, or timed anew
			}
			if step := s.Date.Sub(before.Date) - before.Duration; step < loss && step.Abs() > 5*time.Millisecond {
				l.breaksAt(Player, at, fmt.Sprintf("a date that is %v off the end of the segment before", step), "no more than 5 ms")
			}
		}
	}
}

// farBack is how many segments before it a segment is compared with, if its
// date lies before the end of the one before.
const farBack = 1000

// overlaps says which segment before it has dates that the i-th claims too:
// all of them, or a second and more. Spec: rfc8216bis §6.2.1.
func overlaps(list []Segment, i int) string {
	s := &list[i]
	if before := &list[i-1]; !s.Date.Before(before.Date.Add(before.Duration)) {
		return ""
	}
	for n := i - 1; n >= 0 && n > i-farBack; n-- {
		old := &list[n]
		if old.Date.IsZero() || old.Duration == 0 {
			continue
		}
		from, to := s.Date, s.Date.Add(s.Duration)
		if old.Date.After(from) {
			from = old.Date
		}
		if end := old.Date.Add(old.Duration); end.Before(to) {
			to = end
		}
		common := to.Sub(from)
		if common >= time.Second || common > 0 && common >= old.Duration {
			return fmt.Sprintf("%v of dates that segment %d has already", common, old.MSN)
		}
	}
	return ""
}

func checkDomainDates(l *look) {
	l.not("no DISCONTINUITY was seen")
	seen := map[string]bool{}
	for r, p := range l.playlists() {
		for i := range p.Playlist.Segments {
			s := &p.Playlist.Segments[i]
			if at := where(r, s.MSN); s.Discontinuity && !seen[at] && p.Playlist.dated() {
				seen[at] = true
				l.held()
				if s.Date.IsZero() {
					l.breaks(at, "EXT-X-DISCONTINUITY without a date", "EXT-X-PROGRAM-DATE-TIME")
				}
			}
		}
	}
}

// dated reports whether any segment has a date of its own.
func (p *Playlist) dated() bool {
	return slices.ContainsFunc(p.Segments, func(s Segment) bool { return !s.Date.IsZero() })
}

const noRanges = "no EXT-X-DATERANGE was seen"

func checkRangeIDs(l *look) {
	l.not(noRanges)
	for _, r := range l.Renditions {
		said := map[string]map[string]string{}
		for i := range r.Reloads {
			p := r.Reloads[i].Playlist
			for n := 0; p != nil && n < len(p.Ranges); n++ {
				l.rangeID(r, &p.Ranges[n], said)
			}
		}
		for i := range r.Deltas {
			p := r.Deltas[i].Update.Playlist
			for n := 0; p != nil && n < len(p.Ranges); n++ {
				l.rangeID(r, &p.Ranges[n], said)
			}
		}
	}
}

func (l *look) rangeID(r *Rendition, d *DateRange, said map[string]map[string]string) {
	l.held()
	if d.ID == "" {
		l.breaks(r.URI, "EXT-X-DATERANGE without ID", "one")
		return
	}
	old := said[d.ID]
	if old == nil {
		old = map[string]string{}
		said[d.ID] = old
	}
	for name, value := range d.Attributes {
		if was, known := old[name]; known && was != value {
			l.breaks(r.URI, fmt.Sprintf("date range %s with %s=%s after %s", d.ID, name, value, was), "the value that was said first, or another ID")
		}
		old[name] = value
	}
}

func checkRangeDates(l *look) {
	l.not(noRanges)
	for r, p := range l.playlists() {
		started := map[string]bool{}
		for i := range p.Playlist.Ranges {
			d := &p.Playlist.Ranges[i]
			l.held()
			if what := d.wrong(started[d.ID]); what != "" {
				l.breaks(r.URI+" date range "+d.ID, what, "dates as §4.4.5.1 has them")
				break
			}
			started[d.ID] = true
		}
		for _, f := range p.Playlist.Faults {
			if f.Rule == "T6" {
				l.breaks(fmt.Sprintf("%s line %d", r.URI, f.Line), f.Text, "dates as §4.4.5.1 has them")
				break
			}
		}
	}
}

// wrong says what is wrong with the dates of a range.
func (d *DateRange) wrong(repeated bool) string {
	switch {
	case !d.hasStart && !repeated:
		return "no START-DATE"
	case !d.End.IsZero() && d.End.Before(d.Start):
		return "END-DATE before START-DATE"
	case !d.End.IsZero() && d.HasDuration && (d.End.Sub(d.Start)-d.Duration).Abs() > time.Millisecond:
		return "END-DATE is not START-DATE and DURATION"
	case d.EndOnNext && (!d.hasClass || d.HasDuration || !d.End.IsZero()):
		return "END-ON-NEXT without CLASS, or with an end"
	}
	return ""
}

// covers reports whether any date of the range lies in what is listed.
func (d *DateRange) covers(from, to time.Time) bool {
	end := d.Start
	if d.HasDuration {
		end = d.Start.Add(d.Duration)
	} else if !d.End.IsZero() {
		end = d.End
	}
	return !d.Start.After(to) && end.After(from)
}

func checkRangeRemoval(l *look) {
	l.not(noRanges)
	for r, p := range l.pairs() {
		was, now := p[0].Playlist, p[1].Playlist
		from, to, ok := now.span()
		if !ok || now.Skip != nil {
			continue
		}
		listed := map[string]bool{}
		for i := range now.Ranges {
			listed[now.Ranges[i].ID] = true
		}
		for i := range was.Ranges {
			d := &was.Ranges[i]
			l.held()
			if !listed[d.ID] && d.hasStart && d.covers(from, to) {
				l.breaks(r.URI, "date range "+d.ID+" gone while its dates are listed", "it, as long as they are")
			}
		}
	}
}

func checkRangeSets(l *look) {
	l.not(noRanges)
	sets := map[*Rendition]map[string]*DateRange{}
	var first *Rendition
	for _, r := range l.Renditions {
		set := r.ranges()
		if len(set) == 0 {
			continue // a playlist may have none
		}
		sets[r] = set
		if first == nil {
			first = r
			continue
		}
		l.held()
		l.sameRanges(sets, first, r)
	}
	if l.Multivariant == nil || first == nil {
		return
	}
	for i := range l.Multivariant.Variants {
		v := &l.Multivariant.Variants[i]
		if own, sound := l.of(v); own != nil && sets[own] == nil && sets[sound] == nil && l.told(sets[first], own) {
			l.held()
			l.breaks(v.URI, "no date ranges in it, nor in its sound", "them in one playlist at least of all that play together")
		}
	}
}

// ranges are all date ranges that a rendition ever had, as it had them first.
func (r *Rendition) ranges() map[string]*DateRange {
	set := map[string]*DateRange{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		for n := 0; p != nil && n < len(p.Ranges); n++ {
			if d := &p.Ranges[n]; set[d.ID] == nil {
				set[d.ID] = d
			}
		}
	}
	return set
}

func (l *look) sameRanges(sets map[*Rendition]map[string]*DateRange, a, b *Rendition) {
	if id := l.lacks(sets[a], sets[b], b); id != "" {
		l.breaks(b.URI, "no date range "+id, "what "+a.URI+" has")
	}
	if id := l.lacks(sets[b], sets[a], a); id != "" {
		l.breaks(a.URI, "no date range "+id, "what "+b.URI+" has")
	}
	for id, d := range sets[a] {
		other := sets[b][id]
		if other == nil {
			continue
		}
		for name, value := range d.Attributes {
			if has, ok := other.Attributes[name]; ok && has != value {
				l.breaks(b.URI, fmt.Sprintf("date range %s with %s=%s", id, name, has), value+", as in "+a.URI)
			}
		}
	}
}

// told reports whether any of the date ranges is old enough for a rendition to
// have it.
func (l *look) told(set map[string]*DateRange, r *Rendition) bool {
	return l.lacks(set, nil, r) != ""
}

// lacks returns a date range that one playlist has and another, read until
// after its start, has not.
func (l *look) lacks(one, other map[string]*DateRange, r *Rendition) string {
	p := r.last()
	if p == nil {
		return ""
	}
	_, to, ok := p.span()
	if !ok {
		return ""
	}
	for id, d := range one {
		// What was announced in the last moment may not have reached both.
		if other[id] == nil && d.hasStart && d.Start.Before(to.Add(-p.Target)) {
			return id
		}
	}
	return ""
}

func checkRangeText(l *look) {
	l.not(noRanges)
	for r, p := range l.playlists() {
		custom := map[string]bool{}
		for i := range p.Playlist.Ranges {
			l.held()
			for name := range p.Playlist.Ranges[i].Attributes {
				if strings.HasPrefix(name, "X-") {
					custom[p.Playlist.Ranges[i].ID] = true
				}
			}
		}
		for i := range p.Playlist.Ranges {
			if id := p.Playlist.Ranges[i].ID; !custom[id] {
				l.breaksAt(Player, r.URI+" date range "+id, "no X- attribute", "one at least")
				break
			}
		}
		for _, f := range p.Playlist.Faults {
			if f.Rule == "T9" {
				l.breaks(fmt.Sprintf("%s line %d", r.URI, f.Line), f.Text, "an attribute list")
				break
			}
		}
	}
}

func checkRangeNeedsDate(l *look) {
	l.not(noRanges)
	for r, p := range l.playlists() {
		if len(p.Playlist.Ranges) == 0 {
			continue
		}
		l.held()
		if !p.Playlist.dated() {
			l.breaks(r.URI, "date ranges without a date of any segment", "EXT-X-PROGRAM-DATE-TIME")
			break
		}
	}
}

// id3Scheme is what hls.js looks for in the scheme of an event.
var id3Scheme = regexp.MustCompile(`/emsg[-/]ID3`)

func checkEvents(l *look) {
	l.not("no emsg was seen")
	carriers := map[*Rendition]bool{}
	for _, r := range l.Renditions {
		for _, files := range []map[string]*File{r.Parts, r.Whole} {
			for _, f := range files {
				for i := 0; f.Media != nil && i < len(f.Media.Events); i++ {
					l.held()
					carriers[r] = true
					if what := f.Media.Events[i].wrong(); what != "" {
						l.breaks(where(r, f.At.MSN, f.At.Part), what, "emsg version 1 with ID3 before moof")
					}
				}
			}
		}
	}
	if len(carriers) > 1 {
		l.breaks(l.URL, fmt.Sprintf("events in %d renditions", len(carriers)), "events in one rendition")
	}
}

// wrong says what keeps players from showing an event.
func (e *Event) wrong() string {
	switch {
	case e.Version != 1:
		return fmt.Sprintf("emsg version %d", e.Version)
	case !id3Scheme.MatchString(e.Scheme):
		return "emsg of scheme " + e.Scheme
	case !bytes.HasPrefix(e.Data, []byte("ID3")):
		return "an emsg without ID3"
	case e.BehindMoof:
		return "an emsg behind moof"
	case e.Timescale == 0:
		return "an emsg with a timescale of 0"
	case e.Duration != 0xffffffff && uint64(e.Duration)*1000 <= uint64(e.Timescale):
		return "an emsg of 1 ms or less"
	}
	return ""
}
