package hlstest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

var renditionRules = []rule{
	{Rule{"R1", Must, "4.4.5.4", "each media playlist reports on every other one, by a relative URI without directives"}, needParts | needSliding | needSeveral, checkReports},
	{Rule{"R2", Must, "4.4.5.4", "a report is current, and the part that it names can be loaded"}, needParts | needSliding | needSeveral, checkReported},
	{Rule{"R3", Player, "", "a switch of renditions that asks for one part ahead is answered"}, needParts | needSliding | needSeveral | needBlock, checkSwitch},
	{Rule{"R4", Profile, "B.1", "all renditions are updated within one PART-TARGET of each other"}, needParts | needSliding | needSeveral, checkTogether},
	{Rule{"R5", Must, "6.2.4", "renditions have the same content and discontinuity numbers, but for a target duration at the ends"}, needSeveral, checkMatching},
	{Rule{"R6", Must, "6.2.4", "CODECS names every format and BANDWIDTH is not exceeded by 10 %; RESOLUTION, FRAME-RATE and the like are there (CODECS is compared by family, not by profile)"}, needIndex, checkVariants},
}

func checkReports(l *look) {
	for r, p := range l.playlists() {
		if p.Playlist.Ended {
			continue
		}
		l.held()
		told := map[string]int{}
		for _, t := range p.Playlist.Reports {
			switch u, err := url.Parse(t.URI); {
			case t.URI == "":
				l.breaks(r.URI, "a report without URI", "one")
			case !t.HasMSN || !t.HasPart && p.Playlist.HasPartInf:
				// Allowed where the value is the playlist's own; players do not know.
				l.breaksAt(Player, r.URI, "a report on "+t.URI+" without LAST-MSN or LAST-PART", "both")
			case err != nil || u.IsAbs() || u.Host != "":
				l.breaks(r.URI, "a report on "+t.URI, "a relative URI")
			case strings.Contains(t.URI, "_HLS_"):
				l.breaks(r.URI, "a report on "+t.URI, "a URI without directives")
			}
			told[pathOf(resolve(p.URL, t.URI))]++
		}
		for _, other := range l.Renditions {
			if o := other.last(); other == r || o == nil {
				continue
			}
			if n := told[pathOf(other.URL)]; n != 1 {
				l.breaks(r.URI, fmt.Sprintf("%d reports on %s", n, other.URI), "one EXT-X-RENDITION-REPORT for every other playlist")
				break
			}
		}
	}
}

// resolve makes a URI absolute; it returns "" for what is none.
func resolve(base, uri string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ""
	}
	u, err := b.Parse(uri)
	if err != nil {
		return ""
	}
	return u.String()
}

func checkReported(l *look) {
	l.not("no report was compared with its playlist")
	for t := range l.trials(TrialReport) {
		if t.Playlist == nil || t.Known == nil || t.After == nil || t.Playlist.Ended {
			continue
		}
		for _, report := range t.Playlist.Reports {
			if pathOf(resolve(t.URL, report.URI)) == t.About {
				l.current(t, &report)
			}
		}
	}
	for t := range l.trials(TrialReported) {
		if t.Status == 0 {
			continue
		}
		l.held()
		if t.Status != 200 {
			l.breaks(l.name(t.Rendition)+" reports "+t.URL, fmt.Sprintf("status %d", t.Status), "a part that can be loaded")
		}
	}
}

// current holds a report against the playlists read before and after it.
func (l *look) current(t *Trial, report *RenditionReport) {
	l.held()
	before, _ := t.Known.Edge()
	after, _ := t.After.Edge()
	what := fmt.Sprintf("%s reports %d.%d of %s", l.name(t.Rendition), report.MSN, report.Part, report.URI)
	said := Position{report.MSN, report.Part}
	own, _ := t.Playlist.Edge() // what may be left out if it is the same
	if !report.HasMSN {
		said.MSN = own.MSN
	}
	if !report.HasPart {
		said.Part = own.Part
	}
	if !t.After.lowLatency() {
		said.Part, before.Part = 0, 0
	}
	switch {
	case said.Less(before):
		l.breaks(what, "less than the playlist had before", fmt.Sprintf("at least %d.%d", before.MSN, before.Part))
	case after.Less(said):
		l.breaks(what, "more than the playlist has after", fmt.Sprintf("at most %d.%d", after.MSN, after.Part))
	}
}

func checkSwitch(l *look) {
	l.not("no switch was tried")
	for t := range l.trials(TrialSwitch) {
		if !l.answered(t, "the playlist, when the part is listed") || t.Playlist.Ended {
			continue
		}
		if !t.Playlist.holds(t.Asked.Position()) {
			l.breaks(l.name(t.Rendition)+" "+t.query(), "an answer before the part is listed", "the part")
		}
	}
}

func checkTogether(l *look) {
	l.not("no segment was seen to begin in two renditions")
	begun := map[uint64]map[*Rendition]time.Time{}
	for r, p := range l.pairs() {
		e, ok := p[1].Playlist.Edge()
		was, ok2 := p[0].Playlist.Edge()
		if !ok || !ok2 || !p[1].Asked.HasPart || was.MSN+1 != e.MSN || e.Part != 0 {
			continue
		}
		if begun[e.MSN] == nil {
			begun[e.MSN] = map[*Rendition]time.Time{}
		}
		begun[e.MSN][r] = p[1].FirstByte
	}
	for msn, at := range begun {
		if len(at) < 2 {
			continue
		}
		var first, last time.Time
		var slow *Rendition
		for r, t := range at {
			if first.IsZero() || t.Before(first) {
				first = t
			}
			if last.IsZero() || t.After(last) {
				last, slow = t, r
			}
		}
		l.held()
		target := slow.last().PartTarget
		if d := last.Sub(first); d > target+l.patience(target) {
			l.breaks(where(slow, msn), fmt.Sprintf("updated %v after another rendition", d.Round(time.Millisecond)), fmt.Sprintf("no more than %v", target))
		}
	}
}

func checkMatching(l *look) {
	l.not("no dates, or no two playlists read at nearly the same time")
	var all []content // of the first rendition
	for i, r := range l.Renditions {
		list := r.contents()
		if i == 0 {
			all = list
			continue
		}
		if l.counted(r) || l.counted(l.Renditions[0]) {
			continue
		}
		slices.SortFunc(all, func(a, b content) int { return a.from.Compare(b.from) })
		for _, c := range list {
			domain, ok := domainAt(all, c.from.Add(c.to.Sub(c.from)/2))
			if !ok {
				continue
			}
			l.held()
			if domain != c.domain {
				l.breaks(where(r, c.msn), fmt.Sprintf("discontinuity number %d", c.domain), fmt.Sprintf("%d, as in %s", domain, l.Renditions[0].URI))
				break
			}
		}
	}
	l.ends()
}

// content is what a segment covers.
type content struct {
	msn, domain uint64
	from, to    time.Time
}

// contents are all whole segments that were listed with a date, unless nothing
// was ever said of discontinuities.
func (r *Rendition) contents() []content {
	var list []content
	seen := map[uint64]bool{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		if p == nil || !p.HasDiscontinuity && !anyDiscontinuity(p) {
			continue
		}
		for n := range p.Segments {
			s := &p.Segments[n]
			if s.Open() || s.Date.IsZero() || seen[s.MSN] {
				continue
			}
			seen[s.MSN] = true
			list = append(list, content{s.MSN, s.Domain, s.Date, s.Date.Add(s.Duration)})
		}
	}
	return list
}

// domainAt returns the number that the list, sorted by time, has at a date.
func domainAt(list []content, at time.Time) (uint64, bool) {
	n, _ := slices.BinarySearchFunc(list, at, func(c content, at time.Time) int {
		if c.from.After(at) {
			return 1
		}
		return -1
	})
	if n == 0 || !at.Before(list[n-1].to) || n > 1 && at.Before(list[n-2].to) {
		return 0, false // nothing, or dates that mean two segments, which is another rule
	}
	return list[n-1].domain, true
}

// counted reports whether a rendition changes its discontinuity numbers from
// reload to reload, which is another rule.
func (l *look) counted(r *Rendition) bool {
	known := map[uint64]uint64{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		for n := 0; p != nil && n < len(p.Segments); n++ {
			s := &p.Segments[n]
			if d, ok := known[s.MSN]; ok && d != s.Domain {
				return true
			}
			known[s.MSN] = s.Domain
		}
	}
	return false
}

func anyDiscontinuity(p *Playlist) bool {
	return slices.ContainsFunc(p.Segments, func(s Segment) bool { return s.Discontinuity })
}

// ends compares what the playlists cover. A rendition may be updated a moment
// later than another, so the best match of those read at nearly the same time
// counts.
func (l *look) ends() {
	for i, r := range l.Renditions {
		for _, other := range l.Renditions[i+1:] {
			l.apart(r, other)
		}
	}
}

// adrift is what a frame of sound may differ from a picture in length.
const adrift = 100 * time.Millisecond

// readAfter reports whether a playlist was read at that time or later.
func (r *Rendition) readAfter(t time.Time) bool {
	for i := len(r.Reloads) - 1; i >= 0; i-- {
		if r.Reloads[i].Playlist != nil {
			return !r.Reloads[i].FirstByte.Before(t)
		}
	}
	return false
}

func (l *look) apart(r, other *Rendition) {
	var best time.Duration = -1
	give := adrift
	for i := len(r.Reloads) - 1; i >= 0 && best < 0; i-- {
		a := &r.Reloads[i]
		if a.Playlist != nil && !a.Playlist.Ended && !other.readAfter(a.FirstByte.Add(a.Playlist.Target/2)) {
			continue // an update of the other may have been missed
		}
		for k := range other.Reloads {
			d, near, ok := a.apart(&other.Reloads[k])
			if near && !ok {
				best = -1 // dates are missing, so that the best match may be
				break
			}
			if near && (best < 0 || d < best) {
				best, give = d, a.Playlist.Target+adrift
			}
		}
	}
	if best < 0 {
		return
	}
	l.held()
	if best > give {
		l.breaks(r.URI+" and "+other.URI, fmt.Sprintf("beginnings or ends %v apart", best), fmt.Sprintf("no more than %v", give-adrift))
	}
}

// apart is how far the beginnings or the ends of two playlists are from each
// other; near says that they were read at nearly the same time, ok that they
// have dates.
func (a *Reload) apart(b *Reload) (d time.Duration, near, ok bool) {
	if a.Playlist == nil || b.Playlist == nil || a.Playlist.Ended != b.Playlist.Ended {
		return 0, false, false
	}
	if !a.Playlist.Ended && a.FirstByte.Sub(b.FirstByte).Abs() > a.Playlist.Target/2 {
		return 0, false, false
	}
	from, to, ok := a.Playlist.span()
	from2, to2, ok2 := b.Playlist.span()
	return max(from.Sub(from2).Abs(), to.Sub(to2).Abs()), true, ok && ok2
}

// span is what a playlist covers.
func (p *Playlist) span() (from, to time.Time, ok bool) {
	dates := p.dates()
	if len(dates) == 0 || dates[0].IsZero() || dates[len(dates)-1].IsZero() {
		return from, to, false
	}
	return dates[0], dates[len(dates)-1].Add(p.Segments[len(p.Segments)-1].length()), true
}
