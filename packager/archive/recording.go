package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/m3u8"
)

// recording is the one that is being written. It belongs to the writing
// goroutine.
type recording struct {
	dir, id  string
	first    uint64 // number of its first segment
	target   time.Duration
	manifest manifest
	slots    []slot // of every segment number from first on
	tracks   map[string]*track
	cues     map[string][]string // date ranges that a rendition's playlist has not yet
	segments int
	stale    bool // the multivariant playlist is older than the manifest
}

// slot is when a segment is, for renditions that do not have it.
type slot struct {
	start    time.Time
	duration time.Duration
	domain   uint64
	known    bool
}

// begin makes a recording that starts with s.
func begin(root string, s *packager.Sealed) (*recording, error) {
	start := s.Start.Time()
	for n := range 1000 {
		id := newID(start, n)
		dir := filepath.Join(root, id)
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := &recording{
			dir: dir, id: id, first: s.Name.MSN, target: s.Target, tracks: map[string]*track{}, cues: map[string][]string{},
			manifest: manifest{Start: start, Tracks: map[string]*media{}},
		}
		if err := r.manifest.write(dir); err != nil {
			return nil, errors.Join(err, remove(dir))
		}
		return r, nil
	}
	return nil, fmt.Errorf("a thousand recordings began at %v", start)
}

// maxSlots bounds the numbers of one recording: three days of segments of 1 s.
const maxSlots = 3 * 24 * 3600

// maxCues is how many date ranges may wait for a segment.
const maxCues = 4096

// note takes down when s is, and its cues. A segment does not belong to the
// recording if it is from before it, or so far behind what is known of it that
// nobody can say what lies between.
func (r *recording) note(s *packager.Sealed) (before, far bool) {
	if s.Name.MSN < r.first {
		return true, false
	}
	n := s.Name.MSN - r.first
	if n > uint64(len(r.slots))+maxJobs || n >= maxSlots {
		return false, true
	}
	for uint64(len(r.slots)) <= n {
		r.slots = append(r.slots, slot{})
	}
	if cues := r.cues[s.Name.Rendition]; len(s.Cues) > 0 && len(cues) < maxCues {
		r.cues[s.Name.Rendition] = append(cues, s.Cues...)
	}
	if !r.slots[n].known {
		r.slots[n] = slot{start: s.Start.Time(), duration: s.Duration, domain: s.Domain, known: true}
	}
	return false, false
}

// init writes the init section of s, if it is new.
func (r *recording) init(s *packager.Sealed) error {
	t := r.track(s.Name.Rendition)
	file := s.Init.String()
	if t.inits[file] {
		return nil
	}
	if err := create(filepath.Join(r.dir, file), s.InitData); err != nil {
		return err
	}
	t.inits[file] = true
	return nil
}

func (r *recording) track(rendition string) *track {
	t := r.tracks[rendition]
	if t == nil {
		t = &track{rendition: rendition, next: r.first, inits: map[string]bool{}}
		r.tracks[rendition] = t
		r.manifest.Tracks[rendition] = &media{}
	}
	return t
}

// lag is how many segments a rendition may be behind the others before gaps
// are written in its place.
const lag = 8

// add lists a segment whose media is on disk.
func (r *recording) add(s *packager.Sealed) error {
	t := r.track(s.Name.Rendition)
	if s.Name.MSN < t.next {
		return nil // the gap is written
	}
	m := r.manifest.Tracks[t.rendition]
	news := m.learn(s.Track)
	t.measure(m, s.Size, s.Duration, r.target)
	r.manifest.Bytes += int64(s.Size)
	r.manifest.End = later(r.manifest.End, s.Start.Time().Add(s.Duration))
	r.manifest.Leaning = r.manifest.Leaning || s.Leans
	r.segments++
	if t.init == "" {
		t.init = s.Init.String() // also of the gaps before
	}
	r.fill(t, s.Name.MSN)
	t.add(r, line{
		file: s.Name.String(), init: s.Init.String(), start: s.Start.Time(), duration: s.Duration,
	}, s.Domain, r.cues[t.rendition])
	delete(r.cues, t.rendition)
	for _, other := range r.tracks {
		if s.Name.MSN > lag && other.init != "" {
			r.fill(other, s.Name.MSN-lag)
		}
	}
	if news {
		if err := r.manifest.write(r.dir); err != nil {
			return err
		}
		r.stale = true
	}
	return r.flush(s.Name.MSN > r.first)
}

// fill writes gaps for what t lacks before number msn.
func (r *recording) fill(t *track, msn uint64) {
	for t.next < msn && t.next-r.first < uint64(len(r.slots)) {
		at := r.slots[t.next-r.first]
		if !at.known {
			at = r.guess(t.next)
		}
		name := packager.Name{Kind: packager.NameSegment, Rendition: t.rendition, MSN: t.next}
		t.add(r, line{file: name.String(), init: t.init, gap: true, start: at.start, duration: at.duration}, at.domain, nil)
	}
}

// guess is when a segment was that no rendition told of: behind the one before.
func (r *recording) guess(msn uint64) slot {
	n := msn - r.first
	at := slot{start: r.manifest.Start, duration: r.target, known: true}
	if n > 0 {
		before := r.slots[n-1]
		at.start, at.domain = before.start.Add(before.duration), before.domain
	}
	r.slots[n] = at
	return at
}

// flush writes what the playlists do not have yet, and the multivariant
// playlist if it is older than the manifest and every rendition had its chance
// to be in it.
func (r *recording) flush(settled bool) error {
	for _, t := range r.tracks {
		if err := t.flush(r.dir); err != nil {
			return err
		}
	}
	if !r.stale || !settled {
		return nil
	}
	if err := create(filepath.Join(r.dir, packager.Index), r.manifest.index()); err != nil {
		return err
	}
	r.stale = false
	return nil
}

// close ends the recording: what it has is complete.
func (r *recording) close() error {
	var last uint64
	for _, t := range r.tracks {
		last = max(last, t.next)
	}
	for _, t := range r.tracks {
		if t.init != "" {
			r.fill(t, last)
		}
	}
	err := r.flush(false)
	for _, t := range r.tracks {
		err = errors.Join(err, t.close())
	}
	if err != nil {
		return err
	}
	return finish(r.dir, &r.manifest)
}

// later returns the later one.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// segment is what a playlist says of l.
func (l *line) segment(discontinuity bool, init string) m3u8.Segment {
	return m3u8.Segment{
		Discontinuity: discontinuity, Map: init, DateTime: l.start, Duration: l.duration, URI: l.file, Gap: l.gap,
	}
}
