package hlstest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

var mediaRules = []rule{
	{Rule{"M1", Must, "3.1.2", "init sections have a brand of iso6 or later, then moov with mvex and a track for each traf, durations 0"}, needBoxes, checkInits},
	{Rule{"M2", Must, "3.1.2", "every traf has tfdt and default-base-is-moof, and refers to nothing outside"}, needBoxes, checkFragments},
	{Rule{"M3", Must, "3", "every fragment begins where the one before ended, but for discontinuities and gaps"}, needBoxes, checkContinuity},
	{Rule{"M4", Profile, "B.1", "a segment begins with a sync sample, a part marked INDEPENDENT has one"}, needBoxes, checkSyncs},
}

// brands that are compatible with iso6 or higher.
var brands = map[string]bool{
	"iso6": true, "iso7": true, "iso8": true, "iso9": true, "isoa": true, "isob": true, "isoc": true,
	"cmfc": true, "cmf2": true, "cmfl": true, "cmff": true,
}

func checkInits(l *look) {
	for _, r := range l.Renditions {
		for name, f := range r.Inits {
			if f.Init == nil {
				continue
			}
			l.held()
			for _, what := range f.Init.wrong() {
				l.breaks(r.URI+" "+name, what, "an init section as rfc8216bis §3.1.2 has it")
			}
		}
	}
}

func (s *Init) wrong() []string {
	list := slices.Clone(s.Faults)
	if !slices.ContainsFunc(s.Brands, func(b string) bool { return brands[b] }) {
		list = append(list, fmt.Sprintf("brands %s", strings.Join(s.Brands, " ")))
	}
	if len(s.Tracks) == 0 {
		list = append(list, "no trak")
	}
	if !s.Extends {
		list = append(list, "no mvex")
	}
	if s.Duration != 0 && s.Duration != 0xffffffff && s.Duration != 1<<64-1 {
		list = append(list, fmt.Sprintf("a movie of duration %d", s.Duration))
	}
	for i := range s.Tracks {
		t := &s.Tracks[i]
		switch {
		case s.Extends && !t.Extends:
			list = append(list, fmt.Sprintf("no trex of track %d", t.ID))
		case t.Duration != 0:
			list = append(list, fmt.Sprintf("track %d of duration %d", t.ID, t.Duration))
		}
	}
	return list
}

// files are all media files of a rendition that were loaded.
func (r *Rendition) files() func(func(*File) bool) {
	return func(yield func(*File) bool) {
		for _, files := range []map[string]*File{r.Parts, r.Whole} {
			for _, f := range files {
				if f.Media != nil && f.Media.Container == FMP4 && !yield(f) {
					return
				}
			}
		}
	}
}

func checkFragments(l *look) {
	for _, r := range l.Renditions {
		for f := range r.files() {
			l.held()
			at := where(r, f.At.MSN, f.At.Part)
			for _, what := range f.Media.Faults {
				l.breaks(at, what, "movie fragments that can be read")
			}
			for i := range f.Media.Runs {
				switch run := &f.Media.Runs[i]; {
				case !run.HasBase:
					l.breaks(at, "a traf without tfdt", "tfdt")
				case !run.MoofRelated || run.Offset:
					l.breaks(at, "a traf without default-base-is-moof", "default-base-is-moof and no base-data-offset")
				}
			}
		}
		for name, f := range r.Inits {
			for i := 0; f.Init != nil && i < len(f.Init.Tracks); i++ {
				if f.Init.Tracks[i].External {
					l.breaks(r.URI+" "+name, "a data reference to another file", "self-contained media")
				}
			}
		}
	}
}

func checkContinuity(l *look) {
	for _, r := range l.Renditions {
		l.line(r, sorted(r.Whole), "segment")
		l.line(r, sorted(r.Parts), "part")
	}
}

// sorted returns files in the order of the programme.
func sorted(files map[string]*File) []*File {
	list := make([]*File, 0, len(files))
	for _, f := range files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *File) int {
		return cmp.Or(cmp.Compare(a.At.MSN, b.At.MSN), cmp.Compare(a.At.Part, b.At.Part))
	})
	return list
}

// line follows decoding times from file to file, as far as no file is missing.
func (l *look) line(r *Rendition, list []*File, kind string) {
	ends := map[uint32]uint64{}
	var was *File
	for _, f := range list {
		if f.Media == nil || len(f.Media.Runs) == 0 || !f.OK() {
			was = nil
			continue
		}
		if was == nil || !r.adjoins(was, f) {
			clear(ends)
		}
		for i := range f.Media.Runs {
			run := &f.Media.Runs[i]
			if len(run.Samples) == 0 {
				continue
			}
			if end, known := ends[run.Track]; known {
				l.held()
				if run.Base != end {
					l.breaks(where(r, f.At.MSN, f.At.Part), fmt.Sprintf("a %s of track %d that begins at %d", kind, run.Track, run.Base), fmt.Sprintf("%d, where the one before ended", end))
				}
			}
			ends[run.Track] = run.Base + run.length()
		}
		was = f
	}
}

// adjoins reports whether b follows a without anything between them.
func (r *Rendition) adjoins(a, b *File) bool {
	if a.Domain != b.Domain || r.cutAt(b.At.MSN) && a.At.MSN != b.At.MSN {
		return false
	}
	if b.At.Part == WholeSegment {
		return a.At.MSN+1 == b.At.MSN
	}
	if a.At.MSN == b.At.MSN {
		return a.At.Part+1 == b.At.Part
	}
	s := r.segment(a.At.MSN)
	return a.At.MSN+1 == b.At.MSN && b.At.Part == 0 && s != nil && !s.Open() && uint64(len(s.Parts)) == a.At.Part+1
}

// segment returns a segment with its parts, as it was listed first as a whole.
func (r *Rendition) segment(msn uint64) *Segment {
	for i := range r.Reloads {
		if p := r.Reloads[i].Playlist; p != nil {
			if s := p.Segment(msn); s != nil && !s.Open() {
				return s
			}
		}
	}
	return nil
}

// cutAt reports whether a segment begins a domain.
func (r *Rendition) cutAt(msn uint64) bool {
	s := r.segment(msn)
	if s == nil {
		if p := r.last(); p != nil {
			s = p.Segment(msn)
		}
	}
	return s != nil && s.Discontinuity
}

func checkSyncs(l *look) {
	for _, r := range l.Renditions {
		for _, f := range r.Whole {
			t := r.Inits[f.Map].track()
			if t == nil || f.Media == nil || len(f.Media.track(t.ID)) == 0 {
				continue
			}
			key, first := f.Media.syncs(t.ID)
			if !key {
				continue // another rule
			}
			l.held()
			if !first {
				l.breaks(where(r, f.At.MSN), "a first sample that is no sync sample", "one")
			}
		}
	}
	l.eachPart(func(r *Rendition, _ *Playlist, s *Segment, i int) {
		f := r.Parts[partKey(&s.Parts[i])]
		if !s.Parts[i].Independent || f == nil || f.Media == nil || r.Inits[f.Map].track() == nil {
			return
		}
		runs := f.Media.track(r.Inits[f.Map].track().ID)
		if !slices.ContainsFunc(runs, func(r Run) bool { return len(r.Samples) > 0 }) {
			return // another rule
		}
		l.held()
		if key, _ := f.Media.syncs(r.Inits[f.Map].track().ID); !key {
			l.breaks(where(r, s.MSN, uint64(i)), "INDEPENDENT=YES without a sync sample", "one")
		}
	})
}
