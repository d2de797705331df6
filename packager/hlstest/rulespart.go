package hlstest

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

var partRules = []rule{
	{Rule{"P1", Must, "4.4.3.7", "EXT-X-PART-INF is there exactly if there are parts; PART-TARGET is constant and equal everywhere"}, needParts, checkPartTarget},
	{Rule{"P2", Must, "4.4.4.9", "no part is longer than PART-TARGET"}, needParts, checkLongParts},
	{Rule{"P3", Must, "4.4.4.9", "a part is at least 85 % of PART-TARGET unless it is independent, a gap, before a gap, or the last of its segment"}, needParts, checkShortParts},
	{Rule{"P4", Must, "3.2", "the parts of a segment are the segment: same samples, times and metadata, durations that add up to EXTINF"}, needParts, checkWhole},
	{Rule{"P5", Must, "4.4.4.9", "DISCONTINUITY, KEY, MAP and date of a segment stand before its first part"}, needParts, checkHeads},
	{Rule{"P6", Must, "6.2.1", "the next part, a gap or not, is listed within one PART-TARGET of the one before"}, needParts | needSliding, checkCadence},
	{Rule{"P7", Should, "4.4.4.9", "every part with an independent frame is marked INDEPENDENT=YES"}, needParts | needBoxes, checkIndependent},
	{Rule{"P8", Must, "6.2.2", "parts are listed up to three target durations from the end, leave in their order, and can be loaded as long again"}, needParts | needSliding, checkPartWindow},
	{Rule{"P9", Profile, "B.1", "every segment has an independent frame; EXT-X-INDEPENDENT-SEGMENTS makes it a must (4.4.2.1)"}, needBoxes, checkKeys},
	{Rule{"P10", Player, "", "every rendition has parts, and every part has samples"}, needParts | needBoxes, checkEmpty},
	{Rule{"P11", Must, "4.4.5.3", "the next part is hinted at, under the URI that it gets, and so is the init section that it needs"}, needParts | needSliding, checkHints},
	{Rule{"P12", Must, "4.4.5.3", "one hint of each type at most, none after EXT-X-ENDLIST"}, needParts, checkHintCount},
	{Rule{"P13", Must, "6.2.6", "a hinted part is answered when it is whole, and then at full speed (seen by the time between its first and last byte)"}, needParts | needSliding, checkHinted},
	{Rule{"P14", Should, "6.2.6", "names that are unknown, and hints that were given up, are 404"}, 0, checkUnknown},
}

func checkPartTarget(l *look) {
	var first time.Duration
	for r, p := range l.playlists() {
		parts := 0
		for i := range p.Playlist.Segments {
			parts += len(p.Playlist.Segments[i].Parts)
		}
		l.held()
		if parts > 0 && !p.Playlist.HasPartInf {
			l.breaks(r.URI, "parts without EXT-X-PART-INF", "both")
			continue
		}
		if !p.Playlist.HasPartInf {
			continue
		}
		if first == 0 {
			first = p.Playlist.PartTarget
		}
		if p.Playlist.PartTarget != first {
			l.breaks(r.URI, fmt.Sprintf("PART-TARGET %v", p.Playlist.PartTarget), fmt.Sprintf("%v, as elsewhere", first))
		}
	}
}

// eachPart calls f once for every part that was ever listed. The segment is
// that of the playlist in which the part was last seen.
func (l *look) eachPart(f func(r *Rendition, p *Playlist, s *Segment, i int)) {
	for _, r := range l.Renditions {
		seen := map[string]bool{}
		for n := len(r.Reloads) - 1; n >= 0; n-- {
			p := r.Reloads[n].Playlist
			if p == nil {
				continue
			}
			for k := range p.Segments {
				s := &p.Segments[k]
				for i := range s.Parts {
					if key := partKey(&s.Parts[i]); !seen[key] {
						seen[key] = true
						f(r, p, s, i)
					}
				}
			}
		}
	}
}

func checkLongParts(l *look) {
	l.eachPart(func(r *Rendition, p *Playlist, s *Segment, i int) {
		if p.PartTarget == 0 {
			return
		}
		l.held()
		if d := s.Parts[i].Duration; d > p.PartTarget {
			l.breaks(where(r, s.MSN, uint64(i)), fmt.Sprintf("DURATION %v", d), fmt.Sprintf("no more than %v", p.PartTarget))
		}
	})
}

func checkShortParts(l *look) {
	l.eachPart(func(r *Rendition, p *Playlist, s *Segment, i int) {
		part := &s.Parts[i]
		last := i == len(s.Parts)-1
		// The last part of an open segment may turn out to be its last.
		if p.PartTarget == 0 || last || part.Gap || s.Parts[i+1].Gap || part.Independent && !l.sound(r) {
			return
		}
		l.held()
		if part.Duration*100 < p.PartTarget*85 && !l.coarse(r, part.Duration, p.PartTarget) {
			level := Must
			if part.Independent { // which excuses it by the letter, as all of sound
				level = Player
			}
			l.breaksAt(level, where(r, s.MSN, uint64(i)), fmt.Sprintf("DURATION %v", part.Duration), fmt.Sprintf("at least 85 %% of %v", p.PartTarget))
		}
	})
}

// sound reports whether a rendition has no pictures. All its parts are
// independent, which must not excuse them.
func (l *look) sound(r *Rendition) bool {
	for _, f := range r.Inits {
		if t := f.track(); t != nil {
			return t.Handler != "vide"
		}
	}
	return r.Kind == "audio"
}

// coarse reports whether one more sample would have made a part too long: then
// it could not be longer.
func (l *look) coarse(r *Rendition, d, target time.Duration) bool {
	var longest time.Duration
	for _, f := range r.Parts {
		t := r.Inits[f.Map].track()
		if t == nil || f.Media == nil {
			continue
		}
		for _, run := range f.Media.track(t.ID) {
			for i := range run.Samples {
				longest = max(longest, scaled(uint64(run.Samples[i].Duration), t.Timescale))
			}
		}
	}
	return d+longest > target
}

// sums is how far the durations of parts may be from EXTINF, for rounding.
const sums = 5 * time.Millisecond

func checkWhole(l *look) {
	l.not("no segment was seen with all its parts")
	for _, r := range l.Renditions {
		seen := map[uint64]bool{}
		for i := range r.Reloads {
			p := r.Reloads[i].Playlist
			if p == nil {
				continue
			}
			for n := range p.Segments {
				if s := &p.Segments[n]; !s.Open() && !s.Gap && len(s.Parts) > 0 && !seen[s.MSN] {
					seen[s.MSN] = true
					l.sameAsParts(r, s)
				}
			}
		}
	}
}

func (l *look) sameAsParts(r *Rendition, s *Segment) {
	l.held()
	if d := total(s.Parts) - s.Duration; d.Abs() > sums {
		l.breaks(where(r, s.MSN), fmt.Sprintf("parts of %v under EXTINF %v", total(s.Parts), s.Duration), "the same")
		return
	}
	for i := range s.Parts {
		if s.Parts[i].Gap {
			return // not all of it is there
		}
	}
	whole := r.Whole[segmentKey(s)]
	if whole == nil || whole.Media == nil || whole.Media.Container != FMP4 {
		return
	}
	joined := &Media{}
	for i := range s.Parts {
		f := r.Parts[partKey(&s.Parts[i])]
		if f == nil || f.Media == nil {
			return
		}
		joined.Runs = append(joined.Runs, f.Media.Runs...)
		joined.Events = append(joined.Events, f.Media.Events...)
	}
	if what := unlike(joined, whole.Media); what != "" {
		l.breaks(where(r, s.MSN), what, "a segment that is its parts")
	}
}

// unlike says in what parts and their segment differ.
func unlike(parts, whole *Media) string {
	a, b := samplesByTrack(parts), samplesByTrack(whole)
	if len(a) != len(b) {
		return fmt.Sprintf("%d tracks in the parts, %d in the segment", len(a), len(b))
	}
	for id, list := range a {
		other := b[id]
		if len(list) != len(other) {
			return fmt.Sprintf("%d samples in the parts, %d in the segment", len(list), len(other))
		}
		for i := range list {
			if list[i] != other[i] {
				return fmt.Sprintf("sample %d is %+v in the parts, %+v in the segment", i, list[i], other[i])
			}
		}
	}
	if len(parts.Events) != len(whole.Events) {
		return fmt.Sprintf("%d events in the parts, %d in the segment", len(parts.Events), len(whole.Events))
	}
	for i := range parts.Events {
		if a, b := &parts.Events[i], &whole.Events[i]; a.Scheme != b.Scheme || a.ID != b.ID || a.Time != b.Time || !bytes.Equal(a.Data, b.Data) {
			return fmt.Sprintf("event %d is another one in the segment", i)
		}
	}
	return ""
}

// timed is a sample and its decoding time.
type timed struct {
	Sample
	at uint64
}

func samplesByTrack(m *Media) map[uint32][]timed {
	list := map[uint32][]timed{}
	for i := range m.Runs {
		at := m.Runs[i].Base
		for _, s := range m.Runs[i].Samples {
			list[m.Runs[i].Track] = append(list[m.Runs[i].Track], timed{s, at})
			at += uint64(s.Duration)
		}
	}
	return list
}

func checkHeads(l *look) {
	l.faults("P5")
	for r, p := range l.playlists() {
		segments := p.Playlist.Segments
		if len(segments) < 2 {
			continue
		}
		s, before := &segments[len(segments)-1], &segments[len(segments)-2]
		if s.Open() && s.Date.IsZero() && !before.Date.IsZero() {
			l.breaksAt(Player, where(r, s.MSN), "an open segment without a date", "its EXT-X-PROGRAM-DATE-TIME before its first part")
		}
	}
}

func checkIndependent(l *look) {
	marked, unmarked := map[*Rendition]int{}, map[*Rendition]int{}
	l.eachPart(func(r *Rendition, _ *Playlist, s *Segment, i int) {
		part := &s.Parts[i]
		f := r.Parts[partKey(part)]
		if f == nil || f.Media == nil {
			return
		}
		t := r.Inits[f.Map].track()
		if t == nil {
			return
		}
		key, _ := f.Media.syncs(t.ID)
		l.held()
		if key && part.Independent {
			marked[r]++
		}
		if key && !part.Independent {
			unmarked[r]++
			l.breaks(where(r, s.MSN, uint64(i)), "a sync sample in a part that is not marked", "INDEPENDENT=YES")
		}
	})
	for r, n := range unmarked {
		if marked[r] > 0 {
			l.breaksAt(Player, r.URI, fmt.Sprintf("%d parts with sync samples marked and %d not", marked[r], n), "all or none")
		}
	}
}

func checkKeys(l *look) {
	for _, r := range l.Renditions {
		for _, f := range r.Whole {
			t := r.Inits[f.Map].track()
			if t == nil || f.Media == nil || len(f.Media.track(t.ID)) == 0 {
				continue
			}
			l.held()
			if key, _ := f.Media.syncs(t.ID); key {
				continue
			}
			if l.Multivariant != nil && l.Multivariant.Independent {
				l.breaksAt(Must, where(r, f.At.MSN), "no sync sample under EXT-X-INDEPENDENT-SEGMENTS", "one in every segment, or no such claim")
			} else {
				l.breaks(where(r, f.At.MSN), "no sync sample", "one in every segment")
			}
		}
	}
}

func checkEmpty(l *look) {
	for _, r := range l.Renditions {
		if p := r.last(); p != nil && !p.lowLatency() && !p.Ended {
			l.breaks(r.URI, "no parts", "parts, as other renditions have")
		} else if r.hollow() {
			l.breaks(r.URI, "EXT-X-PART-INF and no part in any reload", "parts")
		}
		for _, f := range r.Parts {
			if f.Media == nil || f.Media.Container != FMP4 {
				continue
			}
			l.held()
			samples := 0
			for i := range f.Media.Runs {
				samples += len(f.Media.Runs[i].Samples)
			}
			if samples == 0 {
				l.breaks(where(r, f.At.MSN, f.At.Part), "no samples", "samples")
			}
		}
	}
}

// hollow reports whether a live playlist promises parts and never had one.
func (r *Rendition) hollow() bool {
	live := 0
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		if p == nil || p.Ended || !p.HasPartInf {
			continue
		}
		live++
		if slices.ContainsFunc(p.Segments, func(s Segment) bool { return len(s.Parts) > 0 }) {
			return false
		}
	}
	return live > 2
}

func checkHints(l *look) {
	for r, p := range l.pairs() {
		was, now := p[0].Playlist, p[1].Playlist
		uri, ok := was.hint("PART")
		if !was.lowLatency() || was.Ended {
			continue
		}
		l.held()
		if !ok {
			l.breaksAt(Profile, r.URI, "no EXT-X-PRELOAD-HINT:TYPE=PART", "a hint at the next part")
			continue
		}
		next := was.Next()
		s := now.Segment(next.MSN)
		if s == nil || uint64(len(s.Parts)) <= next.Part || s.Parts[next.Part].Gap {
			continue // not there yet, or a segment that ended instead
		}
		if got := s.Parts[next.Part].URI; got != uri {
			l.breaks(where(r, next.MSN, next.Part), "URI "+got+" after a hint at "+uri, "the URI that was hinted at")
		}
		if !s.Discontinuity || !p[1].Asked.HasMSN {
			// A held request does not see a hint that came while it was held, as it
			// does when an encoder comes back with another format.
			l.mapHint(r, was, s)
		}
	}
}

// mapHint judges that a new init section was hinted at too.
func (l *look) mapHint(r *Rendition, was *Playlist, s *Segment) {
	if s.Map == "" || len(was.Segments) == 0 || was.Next().Part > 0 {
		return
	}
	for i := range was.Segments {
		if was.Segments[i].Map == s.Map {
			return
		}
	}
	if uri, ok := was.hint("MAP"); !ok || uri != s.MapURI {
		l.breaksAt(Profile, where(r, s.MSN), "a new init section without a hint", `EXT-X-PRELOAD-HINT:TYPE=MAP,URI="`+s.MapURI+`"`)
	}
}

func checkHintCount(l *look) {
	for r, p := range l.playlists() {
		l.held()
		kinds := map[string]int{}
		for _, h := range p.Playlist.Hints {
			kinds[h.Type]++
		}
		for kind, n := range kinds {
			if n > 1 {
				l.breaksAt(Should, r.URI, fmt.Sprintf("%d hints of type %s", n, kind), "one at most")
			}
		}
		if p.Playlist.Ended && len(p.Playlist.Hints) > 0 {
			l.breaks(r.URI, "a hint after EXT-X-ENDLIST", "none")
		}
	}
}

func checkHinted(l *look) {
	l.not("no hinted part was loaded ahead of its tag")
	for _, r := range l.Renditions {
		target := time.Duration(0)
		if p := r.last(); p != nil {
			target = p.PartTarget
		}
		listed := r.partURLs()
		for _, f := range r.Hinted {
			if part := listed[f.URL]; f.Status != 0 && !f.OK() && part != nil && !part.Gap {
				l.held()
				l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("status %d for a hinted part that was listed then", f.Status), "the part, when it is whole")
			}
			if !f.OK() {
				continue // abandoned hints are allowed
			}
			l.held()
			if d := f.Received.Sub(f.FirstByte); d > target/2+l.patience(0) {
				l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("%v between the first byte and the last", d.Round(time.Millisecond)), "a whole part at full speed")
			}
		}
	}
}

// partURLs are the parts that were ever listed, by their URLs.
func (r *Rendition) partURLs() map[string]*Part {
	_, parts := r.everything()
	list := make(map[string]*Part, len(parts))
	for _, p := range parts {
		list[resolve(r.URL, p.URI)] = p
	}
	return list
}

// abandoned judges hinted parts that never came: the time of at least two
// parts after them was seen.
func (l *look) abandoned(r *Rendition) {
	p := r.last()
	if p == nil {
		return
	}
	listed := r.partURLs()
	for _, f := range r.Hinted {
		if listed[f.URL] != nil || f.Status == 0 || !p.holds(Position{f.At.MSN + 1, 1}) {
			continue
		}
		l.held()
		if f.Status != 404 && f.Status != 410 {
			l.breaks(f.URL, fmt.Sprintf("status %d for a hinted part that was never listed", f.Status), "404")
		}
	}
}

func checkUnknown(l *look) {
	l.not("no unknown name was asked for")
	for _, r := range l.Renditions {
		l.abandoned(r)
	}
	for t := range l.trials(TrialUnknown) {
		if t.Status == 0 {
			continue
		}
		l.held()
		if t.Status != 404 && t.Status != 410 {
			l.breaks(t.URL, fmt.Sprintf("status %d", t.Status), "404")
		}
	}
}

// pathOf is the path of a URL as it is written, without the query.
func pathOf(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Path
	}
	path, _, _ := strings.Cut(raw, "?")
	return path
}
