package hlstest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

var playlistRules = []rule{
	{Rule{"C1", Must, "4", "playlists are UTF-8 without a byte order mark, begin with #EXTM3U, follow the grammar and say what they are"}, 0, checkText},
	{Rule{"C2", Must, "8", "EXT-X-VERSION is as high as what the playlist uses needs, and not higher"}, 0, checkVersion},
	{Rule{"C3", Must, "4.4.3", "header tags come once, those that count segments before the first"}, 0, func(l *look) { l.faults("C3") }},
	{Rule{"C4", Must, "4.4.4.1", "EXTINF rounds to at most the target duration and is the duration of the media to 10 ms (which is measured in fMP4 only)"}, 0, checkDuration},
	{Rule{"C5", Must, "6.2.1", "the target duration never changes and is equal in all playlists"}, 0, checkTarget},
	{Rule{"C6", Must, "6.2.2", "the media sequence never goes back and grows by one for each removed segment; it is greater than 0 for hls.js"}, needSliding, checkSequence},
	{Rule{"C7", Must, "6.2.1", "what a playlist said of a segment it says in every reload"}, 0, checkConstancy},
	{Rule{"C8", Must, "6.2.2", "at least three target durations stay listed"}, needSliding, checkWindow},
	{Rule{"C9", Must, "6.2.1", "a change of tracks or codec is an EXT-X-DISCONTINUITY, and those that leave are counted"}, 0, checkDiscontinuity},
	{Rule{"C10", Must, "3.1.2", "every fMP4 segment is under an EXT-X-MAP that fits it (judged by its tracks; parameter sets are not decoded)"}, needBoxes, checkMap},
	{Rule{"C11", Should, "6.2.1", "media that is absent is listed as gaps that add up to it, and what is no gap can be loaded (across a discontinuity dates may jump)"}, 0, checkGaps},
	{Rule{"C12", Must, "6.2.2", "no EXT-X-PLAYLIST-TYPE in a sliding playlist; nothing changes after EXT-X-ENDLIST (whether an event that is over got one cannot be seen from outside)"}, 0, checkType},
	{Rule{"C13", Must, "6.2.2", "a removed segment can be loaded until its duration and that of the longest playlist it was in have passed since it was listed first, better since it was removed"}, needSliding, checkAvailability},
}

func checkText(l *look) {
	l.faults("C1")
	for i := range l.Index {
		l.contentType(&l.Index[i], "the multivariant playlist")
	}
	if l.Multivariant != nil {
		for _, f := range l.Multivariant.Faults {
			l.breaks(fmt.Sprintf("%s line %d", l.URL, f.Line), f.Text, "a playlist as rfc8216bis writes it")
		}
	}
	for _, r := range l.Renditions {
		for i := range r.Reloads {
			p := &r.Reloads[i]
			if p.Playlist == nil && p.OK() {
				l.breaks(r.URI, p.Problem, "a media playlist")
			}
		}
	}
	for r, p := range l.playlists() {
		l.contentType(&p.Exchange, r.URI)
	}
}

// contentType judges what a playlist says that it is: by its path or its type.
func (l *look) contentType(e *Exchange, where string) {
	if !e.OK() {
		return
	}
	l.held()
	kind, _, _ := strings.Cut(e.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	path, _, _ := strings.Cut(e.URL, "?")
	if kind != "application/vnd.apple.mpegurl" && kind != "audio/mpegurl" && !strings.HasSuffix(path, ".m3u8") && !strings.HasSuffix(path, ".m3u") {
		l.breaks(where, "Content-Type "+kind, "application/vnd.apple.mpegurl or a path that ends with .m3u8")
	}
}

func checkVersion(l *look) {
	all := func(r *Rendition, p *Playlist, what string) {
		l.held()
		least, most := p.versions()
		switch {
		case p.Version < least:
			l.breaks(r.URI+what, fmt.Sprintf("version %d", p.Version), fmt.Sprintf("at least %d", least))
		case p.Version > most:
			l.breaksAt(Should, r.URI+what, fmt.Sprintf("version %d", p.Version), fmt.Sprintf("no more than %d", most))
		}
	}
	for r, p := range l.playlists() {
		all(r, p.Playlist, "")
	}
	for _, r := range l.Renditions {
		for i := range r.Deltas {
			if p := r.Deltas[i].Update.Playlist; p != nil {
				all(r, p, " (delta)")
			}
		}
	}
	if m := l.Multivariant; m != nil {
		l.held()
		if m.Version < m.uses {
			l.breaks(l.URL, fmt.Sprintf("version %d", m.Version), fmt.Sprintf("at least %d", m.uses))
		} else if most := max(m.uses, 4); m.Version > most { // EXT-X-MEDIA may be a reason for 4
			l.breaksAt(Should, l.URL, fmt.Sprintf("version %d", m.Version), fmt.Sprintf("no more than %d", most))
		}
	}
}

// versions returns the lowest version that allows what the playlist uses, and
// the highest that anything in it gives a reason for.
// Spec: rfc8216bis §8.
func (p *Playlist) versions() (least, most int) {
	least, most = max(1, p.uses), 3
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Duration%time.Second != 0 {
			least = max(least, 3)
		}
		if s.ByteRange != "" {
			least = max(least, 4)
		}
		if s.Map != "" {
			least = max(least, 6)
		}
		if strings.Contains(s.Key, "KEYFORMAT") {
			least = max(least, 5)
		} else if strings.Contains(s.Key, "IV=") {
			least = max(least, 2)
		}
	}
	if p.Skip != nil {
		least = max(least, 9)
		if p.Skip.HasRemoved {
			least = max(least, 10)
		}
	}
	most = max(most, least)
	return least, most
}

// exact is how far an EXTINF may be from the duration of its media.
const exact = 10 * time.Millisecond

func checkDuration(l *look) {
	for r, p := range l.playlists() {
		for i := range p.Playlist.Segments {
			s := &p.Playlist.Segments[i]
			if s.Open() || s.Gap {
				continue
			}
			l.held()
			if rounded := time.Duration(math.Round(s.Duration.Seconds())) * time.Second; rounded > p.Playlist.Target {
				l.breaks(where(r, s.MSN), fmt.Sprintf("EXTINF %v", s.Duration), fmt.Sprintf("no more than %v", p.Playlist.Target))
			}
		}
	}
	for _, r := range l.Renditions {
		l.mediaDurations(r)
	}
}

// mediaDurations holds EXTINF and the DURATION of parts against the boxes.
func (l *look) mediaDurations(r *Rendition) {
	segments, parts := r.everything()
	for key, s := range segments {
		if f := r.Whole[key]; f != nil && !s.Gap {
			l.sameDuration(r, f, s.Duration, "EXTINF")
		}
	}
	for key, part := range parts {
		if f := r.Parts[key]; f != nil && !part.Gap {
			l.sameDuration(r, f, part.Duration, "DURATION")
		}
	}
}

func (l *look) sameDuration(r *Rendition, f *File, said time.Duration, tag string) {
	t := r.Inits[f.Map].track()
	if t == nil || f.Media == nil || len(f.Media.track(t.ID)) == 0 {
		return
	}
	l.held()
	if got := f.Media.duration(t); (got - said).Abs() >= exact {
		l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("%s %v of media that lasts %v", tag, said, got), "less than 10 ms between them")
	}
}

// everything returns every whole segment and every part that was ever listed,
// as they were listed last.
func (r *Rendition) everything() (map[string]*Segment, map[string]*Part) {
	segments, parts := map[string]*Segment{}, map[string]*Part{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		if p == nil {
			continue
		}
		for n := range p.Segments {
			s := &p.Segments[n]
			if !s.Open() {
				segments[segmentKey(s)] = s
			}
			for k := range s.Parts {
				parts[partKey(&s.Parts[k])] = &s.Parts[k]
			}
		}
	}
	return segments, parts
}

// where names a segment, or a part of it.
func where(r *Rendition, msn uint64, part ...uint64) string {
	if len(part) > 0 && part[0] != WholeSegment {
		return fmt.Sprintf("%s part %d.%d", r.URI, msn, part[0])
	}
	return fmt.Sprintf("%s segment %d", r.URI, msn)
}

func checkTarget(l *look) {
	var first *Playlist
	for r, p := range l.playlists() {
		if first == nil {
			first = p.Playlist
		}
		l.held()
		if p.Playlist.Target != first.Target {
			l.breaks(r.URI, fmt.Sprintf("target duration %v", p.Playlist.Target), fmt.Sprintf("%v, as elsewhere", first.Target))
		}
	}
}

func checkSequence(l *look) {
	for _, r := range l.Renditions {
		if p := r.first(); p != nil && p.MediaSequence == 0 && p.lowLatency() {
			l.breaksAt(Player, r.URI, "media sequence 0", "a first number greater than 0")
		}
	}
	for r, p := range l.pairs() {
		l.held()
		was, now := p[0].Playlist, p[1].Playlist
		if now.MediaSequence < was.MediaSequence {
			l.breaks(r.URI, fmt.Sprintf("media sequence %d after %d", now.MediaSequence, was.MediaSequence), "a number that never goes back")
			continue
		}
		if a, ok := was.Closed(); ok {
			if b, ok := now.Closed(); !ok || b < a {
				l.breaks(r.URI, fmt.Sprintf("segment %d, listed a moment ago, is gone from the end", a), "segments removed from the beginning only")
			}
		}
		// The same URI under another number means that the count is wrong.
		at := finder{p: now}
		for i := range was.Segments {
			s := &was.Segments[i]
			if s.Open() || s.Gap { // gaps may share a URI
				continue
			}
			if n := at.number(s); n != s.MSN {
				l.breaks(where(r, s.MSN), fmt.Sprintf("its URI under the number %d", n), "media sequence plus one for each removed segment")
				break
			}
		}
	}
}

// finder finds segments of a playlist by what they are called.
type finder struct {
	p    *Playlist
	keys map[string]uint64 // made when it is needed
}

// number returns the number under which the playlist lists the URI of s.
func (f *finder) number(s *Segment) uint64 {
	if same := f.p.Segment(s.MSN); s.Gap || same != nil && segmentKey(same) == segmentKey(s) {
		return s.MSN
	}
	if f.keys == nil {
		f.keys = make(map[string]uint64, len(f.p.Segments))
		for i := range slices.Backward(f.p.Segments) {
			f.keys[segmentKey(&f.p.Segments[i])] = f.p.Segments[i].MSN
		}
	}
	if n, ok := f.keys[segmentKey(s)]; ok {
		return n
	}
	return s.MSN
}

func checkConstancy(l *look) {
	l.not("no playlist was read twice")
	for r, p := range l.pairs() {
		was, now := p[0].Playlist, p[1].Playlist
		if now.Next().Less(was.Next()) {
			continue // an older playlist, which is another rule
		}
		at := finder{p: now}
		for i := range was.Segments {
			old := &was.Segments[i]
			s := now.Segment(old.MSN)
			if s == nil || at.number(old) != old.MSN {
				continue // gone, or counted wrongly, which is another rule
			}
			l.held()
			if what := differs(old, s); what != "" {
				l.breaks(where(r, s.MSN), what, "what was listed before")
			}
		}
	}
}

// differs says in what a segment is not what it was.
func differs(old, s *Segment) string {
	whole := !old.Open()
	switch {
	case whole && segmentKey(old) != segmentKey(s):
		return fmt.Sprintf("URI %s after %s", s.URI, old.URI)
	case whole && old.Duration != s.Duration:
		return fmt.Sprintf("EXTINF %v after %v", s.Duration, old.Duration)
	case old.Discontinuity != s.Discontinuity:
		return fmt.Sprintf("EXT-X-DISCONTINUITY %v after %v", s.Discontinuity, old.Discontinuity)
	case !old.Date.Equal(s.Date):
		return fmt.Sprintf("EXT-X-PROGRAM-DATE-TIME %q after %q", s.DateText, old.DateText)
	case old.Map != s.Map:
		return fmt.Sprintf("EXT-X-MAP %s after %s", s.Map, old.Map)
	case old.Key != s.Key:
		return "another EXT-X-KEY"
	case whole && old.Gap != s.Gap:
		return fmt.Sprintf("EXT-X-GAP %v after %v", s.Gap, old.Gap)
	}
	for i := range min(len(old.Parts), len(s.Parts)) {
		if old.Parts[i] != s.Parts[i] {
			return fmt.Sprintf("part %+v after %+v", s.Parts[i], old.Parts[i])
		}
	}
	if !s.Open() && len(s.Parts) > 0 && len(s.Parts) < len(old.Parts) {
		return fmt.Sprintf("%d parts after %d", len(s.Parts), len(old.Parts))
	}
	return ""
}

func checkWindow(l *look) {
	l.not("no segment was removed")
	for r, p := range l.pairs() {
		now := p[1].Playlist
		if now.MediaSequence <= p[0].Playlist.MediaSequence || now.Ended {
			continue
		}
		l.held()
		if d := now.listed(); d < 3*now.Target {
			l.breaks(r.URI, fmt.Sprintf("%v listed after a segment was removed", d), fmt.Sprintf("at least %v", 3*now.Target))
		}
	}
}
