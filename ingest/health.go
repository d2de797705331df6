package ingest

import (
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// trackSeconds is over how long a track's bit rate is taken: as long as the
// longest interval between key frames that anybody should have.
const trackSeconds = 4

// health is what a session counts for Stats. It knows no clock: times are since
// the session was admitted. It is protected by its owner's lock, and nothing in
// it allocates.
type health struct {
	bytes  meter
	tracks []*track
	recent arrivals
	offset offset
	silent silence
}

// trackHealth is one track's part of it.
type trackHealth struct {
	name   string
	frames uint64
	bytes  meter
	key    clock.Ticks // DTS of the last key frame
	keys   int
	gop    clock.Ticks
	lead   clock.Ticks // PTS − DTS of the last key frame
	least  lowest      // of PTS − DTS
}

// setTracks is called at Begin and Change. A track that stays goes on counting.
func (h *health) setTracks(tracks []*track) {
	for _, t := range tracks {
		for _, old := range h.tracks {
			if old.id == t.id && old.video == t.video {
				t.trackHealth = old.trackHealth
				t.keys = 0
			}
		}
		t.name = t.codec.Name()
	}
	h.tracks = tracks
	h.silent = silence{}
}

// leads reports whether t is the first of its kind.
func (h *health) leads(t *track) bool {
	for _, other := range h.tracks {
		if other.video == t.video {
			return other == t
		}
	}
	return false
}

func (h *health) observe(o Observation) { h.recent.add(o) }

// frame counts a frame that is written.
func (h *health) frame(t *track, f media.Frame, now time.Duration) {
	t.frames++
	t.trackHealth.bytes.add(f.Size(), now)
	if t.video {
		t.picture(f)
	}
	if !h.leads(t) {
		return
	}
	if arrival, ok := h.recent.of(f.DTS); ok {
		h.offset.add(t.video, f.DTS, arrival)
	}
	if !t.video {
		h.silent.add(f.DTS, isSilent(t.codec, f.Units))
	}
}

func (t *trackHealth) picture(f media.Frame) {
	t.least.add(f.DTS, f.PTS-f.DTS)
	if !f.Key {
		return
	}
	t.lead = f.PTS - f.DTS
	if t.keys++; t.keys > 1 {
		t.gop = f.DTS - t.key
	}
	t.key = f.DTS
}

// fill writes it into Stats.
func (h *health) fill(st *Stats, now time.Duration) {
	st.Bitrates = h.bytes.rates(history, now)
	if n := len(st.Bitrates); n > 0 {
		st.Bitrate = st.Bitrates[n-1]
	}
	for _, t := range h.tracks {
		st.Tracks = append(st.Tracks, TrackStats{
			ID:      t.id,
			Codec:   t.name,
			Frames:  t.frames,
			Bitrate: t.trackHealth.bytes.mean(trackSeconds, now),
			GOP:     t.gop.Duration(),
			Reorder: t.reorder().Duration(),
		})
	}
	st.AVOffset, st.HasAVOffset = h.offset.value()
	st.Silent = h.silent.length()
}

// reorder is how many pictures' time a decoder is ahead: what a key frame waits
// longer than a picture that waits for nobody.
func (t *trackHealth) reorder() clock.Ticks {
	if t.keys == 0 {
		return 0
	}
	return max(0, t.lead-t.least.value())
}

// lowest is the least that a value was lately: in the running stretch of two
// seconds and the one before it.
type lowest struct {
	since       clock.Ticks
	now, old    clock.Ticks
	begun, full bool
}

const stretch = 2 * clock.TicksPerSecond

func (l *lowest) add(at, value clock.Ticks) {
	if !l.begun || at-l.since >= stretch {
		l.old, l.full = l.now, l.begun
		l.since, l.now, l.begun = at, value, true
		return
	}
	l.now = min(l.now, value)
}

func (l *lowest) value() clock.Ticks {
	if l.full {
		return min(l.now, l.old)
	}
	return l.now
}

// silence is how long there was nothing to hear.
type silence struct {
	on          bool
	since, last clock.Ticks
}

func (s *silence) add(at clock.Ticks, silent bool) {
	if silent && !s.on {
		s.since = at
	}
	s.on, s.last = silent, at
}

func (s *silence) length() time.Duration {
	if !s.on {
		return 0
	}
	return (s.last - s.since).Duration()
}
