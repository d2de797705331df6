package archive

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// track is one rendition of the recording that is being written.
type track struct {
	rendition string
	next      uint64 // number of the next segment that the playlist lists
	listed    bool   // it lists one
	domain    uint64 // of the last one
	init      string // file of the newest init section
	named     string // the one that the playlist named last
	inits     map[string]bool

	file    *os.File
	size    int64  // of the playlist, as far as it is well written
	pending []byte // what comes behind that

	bytes    int64
	duration time.Duration
}

// add lists l, which is the next segment.
func (t *track) add(r *recording, l line, domain uint64, cues []string) {
	fresh := t.listed && domain != t.domain
	if !t.listed {
		t.pending = append(t.pending, head(r.target, t.next, domain)...)
	}
	named := ""
	if fresh || l.init != t.named {
		named = l.init
	}
	t.pending = append(t.pending, lines(l.segment(fresh, named), cues)...)
	t.listed, t.domain, t.init, t.named = true, domain, l.init, l.init
	t.next++
}

// measure takes in the size of a segment. Short ones are no measure of the
// peak. Spec: rfc8216bis §4.4.6.2.
func (t *track) measure(m *media, size int, d, target time.Duration) {
	t.bytes += int64(size)
	t.duration += d
	rate := func(bytes int64, d time.Duration) int { return int(float64(bytes*8)/d.Seconds()) + 1 }
	if t.duration > 0 {
		m.Average = rate(t.bytes, t.duration)
	}
	if d >= target/2 {
		m.Peak = max(m.Peak, rate(int64(size), d))
	}
	m.Peak = max(m.Peak, m.Average)
}

// flush appends to the playlist what it does not have yet. After an error the
// next flush writes all of that again, to the same place.
func (t *track) flush(dir string) error {
	if len(t.pending) == 0 {
		return nil
	}
	if t.file == nil {
		f, err := os.OpenFile(filepath.Join(dir, playlistOf(t.rendition)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		t.file = f
	}
	if _, err := t.file.WriteAt(t.pending, t.size); err != nil {
		return err
	}
	t.size += int64(len(t.pending))
	t.pending = t.pending[:0]
	return nil
}

func (t *track) close() error {
	if t.file == nil {
		return nil
	}
	err := errors.Join(t.file.Truncate(t.size), t.file.Close())
	t.file = nil
	return err
}
