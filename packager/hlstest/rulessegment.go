package hlstest

import (
	"fmt"
	"time"
)

func checkDiscontinuity(l *look) {
	l.not("no DISCONTINUITY and no change of format was seen")
	for r, p := range l.pairs() {
		was, now := p[0].Playlist, p[1].Playlist
		if now.MediaSequence > was.MediaSequence && !now.HasDiscontinuity && (anyDiscontinuity(was) || anyDiscontinuity(now)) {
			l.held()
			l.breaks(r.URI, "segments removed around an EXT-X-DISCONTINUITY", "EXT-X-DISCONTINUITY-SEQUENCE")
		}
		for i := range now.Segments {
			s := &now.Segments[i]
			old := was.Segment(s.MSN)
			if old == nil || s.Domain == 0 && old.Domain == 0 || old.Discontinuity != s.Discontinuity {
				continue // another rule, if anything
			}
			l.held()
			if s.Domain != old.Domain {
				l.breaks(where(r, s.MSN), fmt.Sprintf("discontinuity number %d after %d", s.Domain, old.Domain),
					"EXT-X-DISCONTINUITY-SEQUENCE plus one for each EXT-X-DISCONTINUITY that is removed")
				break
			}
		}
	}
	for _, r := range l.Renditions {
		l.formatChanges(r)
	}
}

// formatChanges judges that init sections of another format come with a
// discontinuity.
func (l *look) formatChanges(r *Rendition) {
	seen := map[uint64]bool{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		for n := 1; p != nil && n < len(p.Segments); n++ {
			s, before := &p.Segments[n], &p.Segments[n-1]
			if seen[s.MSN] || s.Map == before.Map {
				continue
			}
			a, b := r.Inits[before.Map].track(), r.Inits[s.Map].track()
			if a == nil || b == nil {
				continue
			}
			seen[s.MSN] = true
			l.held()
			if s.Discontinuity {
				continue
			}
			if a.Entry != b.Entry || a.Timescale != b.Timescale || a.ID != b.ID || len(r.Inits[before.Map].Init.Tracks) != len(r.Inits[s.Map].Init.Tracks) {
				l.breaks(where(r, s.MSN), fmt.Sprintf("%s after %s without EXT-X-DISCONTINUITY", b.describe(), a.describe()), "EXT-X-DISCONTINUITY")
			} else if a.Width != b.Width || a.Height != b.Height {
				l.breaksAt(Should, where(r, s.MSN), fmt.Sprintf("%s after %s without EXT-X-DISCONTINUITY", b.describe(), a.describe()), "EXT-X-DISCONTINUITY")
			}
		}
	}
}

func (t *InitTrack) describe() string {
	return fmt.Sprintf("%s track %d of %dx%d at %d Hz", t.Entry, t.ID, t.Width, t.Height, t.Timescale)
}

func checkMap(l *look) {
	seen := map[string]bool{}
	for r, p := range l.playlists() {
		for i := range p.Playlist.Segments {
			s := &p.Playlist.Segments[i]
			if s.Map == "" && !s.Gap {
				l.breaks(where(r, s.MSN), "no EXT-X-MAP", "one in force")
				break
			}
			l.held()
		}
	}
	for _, r := range l.Renditions {
		for _, files := range []map[string]*File{r.Whole, r.Parts} {
			for _, f := range files {
				init := r.Inits[f.Map]
				if init == nil || init.Init == nil || f.Media == nil {
					continue
				}
				l.held()
				for _, run := range f.Media.Runs {
					if init.Init.find(run.Track) == nil && !seen[r.URI+f.Map] {
						seen[r.URI+f.Map] = true
						l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("track %d, which init section %s does not have", run.Track, f.Map), "the init section of this media")
					}
				}
			}
		}
	}
}

// loss is a jump of dates that means absent media, and no jitter.
const loss = 500 * time.Millisecond

func checkGaps(l *look) {
	seen := map[string]bool{}
	for r, p := range l.playlists() {
		for i := 1; i < len(p.Playlist.Segments); i++ {
			s, before := &p.Playlist.Segments[i], &p.Playlist.Segments[i-1]
			if s.Discontinuity || s.Date.IsZero() || before.Date.IsZero() || seen[where(r, s.MSN)] {
				continue
			}
			seen[where(r, s.MSN)] = true
			l.held()
			if d := s.Date.Sub(before.Date) - before.Duration; d >= loss {
				l.breaks(where(r, s.MSN), fmt.Sprintf("%v of the programme that no segment covers", d), "EXT-X-GAP or GAP=YES for as long")
			}
		}
	}
	for _, r := range l.Renditions {
		l.notThere(r)
		l.gapParts(r)
	}
}

// gapParts judges that the parts of gap segments are as long as these.
func (l *look) gapParts(r *Rendition) {
	seen := map[uint64]bool{}
	for i := range r.Reloads {
		p := r.Reloads[i].Playlist
		for n := 0; p != nil && n < len(p.Segments); n++ {
			s := &p.Segments[n]
			if s.Open() || !s.Gap || len(s.Parts) == 0 || seen[s.MSN] {
				continue
			}
			seen[s.MSN] = true
			l.held()
			if d := total(s.Parts) - s.Duration; d.Abs() > sums {
				l.breaks(where(r, s.MSN), fmt.Sprintf("parts of %v in a gap of %v", total(s.Parts), s.Duration), "the same")
			}
		}
	}
}

// notThere finds what is listed without GAP and cannot be loaded.
func (l *look) notThere(r *Rendition) {
	segments, parts := r.everything()
	one := func(f *File, gap bool) {
		if f == nil || gap || f.Status == 0 {
			return
		}
		l.held()
		if f.Status == 404 || f.Status == 410 {
			l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("status %d without a gap", f.Status), "GAP for what is not there")
		}
	}
	for key, s := range segments {
		one(r.Whole[key], s.Gap)
	}
	for key, p := range parts {
		one(r.Parts[key], p.Gap)
	}
}

func checkType(l *look) {
	for r, p := range l.pairs() {
		was, now := p[0].Playlist, p[1].Playlist
		l.held()
		if now.Type != "" && now.MediaSequence > was.MediaSequence {
			l.breaks(r.URI, "EXT-X-PLAYLIST-TYPE:"+now.Type+" with a segment removed", "none in a sliding playlist")
		}
		if was.Ended && !now.Ended {
			l.breaks(r.URI, "EXT-X-ENDLIST gone again", "no change after the end")
		}
		if was.Type == "VOD" && (now.Next() != was.Next() || now.Ended != was.Ended) {
			l.breaks(r.URI, "EXT-X-PLAYLIST-TYPE:VOD in a playlist that grows", "no change of it")
		}
	}
	for t := range l.trials(TrialEnded) {
		if t.Playlist != nil && t.Known != nil && t.Playlist.Ended {
			l.held()
			if t.Playlist.Next() != t.Known.Next() || t.Playlist.MediaSequence != t.Known.MediaSequence {
				l.breaks(l.name(t.Rendition), "another playlist after EXT-X-ENDLIST", "no change after the end")
			}
		}
	}
	for r, p := range l.playlists() {
		l.held()
		if p.Playlist.Ended && len(p.Playlist.Segments) > 0 && p.Playlist.Segments[len(p.Playlist.Segments)-1].Open() {
			l.breaks(r.URI, "EXT-X-ENDLIST behind an open segment", "whole segments")
		}
	}
}
